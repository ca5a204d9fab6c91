"""Write the large objects of a plan down: one page of uploads, and the groups that their parts are moved in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import PartGroup, Plan
from airflow_bucketsync.engine.model.route import Transport
from airflow_bucketsync.engine.model.upload import Upload
from airflow_bucketsync.engine.rules.parts import approach, group_count, is_large, part_groups, part_size_for
from airflow_bucketsync.engine.steps.run import Run


class LargeObjects:
    """Tells large objects from the others, for one way of the bytes."""

    def __init__(self, run: Run, transport: Transport) -> None:
        self._run = run
        self._transport = transport
        self._policy = run.spec.policy
        self._destination = run.destination.capabilities

    def __contains__(self, change: Change) -> bool:
        return self._upload(0, change) is not None

    def uploads(self, changes: Iterator[Change]) -> Iterator[Upload]:
        """The large ones among the changes, numbered."""
        number = 0
        for change in changes:
            upload = self._upload(number, change)
            if upload is not None:
                yield upload
                number += 1

    def _upload(self, number: int, change: Change) -> Upload | None:
        size = change.source.size
        if change.kind != "copy" or size <= self._policy.large_threshold:
            return None
        way = approach(size, transport=self._transport, policy=self._policy, destination=self._destination)
        if not is_large(size, way, policy=self._policy) or (way != "part_copy" and way != "stream_parts"):
            return None
        part_size = part_size_for(size, wanted=self._policy.part_size, destination=self._destination)
        return Upload(number=number, change=change, mode=way, part_size=part_size)


def write_uploads(
    run: Run, large: LargeObjects, changes: Callable[[], Iterator[Change]]
) -> tuple[PageRef | None, tuple[PartGroup, ...]]:
    """Store the page of uploads, and cut their parts into groups.

    :param changes: gives the same changes each time it is called; they are read twice
    """
    writer = run.workspace.page_writer("plan/uploads", "uploads")
    parts = total = 0
    for upload in large.uploads(changes()):
        writer.write(upload.to_json())
        parts, total = parts + upload.parts, total + upload.size
    if not writer.count:
        writer.discard()
        return None, ()
    count = group_count(parts=parts, bytes=total, policy=run.spec.policy)
    sizes = ((upload.size, upload.part_size) for upload in large.uploads(changes()))
    return writer.finish(), tuple(part_groups(sizes, count=count, total_bytes=total))


def uploads_of(run: Run, plan: Plan) -> Iterator[Upload]:
    """The large objects of a plan, in its order."""
    if plan.uploads is None:
        return iter(())
    return run.workspace.read_page(plan.uploads, "uploads", Upload.from_json)
