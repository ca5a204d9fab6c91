"""What of a connection is secret, and how is it kept out of all logs?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.log import mask_secret

SECRET_WORDS = ("secret", "token", "password", "external")
"""In the name of an extra field: its text is a secret (an external id is half of a role's password)."""
PLAIN_FIELDS = frozenset({"oidc_token_file", "assume_role_with_web_identity_token_file"})
"""Fields with such a word in their name that only say where the secret is."""

_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@:\s]*:([^/?#@\s]+)@", re.IGNORECASE)


def mask(connection: Connection) -> None:
    """Keep what the connection holds out of all logs: its password, and what its extra calls secret at any depth."""
    for secret in (connection.password, *_secrets(connection.extra_dejson)):
        mask_text(secret)


def mask_text(text: str | None) -> None:
    """Keep this text out of all logs from here on."""
    if text:
        mask_secret(text)


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _secrets(item, str(inner))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item, name)
    elif isinstance(value, str):
        if name not in PLAIN_FIELDS and any(word in name.lower() for word in SECRET_WORDS):
            yield value
        yield from _PASSWORD_IN_URL.findall(value)  # of a proxy
