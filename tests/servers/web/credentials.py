"""Who may do what, in any dialect?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Allow:
    """One permission: operations (or actions of the service; ``*`` is all) on a bucket (``*``: any) under a prefix."""

    service: ClassVar[str] = ""
    actions: ClassVar[Mapping[str, str]] = {}

    operations: frozenset[str]
    bucket: str = "*"
    prefix: str = ""

    def __init__(self, operations: Iterable[str] | str, bucket: str = "*", prefix: str = "") -> None:
        names = (operations,) if isinstance(operations, str) else operations
        object.__setattr__(self, "operations", frozenset(name.removeprefix(f"{self.service}:") for name in names))
        object.__setattr__(self, "bucket", bucket)
        object.__setattr__(self, "prefix", prefix)

    def covers(self, operation: str, bucket: str, key: str) -> bool:
        """Does it allow the operation there?"""
        named = {"*", operation, self.actions.get(operation, operation)} & self.operations
        return bool(named) and self.bucket in ("*", bucket) and key.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key; ``expires`` is epoch seconds of the server's signing clock; ``allow`` None is everything."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    expires: float | None = None
    allow: tuple[Allow, ...] | None = None
    user: str = "tester"
    account: str = "123456789012"

    def may(self, operation: str, bucket: str, key: str = "") -> bool:
        """Is the operation allowed?"""
        return self.allow is None or any(rule.covers(operation, bucket, key) for rule in self.allow)
