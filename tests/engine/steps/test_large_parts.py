"""Is an object of wrong, lost or damaged parts never made, and what becomes of it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import PartReceipt
from airflow_bucketsync.engine.stores.base import ObjectBody
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.steps.pairs import NO_CHECKSUMS, PART, Pair, rewrite
from tests.engine.steps.uploading import MODES, CountingStore, Job, Trouble, body, each_part, pair_for, stored

KEY = "k"
OLD, OTHER = body(8 * PART, 1), body(30, 3)


def filled(mode: str, standing: bytes | None = None, **settings: Any) -> Pair:
    pair = pair_for(mode, **settings)
    pair.put({KEY: OLD, "other": OTHER})
    if standing is not None:
        pair.put_there({KEY: standing})
    return pair


class WrongOrder(CountingStore):
    """Puts objects together from the right parts in the wrong way."""

    wrong: Callable[[list[bytes]], list[bytes]] | None = None

    def _chosen(self, key: str, upload: Any, parts: Sequence[PartReceipt]) -> list[bytes]:
        bodies = super()._chosen(key, upload, parts)
        return bodies if self.wrong is None or key != KEY else self.wrong(bodies)


def swapped(bodies: list[bytes]) -> list[bytes]:
    return [bodies[1], bodies[0], *bodies[2:]]


def doubled(bodies: list[bytes]) -> list[bytes]:
    return [bodies[0], bodies[0], *bodies[2:]]


def damaged(bodies: list[bytes]) -> list[bytes]:
    return [bytes([bodies[0][0] ^ 1]) + bodies[0][1:], *bodies[1:]]


@pytest.mark.parametrize("wrong", [swapped, doubled, damaged, lambda bodies: bodies[1:]])
@pytest.mark.parametrize("mode", MODES)
def test_fault_F38_s24_parts_put_together_wrongly_never_become_visible(mode, wrong):
    pair = filled(mode, b"what stood there", store=WrongOrder)
    assert isinstance(pair.destination, WrongOrder)
    pair.destination.wrong = wrong
    job = Job(pair)
    report = job.drive()
    assert job.ends(report)[KEY] == ("failed", "body_corrupted")
    assert pair.contents() == {KEY: b"what stood there", "other": OTHER}
    assert pair.uploads() == 0
    pair.destination.wrong = None
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == {KEY: OLD, "other": OTHER}


@pytest.mark.parametrize("mode", MODES)
def test_s23_parts_that_are_alike_may_be_swapped(mode):
    pair = pair_for(mode, store=WrongOrder)
    assert isinstance(pair.destination, WrongOrder)
    pair.destination.wrong = swapped
    pair.put({KEY: bytes(3 * PART)})
    assert Job(pair).drive().verified
    assert pair.contents() == {KEY: bytes(3 * PART)}


class Flipping(MemoryStore):
    """Flips a bit of what is read from a range."""

    flips = 0

    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> AbstractContextManager[ObjectBody]:
        if key == KEY and start == 2 * PART and self.flips:
            self.flips -= 1
            start -= 1
        return super().open(key, start=start, length=length, source=source)


@pytest.mark.parametrize("capabilities", [MEMORY_CAPABILITIES, NO_CHECKSUMS], ids=["checksums", "none"])
def test_fault_F28_a_part_read_wrongly_never_becomes_visible(capabilities):
    """The destination is told the checksum of what was read; all parts together are held against the source's own."""
    pair = filled("stream_parts", b"what stood there", destination=capabilities)
    source = Flipping(pair.source.location, server=pair.source.server)
    pair.source, source.flips = source, 1
    job = Job(pair)
    report = job.drive()
    assert job.ends(report)[KEY] == ("failed", "body_corrupted")
    assert pair.contents() == {KEY: b"what stood there", "other": OTHER}
    assert pair.uploads() == 0
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == {KEY: OLD, "other": OTHER}


@pytest.mark.parametrize("mode", MODES)
def test_fault_F38_a_part_that_is_lost_at_the_store(mode):
    pair = filled(mode, b"what stood there")
    job = Job(pair)
    job.planned()
    job.copied()
    uploads = pair.destination.server.bucket(pair.destination.location.bucket).uploads.values()
    (upload,) = [upload for upload in uploads if upload.key.endswith(KEY)]
    del upload.parts[5]
    report = job.ended()
    assert job.ends(report)[KEY] == ("failed", "body_corrupted")
    assert pair.contents()[KEY] == b"what stood there"
    assert Job(pair, run="again").drive().verified
    assert pair.contents() == {KEY: OLD, "other": OTHER}


@pytest.mark.parametrize(
    "edit", [lambda lines: lines[:-1], lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], lambda lines: []]
)
@pytest.mark.parametrize("mode", MODES)
def test_threat_S09_edited_receipts_count_as_missing(mode, edit):
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.copied()
    rewrite(pair, "pair/run/receipts/0001-try01.jsonl.zst", edit)
    report = job.ended()
    assert job.ends(report)[KEY] == ("failed", "parts_missing")
    assert KEY not in pair.contents()
    assert pair.uploads() == 1
    assert Job(pair, run="again").drive().verified
    assert stored(pair) == each_part({KEY: OLD, "other": OTHER}), "the store tells which parts arrived"


@pytest.mark.parametrize("mode", MODES)
def test_a_store_that_does_not_tell_what_arrived(mode):
    """Without the right to list parts, what was recorded counts within a run; a later run begins anew."""
    pair = filled(mode)
    job = Job(pair)
    job.planned()
    job.do("begin")
    pair.at_destination(Trouble(lambda: AccessDenied("no", location=pair.destination.location.url), "list_parts"))
    for number in range(3):
        job.do("parts", number)
        job.clear("parts", number)
    assert stored(pair) == each_part({KEY: OLD, "other": OTHER})
    assert job.ended().verified
