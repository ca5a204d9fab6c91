"""What was asked of a pair before its first write, and what came of it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, get_args

Status = Literal["done", "warned", "failed", "not_asked"]
STATUSES: tuple[Status, ...] = get_args(Status)
WORDS: Mapping[Status, str] = {"done": "done", "warned": "warned", "failed": "FAILED", "not_asked": "not asked"}
"""How a status reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of a precheck.

    :param name: what was asked, such as `destination write`
    :param status: `failed` stops the run before it begins, `warned` becomes a warning of the run
    :param found: what was found, or why it was not asked
    :param remedy: what to do about it; "" = nothing
    """

    name: str
    status: Status
    found: str = ""
    remedy: str = ""

    @property
    def words(self) -> str:
        """What was found, and what to do."""
        return "; ".join(text for text in (self.found, self.remedy) if text)

    def to_json(self) -> dict[str, str]:
        """As JSON."""
        return {"name": self.name, "status": self.status, "found": self.found, "remedy": self.remedy}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON.

        :raises KeyError: a field is missing
        :raises ValueError: no status of ours
        """
        if value["status"] not in STATUSES:
            raise ValueError(f"status is {value['status']!r:.40}")
        texts = {name: str(value[name]) for name in ("name", "found", "remedy")}
        return cls(status=value["status"], **texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precheck:
    """Everything that was asked of one pair.

    :param when: when it was asked, aware UTC
    :param fingerprint: of the stores and options that it was asked for; with others it says nothing
    :param checks: one per line, in the order of the list
    :param reads_back: the destination takes wrong checksums, so that what is sent to it must be read back
    :param dry: what writes was not asked, because the run writes nothing
    :param remembered: nothing was asked now: this is what an earlier run found
    """

    pair: str
    source: str
    destination: str
    when: datetime
    fingerprint: str
    checks: tuple[Check, ...]
    reads_back: bool = False
    dry: bool = False
    remembered: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many lines ended with each status; those that did not occur are left out."""
        found = {word: sum(check.status == word for check in self.checks) for word in STATUSES}
        return {word: count for word, count in found.items() if count}

    @property
    def failed(self) -> tuple[Check, ...]:
        """The lines that stop the run."""
        return tuple(check for check in self.checks if check.status == "failed")

    @property
    def warnings(self) -> tuple[str, ...]:
        """The lines that a person should know of, as warnings of the run."""
        return tuple(f"precheck, {check.name}: {check.words}" for check in self.checks if check.status == "warned")

    def summary(self) -> dict[str, Any]:
        """For a report: the counts, and of which time they are."""
        return {**self.counts, "remembered": self.remembered, "when": self.when.isoformat()}

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "pair": self.pair,
            "source": self.source,
            "destination": self.destination,
            "when": self.when.isoformat(),
            "fingerprint": self.fingerprint,
            "counts": self.counts,
            "checks": [check.to_json() for check in self.checks],
            "reads_back": self.reads_back,
            "dry": self.dry,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document.

        :raises KeyError: a field is missing
        :raises TypeError: a field of another kind
        :raises ValueError: a value that none of ours has
        """
        when = datetime.fromisoformat(value["when"])
        if when.tzinfo is None:
            raise ValueError("when has no time zone")
        return cls(
            pair=value["pair"],
            source=value["source"],
            destination=value["destination"],
            when=when,
            fingerprint=value["fingerprint"],
            checks=tuple(Check.from_json(check) for check in value["checks"]),
            reads_back=value["reads_back"] is True,
            dry=value["dry"] is True,
        )


def precheck_text(precheck: Precheck) -> str:
    """The list for people: one line per check, and how many ended how."""
    name = max((len(check.name) for check in precheck.checks), default=0)
    lines = [f"precheck of {precheck.source} -> {precheck.destination}: {counted(precheck.summary())}"]
    lines += [f"  {WORDS[check.status]:<9}  {check.name:<{name}}  {check.words}".rstrip() for check in precheck.checks]
    return "\n".join(lines)


def counted(summary: Mapping[str, Any]) -> str:
    """The summary of a precheck in words: `15 done, 1 warned`, and of which time, where it was remembered."""
    words = ", ".join(f"{summary[word]} {word.replace('_', ' ')}" for word in STATUSES if summary.get(word))
    return f"{words} (remembered, asked {summary['when'][:16]})" if summary.get("remembered") else words
