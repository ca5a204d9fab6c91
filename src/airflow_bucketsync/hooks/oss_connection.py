"""What does a connection to Alibaba OSS say, and is it all that is needed?"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from airflow.sdk import Connection

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.hooks.access import session_name
from airflow_bucketsync.provider_info import OSS_FIELDS, OSS_TYPE

TYPES = (OSS_TYPE, "oss")
"""Our own type, and that of the Alibaba provider, which is read here but never registered."""
KEYS = ("login", "password")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "ak": KEYS,
    "sts": (*KEYS, "security_token"),
    "ram_role": (*KEYS, "role_arn"),
    "oidc": ("role_arn", "oidc_provider_arn", "oidc_token_file"),
    "environment": (),
    "ecs_role": (),
    "anonymous": (),
}
"""What each kind of credential can't do without."""
TAKEN: Mapping[str, tuple[str, ...]] = {
    "ram_role": ("security_token", "role_session_name", "external_id", "sts_endpoint"),
    "oidc": ("role_session_name", "sts_endpoint"),
    "ecs_role": ("ecs_role_name",),
}
"""What it takes besides."""
FROM_ENVIRONMENT = {
    "role_arn": "ALIBABA_CLOUD_ROLE_ARN",
    "oidc_provider_arn": "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "oidc_token_file": "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
}
"""What `oidc` finds on the machine where the connection does not say it: a cluster sets these for its pods."""
_OF_CREDENTIALS = frozenset().union(*NEEDED.values(), *TAKEN.values())
_IN_HOST = re.compile(r"(?:.+\.)?oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com(?::\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OssConnection:
    """What a connection says; the fields are those of the form, texts are never empty."""

    conn_id: str
    credential: str
    region: str
    endpoint: str
    addressing: str = "virtual"
    login: str | None = None
    password: str | None = None
    security_token: str | None = None
    role_arn: str | None = None
    role_session_name: str = ""
    external_id: str | None = None
    oidc_provider_arn: str | None = None
    oidc_token_file: str | None = None
    ecs_role_name: str | None = None
    sts_endpoint: str | None = None
    requester_pays: bool = False
    connect_timeout: int = 10
    read_timeout: int = 60
    proxy: str | None = None

    @property
    def identity(self) -> str:
        """Who signs, where that is a role: equal texts mean the same rights. "" = the access key tells, or nobody."""
        if self.credential == "ecs_role":
            return f"the machine's role {self.ecs_role_name or ''}"
        return f"role {self.role_arn}" if self.role_arn else ""


def oss_connection(connection: Connection, place: str | None, session_of: str = "") -> OssConnection:
    """What the connection says, checked.

    :param place: the location it was wanted for
    :param session_of: what a role's session is named after, where the connection does not name it
    :raises InvalidConfiguration: with the connection, the field, and what is wrong
    """
    try:
        said = _of_other_provider(connection) if connection.conn_type == "oss" else _said(connection)
        credential = said.pop("credential", "ak")
        _check_credential(credential, said)
        region, endpoint = _where(said)
        if credential in ("ram_role", "oidc"):
            said["role_session_name"] = said.get("role_session_name") or session_name(session_of or "bucketsync")
        return OssConnection(
            conn_id=connection.conn_id, credential=credential, region=region, endpoint=endpoint, **said
        )
    except _Wrong as wrong:
        raise InvalidConfiguration(f"connection {connection.conn_id!r}: {wrong}", location=place) from None


class _Wrong(Exception):
    """What is wrong with a field."""


def _said(connection: Connection) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in {"login": connection.login, "password": connection.password, **connection.extra_dejson}.items():
        if value is None or value == "":  # a form hands over what was left empty
            continue
        if name not in OSS_FIELDS and name not in KEYS:
            near = get_close_matches(name, OSS_FIELDS, n=1)
            raise _Wrong(
                f"{name} is no field; " + (f"did you mean {near[0]}?" if near else f"see {', '.join(OSS_FIELDS)}")
            )
        said[name] = _typed(name, value)
    return said


def _typed(name: str, value: Any) -> Any:
    schema = OSS_FIELDS.get(name, {}).get("schema", {"type": ["string"]})
    kind: str = schema["type"][0]
    if type(value) is not {"string": str, "integer": int, "boolean": bool}[kind]:
        wanted = {"string": "a text", "integer": "a whole number", "boolean": "true or false"}[kind]
        raise _Wrong(f"{name} must be {wanted}, not {type(value).__name__}")
    if kind == "string":
        value = str(value).strip()
    if "enum" in schema and value not in schema["enum"]:
        raise _Wrong(f"{name}: {value!r:.40} is none of {', '.join(schema['enum'])}")
    if kind == "integer" and not schema["minimum"] <= value <= schema["maximum"]:
        raise _Wrong(f"{name} must be {schema['minimum']} to {schema['maximum']} seconds, not {value}")
    return value


def _of_other_provider(connection: Connection) -> dict[str, Any]:
    """What a connection of the Alibaba provider says, in our words."""
    extra = connection.extra_dejson
    if extra.get("auth_type", "AK") != "AK":
        raise _Wrong(
            f"auth_type {extra['auth_type']!r:.40} is not known, only 'AK'; use a connection of type {OSS_TYPE}"
        )
    names = {"access_key_id": "login", "access_key_secret": "password", "region": "region", "endpoint": "endpoint"}
    said = {ours: _typed(ours, extra[theirs]) for theirs, ours in names.items() if extra.get(theirs)}
    if "endpoint" in said:
        said["endpoint_kind"] = "custom"
    return said


def _check_credential(credential: str, said: dict[str, Any]) -> None:
    if credential == "oidc":
        for name, variable in FROM_ENVIRONMENT.items():
            if not said.get(name) and os.environ.get(variable):
                said[name] = os.environ[variable]
    words = {"login": "login (AccessKey ID)", "password": "password (AccessKey secret)"}
    missing = [words.get(name, name) for name in NEEDED[credential] if not said.get(name)]
    if missing:
        raise _Wrong(f"credential {credential} needs {' and '.join(missing)}: fill in, or choose another credential")
    idle = sorted(_OF_CREDENTIALS & said.keys() - {*NEEDED[credential], *TAKEN.get(credential, ())})
    if idle:
        raise _Wrong(
            f"credential {credential} does not use {' and '.join(idle)}: clear it, or choose another credential"
        )


def _where(said: dict[str, Any]) -> tuple[str, str]:
    """Region and endpoint."""
    kind, endpoint = said.pop("endpoint_kind", "public"), said.pop("endpoint", None)
    region = said.pop("region", "").removeprefix("oss-")
    if kind == "custom":
        if not endpoint:
            raise _Wrong("endpoint_kind custom needs an endpoint: https://host")
        host = endpoint.partition("://")[2] or endpoint
        endpoint = endpoint if "://" in endpoint else f"https://{endpoint}"
        if not re.fullmatch(r"https?://[^/?#@\s]+/?", endpoint):
            raise _Wrong("endpoint must be https://host, with a port if it has one and nothing behind it")
        found = _IN_HOST.fullmatch(host.rstrip("/"))
        region = region or (found[1] if found and found[1] != "accelerate" else "")
        if not region:
            raise _Wrong("region is needed: requests are signed for it, and this endpoint does not tell")
        return region, endpoint.rstrip("/")
    if endpoint:
        raise _Wrong(f"endpoint_kind {kind} does not use endpoint: clear it, or choose custom")
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise _Wrong("region is needed, as in cn-hangzhou" if not region else f"region {region!r:.40} is none")
    hosts = {"public": f"oss-{region}", "internal": f"oss-{region}-internal", "accelerate": "oss-accelerate"}
    return region, f"https://{hosts[kind]}.aliyuncs.com"
