"""What stands in the object that is the lock of a pair?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import orjson

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    Locked,
    LockLost,
    ObjectChanged,
    ObjectNotFound,
    PlanMismatch,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.lock import LockDocument, Strength
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectInfo, PutResult
from airflow_bucketsync.engine.model.pages import check_header, header
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import ObjectStore

E = TypeVar("E", bound=BucketsyncError)

_TRIES = 5
_LIMIT = 64 * 1024
_STRENGTHS: dict[str, Strength] = {"full": "lease", "create_only": "no_take_over", "none": "none"}


def strength_of(run: Run) -> Strength:
    """How strong a lock at this destination can be."""
    return _STRENGTHS[run.destination.capabilities.conditional_put]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A lock that stands there.

    :param document: None = it is none of ours, or damaged
    :param trouble: why it can't be read
    """

    info: ObjectInfo
    document: LockDocument | None = None
    trouble: str = ""

    def is_of(self, run: Run) -> bool:
        """Whether this run holds it."""
        return self.document is not None and self.document.is_of(run.run, run.owner)

    def __str__(self) -> str:
        """Who holds it and since when, safe to show."""
        if self.document is None:
            return f"nobody knows which run: the lock can't be read ({self.trouble})"
        owner, document = self.document.owner, self.document
        words = f"run {document.run!r:.200}"
        words += f" of DAG {owner.dag_id!r:.100}" if owner.dag_id else ""
        words += f" in Airflow {owner.airflow!r:.40}" if owner.airflow else ""
        times = f"since {document.acquired.isoformat()}, renewed {document.renewed.isoformat()}"
        return f"{words}, {times}, lease {document.lease:.0f} s"


class LockObject:
    """The object that is the lock of a run's pair: named after the source, and the place where it stands.

    Neither the pair's name nor those of its connections count, so that two Airflows meet. Nor does how the destination
    is called: a folder is mounted here and there, an endpoint has several names, and the object stands in it anyway.

    :param store: the destination's state; None = that of the run, with its retries
    """

    def __init__(self, run: Run, store: ObjectStore | None = None) -> None:
        self.run = run
        self.store = store or run.destination.below(STATE_PREFIX)
        source = run.source
        place = "\0".join((source.service, source.location.bucket, source.location.prefix))
        self.key = f"lock-{hashlib.sha256(place.encode()).hexdigest()[:16]}.json"

    def read(self) -> Seen | None:
        """What stands there; None = nothing.

        :raises AccessDenied: the credentials may not
        """
        for _ in range(_TRIES):
            try:
                with self._rights():
                    return self._read()
            except ObjectNotFound:
                return None
            except ObjectChanged:
                continue  # renewed while it was read
        raise self.error(Locked, "the lock of the pair changes too fast to be read: too many tasks renew it at once")

    def _read(self) -> Seen:
        with self.store.open(self.key) as body:
            info = body.details.info
            if info.size > _LIMIT:
                return Seen(info=info, trouble=f"it has {info.size} bytes, more than any of ours")
            data, done = bytearray(info.size), 0
            while done < info.size and (count := body.readinto(memoryview(data)[done:])):
                done += count
        try:
            value = orjson.loads(data[:done])
            check_header(value, "lock", name="it")
            return Seen(info=info, document=LockDocument.from_json(value))
        except (PlanMismatch, KeyError, TypeError, ValueError) as error:
            words = error.message if isinstance(error, PlanMismatch) else f"{type(error).__name__}: {error}"
            return Seen(info=info, trouble=f"{words:.200}")

    def write(self, document: LockDocument, destination: Condition) -> PutResult:
        """Let this stand there.

        :raises ObjectChanged: something else stands there than asked for
        :raises AccessDenied: the credentials may not
        """
        data = orjson.dumps({**header("lock"), **document.to_json()}, option=orjson.OPT_INDENT_2)
        with self._rights():
            return self.store.put(self.key, data, destination=destination)

    def renewed(self, document: LockDocument) -> LockDocument:
        """The same lock, a moment ago."""
        return replace(document, renewed=self.run.clock.now(), lease=self.run.spec.policy.lock_lease)

    def taken(self, after: Seen | None) -> LockDocument:
        """The lock of this run, after that of another, or after none."""
        run, now = self.run, self.run.clock.now()
        before = None if after is None else after.document
        return LockDocument(
            pair=run.spec.pair,
            run=run.run,
            owner=run.owner,
            source=run.spec.source.url,
            destination=run.spec.destination.url,
            acquired=now,
            renewed=now,
            lease=run.spec.policy.lock_lease,
            number=1 if before is None else before.number + 1,
        )

    def held_by(self, seen: Seen) -> Locked:
        """The error for a lock of another run, with what to do."""
        words = f"another run holds the lock of this pair: {seen}. Wait until it has ended, or let `on_lock` do so; "
        if strength_of(self.run) == "no_take_over":
            words += "this store can't take the lock of a dead run over by itself; "
        return self.error(Locked, words + "if that run is surely dead, delete this object (docs/locks.md)")

    def lost_to(self, seen: Seen | None) -> LockLost:
        """The error for a lock that was this run's."""
        holder = "it was deleted" if seen is None else f"it is held by {seen}"
        return self.error(
            LockLost,
            f"the lock of the pair is no longer this run's, {holder}: nothing more is written; run again, and if runs "
            "of this pair often wait for longer than lock_lease between their tasks, raise it",
        )

    def error(self, kind: type[E], message: str) -> E:
        """An error at this object."""
        return kind(message, location=self.store.location.url, key=self.key)

    @contextmanager
    def _rights(self) -> Iterator[None]:
        try:
            yield
        except AccessDenied as error:
            words = (
                "the lock of the pair needs rights to read, write and delete below `_bucketsync/` at the destination"
            )
            raise AccessDenied(
                f"{words}: {error.message}", location=error.location, key=error.key, code=error.code
            ) from error
