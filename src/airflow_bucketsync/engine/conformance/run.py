"""Run the checks on a store, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.conformance import (
    attributes,
    checksums,
    conditions,
    copying,
    deleting,
    keys,
    parts,
    reading,
)
from airflow_bucketsync.engine.conformance.findings import Answer, Conformance, Finding, differs, not_tried
from airflow_bucketsync.engine.conformance.place import Check, Place, first_samples
from airflow_bucketsync.engine.conformance.removal import remove
from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, ConnectionLost, Throttled
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock, SystemClock
from airflow_bucketsync.engine.stores.gate import Gate

NEVER: tuple[tuple[str, str, str], ...] = (
    ("bucket", "whoever asks pays", "needs a bucket of another account that wants it"),
    ("attributes", "encryption and ACL", "they are asked for by a sync's options, and may cost or need a key"),
    ("reading", "what was restored from an archive", "needs an object in an archive class, and days"),
)
"""What no check tries, by group and name, and why."""


def scratch_location(location: Location, token: str) -> Location:
    """The prefix of its own, below a location, that everything is written to."""
    folder = f"_conformance-{token}"
    if location.scheme == "file":
        return replace(location, bucket=f"{location.bucket}/{folder}")
    return replace(location, prefix=f"{location.prefix}{folder}/")


def all_checks(can: Capabilities) -> tuple[Check, ...]:
    """Every check of a store that can do this, in the order of the report."""
    return (
        *reading.CHECKS,
        *keys.CHECKS,
        *attributes.checks(can),
        *checksums.checks(can),
        *conditions.CHECKS,
        *copying.CHECKS,
        *parts.CHECKS,
        *deleting.CHECKS,
    )


def conform(store: ObjectStore, *, gate: Gate | None = None, clock: Clock | None = None) -> Conformance:
    """Try everything on an empty scratch prefix, and remove what was written there, also after Ctrl-C.

    :param store: at the scratch prefix
    :raises BucketsyncError: nothing can be written there at all
    """
    gate, clock = gate or Gate(), clock or SystemClock()
    place = Place(store, gate=gate, clock=clock)
    started = clock.monotonic()
    findings: Sequence[Finding] = ()
    try:
        place.bare.put(place.key("first"), b"")  # without retries: what is wrong with the place is said at once
        findings, stopped = _run(place, all_checks(place.can))
    except BaseException:
        with suppress(BucketsyncError):
            remove(place, place.bare)
        raise
    left = remove(place, place.store)
    return _conformance(place, findings, clock.monotonic() - started, left=left, stopped=stopped)


def conform_reading(store: ObjectStore, *, gate: Gate | None = None, clock: Clock | None = None) -> Conformance:
    """Try what can be tried on the objects of a prefix without writing anything.

    :raises BucketsyncError: the prefix can't be listed
    """
    gate, clock = gate or Gate(), clock or SystemClock()
    started = clock.monotonic()
    place = Place(store, gate=gate, clock=clock, samples=first_samples(store))
    tried = [check for check in all_checks(place.can) if check.reads]
    findings, stopped = _run(place, tried)
    rest = [check for check in all_checks(place.can) if not check.reads]
    findings += [_finding(place, check, not_tried("it writes")) for check in rest]
    return _conformance(place, findings, clock.monotonic() - started, stopped=stopped)


def _run(place: Place, checks: Sequence[Check]) -> tuple[list[Finding], bool]:
    found: list[Finding] = []
    try:
        found.extend(_finding(place, check, answer_of(place, check)) for check in checks)
    except KeyboardInterrupt:
        left = checks[len(found) :]
        return [*found, *(_finding(place, check, not_tried("stopped before")) for check in left)], True
    return found, False


def answer_of(place: Place, check: Check) -> Answer:
    """What one check says; errors that it did not expect are part of the answer."""
    try:
        return check.run(place)
    except AccessDenied as error:
        return not_tried(f"the credentials may not: {error}")
    except (ConnectionLost, Throttled) as error:
        return not_tried(f"the store could not be asked: {error}")
    except BucketsyncError as error:
        return differs(f"{type(error).__name__}: {error}")


def _finding(place: Place, check: Check, answer: Answer) -> Finding:
    claim = f"{check.knob}={_shown(getattr(place.can, check.knob))}" if check.knob else ""
    return Finding(group=check.group, check=check.name, verdict=answer.verdict, found=answer.found, claim=claim)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _never() -> Iterator[Finding]:
    for group, name, reason in NEVER:
        yield Finding(group=group, check=name, verdict="not tried", found=reason)


def _conformance(
    place: Place, findings: Sequence[Finding], seconds: float, *, left: Sequence[str] = (), stopped: bool
) -> Conformance:
    return Conformance(
        location=place.store.location.url,
        findings=(*findings, *_never()),
        requests=dict(place.bare.requests),
        seconds=seconds,
        left=tuple(left),
        stopped=stopped,
    )
