"""Look at what a batch wrote and say of each object whether it is proven."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

from airflow_bucketsync.engine.errors import BucketsyncError, PlanMismatch, TransientError
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import WRITTEN, Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy_words import Verify
from airflow_bucketsync.engine.steps.examine import Examiner, Finding
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.lists.expected import expecting
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.units import Outcomes, UnitIndex, outcomes_of, read_units, write_unit
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped

RECHECKS = (0.5, 1.0, 2.0)
"""Seconds before an object that looks wrong is looked at again: a store may answer with an older state for a moment."""
READ_BACK = "read back: the destination returned no checksum of it"
"""The message of an object whose bytes had to be read again, since the store shows no sign of having checked them."""
TAGS_UNREAD = "its tags were not compared: the credentials may not read them"
"""The message of an object that is verified but for its tags."""
RECHECKED = 100
"""Objects of one unit that are looked at again; where more look wrong, it is not for a moment."""


def verify_unit(run: Run, plan: Plan, number: int, *, attempt: int) -> UnitIndex:
    """Verify the objects that a batch wrote (by listing: all batches at once) and leave a findings page.

    :raises PlanMismatch: the batch's result page is missing
    :raises Stopped: the task was asked to stop
    """
    started = run.clock.monotonic()
    before = run.requests()
    finished = read_units(run.workspace, "result", plan=plan.digest)
    if number not in finished:
        raise PlanMismatch(f"the result of batch {number} is missing; clear `copy` for it to be made again")
    found: dict[int, Outcomes] = {number: Outcomes()}
    if run.spec.policy.verify == "listing":
        pages = [_written(run, index) for index in finished.values()]
        for unit, outcome in _by_listing(run, heapq.merge(*pages, key=lambda item: item[1].key)):
            found.setdefault(unit, Outcomes()).add(outcome)
    else:
        look = expecting(run, looker(run), lambda: (outcome for _, outcome in _written(run, finished[number])))
        written = (outcome for _, outcome in _written(run, finished[number]))
        for answer in in_threads(look, written, gate=run.gate):
            if answer is not None:
                found[number].add(answer)
    if run.gate.stopped:
        raise Stopped("the task was asked to stop")
    requests, seconds = run.requests_since(before), run.clock.monotonic() - started
    nothing: dict[str, dict[str, int]] = {}
    for unit in found.keys() - {number}:
        write_unit(
            run.workspace,
            "findings",
            unit,
            attempt,
            plan=plan.digest,
            lines=found[unit],
            requests=nothing,
            seconds=0.0,
        )
    return write_unit(
        run.workspace,
        "findings",
        number,
        attempt,
        plan=plan.digest,
        lines=found[number],
        requests=requests,
        seconds=seconds,
    )


def _written(run: Run, index: UnitIndex) -> Iterator[tuple[int, Outcome]]:
    """What a batch wrote, with the batch's number."""
    return ((index.number, outcome) for outcome in outcomes_of(run.workspace, index) if outcome.status in WRITTEN)


def looker(run: Run, *, level: Verify | None = None) -> Callable[[Outcome], Outcome | None]:
    """What looks at one object, again after a while if it looks wrong; None = asked to stop.

    :param level: None = that of the policy. What this run did not write is shown to be equal whatever the level
    """
    policy = run.spec.policy
    depth = level or policy.verify
    examiner = Examiner(run.source, run.destination, level=depth, preserve=policy.preserved, gate=run.gate)
    rechecked = itertools.count()

    def examine(outcome: Outcome) -> Finding:
        return examiner.examine(
            outcome.key,
            source_key=outcome.source_key,
            source=outcome.source,
            written=outcome.destination,
            lost=outcome.lost,
            sent=outcome.mode in ("stream", "stream_parts"),
            prove=outcome.mode is None,
        )

    def look(outcome: Outcome) -> Outcome | None:
        try:
            finding = examine(outcome)
            again = RECHECKS if finding.differences and next(rechecked) < RECHECKED else ()
            for seconds in again:
                if not finding.differences:
                    break
                if run.clock.wait(seconds, run.gate.stop_event):
                    return None
                finding = examine(outcome)
        except Stopped:
            return None
        except BucketsyncError as error:
            kind = "transient" if isinstance(error, TransientError) else error.reason
            return replace(
                outcome, status="unverified", reason=f"not_looked_at: {kind}", message=str(error), verified=False
            )
        return judged(outcome, finding)

    return look


def judged(outcome: Outcome, finding: Finding) -> Outcome:
    """The outcome of a written object after it was looked at."""
    if outcome.mode == "server_copy" and finding.differences == ("redirect",):
        # S3 leaves the website redirect behind when it copies by itself: lost by name, and nothing else is wrong.
        return judged(replace(outcome, lost=(*outcome.lost, "redirect")), replace(finding, differences=()))
    if finding.differences:
        words = ", ".join(finding.differences)
        where = f" (first difference at byte {finding.position})" if finding.position is not None else ""
        return replace(
            outcome,
            status="unverified",
            reason=words,
            message=f"the object at the destination differs: {words}{where}",
            verified=False,
        )
    destination = finding.destination or outcome.destination
    if finding.source_changed:
        return replace(
            outcome,
            status="changed",
            reason="source_changed_after_copy",
            message="the source changed while the run went on; the next run takes it up",
            destination=destination,
            verified=False,
        )
    said = [words for words, holds in ((READ_BACK, finding.read_back), (TAGS_UNREAD, finding.tags_unread)) if holds]
    message = "; ".join(said) or outcome.message
    return replace(outcome, destination=destination, verified=True, message=message)


def _by_listing(run: Run, written: Iterator[tuple[int, Outcome]]) -> Iterator[tuple[int, Outcome]]:
    """Hold what was written against one listing of the destination."""
    rules = run.spec.selection
    prefixes = rules.listed_below("destination")
    listing = iter(Listing(run.destination, "destination", after=rules.listed_after, prefixes=prefixes))
    there: ObjectInfo | None = next(listing, None)
    for number, outcome in written:
        run.gate.check()
        while there is not None and there.key < outcome.key:
            there = next(listing, None)
        yield number, judged(outcome, _listed_finding(outcome, there))


def _listed_finding(outcome: Outcome, there: ObjectInfo | None) -> Finding:
    if there is None or there.key != outcome.key:
        return Finding(differences=("missing",))
    found = []
    if outcome.source is not None and there.size != outcome.source.size:
        found.append("size")
    if outcome.destination is not None and outcome.destination.etag not in (None, there.etag):
        found.append("etag")
    return Finding(differences=tuple(found), destination=Fingerprint.of(there))
