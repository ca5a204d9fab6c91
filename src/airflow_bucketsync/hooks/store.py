"""How does a location with its Airflow connection become a store?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from airflow_bucketsync.configuration.places import DEFAULT_CONNECTIONS
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import FollowLinks
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.retrying import RetryingStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AWS = "aws"
SECRET_WORDS = ("secret", "token", "password", "external")
"""In the name of an extra field: its text is a secret (an external id is half of a role's password)."""
OURS = {
    "retries", "request_checksum_calculation", "response_checksum_validation", "signature_version", "s3",
    "max_pool_connections",
}  # fmt: skip
"""Client options that a connection can't change: what the store relies on stands there."""


@dataclass(frozen=True, repr=False)
class AwsAccess:
    """What a connection gives: a session with its credentials or role, and how to reach the store."""

    session: Any
    endpoint: str | None
    verify: bool | str | None
    wire: Mapping[str, Any]


def open_store(
    location: Location,
    *,
    gate: Gate,
    follow_links: FollowLinks = "none",
    may_be_missing: bool = False,
    accesses: dict[str, AwsAccess] | None = None,
) -> ObjectStore:
    """The store of a location, with retries around it.

    :param gate: the limits and the stop flag of the task
    :param follow_links: symbolic links of a local tree
    :param may_be_missing: a local tree that is not there yet is empty; the first write makes it
    :param accesses: what the task's connections gave so far; a session costs 0.1 CPU-seconds
    :raises InvalidConfiguration: the connection is missing or of another type, or the scheme is unknown
    """
    if location.scheme == "s3":
        store: ObjectStore = _s3_store(location, gate, {} if accesses is None else accesses)
    elif location.scheme == "file":
        store = _local_store(location, follow_links, may_be_missing)
    else:
        raise InvalidConfiguration(f"no store is known for {location.scheme}:// here; use s3:// or file://")
    return RetryingStore(store, Retries(gate=gate))


def _local_store(location: Location, follow_links: FollowLinks, may_be_missing: bool) -> ObjectStore:
    from airflow_bucketsync.engine.stores.local import LocalStore

    return LocalStore(location, follow_links=follow_links, may_be_missing=may_be_missing)


def _s3_store(location: Location, gate: Gate, accesses: dict[str, AwsAccess]) -> ObjectStore:
    from airflow_bucketsync.engine.stores.s3.client import quiet_logs
    from airflow_bucketsync.engine.stores.s3.store import S3Store

    quiet_logs()
    conn_id = location.conn_id or DEFAULT_CONNECTIONS["s3"]
    if conn_id not in accesses:
        accesses[conn_id] = _aws_access(conn_id)
    return S3Store(location, _s3_client(accesses[conn_id], gate.concurrency))


def _aws_access(conn_id: str) -> AwsAccess:
    """The credentials, role, endpoint, region and TLS settings of a connection; its secrets are masked from here on."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    connection = _connection(conn_id, AWS)
    _mask(connection)
    hook: Any = AwsBaseHook(aws_conn_id=conn_id, client_type="s3")
    session = hook.get_session(region_name=hook.region_name)
    credentials = session.get_credentials()
    if credentials is None:
        raise InvalidConfiguration(
            f"connection {conn_id!r} has no credentials, and none were found on this machine: set its login (access "
            "key id) and password (secret access key), or a role"
        )
    frozen = credentials.get_frozen_credentials()
    for secret in (frozen.secret_key, frozen.token):
        _mask_text(secret)
    return AwsAccess(
        session=session,
        endpoint=hook.conn_config.get_service_endpoint_url("s3"),
        verify=hook.verify,
        wire=dict(connection.extra_dejson.get("config_kwargs") or {}),
    )


def _s3_client(access: AwsAccess, concurrency: int) -> S3Client:
    from botocore.config import Config

    from airflow_bucketsync.engine.stores.s3.client import client_config

    config: Any = client_config(max_pool_connections=concurrency + 4, path_style=access.endpoint is not None)
    config = config.merge(Config(**{name: value for name, value in access.wire.items() if name not in OURS}))
    addressing: Any = {**config.s3, **(access.wire.get("s3") or {})}
    client: S3Client = access.session.client(
        "s3", endpoint_url=access.endpoint, config=config.merge(Config(s3=addressing)), verify=access.verify
    )
    return client


def _connection(conn_id: str, conn_type: str) -> Connection:
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise InvalidConfiguration(
            f"there is no connection {conn_id!r}: add it, for example with "
            f"`airflow connections add {conn_id} --conn-type {conn_type} --conn-login … --conn-password …`"
        ) from None
    if connection.conn_type != conn_type:
        raise InvalidConfiguration(
            f"connection {conn_id!r} is of type {connection.conn_type!r}, not {conn_type!r}: change its type, or add "
            f"another one with `airflow connections add … --conn-type {conn_type}` and name it in the location"
        )
    return connection


def _mask(connection: Connection) -> None:
    """Keep what the connection holds out of all logs: its password, and what its extra calls secret at any depth."""
    for secret in (connection.password, *_secrets(connection.extra_dejson)):
        _mask_text(secret)


def _mask_text(text: str | None) -> None:
    if text:
        mask_secret(text)


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _secrets(item, str(inner))
    elif isinstance(value, str) and any(word in name.lower() for word in SECRET_WORDS):
        yield value
