"""What a pair remembers from one run to the next: small, in Airflow's metadata DB, and never trusted blindly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.pages import VERSIONS, header


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The last run of a pair.

    :param pair: the pair's id
    :param fingerprint: `SyncSpec.fingerprint()` of the run; another one makes the checkpoint useless
    :param run: the run's id
    :param green: whether that run was green
    :param verified: whether it was verified
    :param watermark: start of its listing, aware UTC, advanced only by a verified run
    :param last_full: start of the last verified run that listed both sides, aware UTC
    :param objects: objects listed at the source and at the destination
    :param counts: objects per outcome word
    :param bytes: bytes written
    :param updated: when it was written, aware UTC
    """

    pair: str
    fingerprint: str
    run: str
    green: bool
    verified: bool
    watermark: datetime | None
    objects: Mapping[str, int]
    counts: Mapping[str, int]
    bytes: int
    updated: datetime
    last_full: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            **header("checkpoint"),
            "pair": self.pair,
            "fingerprint": self.fingerprint,
            "run": self.run,
            "green": self.green,
            "verified": self.verified,
            **({} if self.watermark is None else {"watermark": self.watermark.isoformat()}),
            **({} if self.last_full is None else {"last_full": self.last_full.isoformat()}),
            "objects": dict(self.objects),
            "counts": dict(self.counts),
            "bytes": self.bytes,
            "updated": self.updated.isoformat(),
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
            return cls(
                pair=_text(value["pair"]),
                fingerprint=_text(value["fingerprint"]),
                run=_text(value["run"]),
                green=_flag(value["green"]),
                verified=_flag(value["verified"]),
                watermark=None if watermark is None else _time(watermark),
                last_full=None if last_full is None else _time(last_full),
                objects={_text(side): _count(n) for side, n in value["objects"].items()},
                counts={_text(word): _count(n) for word, n in value["counts"].items()},
                bytes=_count(value["bytes"]),
                updated=_time(value["updated"]),
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
