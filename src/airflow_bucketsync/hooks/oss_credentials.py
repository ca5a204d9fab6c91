"""Where do the credentials of an OSS connection come from, and how long are they used?"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oss2.credentials import (  # type: ignore[import-untyped]
    Credentials,
    CredentialsProvider,
    StaticCredentialsProvider,
)

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    InvalidConfiguration,
    TransientError,
)
from airflow_bucketsync.engine.stores.oss.client import quiet_logs
from airflow_bucketsync.hooks.oss_connection import OssConnection
from airflow_bucketsync.hooks.secrets import mask_text

log = logging.getLogger(__name__)

EXTRA = "airflow-bucketsync[alibaba-credentials]"
DURATION = 3600
"""Seconds a role's session is asked for."""
EARLY = 300.0
"""Seconds before they expire that credentials are fetched anew; a quarter of their life where that is short."""
SELDOM = 60.0
"""Seconds between two renewals that the store asked for: if it refuses the new ones as well, it has another reason."""
VARIABLES = (
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"),
)
"""Names of access key id, secret and token in the environment, the first that are set count."""

_STATUS = re.compile(r"http_?code[:=]\s*(\d{3})", re.IGNORECASE)
_CODE = re.compile(r'"Code"\s*:\s*"([A-Za-z0-9.]{1,80})"')


@dataclass(frozen=True, slots=True, repr=False)
class Held:
    """Credentials and until when they are used.

    :param fresh_until: after which others are fetched
    :param expires: after which they are worth nothing
    """

    credentials: Credentials
    fresh_until: float
    expires: float


class HeldCredentials(CredentialsProvider):  # type: ignore[misc]
    """Credentials that are fetched once and used by all threads until shortly before they expire.

    :param fetch: credentials and when they expire, in seconds since 1970
    """

    def __init__(self, fetch: Callable[[], tuple[Credentials, float]]) -> None:
        self._fetch = fetch
        self._held: Held | None = None
        self._renewed_at: float | None = None
        self._lock = threading.Lock()

    def get_credentials(self) -> Credentials:
        """What to sign the next request with; asked for each.

        :raises BucketsyncError: there are none, or none that are still good
        """
        held = self._held
        if held is not None and time.time() < held.fresh_until:
            return held.credentials
        with self._lock:
            held, now = self._held, time.time()
            if held is not None and now < held.fresh_until:
                return held.credentials
            try:
                return self._fetched().credentials
            except TransientError as error:
                if held is None or now >= held.expires:
                    raise
                log.warning("credentials are not renewed yet: %s", error.message)
                self._held = Held(held.credentials, now + 30, held.expires)
                return held.credentials

    def renew(self, used: str) -> bool:
        """Whether there are other credentials now than those with this access key id, which the store called expired.

        :raises BucketsyncError: there are no new ones
        """
        with self._lock:
            if self._held is not None and self._held.credentials.get_access_key_id() != used:
                return True  # another thread was faster
            now = time.monotonic()
            if self._renewed_at is not None and now - self._renewed_at < SELDOM:
                return False
            self._renewed_at = now
            self._fetched()
            log.info("the store called the credentials expired: new ones were fetched")
            return True

    def _fetched(self) -> Held:
        credentials, expires = self._fetch()
        for secret in (credentials.get_access_key_secret(), credentials.get_security_token()):
            mask_text(secret)
        now = time.time()
        self._held = Held(credentials, expires - min(EARLY, (expires - now) / 4), expires)
        return self._held


def credentials_of(access: OssConnection, place: str | None) -> CredentialsProvider | None:
    """What signs for this connection; None = nothing does.

    :raises InvalidConfiguration: what it needs is not there
    """
    quiet_logs()  # the token service is asked by GET, and the HTTP library prints URLs
    if access.credential == "anonymous":
        return None
    if access.credential in ("ak", "sts"):
        return StaticCredentialsProvider(access.login, access.password, access.security_token or "")
    if access.credential == "environment":
        return _environment(access, place)
    return HeldCredentials(_fetch(access, place))


def _environment(access: OssConnection, place: str | None) -> CredentialsProvider:
    for key, secret, token in VARIABLES:
        if os.environ.get(key) and os.environ.get(secret):
            found = os.environ[key], os.environ[secret], os.environ.get(token, "")
            for text in found[1:]:
                mask_text(text)
            return StaticCredentialsProvider(*found)
    raise InvalidConfiguration(
        f"connection {access.conn_id!r}: credential environment found neither "
        f"{' nor '.join(f'{key} with {secret}' for key, secret, _ in VARIABLES)} on this machine",
        location=place,
    )


def _fetch(access: OssConnection, place: str | None) -> Callable[[], tuple[Credentials, float]]:
    library = _library(access, place)

    def fetch() -> tuple[Credentials, float]:
        try:
            # A new one each time: the library keeps what it fetched, and renews by rules of its own.
            found = _provider(library, access).get_credentials()
            expires = found.get_expiration()
        except Exception as error:  # many classes, and what they say holds what was answered
            raise _told(error, access, place) from None
        key, secret, token = found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token()
        return Credentials(key, secret, token), float(expires)

    return fetch


def _library(access: OssConnection, place: str | None) -> Any:
    try:
        from alibabacloud_credentials import http, provider  # type: ignore[import-untyped]
    except ImportError:
        raise InvalidConfiguration(
            f"connection {access.conn_id!r}: credential {access.credential} needs a package that is not here: "
            f"`pip install '{EXTRA}'` on all workers",
            location=place,
        ) from None
    # They log what a token service was asked and answered, to handlers of their own.
    for name in ("credentials", "alibabacloud-tea"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return provider, http.HttpOptions


def _provider(library: Any, access: OssConnection) -> Any:
    provider, options = library
    if access.credential == "ecs_role":
        # Without its own scheduler, which would live as long as the process.
        return provider.EcsRamRoleCredentialsProvider(role_name=access.ecs_role_name, async_update_enabled=False)
    shared = {
        "role_arn": access.role_arn,
        "role_session_name": access.role_session_name,
        "duration_seconds": DURATION,
        "sts_endpoint": access.sts_endpoint,
        "http_options": options(proxy=access.proxy),
    }
    if access.credential == "oidc":
        return provider.OIDCRoleArnCredentialsProvider(
            oidc_provider_arn=access.oidc_provider_arn, oidc_token_file_path=access.oidc_token_file, **shared
        )
    return provider.RamRoleArnCredentialsProvider(
        access_key_id=access.login,
        access_key_secret=access.password,
        security_token=access.security_token,
        external_id=access.external_id,
        **shared,
    )


def _told(error: Exception, access: OssConnection, place: str | None) -> BucketsyncError:
    """Our error for one of the library; of its text only status and code, for it may hold what was signed."""
    words = {"ram_role": f"AssumeRole {access.role_arn}", "oidc": f"AssumeRoleWithOIDC {access.role_arn}"}
    doing = f"connection {access.conn_id!r}, {words.get(access.credential, 'the role of the machine')}"
    if isinstance(error, OSError) and error.filename is not None:
        return InvalidConfiguration(f"{doing}: the token file {error.filename!r} can't be read", location=place)
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    named = code[1] if code else (status[1] if status else type(error).__name__)
    if status and 400 <= int(status[1]) < 500 and status[1] != "429" and not named.startswith("Throttling"):
        hint = "check the role's name" if access.credential == "ecs_role" else "check the role and who may assume it"
        return AccessDenied(f"{doing}: refused; {hint}", location=place, code=named)
    return TransientError(f"{doing}: no credentials were given", location=place, code=named)
