"""Is everything there that a run needs? Asked before its first write, and remembered for a week."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from airflow_bucketsync.engine.errors import BucketsyncError, PrecheckFailed
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.precheck import Check, Precheck, precheck_text
from airflow_bucketsync.engine.steps.precheck import (
    apart,
    bucket,
    checksums,
    clocks,
    conditions,
    pages,
    parts,
    reach,
    reading,
    tags,
    writing,
)
from airflow_bucketsync.engine.steps.precheck.asking import Asking, Question, Surroundings, not_asked
from airflow_bucketsync.engine.steps.precheck.remembered import DOCUMENT, fingerprint, recall, remember
from airflow_bucketsync.engine.steps.run import Run

_BOTH = frozenset({"source", "destination"})
_THERE = frozenset({"destination"})
QUESTIONS: tuple[tuple[frozenset[str], Question], ...] = (
    (frozenset(), pages.ask),
    (frozenset(), reach.ask),
    (frozenset({"source"}), reading.ask),
    (_THERE, writing.write),
    (_BOTH, apart.ask),
    (_THERE, writing.read),
    (_THERE, checksums.ask),
    (_THERE, conditions.ask),
    (_THERE, tags.ask),
    (_BOTH, parts.ask),
    (_THERE, bucket.versions),
    (_THERE, bucket.owner),
    (frozenset(), clocks.ask),
    (_THERE, writing.delete),
)
"""In this order; each with the sides that must be open to it."""


def precheck(run: Run, surroundings: Surroundings, *, listed: Iterator[ObjectInfo] | None = None) -> Precheck | None:
    """What the run needs and what of it is there, asked now or remembered; None = it is not to be asked.

    :param listed: what another task listed of the source; None = it is not listed yet
    :raises PrecheckFailed: with every line that failed and its remedy; nothing was written but a probe, which was
        removed again where that is allowed
    :raises ObjectNotFound: a side is not there
    """
    when = "always" if surroundings.always else run.spec.policy.precheck
    if when == "never":
        return None
    wanted = fingerprint(run, several_machines=surroundings.several_machines)
    found = recall(run, wanted) if when == "auto" else None
    if found is None:
        found = ask_all(Asking(run, surroundings, listed), wanted)
    surroundings.say(precheck_text(found))
    if found.remembered:
        return found
    if found.failed:
        with suppress(BucketsyncError):  # the workspace may be what failed
            _keep(run, found)
        raise PrecheckFailed(_words(found))
    _keep(run, found)
    remember(run, found)
    return found


def _keep(run: Run, found: Precheck) -> None:
    run.workspace.write_document(DOCUMENT, "precheck", found.to_json())


def ask_all(asking: Asking, wanted: str) -> Precheck:
    """The whole list, asked now; the probe is removed also where something breaks off.

    :param wanted: the fingerprint that it is of
    """
    run = asking.run
    try:
        checks: list[Check] = []
        for sides, question in QUESTIONS:
            if not sides & asking.closed:
                checks += question(asking)
        checks += [not_asked(f"{side} else", "nothing more is asked there") for side in sorted(asking.closed)]
    except BaseException:
        writing.clear(asking)
        raise
    return Precheck(
        pair=run.spec.pair,
        source=run.source.location.url,
        destination=run.destination.location.url,
        when=run.clock.now(),
        fingerprint=wanted,
        checks=tuple(sorted(checks, key=_place)),
        reads_back=asking.reads_back,
        dry=run.spec.policy.dry_run,
    )


def _place(check: Check) -> int:
    """Where a line stands in the list: those of the source, of the destination, of both, of the workspace."""
    sides = ("source ", "destination ", apart.NAME)
    return next((rank for rank, side in enumerate(sides) if check.name.startswith(side)), len(sides))


def _words(found: Precheck) -> str:
    lines = "".join(f"\n  {check.name}: {check.words}" for check in found.failed)
    return f"the precheck of {found.source} -> {found.destination} failed, so nothing was written:{lines}"
