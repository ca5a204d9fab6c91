"""What came out of asking a store whether it does what it is trusted with?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["holds", "differs", "not tried"]
VERDICTS: tuple[Verdict, ...] = ("holds", "differs", "not tried")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one check says.

    :param found: what was found where it differs, why it was not tried, or what else is worth knowing
    """

    verdict: Verdict
    found: str = ""


HOLDS = Answer(verdict="holds")


def holds(found: str) -> Answer:
    """It does, and this is worth knowing."""
    return Answer(verdict="holds", found=found)


def differs(found: str) -> Answer:
    """It does something else."""
    return Answer(verdict="differs", found=found)


def not_tried(reason: str) -> Answer:
    """It is unknown whether it does."""
    return Answer(verdict="not tried", found=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one check.

    :param group: what it is about, in a word
    :param check: what should hold
    :param claim: the capability that says so, with its value; "" = the contract of every store does
    """

    group: str
    check: str
    verdict: Verdict
    found: str = ""
    claim: str = ""

    def to_json(self) -> dict[str, str]:
        """As JSON."""
        return {
            "group": self.group,
            "check": self.check,
            "verdict": self.verdict,
            "found": self.found,
            "claim": self.claim,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """Everything that was found about one store.

    :param location: where it was tried, as a URL
    :param requests: requests sent, by the store's own operation names
    :param seconds: how long it took
    :param left: what could not be removed, in words; empty = nothing was left behind
    :param stopped: somebody asked to stop before all checks had run
    """

    location: str
    findings: tuple[Finding, ...]
    requests: Mapping[str, int]
    seconds: float
    left: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many checks ended with each verdict."""
        return {word: sum(finding.verdict == word for finding in self.findings) for word in VERDICTS}

    @property
    def conforms(self) -> bool:
        """Whether nothing that was tried differs."""
        return not self.counts["differs"]

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "location": self.location,
            "conforms": self.conforms,
            "counts": self.counts,
            "findings": [finding.to_json() for finding in self.findings],
            "requests": dict(sorted(self.requests.items())),
            "seconds": round(self.seconds, 3),
            "left": list(self.left),
            "stopped": self.stopped,
        }
