"""Which options do the figures of a bucket speak for, and what will runs cost?

A default is left alone unless the estimate of the work says that another value is quicker by `WORTH`. Nothing is said
of what the figures don't tell: the line, the other side, and how many workers there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.advice import Advice, Advised, Costs
from airflow_bucketsync.engine.model.analysis import Analysis, Row
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.route import Transport
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import GIB, MIB, format_seconds, format_size
from airflow_bucketsync.engine.rules.advice_words import snippet, warnings_of
from airflow_bucketsync.engine.rules.batching import batch_count
from airflow_bucketsync.engine.rules.estimate import ANSWER, TASK_START, estimate
from airflow_bucketsync.engine.rules.parts import group_count
from airflow_bucketsync.engine.rules.selection import STANDARD

WORTH = 0.85
"""An option is advised where the work takes at most this share of the time it takes without it."""
AT_ONCE = 16
"""Tasks that Airflow runs of one DAG at once by default (`[core] max_active_tasks_per_dag`)."""
WORK_PER_TASK = 10 * TASK_START
"""Seconds of work below which a task of its own is not worth its start."""
TRY = 12 * 3600
"""Seconds that a try of a task that copies may take by default."""
OFF = 3
"""The factor by which an estimate may be off, as `estimate` says of itself."""
MAP_LENGTH = 1024
"""Tasks that Airflow maps one over at most by default (`[core] max_map_length`)."""
WAYS: tuple[tuple[Mapping[str, Any], ...], ...] = (
    ({"concurrency": 32},),
    tuple({"part_size": size * MIB, "small_threshold": size * MIB} for size in (32, 16, 8)),
    tuple({"buffer_size": size * MIB} for size in (256, 512)),
)
"""What is tried, one after the other; of each, the best is taken."""
WHY = {
    "concurrency": "small objects wait for answers most of the time",
    "part_size": "parts of this size leave room for more of them in flight within buffer_size",
    "small_threshold": "what is larger goes in parts of part_size, for the same reason",
    "buffer_size": "more objects or parts in flight, for that much memory per task",
}


def advise(analysis: Analysis) -> Advised:
    """What follows from an analysis."""
    policy, options = quicker(analysis.sizes)
    policy, spread = _divided(analysis, policy)
    options += spread + _kept(analysis)
    return Advised(
        options=tuple(options),
        warnings=warnings_of(analysis),
        costs=Costs(
            streamed=round(_work(analysis.sizes, policy, "stream"), 1),
            copied=round(_work(analysis.sizes, policy, "server"), 1),
            tasks=_tasks(analysis, policy),
            list_requests=analysis.requests,
            list_seconds=analysis.seconds,
        ),
        snippet=snippet(analysis, options),
    )


def _work(sizes: Sequence[Row], policy: SyncPolicy, transport: Transport = "stream") -> float:
    """Seconds of one task that copies everything, its start apart; class by class, as each has pieces of its own."""
    times = (estimate([(row.objects, row.bytes)], transport=transport, policy=policy) for row in sizes if row.objects)
    return sum(time.seconds - TASK_START for time in times)


def quicker(
    sizes: Sequence[Row], policy: SyncPolicy | None = None, transport: Transport = "stream"
) -> tuple[SyncPolicy, list[Advice]]:
    """The policy under which the work is quickest, and how it differs from the one that there is.

    :param sizes: objects and bytes per size class
    :param policy: that there is; None = the defaults
    """
    policy, options = policy or SyncPolicy(), list[Advice]()
    how = "streamed" if transport == "stream" else "copied by the store"
    now = _work(sizes, policy, transport)
    if now < WORK_PER_TASK:
        return policy, options
    for ways in WAYS:
        fitting = [(way, other) for way in ways if (other := _with(policy, way)) is not None]
        times = [(_work(sizes, other, transport), number) for number, (_, other) in enumerate(fitting)]
        time, number = min(times, default=(now, 0))
        if time > now * WORTH:
            continue
        way, policy = fitting[number]
        for name, value in way.items():
            words = f"{WHY[name]}: {format_seconds(time)} of work instead of {format_seconds(now)}"
            options.append(Advice(option=name, value=value, reason=f"{words} (rules/estimate.py, {how})"))
        now = time
    return policy, options


def _with(policy: SyncPolicy, way: Mapping[str, Any]) -> SyncPolicy | None:
    """The same policy with some other options; None = they don't fit the rest."""
    with suppress(InvalidConfiguration):
        return replace(policy, **way)
    return None


def _divided(analysis: Analysis, policy: SyncPolicy) -> tuple[SyncPolicy, list[Advice]]:
    """The same policy with the work divided among as many tasks as are worth it."""
    options = []
    least = -(-analysis.largest[0].size // (256 * MIB)) * 256 * MIB if analysis.largest else 0
    one = (Row(name="", objects=1, bytes=least),)
    longest = max(_work(one, policy, "stream"), _work(one, policy, "server"))
    if least > policy.large_threshold and longest <= WORK_PER_TASK:
        reason = (
            f"no object is larger than {format_size(least)}, which takes {format_seconds(longest)} at most: less than "
            f"{format_seconds(WORK_PER_TASK)}, 10 times TASK_START, that make tasks of their own worth it"
        )
        options.append(Advice(option="large_threshold", value=least, reason=reason))
        policy = replace(policy, large_threshold=least)
    small, large = _sides(analysis, policy)
    objects, size = _sums(small)
    seconds, tasks = _work(small, policy), batch_count(objects=objects, bytes=size, policy=policy)
    wanted = min(AT_ONCE, int(seconds / WORK_PER_TASK), objects)
    most = max(-(-objects // policy.batch_objects), -(-size // policy.batch_bytes))
    if wanted and tasks <= wanted * WORTH:
        policy = replace(policy, batch_objects=-(-objects // wanted))
        reason = _divides(seconds, tasks, wanted)
        options.append(Advice(option="batch_objects", value=policy.batch_objects, reason=reason))
    elif most > policy.max_batches and seconds / tasks * OFF > TRY:
        policy = replace(policy, max_batches=min(MAP_LENGTH, most))
        reason = (
            f"by default {tasks} tasks would take {format_seconds(seconds / tasks)} each: {OFF} times that, as far as "
            f"an estimate may be off, is more than the {TRY // 3600} hours a try may take"
        )
        options.append(Advice(option="max_batches", value=policy.max_batches, reason=reason))
    objects, size = _sums(large)
    seconds, parts = _work(large, policy), -(-size // policy.part_size)
    groups = group_count(parts=parts, bytes=size, policy=policy) if objects else 0
    wanted = min(AT_ONCE, int(seconds / WORK_PER_TASK), parts)
    if objects and groups <= wanted * WORTH:
        policy = replace(policy, group_bytes=-(-size // wanted // MIB) * MIB)
        reason = "parts of large objects: " + _divides(seconds, groups, wanted)
        options.append(Advice(option="group_bytes", value=policy.group_bytes, reason=reason))
    return policy, options


def _divides(seconds: float, tasks: int, wanted: int) -> str:
    return (
        f"{wanted} tasks of about {format_seconds(seconds / wanted)} instead of {tasks} of "
        f"{format_seconds(seconds / tasks)}: Airflow runs {AT_ONCE} of a DAG at once by default, and each is worth its "
        f"start (TASK_START, {TASK_START:.0f} s)"
    )


def _kept(analysis: Analysis) -> list[Advice]:
    """What does not change the time of a copy: what is listed, left out, and kept."""
    options = []
    pages = -(-analysis.listed // analysis.page)
    if pages * ANSWER > TASK_START:
        reason = (
            f"to list as much at the destination takes {pages:,} requests a run; `auto` does so once a day, and lists "
            "the source alone otherwise"
        )
        options.append(Advice(option="mode", value="auto", reason=reason))
    if analysis.markers and not analysis.marker_bytes:
        reason = f"{analysis.markers:,} keys end in `/` and are empty: they hold no data, and no folder takes them"
        options.append(Advice(option="folder_markers", value="skip", reason=reason))
    special = [row for row in analysis.classes if row.name != STANDARD]
    if special:
        count, names = sum(row.objects for row in special), ", ".join(shown(row.name, 40) for row in special[:5])
        reason = (
            f"{count:,} objects ({format_size(sum(row.bytes for row in special))}) are in {names}: by default copies "
            "are of the destination's standard class"
        )
        options.append(Advice(option="storage_class", value="keep", reason=reason))
    return options


def _tasks(analysis: Analysis, policy: SyncPolicy) -> int:
    small, large = _sides(analysis, policy)
    objects, size = _sums(small)
    of_large = _sums(large)[1]
    groups = group_count(parts=-(-of_large // policy.part_size), bytes=of_large, policy=policy) if of_large else 0
    return batch_count(objects=objects, bytes=size, policy=policy) + groups


def _sides(analysis: Analysis, policy: SyncPolicy) -> tuple[Sequence[Row], Sequence[Row]]:
    """The size classes that go in batches, and those that go in part groups: the last begins at the default."""
    if policy.large_threshold > GIB:
        return analysis.sizes, ()
    return analysis.sizes[:-1], analysis.sizes[-1:]


def _sums(rows: Sequence[Row]) -> tuple[int, int]:
    return sum(row.objects for row in rows), sum(row.bytes for row in rows)
