"""What is one request, and what is its reply?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.servers.core.body import Body


@dataclass(slots=True)
class Call:
    """One request: as it came on the wire, and as the dialect understood it."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    index: int = 0
    operation: str = "Unknown"
    bucket: str = ""
    key: str = ""
    query: dict[str, str] = field(default_factory=dict)
    body: Body = b""
    bytes_in: int = 0
    request_id: str = ""
    principal: Any = None
    wants_stale: bool = False
    oddity: Any = None
    trailers: dict[str, str] = field(default_factory=dict)

    def header(self, name: str, default: str = "") -> str:
        """Return a header, case-insensitively."""
        value = self.headers.get(name)
        return default if value is None else value


def parse_query(raw: str) -> dict[str, str]:
    """Return the decoded query; a name without a value is there with an empty one."""
    return dict(parse_qsl(raw, keep_blank_values=True, errors="surrogateescape")) if raw else {}


@dataclass(slots=True)
class Reply:
    """A reply; ``length`` is the Content-Length of a HEAD, which has no body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = b""
    error_code: str = ""
    length: int | None = None
