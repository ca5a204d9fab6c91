"""What stands under each name on both sides of a pair that is compared, within its selection?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.listing import ListUnit
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import EPOCH, Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.rules.scope import Scope
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.decided import hidden, names_refused
from airflow_bucketsync.engine.steps.listed import Listed
from airflow_bucketsync.engine.steps.lists.listed import take_list
from airflow_bucketsync.engine.steps.lists.planned import PlannedList, Sought
from airflow_bucketsync.engine.steps.merging import merged
from airflow_bucketsync.engine.steps.removing import NOT_AT_SOURCE
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RunDocument
from airflow_bucketsync.engine.steps.sources import Item, Named, Sources, in_the_way

PAGES = "list/source"
"""What the pages of a list's objects begin with."""
_SUMS = (
    "the list names checksums (sums); a comparison holds the two sides against each other, and neither against the list"
)

Row = tuple[str, ObjectInfo | None, ObjectInfo | None]
"""A name at the destination, with what stands under it at the source, and there."""


class BothSides:
    """The rows of a comparison, ascending by name; totals and warnings once iterated.

    :param aside: takes the outcomes of what can't be compared: names that are none, that two objects share, …
    """

    def __init__(self, run: Run, selector: Selector, *, aside: Callable[[Outcome], None]) -> None:
        self._run = run
        self._selector = selector
        self._aside = aside
        self._scope = Scope(run.spec.selection, selector)
        self._sources: Sources | None = None
        self.warnings: list[str] = []
        self.unnamed = 0
        """Names at the source that can't be keys, beyond those that were put aside one by one."""

    @property
    def left_out(self) -> dict[str, int]:
        """Source objects that the selection left out, per rule."""
        return {} if self._sources is None else dict(self._sources.left_out.counts)

    def __iter__(self) -> Iterator[Row]:
        return self._of_list() if self._run.spec.selection.source_list else self._of_listings()

    def _of_listings(self) -> Iterator[Row]:
        run, start = self._run, self._run.spec.selection.listed_after
        units = (ListUnit(number=0, side="source", after=start), ListUnit(number=1, side="destination", after=start))
        document = RunDocument(
            spec=run.spec, run=run.run, started=run.clock.now(), units=units, mapped=False, warnings=(), requests={}
        )
        source, destination = Listed(run, document, "source"), Listed(run, document, "destination")
        self._sources = sources = Sources(run, self._selector, decide=self._aside)
        nothing: Iterator[KnownObject] = iter(())
        for key, one, there, _ in merged(sources.of(source), iter(destination), nothing):
            if one is None and there is not None:
                extra = self._extra(there, in_the_way(sources.renaming, source.in_the_way, key, source.refused_count))
                if extra:
                    yield key, None, there
            elif (here := _object(one)) is not None:
                yield key, here, there
        for outcome in names_refused(source.refused):
            self._aside(outcome)
        self.unnamed = source.refused_count - len(source.refused)
        for outcome in names_refused(destination.refused):
            if self._scope.covers(ObjectInfo(key=outcome.key, size=0, last_modified=EPOCH)):
                self._aside(replace(outcome, status="extra"))

    def _extra(self, there: ObjectInfo, obstacle: str | None) -> bool:
        """Whether what stands there is of no source object, and of this selection."""
        if not self._scope.covers(there) or obstacle == there.key:  # the record of that name speaks of it
            return False
        if f"/{STATE_PREFIX}" in there.key:
            message = "the state of another pair, which writes further down"
            fingerprint = Fingerprint.of(there)
            self._aside(
                Outcome(key=there.key, status="skipped", reason="state_name", message=message, destination=fingerprint)
            )
            return False
        if obstacle is not None:
            self._aside(hidden(there, obstacle))
        return obstacle is None

    def _of_list(self) -> Iterator[Row]:
        """What the list names; of what it does not name, it says nothing."""
        run = self._run
        found = take_list(run, PAGES)
        if found.expected:
            self.warnings.append(_SUMS)
        listed = PlannedList(run, warn=self.warnings.append)
        for outcome in listed.missing:
            self._aside(outcome)
        self._sources = sources = Sources(run, self._selector, decide=self._aside, names=listed.names)
        pages = (
            info for page in found.pages for info in run.workspace.read_page(page, "listing", ObjectInfo.from_json)
        )
        sought = Sought(run.destination, gate=run.gate, blind=False)
        for key, one, there, _ in sought.merged(sources.of(pages), iter(())):
            here = _object(one)
            if here is not None:
                yield key, here, there


def extra(there: ObjectInfo) -> Outcome:
    """What stands at the destination alone."""
    return Outcome(key=there.key, status="extra", reason=NOT_AT_SOURCE, destination=Fingerprint.of(there))


def _object(item: Item | None) -> ObjectInfo | None:
    return item.source if isinstance(item, Named) else item
