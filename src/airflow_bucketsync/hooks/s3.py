"""How does an AWS connection become the store of a bucket?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowException
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.s3.client import client_config, quiet_logs
from airflow_bucketsync.engine.stores.s3.errors import translated
from airflow_bucketsync.engine.stores.s3.profiles import AWS, Profile, guessed_profile, profile_named
from airflow_bucketsync.engine.stores.s3.store import S3Store
from airflow_bucketsync.hooks.access import Accesses, connection_id, connection_of, session_name
from airflow_bucketsync.hooks.s3_extra import S3Extra, s3_extra, wire_options
from airflow_bucketsync.hooks.s3_renewal import watch
from airflow_bucketsync.hooks.secrets import mask_text

TYPE = "aws"
OURS = {
    "retries", "request_checksum_calculation", "response_checksum_validation", "signature_version", "s3",
    "max_pool_connections",
}  # fmt: skip
"""Client options that a connection can't change: what the store relies on stands there."""
FIRST_REGION = "us-east-1"
"""Where a bucket is asked for its region, and what stores sign for that have no regions."""


@dataclass(frozen=True, repr=False)
class AwsAccess:
    """What a connection gives: a session with its credentials or role, and how to reach the store.

    :param credentials: None where nothing is signed
    :param region: as the connection names it
    """

    session: Any
    credentials: Any
    profile: Profile
    endpoint: str | None
    region: str | None
    verify: bool | str | None
    wire: Mapping[str, Any]
    extra: S3Extra

    @property
    def at_amazon(self) -> bool:
        """Whether the endpoint is Amazon's own."""
        return guessed_profile(self.endpoint) is AWS


def s3_store(location: Location, *, gate: Gate, accesses: Accesses, settings: WriteSettings) -> S3Store:
    """The bucket of a location.

    :raises InvalidConfiguration: the connection can't be used
    """
    quiet_logs()
    conn_id = connection_id(location)
    if conn_id not in accesses.given:
        accesses.given[conn_id] = _access(location, accesses.session_name)
    access: AwsAccess = accesses.given[conn_id]

    def made(region: str) -> S3Store:
        return S3Store(
            location,
            _client(access, region, gate.concurrency),
            profile=access.profile,
            settings=settings,
            expected_bucket_owner=access.extra.expected_owner,
            requester_pays=access.extra.requester_pays,
        )

    if access.region is not None or not access.at_amazon:
        return made(_region(access, location))
    near, bucket = access.session.region_name or FIRST_REGION, (conn_id, location.bucket)
    if bucket not in accesses.regions:
        store = made(near)
        accesses.regions[bucket] = Retries(gate=gate).call(store.region) or near
        if accesses.regions[bucket] == near:
            return store
        store.close()
    return made(accesses.regions[bucket])


def _region(access: AwsAccess, location: Location) -> str:
    region = access.region or access.session.region_name or access.profile.region
    if not region and "{region}" in access.profile.endpoint:
        raise InvalidConfiguration(
            f"connection {connection_id(location)!r} names no region, and {access.profile.title} has several: set "
            "region_name in its extra",
            location=location.url,
        )
    return region or FIRST_REGION


def _access(location: Location, session_of: str) -> AwsAccess:
    connection = connection_of(location, (TYPE,))
    extra = s3_extra(connection, location)
    session, hook = _session(connection, location, session_of)
    endpoint = hook.conn_config.get_service_endpoint_url("s3")
    try:
        profile = profile_named(extra.profile) if extra.profile is not None else guessed_profile(endpoint)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(
            f"connection {connection.conn_id!r}: {error.message}", location=location.url
        ) from None
    return AwsAccess(
        session=session,
        credentials=None if extra.anonymous else _credentials(session, connection, location),
        profile=profile,
        endpoint=endpoint,
        region=hook.region_name,
        verify=hook.verify,
        wire=wire_options(connection, location),
        extra=extra,
    )


def _session(connection: Connection, location: Location, session_of: str) -> tuple[Any, Any]:
    """A session as the amazon provider makes it, with the role of the connection taken on; and the provider's hook."""
    hook: Any = AwsBaseHook(aws_conn_id=connection.conn_id, client_type="s3")
    try:
        config = hook.conn_config
        if config.role_arn and session_of and config.assume_role_method != "assume_role_with_saml":
            config.assume_role_kwargs = {"RoleSessionName": session_name(session_of), **config.assume_role_kwargs}
        return hook.get_session(region_name=hook.region_name), hook
    except (ClientError, BotoCoreError) as error:
        raise translated(error, _doing(connection), location) from None
    except (AirflowException, NotImplementedError, TypeError, ValueError) as error:
        raise InvalidConfiguration(
            f"connection {connection.conn_id!r} can't be used: {type(error).__name__}: {error}", location=location.url
        ) from None


def _credentials(session: Any, connection: Connection, location: Location) -> Any:
    try:
        credentials = session.get_credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
    except (ClientError, BotoCoreError) as error:
        raise translated(error, _doing(connection), location) from None
    if frozen is None:
        raise InvalidConfiguration(
            f"connection {connection.conn_id!r} has no credentials, and none were found on this machine: set its login "
            "(access key id) and password (secret access key), or a role; or bucketsync_anonymous for a bucket that is "
            "open to everybody",
            location=location.url,
        )
    for secret in (frozen.secret_key, frozen.token):
        mask_text(secret)
    return credentials


def _doing(connection: Connection) -> str:
    role = connection.extra_dejson.get("role_arn")
    return f"connection {connection.conn_id!r}, " + (f"AssumeRole {role}" if role else "its credentials")


def _client(access: AwsAccess, region: str, concurrency: int) -> BaseClient:
    anonymous = access.extra.anonymous
    config: Any = client_config(access.profile, anonymous=anonymous, max_pool_connections=concurrency + 4)
    config = config.merge(Config(**{name: value for name, value in access.wire.items() if name not in OURS}))
    addressing: Any = {**config.s3, **(access.wire.get("s3") or {})}
    client: BaseClient = access.session.client(
        "s3",
        region_name=region,
        endpoint_url=access.endpoint,
        config=config.merge(Config(s3=addressing)),
        verify=access.verify,
    )
    watch(client, access.credentials)
    return client
