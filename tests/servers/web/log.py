"""Which requests has the server seen?"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tests.servers.web.exchange import Call, Reply

KEPT_HEADERS = frozenset(
    [
        "content-length",
        "content-type",
        "content-md5",
        "content-encoding",
        "range",
        "expect",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "transfer-encoding",
        "user-agent",
        "host",
    ]
)
SECRET_WORDS = ("token", "customer-key", "signature", "credential", "accesskeyid")
CONTROL_OPERATION = "Control"
WRITES = ("Put", "Post", "Copy", "Delete", "Create", "Complete", "Abort", "Upload", "Append", "Restore", "Initiate")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was answered; status 0 is no reply."""

    index: int
    time: float
    operation: str
    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    bytes_in: int
    bytes_out: int
    status: int
    error_code: str
    faults: tuple[str, ...]
    seconds: float

    def is_write(self) -> bool:
        """Does the operation change the store?"""
        return self.operation.startswith(WRITES)


def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return lowered == "authorization" or any(word in lowered for word in SECRET_WORDS)


def _shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    shown = {}
    for name, value in headers.items():
        lowered = name.lower()
        if (lowered in KEPT_HEADERS or lowered.startswith(("x-amz-", "x-oss-"))) and not _is_secret(lowered):
            shown[lowered] = value
    return shown


class RequestLog:
    """Counts by operation always; entries up to ``limit`` (0 keeps none)."""

    def __init__(self, limit: int = 200_000) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.max_in_flight = 0
        self._kept: deque[Entry] = deque(maxlen=limit)
        self._lock = threading.Lock()
        self._next = 0

    def begin(self) -> int:
        """Number a request that arrived."""
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self._next += 1
        return self._next

    def end(self, call: Call, reply: Reply | None, sent: int, faults: tuple[str, ...], started: float) -> None:
        """Note how a request ended."""
        seconds = time.time() - started
        self.in_flight -= 1
        self.counts[call.operation] += 1
        if not self.limit:
            return
        entry = Entry(
            call.index,
            started,
            call.operation,
            call.method,
            call.bucket,
            call.key,
            {name: value for name, value in call.query.items() if not _is_secret(name)},
            _shown_headers(call.headers),
            call.bytes_in,
            sent,
            0 if reply is None else reply.status,
            "" if reply is None else reply.error_code,
            faults,
            seconds,
        )
        with self._lock:
            self._kept.append(entry)

    @property
    def entries(self) -> list[Entry]:
        """Return the entries kept, in the order the requests ended."""
        with self._lock:
            return list(self._kept)

    def select(self, **wanted: Any) -> list[Entry]:
        """Return the entries whose fields equal the keywords (a tuple is any of)."""
        tests: list[Callable[[Entry], bool]] = []
        for name, value in wanted.items():
            values = value if isinstance(value, tuple | list | set | frozenset) else (value,)
            tests.append(lambda entry, name=name, values=values: getattr(entry, name) in values)  # type: ignore[misc]
        return [entry for entry in self.entries if all(test(entry) for test in tests)]

    def count(self, **wanted: Any) -> int:
        """Count entries by operation, bucket, key, method, status ..."""
        return len(self.select(**wanted))

    def writes(self, bucket: str | None = None) -> list[Entry]:
        """Return the requests that asked for a change, failed ones too."""
        return [entry for entry in self.entries if entry.is_write() and bucket in (None, entry.bucket)]

    def since(self, index: int) -> list[Entry]:
        """Return the entries of requests that arrived after request ``index``."""
        return [entry for entry in self.entries if entry.index > index]

    @property
    def last_index(self) -> int:
        """Return the number of the newest request, for ``since``."""
        return self._next

    def clear(self) -> None:
        """Forget entries and counts; numbering goes on."""
        with self._lock:
            self._kept.clear()
            self.counts.clear()
            self.max_in_flight = self.in_flight

    def json_lines(self) -> bytes:
        """Return the entries as JSON Lines."""
        return b"".join(json.dumps(asdict(entry)).encode() + b"\n" for entry in self.entries)

    def stats(self) -> dict[str, Any]:
        """Return the counts by operation and the highest concurrency seen."""
        return {"operations": dict(self.counts), "requests": self._next, "max_in_flight": self.max_in_flight}
