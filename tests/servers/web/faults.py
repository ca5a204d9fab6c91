"""Which fault strikes this request?"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tests.servers.web.exchange import Call

ACTIONS = frozenset(
    [
        "status",
        "error200",
        "empty_body",
        "truncate",
        "cut",
        "flip",
        "flip_request",
        "lose_reply",
        "drop_request",
        "maybe_applied",
        "reset",
        "delay",
        "duplicate",
        "substitute",
        "stale",
        "odd_listing",
        "before",
        "after",
    ]
)
NOT_IN_JSON = frozenset({"transform", "hook", "matched", "occurred", "added", "random", "id"})


@dataclass(slots=True)
class Fault:
    """A rule: which requests (all fields given must match), at which of them, and what happens.

    Which: ``operation`` ("GetObject" or several), ``method``, ``bucket``, ``key`` (exact) or ``key_regex`` (searched),
    ``query`` (name -> value; None is any value).
    When, counted over matches from 1: ``on`` (n or several), ``every`` n-th, ``first`` n, ``probability`` with
    ``seed``, ``window`` (start, stop seconds since the rule was added); ``times`` ends it after so many occurrences.
    """

    action: str
    operation: str | Sequence[str] | None = None
    method: str | None = None
    bucket: str | None = None
    key: str | None = None
    key_regex: str | None = None
    query: Mapping[str, str | None] | None = None
    on: int | Sequence[int] | None = None
    every: int | None = None
    first: int | None = None
    probability: float | None = None
    seed: int = 0
    window: Sequence[float] | None = None
    times: int | None = None
    # what happens
    status: int = 503  # status, substitute
    code: str = ""  # status, error200; the dialect's word for throttling unless given
    message: str = "Please reduce your request rate."
    retry_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)  # status, substitute, delay
    applied: bool = False  # status, error200: strike after the store has applied the request
    keep_alive: bool = False  # error200: whitespace before the XML, as a slow copy or completion does
    at: int = 0  # truncate, cut: bytes kept; flip, flip_request: offset (negative from the end)
    bit: int = 0  # flip, flip_request
    seconds: float = 0.0  # delay
    where: str = "reply"  # delay: before the "request" is applied, the "reply", its "body", or between "chunks"
    chunk: int = 65536  # delay between chunks: bytes per chunk
    body: bytes | None = None  # substitute
    oddity: str = ""  # odd_listing
    transform: Callable[[bytes], bytes] | None = None  # substitute, in-process
    hook: Callable[[Call], Any] | None = None  # before, after: in-process, in a worker thread
    # what happened
    matched: int = 0
    occurred: int = 0
    added: float = field(default_factory=time.monotonic)
    random: random.Random = field(default_factory=random.Random, repr=False)
    id: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown fault action {self.action!r}; known: {', '.join(sorted(ACTIONS))}")
        if isinstance(self.body, str):
            self.body = self.body.encode()
        self.random = random.Random(self.seed)

    def concerns(self, call: Call) -> bool:
        """Do all the fields given match the request?"""
        if self.operation is not None:
            names = (self.operation,) if isinstance(self.operation, str) else self.operation
            if call.operation not in names:
                return False
        if self.method is not None and call.method != self.method:
            return False
        if self.bucket is not None and call.bucket != self.bucket:
            return False
        if self.key is not None and call.key != self.key:
            return False
        if self.key_regex is not None and not re.search(self.key_regex, call.key):
            return False
        return all(
            name in call.query and value in (None, call.query[name]) for name, value in (self.query or {}).items()
        )

    def strikes(self, now: float) -> bool:
        """Count a match and say whether the fault occurs at it."""
        if self.times is not None and self.occurred >= self.times:
            return False
        if self.window is not None and not self.window[0] <= now - self.added < self.window[1]:
            return False
        self.matched += 1
        if self.on is not None and self.matched not in ((self.on,) if isinstance(self.on, int) else self.on):
            return False
        if self.every is not None and self.matched % self.every:
            return False
        if self.first is not None and self.matched > self.first:
            return False
        if self.probability is not None and self.random.random() >= self.probability:
            return False
        self.occurred += 1
        return True

    def to_json(self) -> dict[str, Any]:
        """Return the rule and its counts."""
        shown = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in NOT_IN_JSON}
        shown["body"] = None if self.body is None else self.body.decode("latin-1")
        return {"id": self.id, "matched": self.matched, "occurred": self.occurred, **shown}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """Build a rule; ``body`` is text."""
        allowed = {item.name for item in fields(cls)} - NOT_IN_JSON
        unknown = set(value) - allowed
        if unknown:
            raise ValueError(f"unknown fault fields {sorted(unknown)}")
        return cls(**value)


def maybe_applied(seed: int, **match: Any) -> Fault:
    """Return a rule that applies or drops the request, at random by ``seed``, and never replies."""
    return Fault("maybe_applied", seed=seed, **match)


class FaultRules:
    """The rules in force, in the order added."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._next = 1
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force and return it; its ``occurred`` can be asked afterwards."""
        with self._lock:
            fault.id, self._next = self._next, self._next + 1
            fault.added = time.monotonic()
            self._rules = [*self._rules, fault]
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one rule out of force."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule is not fault]

    def clear(self) -> None:
        """Take all rules out of force."""
        with self._lock:
            self._rules = []

    def __iter__(self) -> Any:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def striking(self, call: Call) -> list[Fault]:
        """Return the rules that strike this request."""
        if not self._rules:
            return []
        now = time.monotonic()
        with self._lock:
            return [rule for rule in self._rules if rule.concerns(call) and rule.strikes(now)]
