"""Divide the changes of a plan: small and medium objects into batches, the parts of large ones into groups."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import Batch, PartGroup
from airflow_bucketsync.engine.model.route import Transport
from airflow_bucketsync.engine.steps.batches import write_batches
from airflow_bucketsync.engine.steps.large import LargeObjects, write_uploads
from airflow_bucketsync.engine.steps.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the changes come to.

    :param largest: bytes of the largest one
    """

    objects: int
    bytes: int
    largest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """The work of the mapped tasks.

    :param uploads: page of the large objects; None = there are none
    """

    batches: tuple[Batch, ...] = ()
    uploads: PageRef | None = None
    groups: tuple[PartGroup, ...] = ()

    @property
    def work(self) -> list[tuple[int, int]]:
        """Of each task its objects or parts, and its bytes."""
        batches = [(batch.objects, batch.bytes) for batch in self.batches]
        return batches + [(group.parts, group.bytes) for group in self.groups]


def divide(
    run: Run,
    transport: Transport,
    changes: Callable[[], Iterator[Change]],
    totals: Totals,
    *,
    first: Container[str] = (),
) -> Divided:
    """Write the pages of all mapped tasks.

    :param changes: gives the same changes each time it is called
    :param first: keys that stand at the head of the batches
    """
    large = LargeObjects(run, transport)
    uploads: PageRef | None = None
    groups: tuple[PartGroup, ...] = ()
    if totals.largest > run.spec.policy.large_threshold:
        uploads, groups = write_uploads(run, large, changes)
    objects = totals.objects - (0 if uploads is None else uploads.count)
    if not objects:
        return Divided(uploads=uploads, groups=groups)
    batches = write_batches(
        run,
        lambda: (change for change in changes() if change not in large),
        objects=objects,
        total_bytes=totals.bytes - sum(group.bytes for group in groups),
        first=first,
    )
    return Divided(batches=batches, uploads=uploads, groups=groups)
