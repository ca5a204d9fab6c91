"""Which options do the figures of a plan speak for, and what should be known or done before it is carried out?

The same estimate and the same measures as in the advice of an analysis: an option is advised where the work takes at
most `WORTH` of its time with it. Here the options of the pair and the way of the bytes are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.model.advice import Advice
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.review import Deletions, PlanReview
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import MIB, format_seconds, format_size
from airflow_bucketsync.engine.rules.advice import AT_ONCE, OFF, TRY, WORK_PER_TASK, WORTH, quicker
from airflow_bucketsync.engine.rules.estimate import TASK_START, Estimate, estimate

SHORT = 30.0
"""Seconds of work below which a task among many is too short."""
LONG = 600.0
"""Seconds from which on a limit of the pair is worth a word."""
MANY = 100_000
"""Objects from which on what each of them costs to verify is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What else is known when a plan was made.

    :param same_service: both sides are in one place, whatever their connections are called
    :param listed: objects at the destination
    """

    policy: SyncPolicy
    destination: Capabilities
    same_service: bool
    listed: int


def advise_plan(review: PlanReview, known: Known) -> PlanReview:
    """The same review with advice and notes."""
    options = [
        *_divided(review, known),
        *quicker(review.sizes, known.policy, review.route.transport)[1],
        *_limited(review, known.policy),
        *_removing(review.deletes, known),
        *_verified(review, known.policy),
    ]
    first: dict[str, Advice] = {}  # of each option: what a store can hold goes before what is quicker
    for one in options:
        first.setdefault(one.option, one)
    return replace(review, advice=tuple(first.values()), notes=tuple(_notes(review, known)))


def _divided(review: PlanReview, known: Known) -> Iterator[Advice]:
    """Into how many tasks: each worth its start, and enough of them to run side by side."""
    policy = known.policy
    large = next((row for row in review.tiers if row.name == "large"), None)
    objects = review.objects - (0 if large is None else large.objects)
    size = review.bytes - (0 if large is None else large.bytes)
    if review.batches:
        seconds = _work(review, policy, objects, size)
        yield from _batches(review.batches, objects, size, seconds, policy)
    if large is None or not review.groups:
        return
    largest = review.largest[0].size
    least = -(-largest // (256 * MIB)) * 256 * MIB
    longest = _work(review, policy, max(1, largest // policy.part_size), largest)
    seconds = longest * large.bytes / largest
    if longest <= WORK_PER_TASK:
        reason = (
            f"the largest object takes {format_seconds(longest)}, less than the {format_seconds(WORK_PER_TASK)} that "
            "make tasks of their own worth it"
        )
        yield Advice(option="large_threshold", value=least, reason=reason)
        return
    most = known.destination.max_parts * policy.part_size
    if largest > most:
        value = -(-largest // (known.destination.max_parts * MIB)) * MIB
        reason = (
            f"the largest object would have more than the {known.destination.max_parts:,} parts that the destination "
            "takes; it is cut into larger ones anyway, and what is set should say what is done"
        )
        yield Advice(option="part_size", value=value, reason=reason)
    wanted = _wanted(seconds, -(-large.bytes // policy.part_size))
    if review.groups <= wanted * WORTH:
        value = -(-large.bytes // wanted // MIB) * MIB
        reason = "parts of large objects: " + _more(seconds, review.groups, wanted)
        yield Advice(option="group_bytes", value=max(MIB, value), reason=reason)


def _batches(tasks: int, objects: int, size: int, seconds: float, policy: SyncPolicy) -> Iterator[Advice]:
    wanted = _wanted(seconds, objects)
    if tasks <= wanted * WORTH and tasks < policy.max_batches:
        yield Advice(option="batch_objects", value=-(-objects // wanted), reason=_more(seconds, tasks, wanted))
    elif seconds / tasks * OFF > TRY:
        most = max(-(-objects // policy.batch_objects), -(-size // policy.batch_bytes))
        if most > policy.max_batches:
            reason = (
                f"{tasks} tasks take {format_seconds(seconds / tasks)} each: {OFF} times that, as far as an estimate "
                f"may be off, is more than the {TRY // 3600} hours a try may take"
            )
            yield Advice(option="max_batches", value=min(1024, most), reason=reason)
    elif tasks > 1 and seconds / tasks < SHORT:
        fewer = max(1, int(seconds / SHORT))
        if fewer > tasks * WORTH:
            return
        reason = (
            f"{tasks} tasks of {format_seconds(seconds / tasks)} each, and Airflow takes {TASK_START:.0f} s to start "
            f"one: {fewer} would do"
        )
        if -(-objects // policy.batch_objects) > fewer:
            yield Advice(option="batch_objects", value=-(-objects // fewer), reason=reason)
        if -(-size // policy.batch_bytes) > fewer:
            yield Advice(option="batch_bytes", value=-(-size // fewer // MIB) * MIB, reason=reason)


def _limited(review: PlanReview, policy: SyncPolicy) -> Iterator[Advice]:
    """A limit of the pair that makes the run much longer than its work."""
    told = Estimate.from_json(review.estimate)
    free = max(told.longest, told.seconds / AT_ONCE, 1.0)
    if told.at_least < max(LONG, 2 * free):
        return
    words = f"it makes the run {format_seconds(told.at_least)} at least; without it, it could be {format_seconds(free)}"
    if policy.bandwidth is not None and review.through / policy.bandwidth >= told.at_least * WORTH:
        value = -(-int(review.through / free) // MIB) * MIB
        yield Advice(option="bandwidth", value=value, reason=f"{words}, from {format_size(value)} a second on")
    elif policy.requests_per_second is not None:
        value = -(-int(policy.requests_per_second * told.at_least) // int(free))
        yield Advice(option="requests_per_second", value=value, reason=f"{words}, from {value:,} requests on")


def _removing(deletes: Deletions | None, known: Known) -> Iterator[Advice]:
    if deletes is None:
        return
    policy = known.policy
    if deletes.guard == "too_many_deletes":
        look = "look at what would be deleted first: nothing of it is, while it is over the limit"
        if deletes.objects > policy.max_deletes:
            yield Advice(option="max_deletes", value=deletes.objects, reason=f"{deletes.objects:,} objects; {look}")
        share = deletes.objects / max(1, known.listed)
        if share > policy.max_delete_share:
            value = f"{min(1.0, -(-share * 100 // 1) / 100):g}"
            yield Advice(option="max_delete_share", value=value, reason=f"{share:.0%} of what is there; {look}")
        if policy.max_delete_bytes is not None and deletes.bytes > policy.max_delete_bytes:
            size = format_size(deletes.bytes)
            yield Advice(option="max_delete_bytes", value=deletes.bytes, reason=f"{size}; {look}")
    elif deletes.guard == "empty_source":
        yield Advice(option="allow_empty_source", value="true", reason=f"only where it is so: {deletes.words}")
    elif deletes.guard == "no_lock":
        yield Advice(option="unsafe_deletes", value="true", reason=f"only where it is so: {deletes.words}")
    if not deletes.kept:
        reason = f"{deletes.objects:,} objects are deleted for good; in the trash they can be brought back by undo_sync"
        yield Advice(option="trash", value="deleted", reason=reason)


def _verified(review: PlanReview, policy: SyncPolicy) -> Iterator[Advice]:
    if review.read_back:
        reason = (
            f"`content` reads {format_size(review.read_back)} once more at the destination; `metadata` holds checksums "
            "against each other wherever both stores keep them"
        )
        yield Advice(option="verify", value="metadata", reason=reason)
    elif policy.verify == "metadata" and review.objects >= MANY:
        reason = (
            f"{2 * review.objects:,} looks at single objects become one listing of the destination; checksums and "
            "attributes are then not held against each other"
        )
        yield Advice(option="verify", value="listing", reason=reason)


def _notes(review: PlanReview, known: Known) -> Iterator[str]:
    """What no option changes."""
    if review.archived:
        objects, size = sum(row.objects for row in review.archived), sum(row.bytes for row in review.archived)
        yield (
            f"{objects:,} archived ({format_size(size)}), which fail as they are: restore them before the "
            "run, or leave their storage classes out with `storage_classes`"
        )
    for row in review.tiers:
        if row.name == "too_large":
            yield f"{row.objects:,} objects are larger than one write at the destination may be, and are refused"
    if known.same_service and review.route.transport == "stream" and review.through:
        yield (
            "both sides are in one service, and the bytes pass through the workers all the same: "
            f"{shown(review.route.reason)}. With one connection for both sides, whose identity may read the source and "
            "write to the destination, the store copies by itself"
        )
    if review.deletes is not None and review.deletes.asks:
        yield "a person is asked before anything is deleted"
    if review.resume is not None:
        yield "the bounds of the pair leave the rest to the next run"
    if review.dry:
        yield "a dry run asks what listings and looks can tell: rights to write are not tried"


def _work(review: PlanReview, policy: SyncPolicy, objects: int, size: int) -> float:
    """Seconds of one task that does all this, its start apart."""
    return estimate([(objects, size)], transport=review.route.transport, policy=policy).seconds - TASK_START


def _wanted(seconds: float, pieces: int) -> int:
    """Tasks that are worth their starts."""
    return max(1, min(AT_ONCE, int(seconds / WORK_PER_TASK), pieces))


def _more(seconds: float, tasks: int, wanted: int) -> str:
    return (
        f"{wanted} tasks of about {format_seconds(seconds / wanted)} instead of {tasks} of "
        f"{format_seconds(seconds / tasks)}: Airflow runs {AT_ONCE} of a DAG at once by default"
    )
