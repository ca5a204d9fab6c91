"""What becomes of a pair's options when a run by hand sets some? They get narrower, or the run is refused."""

from __future__ import annotations

import difflib
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from airflow_bucketsync.configuration.by_hand import SIDES, refuse_regexes
from airflow_bucketsync.configuration.hand_limits import Limit
from airflow_bucketsync.configuration.hand_rules import RULES
from airflow_bucketsync.configuration.options import OPTION_NAMES, Options, read_single_options
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.by_hand import ByHand
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection

NARROWS = "a run by hand narrows what the pair's author wrote, and never widens it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is to do, and what of it was set by hand; None = nothing."""

    selection: Selection
    policy: SyncPolicy
    by_hand: ByHand | None = None


def given_by_hand(
    params: Mapping[str, Any], limits: Mapping[str, Limit], *, own: Container[str], mentioned: Container[str] = ()
) -> dict[str, Any]:
    """The options among a run's parameters.

    :param own: parameters that the DAG has itself
    :param mentioned: names that a template of the pair speaks of
    :raises InvalidConfiguration: a name that nobody here knows, or that may not be set
    """
    for name in params:
        if name not in limits and name not in own and name not in mentioned:
            raise InvalidConfiguration(_refused(name, limits))
    return {name: value for name, value in params.items() if name in limits and value is not None}


def narrowed(author: Options, limits: Mapping[str, Limit], given: Mapping[str, Any]) -> Asked:
    """What the author wrote, with what a run by hand set.

    :param given: of options in `limits`
    :raises InvalidConfiguration: a value that is none, that the author does not allow, or that would widen the run
    """
    selection, policy = author.selection(), author.policy()
    refuse_regexes(given, tuple(limits))
    options = read_single_options(given)
    changes: dict[str, Any] = {}
    for name in given:
        before, value = getattr(selection if name in _SELECTS else policy, name), getattr(options, name)
        rule = RULES[name]
        merged = value if rule.merged is None else rule.merged(before, value)
        if before in (value, merged) or (name == "include" and not value):
            continue
        refused = limits[name].refuses(value)
        if refused is not None:
            raise InvalidConfiguration(f"{name}: {refused}, by the pair's author")
        wider = rule.widens(before, value)
        if wider is not None:
            raise InvalidConfiguration(f"{name}: {wider}: {NARROWS}")
        if name == "mode" and value == "until_quiet":
            raise InvalidConfiguration(
                "mode: until_quiet is for the DAG `bucket_sync`: choose full, incremental or auto"
            )
        changes[name] = merged
    if not changes:
        return Asked(selection=selection, policy=policy)
    takes_part = any(RULES[name].takes_part for name in changes)
    if takes_part and policy.delete:
        changes["delete"] = False  # in parts, a run could delete what the caps on the whole forbid
    shown = {name: _plain(getattr(options, name) if name in given else value) for name, value in changes.items()}
    if "include" in changes and selection.include:
        changes["within"] = selection.include
    aside = takes_part or any(RULES[name].aside for name in changes if name in RULES)
    return Asked(
        selection=replace(selection, **{name: value for name, value in changes.items() if name in _SELECTS}),
        policy=replace(policy, **{name: value for name, value in changes.items() if name not in _SELECTS}),
        by_hand=ByHand(given=shown, selection=selection, aside=aside),
    )


_SELECTS = frozenset(Selection.__dataclass_fields__)


def _refused(name: Any, limits: Mapping[str, Limit]) -> str:
    allowed = f"`by_hand` of this pair allows {', '.join(limits) or 'nothing'}"
    if name in SIDES:
        return f"{name!r} may not be set by hand: the places are the pair's; the DAG `bucket_sync` asks for places"
    if name in OPTION_NAMES:
        return f"{name!r} may not be set by hand: {allowed}"
    near = difflib.get_close_matches(str(name)[:80].lower(), tuple(limits), n=1, cutoff=0.6)
    return f"{name!r:.80} is not known here: " + (f"did you mean {near[0]!r}?" if near else allowed)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
