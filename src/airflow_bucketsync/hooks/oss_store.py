"""How does a connection to Alibaba OSS become the store of a bucket?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import oss2  # type: ignore[import-untyped]
from oss2.credentials import CredentialsProvider  # type: ignore[import-untyped]

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy_words import SymlinkObjects
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.hooks.access import Accesses, connection_id, connection_of
from airflow_bucketsync.hooks.oss_connection import TYPES, OssConnection, oss_connection
from airflow_bucketsync.hooks.oss_credentials import HeldCredentials, credentials_of

EXPIRED = "SecurityTokenExpired"


@dataclass(frozen=True, repr=False)
class OssAccess:
    """What a connection gives: what it says, and what signs for it (None = nothing)."""

    connection: OssConnection
    credentials: CredentialsProvider | None


def oss_store(
    location: Location, *, gate: Gate, accesses: Accesses, settings: WriteSettings, symlink_objects: SymlinkObjects
) -> OSSStore:
    """The bucket of a location.

    :raises InvalidConfiguration: the connection can't be used
    """
    conn_id = connection_id(location)
    if conn_id not in accesses.given:
        said = oss_connection(connection_of(location, TYPES), location.url, accesses.session_name)
        accesses.given[conn_id] = OssAccess(said, credentials_of(said, location.url))
    access: OssAccess = accesses.given[conn_id]
    if access.credentials is not None:
        access.credentials.get_credentials()  # what is wrong with a role is told before anything else is done
    return OSSStore(
        location,
        _client(access, location, gate.concurrency),
        settings=settings,
        symlink_objects=symlink_objects,
        requester_pays=access.connection.requester_pays,
        identity=access.connection.identity,
    )


def _client(access: OssAccess, location: Location, concurrency: int) -> Any:
    said = access.connection
    try:
        client = make_client(
            said.endpoint,
            location.bucket,
            access.credentials,
            said.region,
            pool=concurrency + 4,
            connect_timeout=said.connect_timeout,
            read_timeout=said.read_timeout,
            path_style=said.addressing == "path",
            is_cname=said.addressing == "cname",
            proxies=None if said.proxy is None else {"http": said.proxy, "https": said.proxy},
        )
    except InvalidConfiguration as error:
        raise InvalidConfiguration(f"connection {said.conn_id!r}: {error.message}", location=location.url) from None
    if isinstance(access.credentials, HeldCredentials):
        _renew_when_expired(client, access.credentials)
    return client


def _renew_when_expired(client: Any, credentials: HeldCredentials) -> None:
    """Fetch new credentials when the store calls the old ones expired before their time.

    The request fails all the same, as one that may be tried again; all of them go through this one method of oss2.
    """
    send = client._do

    def sent(*args: Any, **kwargs: Any) -> Any:
        used = credentials.get_credentials().get_access_key_id()
        try:
            return send(*args, **kwargs)
        except oss2.exceptions.OssError as error:
            if error.code == EXPIRED:
                credentials.renew(used)
            raise

    client._do = sent
