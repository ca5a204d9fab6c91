"""How does reading go on after a connection was lost?"""

from __future__ import annotations

from contextlib import ExitStack

from airflow_bucketsync.engine.errors import BodyCorrupted, TransientError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectDetails
from airflow_bucketsync.engine.stores.base import ObjectBody, ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.retries import Retries


class ResumingBody:
    """A body that opens its object again where the connection broke."""

    def __init__(
        self,
        store: ObjectStore,
        retries: Retries,
        stack: ExitStack,
        key: str,
        start: int,
        length: int | None,
        source: Condition,
    ) -> None:
        self._store = store
        self._retries = retries
        self._stack = stack
        self._key = key
        self._start = start
        self._length = length
        self._source = source
        self._done = 0
        self._failures = 0
        self._body = self._open()
        self.details: ObjectDetails = self._body.details

    def _open(self) -> ObjectBody:
        left = None if self._length is None else self._length - self._done

        def open_inner() -> ObjectBody:
            opened = self._store.open(self._key, start=self._start + self._done, length=left, source=self._source)
            return self._stack.enter_context(opened)

        return self._retries.call(open_inner, place=self._store.location.url)

    def readinto(self, buffer: memoryview) -> int:
        """Fill as much of `buffer` as is there and as the limit on bytes lets pass at once."""
        gate = self._retries.gate
        buffer = buffer[: gate.pace.piece(len(buffer))]
        while True:
            try:
                count = self._body.readinto(buffer)
            except TransientError as error:
                self._failures += 1
                gate.heard(self._store.location.url, error, last=self._failures >= self._retries.attempts)
                if self._failures >= self._retries.attempts or isinstance(error, Stopped | BodyCorrupted):
                    raise  # wrong bytes may have gone by already; only a reader that begins anew gets rid of them
                if self._start + self._done >= self.details.info.size or self._done == self._length:
                    return 0
                self._retries.pause(self._failures, error)
                self._source = Condition.matching(self.details.info)
                self._stack.close()
                self._body = self._open()
            else:
                self._done += count
                gate.read(count)
                return count


class PacedBody:
    """A body that is read no faster than the limit on bytes allows."""

    def __init__(self, body: ObjectBody, gate: Gate) -> None:
        self._body = body
        self._gate = gate
        self.details: ObjectDetails = body.details

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill as much of `buffer` as is there and as the limit lets pass at once."""
        count = self._body.readinto(buffer[: self._gate.pace.piece(len(buffer))])
        self._gate.read(count)
        return count
