"""What did the connections of one task give so far, and how is a connection read?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_bucketsync.configuration.places import DEFAULT_CONNECTIONS
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.hooks.secrets import mask
from airflow_bucketsync.provider_info import OSS_TYPE

LONGEST_SESSION_NAME = 64
"""Characters that both clouds allow in the name of a role's session."""
SCHEMES_OF = {"aws": "s3", OSS_TYPE: "oss", "oss": "oss"}
"""By type of connection: the scheme of the locations that it is for."""


@dataclass(repr=False)
class Accesses:
    """What the connections of one task gave so far: a session of AWS costs 0.1 CPU-seconds, a role a request.

    :param session_name: under which roles are assumed, so that the cloud's own log tells which run it was
    """

    session_name: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    """By connection: what came out of it."""
    regions: dict[tuple[str, str], str] = field(default_factory=dict)
    """By connection and bucket: where the bucket was found."""


def session_name(text: str) -> str:
    """The text as the name of a role's session: the characters that are allowed there, both ends when it is long."""
    name = re.sub(r"[^A-Za-z0-9.@_-]+", "-", text)
    if len(name) > LONGEST_SESSION_NAME:
        half = LONGEST_SESSION_NAME // 2 - 1
        name = f"{name[:half]}..{name[-half:]}"
    return name if len(name) > 1 else "bucketsync"


def connection_id(location: Location) -> str:
    """The connection of a location: the one it names, or the default of its scheme."""
    return location.conn_id or DEFAULT_CONNECTIONS[location.scheme]


def connection_of(location: Location, kinds: Sequence[str]) -> Connection:
    """The connection of a location; its secrets are masked from here on.

    :param kinds: connection types that will do, the usual one first
    :raises InvalidConfiguration: it is missing or of another type
    """
    conn_id, usual = connection_id(location), kinds[0]
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise InvalidConfiguration(
            f"there is no connection {conn_id!r}: add it, for example with "
            f"`airflow connections add {conn_id} --conn-type {usual} --conn-login … --conn-password …`",
            location=location.url,
        ) from None
    if connection.conn_type not in kinds:
        other = SCHEMES_OF.get(connection.conn_type or "")
        hint = f"write {other}://… in the location, " if other is not None else "change its type, "
        raise InvalidConfiguration(
            f"connection {conn_id!r} is of type {connection.conn_type!r}, not {usual!r}: {hint}or add "
            f"another one with `airflow connections add … --conn-type {usual}` and name it in the location",
            location=location.url,
        )
    mask(connection)
    return connection
