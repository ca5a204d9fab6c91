"""Begin a run: check what can be checked, write down what it is to do, decide what to list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from airflow_bucketsync.engine.errors import AccessDenied, ObjectNotFound
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.listing import ListUnit, Side
from airflow_bucketsync.engine.model.plan import Listed
from airflow_bucketsync.engine.model.precheck import Precheck
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.rules.ranges import KeyRange, cuts, key_ranges
from airflow_bucketsync.engine.steps.checks import check_sync
from airflow_bucketsync.engine.steps.kept_plans import read_reviewed
from airflow_bucketsync.engine.steps.known import open_known
from airflow_bucketsync.engine.steps.precheck.asked import precheck
from airflow_bucketsync.engine.steps.precheck.asking import Surroundings
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.run_document import RUN_DOCUMENT, RunDocument
from airflow_bucketsync.engine.steps.shared_listing import SharedRef, adopt, read_shared, shared_objects

BLIND = (
    "the destination may not be listed: everything that is selected is written anew, whatever stands there, and "
    "nothing there is compared, verified, or reported as extra"
)
"""The warning of a run to a destination that can only be written to."""

FORGOTTEN = "nothing is remembered of this pair with these options, so both sides were listed"
"""The warning of an incremental run that had to be a full one."""
FULL_EVERY = timedelta(days=1)
"""How old the last verified full run may be for `auto` to list the source only."""

SMALL = 20_000
"""Objects on both sides together that `plan` lists by itself: some 20 pages, which cost less than another task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What `prepare` decided.

    :param units: numbers of the units to list in tasks of their own; () = `plan` lists by itself
    :param digest: SHA-256 of `run.json`; every later task checks it
    :param spec: what the run is to do, as it stands there
    """

    units: tuple[int, ...]
    digest: str
    warnings: tuple[str, ...]
    spec: SyncSpec

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"units": list(self.units), "digest": self.digest, "warnings": list(self.warnings)}


def prepare(
    run: Run,
    *,
    checkpoint: Checkpoint | None = None,
    warnings: Sequence[str] = (),
    shared: SharedRef | None = None,
    surroundings: Surroundings | None = None,
) -> Prepared:
    """Check the locations, choose the units to list and write `run.json`.

    :param checkpoint: the pair's last run, where it fits; it only orders and limits work
    :param shared: a listing of the source that was taken for several syncs
    :param surroundings: what the precheck has to know of them; None = there is none, whatever the options say
    :raises PlanMismatch: the shared listing is missing
    :raises PrecheckFailed: what the run needs is not there
    :raises InvalidConfiguration: the locations overlap, one is in a region that is not allowed, what is to be sent with
        every write can't be, or there is no such plan to apply
    :raises ObjectNotFound: the source (or the destination's bucket) is not there
    """
    started = run.clock.now()
    before = run.requests()
    check_sync(run)
    if run.spec.policy.apply_plan is not None:
        read_reviewed(run, run.spec.policy.apply_plan)
    listed = bool(run.spec.selection.source_list)
    whole = None if shared is None else read_shared(run, shared)
    asked: Precheck | None = None
    if surroundings is not None:
        objects = None if whole is None or shared is None else shared_objects(run, whole, shared.folder)
        asked = precheck(run, surroundings, listed=objects)
    if listed:
        checkpoint = None  # it speaks of the pair's listings
    mode, why = choose_mode(run, checkpoint)
    blind = mode == "full" and run.spec.policy.verify == "none" and not _may_list(run)
    sides: tuple[Side, ...] = ("source",) if listed or blind or mode == "incremental" else ("source", "destination")
    own = [side for side in sides if whole is None or side == "destination"]
    small = run.spec.policy.bounded or (not listed and _is_small(run, checkpoint, own))
    document = RunDocument(
        spec=read_back(run.spec) if asked is not None and asked.reads_back else run.spec,
        run=run.run,
        started=started if whole is None else min(started, whole.started),
        units=(),
        # Where a bound may end the run early, the plan stops listing there.
        # A list is always read by a task of its own: it may name millions, and all of it is checked before any copy.
        mapped=listed or whole is not None or not small,
        warnings=(*warnings, *(() if asked is None else asked.warnings), *why, *((BLIND,) if blind else ())),
        requests={},
        blind=blind,
        mode=mode,
        previous=checkpoint,
        round=checkpoint.round if checkpoint is not None and _goes_on(run.spec) else None,
        precheck=None if asked is None else asked.summary(),
    )
    splits = checkpoint.splits if checkpoint is not None and document.mapped else ()
    if checkpoint is None and document.mapped and not listed:
        splits = cuts(run.spec.selection.prefixes, run.source.location, run.destination.location)
    units = _units(sides, document, splits={"source": () if whole else splits, "destination": splits})
    numbers = [unit.number for unit in units if document.mapped and unit.side in own]
    if whole is not None and shared is not None:
        adopt(run, whole, shared.folder, units[0])
        document = replace(document, unlisted=tuple(numbers) if small else ())
    document = replace(document, units=units, requests=run.requests_since(before))
    digest = run.workspace.write_document(RUN_DOCUMENT, "run", document.to_json())
    listing = tuple(number for number in numbers if number not in document.unlisted)
    return Prepared(units=listing, digest=digest, warnings=document.warnings, spec=document.spec)


def read_back(spec: SyncSpec) -> SyncSpec:
    """The same sync, which reads back what it sends; a level other than the default stays as it was asked for."""
    if spec.policy.verify != "metadata":
        return spec
    return replace(spec, policy=replace(spec.policy, verify="content"))


def _units(
    sides: Sequence[Side], document: RunDocument, *, splits: Mapping[Side, Sequence[str]]
) -> tuple[ListUnit, ...]:
    """Both sides in key ranges that end at the split points; a source of which the keys are mapped as a whole."""
    ranges: list[tuple[Side, str, str | None]] = []
    for side in sides:
        mapped = side == "source" and not document.spec.selection.key_mapping.keeps
        after = "" if mapped else document.after
        points: list[str | None] = [after, *(split for split in splits[side] if split > after), None]
        ranges += [(side, start or "", end) for start, end in pairwise(points)]
    return tuple(
        ListUnit(number=number, side=side, after=start, until=end) for number, (side, start, end) in enumerate(ranges)
    )


def choose_mode(run: Run, checkpoint: Checkpoint | None) -> tuple[Listed, tuple[str, ...]]:
    """Which sides this run lists, and a warning where that is not what was asked for.

    `auto` and `until_quiet` list both sides when the last verified full run is a day old: what others did to the
    destination meanwhile is repaired then.
    """
    asked = run.spec.policy.mode
    if asked == "full" or run.spec.policy.apply_plan is not None:  # only so is what vanished told from what is in step
        return "full", ()
    if checkpoint is None or not open_known(run.workspace, run.spec).pages:
        return "full", (FORGOTTEN,) if asked == "incremental" else ()
    if checkpoint.round is not None and asked != "incremental" and _goes_on(run.spec):
        return checkpoint.round.mode, ()  # what was begun is gone through to its end
    if asked != "incremental":
        last = checkpoint.last_full
        if last is None or not timedelta(0) <= run.clock.now() - last < FULL_EVERY:
            return "full", ()
    return "incremental", ()


def _goes_on(spec: SyncSpec) -> bool:
    """Whether a run takes up a round where the one before it ended."""
    return spec.policy.bounded and not spec.aside


def _may_list(run: Run) -> bool:
    """Whether the destination lets itself be listed; its credentials may only be allowed to write."""
    part = next(_parts(run, "destination"), None)
    try:
        if part is not None:
            run.destination.list_page(after=part.after, until=part.until, limit=1)
    except AccessDenied:
        return False
    except ObjectNotFound:
        return True  # `_is_small` says what that means
    return True


def _is_small(run: Run, checkpoint: Checkpoint | None, sides: Sequence[Side]) -> bool:
    """Whether one task lists both sides sooner than three would; told by the last run, else by the first pages."""
    if checkpoint is not None:
        return sum(checkpoint.objects.values()) <= SMALL
    found = 0
    for side, part in [(each, part) for each in sides for part in _parts(run, each)]:
        store = run.source if side == "source" else run.destination
        try:
            page = store.list_page(after=part.after, until=part.until)
        except ObjectNotFound:
            if side == "source" or not store.capabilities.keeps_mtime:
                raise
            continue  # a folder that the first copy makes
        found += len(page.items)
        if page.next_after is not None or found > SMALL:
            return False
    return True


def _parts(run: Run, side: Side) -> Iterator[KeyRange]:
    """The ranges of a side that the selection looks at."""
    store, selection = run.source if side == "source" else run.destination, run.spec.selection
    return key_ranges(selection.listed_below(side), store.location, after=selection.listed_after)
