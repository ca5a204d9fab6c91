"""What if the credentials of a client change, or the store calls them expired before their time?"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from botocore.client import BaseClient

from airflow_bucketsync.hooks.secrets import mask_text

log = logging.getLogger(__name__)

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
SELDOM = 60.0
"""Seconds between two renewals: a store that refuses new credentials as well has another reason."""
_USED = "bucketsync_token"


def watch(client: BaseClient, credentials: Any) -> None:
    """Mask what these credentials become while the client works, and renew them when the store says they expired."""
    if hasattr(credentials, "refresh_needed"):
        Renewal(client, credentials)


class Renewal:
    """Credentials that the client can fetch anew: of a role, of a machine."""

    def __init__(self, client: BaseClient, credentials: Any) -> None:
        self._credentials = credentials
        self._masked: str | None = None
        self._renewed_at: float | None = None
        self._lock = threading.Lock()
        client.meta.events.register("before-sign.s3", self._before_sign)
        client.meta.events.register("after-call.s3", self._after_call)

    def _before_sign(self, request: Any, **_: Any) -> None:
        frozen = self._credentials.get_frozen_credentials()
        request.context[_USED] = frozen.token
        if frozen.token != self._masked:
            for secret in (frozen.secret_key, frozen.token):
                mask_text(secret)
            self._masked = frozen.token

    def _after_call(self, http_response: Any, parsed: Any, model: Any, context: Any, **_: Any) -> None:
        if http_response.status_code < 400:
            return
        expired = parsed.get("Error", {}).get("Code") in EXPIRED
        # The answer to a HEAD has no words: 400 is all that is told of a token that expired, and of other things.
        wordless = http_response.status_code == 400 and model.name.startswith("Head")
        if (expired or wordless) and self._renewed(context.get(_USED)) and wordless:
            parsed["Error"] = {"Code": "ExpiredToken", "Message": "the credentials were renewed"}

    def _renewed(self, used: str | None) -> bool:
        """Whether there are other credentials now than those that were used."""
        with self._lock:
            if self._credentials.get_frozen_credentials().token != used:
                return True  # another thread was faster
            now = time.monotonic()
            if self._renewed_at is not None and now - self._renewed_at < SELDOM:
                return False
            self._renewed_at = now
            return _renew(self._credentials)


def _renew(credentials: Any) -> bool:
    # The client has no public way to renew before the time; where this one is gone, the task's next try has a new
    # session.
    refresh, lock = (getattr(credentials, name, None) for name in ("_protected_refresh", "_refresh_lock"))
    if refresh is None or lock is None:
        return False
    try:
        with lock:
            refresh(is_mandatory=True)
    except Exception as error:  # whatever a session raises; the request that failed says what is wrong
        log.warning("the store called the credentials expired, and new ones were not given: %s", type(error).__name__)
        return False
    log.info("the store called the credentials expired: new ones were fetched")
    return True
