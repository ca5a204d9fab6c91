"""Row D15: after the stop flag no request begins, whatever is under way: by the log of the servers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.base import ObjectStore, Transfer
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.retrying import Retries, RetryingStore
from tests.engine.stand import QuickClock, Stand

KEYS = [f"k{number:03d}" for number in range(40)]


class Stopping:
    """A store of either kind that is asked to stop while one of its requests is answered."""

    def __init__(self, stand: Stand, kind: str) -> None:
        self.stand, self.at = stand, stand.oss_server if kind == "oss" else stand.server
        bucket = stand.bucket(at=self.at)
        self.other = stand.bucket(at=self.at)
        stand.put(bucket, dict.fromkeys(KEYS, b"x" * 1000), at=self.at)
        self.gate = Gate(concurrency=4, clock=QuickClock())
        retries = Retries(gate=self.gate, base=0.1)
        self.source = RetryingStore(stand.remote(bucket, at=self.at), retries)
        self.destination = RetryingStore(stand.remote(self.other, at=self.at), retries)

    def stop_at(self, number: int) -> None:
        """Stop when so many requests have come; they are still being answered then."""
        came, lock = [0], threading.Lock()

        def hook(_: Any) -> None:
            with lock:
                came[0] += 1
                if came[0] == number:
                    self.gate.stop()

        self.before = self.at.log.last_index
        self.stand.fault("before", server=self.at, hook=hook)

    def sent(self) -> int:
        """Requests that came, of which the one that stopped and those beside it are the last."""
        return len(self.at.log.since(self.before))


def transfers(stand: Stopping, mode: str) -> list[Transfer]:
    return [
        Transfer(source_store=stand.source, source=info, key=info.key, destination=Condition.ANY, mode=mode)  # type: ignore[arg-type]
        for info in stand.source.list_page().items
    ]


MANY: dict[str, Callable[[Stopping], Callable[[], Any]]] = {
    "head_many": lambda it: lambda: list(it.source.head_many(KEYS, gate=it.gate)),
    "server_copy": lambda it: _transferring(it, "server_copy"),
    "stream": lambda it: _transferring(it, "stream"),
    "delete_many": lambda it: (
        lambda: list(
            it.source.delete_many(
                [Deletion(key=key, destination=Condition(etag="0" * 32)) for key in KEYS], gate=it.gate
            )
        )
    ),
}


def _transferring(it: Stopping, mode: str) -> Callable[[], Any]:
    wanted = transfers(it, mode)
    return lambda: list(it.destination.transfer_many(wanted, gate=it.gate))


@pytest.mark.parametrize("kind", ["s3", "oss"])
@pytest.mark.parametrize("what", MANY)
@pytest.mark.parametrize("number", [1, 7])
def test_row_D15_many_at_once(stand: Stand, kind: str, what: str, number: int) -> None:
    it = Stopping(stand, kind)
    work = MANY[what](it)
    it.stop_at(number)
    with suppress(Stopped):
        work()
    assert it.gate.stopped
    assert it.sent() < number + 4, "those in flight beside the one that stopped, and no other"


SINGLE: dict[str, Callable[[ObjectStore], Any]] = {
    "list_page": lambda store: store.list_page(),
    "head": lambda store: store.head("k000"),
    "tags": lambda store: store.tags("k000"),
    "open": lambda store: store.open("k000").__enter__(),
    "put": lambda store: store.put("k000", b"1"),
    "copy": lambda store: store.copy("c", source_store=store, source_key="k000", source=Condition.ANY),
    "begin_upload": lambda store: store.begin_upload("k000"),
    "upload_part": lambda store: store.upload_part("k000", "id", 1, b"1"),
    "list_parts": lambda store: store.list_parts("k000", "id"),
    "complete_upload": lambda store: store.complete_upload("k000", "id", [], size=0),
    "abort_upload": lambda store: store.abort_upload("k000", "id"),
    "list_uploads": lambda store: store.list_uploads(),
    "delete": lambda store: store.delete("k000"),
}


@pytest.mark.parametrize("kind", ["s3", "oss"])
@pytest.mark.parametrize("verb", SINGLE)
def test_row_D15_single_verbs(stand: Stand, kind: str, verb: str) -> None:
    it = Stopping(stand, kind)
    before = it.at.log.last_index
    it.gate.stop()
    with pytest.raises(Stopped):
        SINGLE[verb](it.source)
    assert it.at.log.last_index == before


@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_row_D15_a_verb_of_several_requests_ends_between_two(stand: Stand, kind: str) -> None:
    """A copy looks at the source first; the stop comes then."""
    it = Stopping(stand, kind)
    it.stop_at(1)
    with pytest.raises(Stopped):
        it.source.copy("c", source_store=it.source, source_key="k000", source=Condition.ANY)
    assert it.sent() == 1
