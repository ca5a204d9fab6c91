"""What is no longer as it was when a plan was reviewed?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.shown import shown

Word = Literal["agreed", "in_step", "changed", "gone", "new"]
DRIFTED: tuple[Word, ...] = ("changed", "gone", "new")
"""Words of keys that are no longer as they were when the plan was reviewed; none of them is carried out."""
NAMED = 5
"""The first keys of each word that are named."""


@dataclass(kw_only=True)
class Drift:
    """How far a reviewed plan still holds.

    :param same: objects that were in step when it was made
    :param counts: keys per word
    :param first: the first keys of each word of `DRIFTED`
    """

    same: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[str]] = field(default_factory=dict)

    def take(self, word: Word, key: str) -> None:
        """Count one key."""
        self.counts[word] = self.counts.get(word, 0) + 1
        if word in DRIFTED and len(self.first.setdefault(word, [])) < NAMED:
            self.first[word].append(key)

    @property
    def planned(self) -> int:
        """Steps of the reviewed plan."""
        return sum(n for word, n in self.counts.items() if word != "new")

    @property
    def drifted(self) -> int:
        """Keys that are no longer as they were."""
        return sum(self.counts.get(word, 0) for word in DRIFTED)

    @property
    def leaves(self) -> bool:
        """Whether something is not in step that a plan made anew would bring in step."""
        return bool(self.counts.get("changed") or self.counts.get("new"))

    @property
    def share(self) -> float:
        """What drifted, of the objects that the reviewed plan spoke of: those to be done and those in step."""
        return self.drifted / max(1, self.planned + self.same)

    def __str__(self) -> str:
        """In words, with the first keys."""
        words = [self._words(word) for word in DRIFTED if self.counts.get(word)]
        return "; ".join(words) or "nothing changed"

    def _words(self, word: Word) -> str:
        count, first = self.counts[word], self.first[word]
        keys = ", ".join(shown(repr(key), 200) for key in first)
        return f"{count:,} {word} ({keys}{', …' if count > len(first) else ''})"

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"same": self.same, "counts": dict(self.counts), "first": dict(self.first)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        first = {word: list(keys) for word, keys in value["first"].items()}
        return cls(same=value["same"], counts=dict(value["counts"]), first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """A key that is no longer as it was when the plan was reviewed."""

    key: str
    word: Word

    def to_json(self) -> dict[str, Any]:
        """As one line of a page."""
        return {"key": self.key, "word": self.word}
