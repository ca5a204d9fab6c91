"""Which keys in the extra of an AWS connection are ours, and what do they say?"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from airflow.sdk import Connection

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location

PREFIX = "bucketsync_"

_OTHERS = re.compile(r"login|password|role_arn|aws_(access_key_id|secret_access_key|session_token)|profile_name")
"""Where else a connection says who signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Extra:
    """What a connection says to us alone; each name stands in its extra with `bucketsync_` before it.

    :param profile: which kind of store it is; None = guessed from the endpoint
    :param anonymous: sign nothing, for buckets that are open to everybody
    :param requester_pays: we pay for requests to a bucket whose owner doesn't
    :param expected_owner: account that must own the bucket, or every request is refused
    """

    profile: str | None = None
    anonymous: bool = False
    requester_pays: bool = False
    expected_owner: str | None = None


KEYS = {PREFIX + item.name: bool if item.type == "bool" else str for item in fields(S3Extra)}
"""Our keys, and the type of each."""


def s3_extra(connection: Connection, location: Location) -> S3Extra:
    """What the connection says to us.

    :raises InvalidConfiguration: a key that begins like ours but is none, or a value of another type
    """
    found: dict[str, Any] = {}
    for key, value in connection.extra_dejson.items():
        if not key.startswith(PREFIX) or value is None:
            continue
        problem = _problem(key, value)
        if problem:
            raise InvalidConfiguration(f"connection {connection.conn_id!r}, extra: {problem}", location=location.url)
        found[key.removeprefix(PREFIX)] = value
    if wire_options(connection, location).get("signature_version") == "unsigned":
        found["anonymous"] = True  # as the amazon provider says it
    extra = S3Extra(**found)
    signing = _who_signs(connection)
    if extra.anonymous and signing:
        raise InvalidConfiguration(
            f"connection {connection.conn_id!r}, extra: bucketsync_anonymous means that nothing is signed, but the "
            f"connection has {' and '.join(signing)} as well: remove the one or the other",
            location=location.url,
        )
    return extra


def wire_options(connection: Connection, location: Location) -> dict[str, Any]:
    """What the connection says of the client, in `config_kwargs`.

    :raises InvalidConfiguration: it is no object
    """
    said = connection.extra_dejson.get("config_kwargs") or {}
    if not isinstance(said, dict):
        raise InvalidConfiguration(
            f"connection {connection.conn_id!r}, extra: config_kwargs must be an object ({{…}})", location=location.url
        )
    return dict(said)


def _problem(key: str, value: Any) -> str | None:
    if key not in KEYS:
        near = get_close_matches(key.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in KEYS], n=1)
        hint = f"did you mean {PREFIX}{near[0]}?" if near else f"known are {', '.join(KEYS)}"
        return f"{key} is no key of ours; {hint}"
    if type(value) is not KEYS[key]:
        wanted = "true or false" if KEYS[key] is bool else 'a text in quotes ("…")'
        return f"{key} must be {wanted}, not {value!r:.40}"
    if key == "bucketsync_expected_owner" and not re.fullmatch(r"\d{12}", str(value)):
        return f"{key} must be the 12 digits of an account, not {value!r:.40}"
    return None


def _who_signs(connection: Connection) -> list[str]:
    extra = connection.extra_dejson
    present = {"login": connection.login, "password": connection.password, **extra}
    return [name for name, value in present.items() if value and _OTHERS.fullmatch(name)]
