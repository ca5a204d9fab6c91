"""Is another run to follow at once (`mode: until_quiet`)?"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.steps.run_document import RunDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Where a run stands among those that follow each other.

    :param number: which of them it is, from 1
    :param another: whether one more is to follow
    :param warning: for people, where the last one still found too much to do
    """

    number: int = 1
    another: bool = False
    warning: str | None = None


def rounds_of(policy: SyncPolicy, document: RunDocument | None, plan: Plan | None, *, green: bool) -> Rounds:
    """Another run follows a green one that found more than `quiet_objects` to do, at most `max_rounds` in a row."""
    if policy.mode != "until_quiet" or document is None or plan is None or plan.dry:
        return Rounds()
    number = 1 if document.previous is None else document.previous.rounds + 1
    planned = plan.counts.get("planned", 0)
    if plan.resume is None and planned <= policy.quiet_objects:
        return Rounds(number=number)
    if number >= policy.max_rounds:
        warning = (
            f"the last of {number} rounds (max_rounds) still found {planned} objects to bring in step: stop what "
            "writes to the source, or raise quiet_objects"
        )
        return Rounds(number=number, warning=warning)
    return Rounds(number=number, another=green)
