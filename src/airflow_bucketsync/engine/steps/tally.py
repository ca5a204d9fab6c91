"""How many objects came to what, and which of that is worth a word?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from airflow_bucketsync.engine.model.outcome import RED, Outcome
from airflow_bucketsync.engine.steps.applying import DRIFT
from airflow_bucketsync.engine.steps.verify import READ_BACK, TAGS_UNREAD

SHOWN_FAILURES = 20
_BY_DECISION = frozenset({"dry_run", "rejected", "not_answered", DRIFT})
"""Reasons for which `withheld` is not red: nobody wanted it otherwise."""


class Tally:
    """The sums of a run's outcomes, and the first failures."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.failures: list[dict[str, Any]] = []
        self.bytes = 0
        self.written = 0
        self._by_decision = 0
        self._read_back = 0
        self._tags_unread = 0

    def add(self, outcome: Outcome) -> None:
        """Count what became of one object."""
        self.counts[outcome.status] += 1
        self.reasons[f"{outcome.status}: {outcome.reason}"] += 1
        self.lost.update(outcome.lost)
        if outcome.mode is not None:  # it was written, whatever was found of it afterwards
            self.written += 1
            self.bytes += outcome.bytes
        if outcome.verified:
            self._read_back += READ_BACK in (outcome.message or "")
            self._tags_unread += TAGS_UNREAD in (outcome.message or "")
        self._by_decision += outcome.status == "withheld" and outcome.reason in _BY_DECISION
        if outcome.status in RED and outcome.reason not in _BY_DECISION and len(self.failures) < SHOWN_FAILURES:
            shown = {"key": outcome.key, "status": outcome.status, "reason": outcome.reason}
            shown |= {} if outcome.source_key is None else {"source_key": outcome.source_key}
            self.failures.append({**shown, "message": outcome.message})

    def occurred(self) -> set[str]:
        """The words that make a run red, of those that were met."""
        found = {word for word, count in self.counts.items() if count} & RED
        return found - {"withheld"} if self._by_decision == self.counts["withheld"] else found

    def warnings(self) -> Iterator[str]:
        """What a person should know of how objects were verified."""
        if self._read_back:
            yield (
                f"{self._read_back} objects were read back to verify them: the destination takes checksums without a "
                "word and keeps none, so it may not check what arrives; choose the store profile that says so"
            )
        if self._tags_unread:
            yield (
                f"the tags of {self._tags_unread} verified objects were not compared: the credentials of a side may "
                "not read them; allow it (GetObjectTagging), or leave `tags` out of `preserve`"
            )
