"""What is each real server trusted with? Its profile, and the keys that it refuses besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.stores.s3.profiles import Profile, profile_named
from airflow_bucketsync.engine.stores.s3.store import S3Store

LONGEST_SEGMENT = 255
"""Bytes of a name in the file systems below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a store on one server can do, and why it can't hold a key.

    :param amended: capabilities that the profile does not say yet
    :param folders_hold: whether a key that ends with `/` takes a body
    """

    profile: Profile
    amended: Mapping[str, Any] = field(default_factory=dict)
    folders_hold: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """What the store is made with."""
        return replace(self.profile.capabilities, **self.amended)

    def refuses(self, full_key: str) -> str | None:
        """Why the server can't hold this key as it is, besides what its profile says; None = it can."""
        if full_key.endswith("/") and not self.folders_hold:
            return "the server takes no body for a folder"
        return None


TRUST = {
    "versitygw": Trust(profile=profile_named("versitygw"), folders_hold=False),
    "minio": Trust(profile=profile_named("minio")),
}
"""By the server's name."""


class PathStore(S3Store):
    """A store on a server that keeps keys as paths."""

    trust: Trust

    def refusal(self, key: str) -> str | None:
        """Why this key can't stand here; None = it can."""
        return super().refusal(key) or self.trust.refuses(self.location.full_key(key))
