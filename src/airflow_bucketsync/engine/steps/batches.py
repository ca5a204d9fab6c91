"""Write the changes of a plan into balanced batches, one page each, and find one of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from itertools import chain

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.plan import Batch, Plan
from airflow_bucketsync.engine.rules.batching import Balancer, batch_count
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import PageWriter


def write_batches(
    run: Run,
    changes: Callable[[], Iterator[Change]],
    *,
    objects: int,
    total_bytes: int,
    first: Container[str] = (),
) -> tuple[Batch, ...]:
    """Place every change in a batch: what failed before and the large ones by load, the others by key ranges.

    A page has what failed before first, then the large ones, largest first, then the others in key order.

    :param changes: gives the same changes each time it is called; they are read twice
    :param first: keys that stand at the head of the batches, some 10,000 at most
    """
    count = batch_count(objects=objects, bytes=total_bytes, policy=run.spec.policy)
    balancer = Balancer(count, total_bytes=total_bytes, total_objects=objects)

    def is_head(change: Change) -> bool:
        return change.load >= balancer.large_from or change.key in first

    writers: list[PageWriter | None] = [None] * count
    sizes = [0] * count
    head = [change for change in changes() if is_head(change)]
    head.sort(key=lambda change: (-change.load, change.key))
    places = {change.key: balancer.place(change.load) for change in head}
    head.sort(key=lambda change: change.key not in first)
    rest = (change for change in changes() if not is_head(change))
    for change in chain(head, rest):
        number = places.get(change.key)
        if number is None:
            number = balancer.place_in_order(change.load)
        writer = writers[number]
        if writer is None:
            writer = writers[number] = run.workspace.page_writer(f"plan/batch-{number:04d}", "changes")
        writer.write(change.to_json())
        sizes[number] += change.load
    return tuple(
        Batch(number=number, page=writer.finish(), objects=writer.count, bytes=sizes[number])
        for number, writer in enumerate(writers)
        if writer is not None
    )


def batch_of(plan: Plan, number: int) -> Batch:
    """A batch by its number.

    :raises PlanMismatch: the plan has no such batch
    """
    for batch in plan.batches:
        if batch.number == number:
            return batch
    raise PlanMismatch(f"the plan has no batch {number}; it was made anew since this task was mapped")
