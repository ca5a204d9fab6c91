"""Has an object at the destination the checksums that the list of its run says it must have?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum, ChecksumAlgorithm, ObjectDetails
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.steps.lists.listed import read_source_list
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of, combined
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.transfer import new_buffer

MISMATCH = "expected_checksum"
"""The reason of an object that has another checksum than the list says."""
BLOCK = 8 * 1024 * 1024
Looking = Callable[[Outcome], Outcome | None]


def expecting(run: Run, look: Looking, written: Callable[[], Iterable[Outcome]]) -> Looking:
    """The same look, after which an object that is proven is held against what the list of the run expects of it.

    :param written: the objects that will be looked at
    """
    if not run.spec.selection.source_list:
        return look
    pages = read_source_list(run.workspace).expected
    if not pages:
        return look
    keys = {outcome.source_key or outcome.key for outcome in written()}
    found = (line for page in pages for line in run.workspace.read_page(page, "expected", _expected))
    wanted = {key: sums for key, sums in found if key in keys}

    def look_closer(outcome: Outcome) -> Outcome | None:
        found = look(outcome)
        sums = wanted.get(outcome.source_key or outcome.key)
        if found is None or not found.verified or sums is None:
            return found
        try:
            return _held_against(run, found, sums)
        except Stopped:
            return None
        except BucketsyncError as error:
            reason = f"not_looked_at: {error.reason}"
            return replace(found, status="unverified", reason=reason, message=str(error), verified=False)

    return look_closer


def _expected(line: Mapping[str, Any]) -> tuple[str, tuple[Checksum, ...]]:
    return line["key"], tuple(Checksum.from_json(item) for item in line["sums"])


def _held_against(run: Run, outcome: Outcome, sums: Sequence[Checksum]) -> Outcome:
    there = run.destination.head(outcome.key)
    kept = {item.algorithm: item for item in (there.info.checksum,) if item is not None and item.parts is None}
    unknown = [item.algorithm for item in sums if item.algorithm not in kept]
    if unknown:
        kept |= _read(run.destination, there, unknown, gate=run.gate)
    for item in sums:
        if kept[item.algorithm] != item:
            return replace(
                outcome,
                status="failed",
                reason=MISMATCH,
                message=f"the list expects {item.algorithm} {item.value}, the object has {kept[item.algorithm].value}: "
                "the source holds other bytes than the list says, so look at both",
                verified=False,
            )
    return outcome


def _read(
    store: ObjectStore, details: ObjectDetails, algorithms: Sequence[ChecksumAlgorithm], *, gate: Gate
) -> dict[ChecksumAlgorithm, Checksum]:
    """The checksums of an object's bytes, read again."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms if name not in COMBINABLE}
    blocks: dict[ChecksumAlgorithm, list[tuple[Checksum, int]]] = {
        name: [] for name in algorithms if name in COMBINABLE
    }
    buffer = new_buffer(min(BLOCK, max(details.info.size, 1)))
    with gate.buffer(len(buffer)), store.open(details.info.key, source=Condition.matching(details.info)) as body:
        while count := body.readinto(buffer):
            gate.check()
            for digest in hashes.values():
                digest.update(buffer[:count])
            for name, parts in blocks.items():
                parts.append((checksum_of(name, buffer[:count]), count))
    found = {name: Checksum(algorithm=name, value=digest.hexdigest()) for name, digest in hashes.items()}
    return found | {name: combined(name, parts) for name, parts in blocks.items()}
