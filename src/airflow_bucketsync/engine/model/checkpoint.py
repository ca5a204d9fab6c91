"""What a pair remembers from one run to the next: small, in Airflow's metadata DB, and never trusted blindly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.pages import VERSIONS, PageRef, header
from airflow_bucketsync.engine.model.plan import Listed

Stage = Literal["prepare", "plan", "copy", "verify", "done"]
"""The step that a run did not finish; `done` = it came to its end."""
HISTORY = 10
"""Runs of which the counters are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A pass over the source that bounds spread over several runs.

    :param after: key of the last object taken; the next run goes on after it
    :param started: start of the first run of the round, aware UTC
    :param mode: `full` if every run of it listed both sides
    :param changed: whether one of its runs wrote to the destination
    """

    after: str
    started: datetime
    mode: Listed
    changed: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "after": self.after,
            "started": self.started.isoformat(),
            "mode": self.mode,
            "changed": self.changed,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON that anybody may have edited."""
        return cls(
            after=_text(value["after"]),
            started=_time(value["started"]),
            mode=_one_of(value["mode"], Listed),
            changed=_flag(value["changed"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounters:
    """One line about one of the last runs.

    :param folder: its folder in the pair's folder of the workspace, at most 120 characters
    :param started: aware UTC
    :param seconds: wall time
    :param written: objects written to the destination
    :param failed: objects that the next run tries first
    :param bytes: written
    """

    folder: str
    started: datetime
    seconds: float
    mode: str
    green: bool
    written: int
    failed: int
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "folder": self.folder,
            "started": self.started.isoformat(),
            "seconds": round(self.seconds, 3),
            "mode": self.mode,
            "green": self.green,
            "written": self.written,
            "failed": self.failed,
            "bytes": self.bytes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON that anybody may have edited."""
        return cls(
            folder=_text(value["folder"]),
            started=_time(value["started"]),
            seconds=_seconds(value["seconds"]),
            mode=_text(value["mode"]),
            green=_flag(value["green"]),
            written=_count(value["written"]),
            failed=_count(value["failed"]),
            bytes=_count(value["bytes"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The last run of a pair.

    :param pair: the pair's id
    :param fingerprint: `SyncSpec.fingerprint()` of the run; another one makes the checkpoint useless
    :param run: the run's id
    :param stage: the step it did not finish, or `done`
    :param green: whether that run was green
    :param verified: whether it was verified
    :param watermark: start of the last verified listing that no bound cut short, less `OVERLAP`, aware UTC
    :param last_full: start of the last verified run that listed both sides, aware UTC
    :param round: the pass that bounds cut short; None = the next run begins at the beginning
    :param rounds: runs in a row that asked for another one (`mode: until_quiet`)
    :param failed: page of the objects that the next run tries first, in the pair's folder; None = there are none
    :param owes_event: a run by hand wrote to the destination, and no event has told of it yet
    :param splits: keys that cut the next listing into ranges
    :param objects: objects listed at the source and at the destination
    :param counts: objects per outcome word
    :param bytes: bytes written
    :param updated: when it was written, aware UTC
    :param history: the last runs, this one last, at most `HISTORY`
    """

    pair: str
    fingerprint: str
    run: str
    stage: Stage = "done"
    green: bool
    verified: bool
    watermark: datetime | None
    last_full: datetime | None = None
    round: Round | None = None
    rounds: int = 0
    failed: PageRef | None = None
    owes_event: bool = False
    splits: tuple[str, ...] = ()
    objects: Mapping[str, int]
    counts: Mapping[str, int]
    bytes: int
    updated: datetime
    history: tuple[RunCounters, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As a document; what there is nothing of is left out."""
        optional = {
            "watermark": None if self.watermark is None else self.watermark.isoformat(),
            "last_full": None if self.last_full is None else self.last_full.isoformat(),
            "round": None if self.round is None else self.round.to_json(),
            "rounds": self.rounds or None,
            "failed": None if self.failed is None else self.failed.to_json(),
            "owes_event": self.owes_event or None,
            "splits": list(self.splits) or None,
            "history": [item.to_json() for item in self.history] or None,
        }
        return {
            **header("checkpoint"),
            "pair": self.pair,
            "fingerprint": self.fingerprint,
            "run": self.run,
            "stage": self.stage,
            "green": self.green,
            "verified": self.verified,
            "objects": dict(self.objects),
            "counts": dict(self.counts),
            "bytes": self.bytes,
            "updated": self.updated.isoformat(),
            **{name: value for name, value in optional.items() if value is not None},
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Back from a document that anybody may have edited.

        :raises CheckpointMismatch: another version, or a field that is missing or of the wrong type
        """
        if not isinstance(value, Mapping) or value.get("schema") != "bucketsync/checkpoint":
            raise CheckpointMismatch("the stored state is not a bucketsync checkpoint")
        version = value.get("version")
        if type(version) is not int or not 1 <= version <= VERSIONS["checkpoint"]:
            raise CheckpointMismatch(
                f"the checkpoint has version {version!r:.40}, this release reads 1 to {VERSIONS['checkpoint']}"
            )
        try:
            watermark, last_full = value.get("watermark"), value.get("last_full")
            round_, failed = value.get("round"), value.get("failed")
            return cls(
                pair=_text(value["pair"]),
                fingerprint=_text(value["fingerprint"]),
                run=_text(value["run"]),
                stage="done" if version == 1 else _one_of(value["stage"], Stage),
                green=_flag(value["green"]),
                verified=_flag(value["verified"]),
                watermark=None if watermark is None else _time(watermark),
                last_full=None if last_full is None else _time(last_full),
                round=None if round_ is None else Round.from_json(round_),
                rounds=_count(value.get("rounds", 0)),
                failed=None if failed is None else _page(failed),
                owes_event=_flag(value.get("owes_event", False)),
                splits=_ascending(value.get("splits", [])),
                objects={_text(side): _count(n) for side, n in value["objects"].items()},
                counts={_text(word): _count(n) for word, n in value["counts"].items()},
                bytes=_count(value["bytes"]),
                updated=_time(value["updated"]),
                history=tuple(RunCounters.from_json(item) for item in _list(value.get("history", []))),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointMismatch(f"the checkpoint is damaged: {type(error).__name__}: {error!s:.200}") from None

    @classmethod
    def fitting(cls, value: Any, *, pair: str, fingerprint: str) -> Self:
        """The checkpoint of this very sync in a stored document.

        :raises CheckpointMismatch: damaged, of another version, pair, source, destination or selection
        """
        checkpoint = cls.from_json(value)
        if checkpoint.pair != pair:
            raise CheckpointMismatch("the checkpoint belongs to another pair")
        if checkpoint.fingerprint != fingerprint:
            raise CheckpointMismatch("the source, destination or selection was another one")
        return checkpoint


def _page(value: Any) -> PageRef:
    return PageRef(
        name=_text(value["name"]),
        count=_count(value["count"]),
        size=_count(value["size"]),
        digest=_text(value["digest"]),
    )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value


def _ascending(value: Any) -> tuple[str, ...]:
    points = tuple(_text(item) for item in _list(value))
    if any(first >= second for first, second in pairwise(points)):
        raise ValueError("the split points are not in order")
    return points


def _one_of(value: Any, words: Any) -> Any:
    if value not in get_args(words):
        raise ValueError(f"expected one of {', '.join(get_args(words))}, got {value!r:.40}")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"expected seconds, got {value!r:.40}")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, got {value!r:.40}")
    return value


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"expected a time with its zone, got {value!r:.40}")
    return time


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"expected a count, got {value!r:.40}")
    return value
