"""How may a run by hand set each option? It narrows what the pair's author wrote, and never widens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_bucketsync.engine.model.policy_words import VERIFY_LEVELS

Part = Callable[[Any, Any], str | None]


@dataclass(frozen=True, slots=True)
class HandRule:
    """What a run may make of one option.

    :param words: what it may, for people
    :param widens: of the author's value and the run's, why the run's is wider; None = it is not
    :param takes_part: the run takes a part of the pair's objects only
    :param aside: the run judges objects otherwise, so that the pair's own runs go on as if it had not been
    :param merged: of the author's value and the run's, what holds; None = the run's
    :param order: of words, the weakest first
    """

    words: str
    widens: Part
    takes_part: bool = False
    aside: bool = False
    merged: Callable[[Any, Any], Any] | None = None
    order: Sequence[str] = ()


def _never(author: Any, given: Any) -> str | None:
    return "is its author's alone"


def _any(author: Any, given: Any) -> str | None:
    return None


def _only(allowed: bool) -> Part:
    words = "on" if allowed else "off"

    def widens(author: bool, given: bool) -> str | None:
        return None if given is allowed else f"a run by hand can only turn it {words}"

    return widens


def _lower(author: Any, given: Any) -> str | None:
    return None if author is None or given <= author else f"{_shown(given)} is above the author's {_shown(author)}"


def _higher(author: Any, given: Any) -> str | None:
    return None if author is None or given >= author else f"{_shown(given)} is below the author's {_shown(author)}"


def _in_order(order: Sequence[str]) -> Part:
    def widens(author: str, given: str) -> str | None:
        if order.index(given) >= order.index(author):
            return None
        return f"{given!r} is weaker than the author's {author!r}"

    return widens


def _below(author: Sequence[str], given: Sequence[str]) -> str | None:
    if not given:
        return "an empty list takes everything: leave it out, or write folders"
    for folder in given:
        if not folder.isprintable():
            return f"{folder!r:.80} holds a character that nobody sees: write the plain folder"
        if any(segment in (".", "..") for segment in folder.split("/")):
            return f"{folder!r:.80} has a '.' or '..' segment: write the plain folder"
        if author and not folder.startswith(tuple(author)):
            return f"{folder!r:.80} lies below none of the author's {_shown(author)}"
    return None


def _longer(author: Sequence[str], given: Sequence[str]) -> str | None:
    """Extensions: `tar.gz` is one of `gz`."""
    if not given:
        return "an empty list takes everything: leave it out, or write extensions"
    known = {extension.lower() for extension in author}
    for extension in given if author else ():
        low = extension.lower()
        if low not in known and not any(one and low.endswith(f".{one}") for one in known):
            return f"{extension!r:.80} is none of the author's {_shown(author)}"
    return None


def _some_of(author: Sequence[str], given: Sequence[str]) -> str | None:
    if not given and author:
        return "an empty list takes everything: leave it out, or write some of the author's"
    return _fewer(author, given) if author else None


def _fewer(author: Sequence[str], given: Sequence[str]) -> str | None:
    more = [word for word in given if word not in author]
    return f"{more[0]!r:.80} is none of the author's {_shown(author)}" if more else None


def _tags(author: Mapping[str, str], given: Mapping[str, str]) -> str | None:
    for name, value in given.items():
        if author.get(name, "*") not in ("*", value):
            return f"{name!r:.80} has a value of the author's"
    return None


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return (text if len(text) <= 200 else text[:199] + "…") or "none"


_NEVER = HandRule("never", _never)
_FREE = HandRule("any value", _any)
_OFF, _ON = HandRule("only off", _only(False), aside=True), HandRule("only on", _only(True), aside=True)
_LOWER, _HIGHER = HandRule("not above the author's", _lower), HandRule("not below the author's", _higher)
_EARLIER = HandRule("not after the author's", _lower, takes_part=True)
_LATER = HandRule("not before the author's", _higher, takes_part=True)
_UP_TO = HandRule("not above the author's", _lower, takes_part=True)
_FROM = HandRule("not below the author's", _higher, takes_part=True)
_SOME = HandRule("some of the author's", _some_of, takes_part=True)


def _stronger(*order: str) -> HandRule:
    return HandRule("not weaker than the author's", _in_order(order), order=order)


def _added(author: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*author, *given)))


RULES: Mapping[str, HandRule] = {
    "include": HandRule("besides the author's: both must fit", _any, takes_part=True),
    "exclude": HandRule("besides the author's", _any, takes_part=True, merged=_added),
    "extensions": HandRule("some of the author's", _longer, takes_part=True),
    "recursive": HandRule("only off", _only(False), takes_part=True),
    "prefixes": HandRule("below the author's", _below, takes_part=True),
    "start_after": _LATER,
    "modified_after": _LATER,
    "modified_before": _EARLIER,
    "min_size": _FROM,
    "max_size": _UP_TO,
    "storage_classes": _SOME,
    "tags": HandRule("besides the author's", _tags, takes_part=True, merged=lambda author, given: {**author, **given}),
    "key_mapping": _NEVER,
    "routed": _NEVER,
    "source_list": _NEVER,
    "list_encoding": _NEVER,
    "max_expansion": _LOWER,
    "mode": HandRule("any value but `until_quiet`", _any),
    "quiet_objects": _NEVER,
    "max_rounds": _NEVER,
    "max_objects": _UP_TO,
    "max_bytes": _UP_TO,
    "since_watermark": _ON,
    "compare": HandRule("any value", _any, aside=True),
    "verify": _stronger(*VERIFY_LEVELS),
    "dry_run": _ON,
    "approve_plan": HandRule("only on", _only(True)),
    "apply_plan": _FREE,
    "max_drift": _LOWER,
    "small_threshold": _NEVER,
    "large_threshold": _NEVER,
    "part_size": _NEVER,
    "max_batches": _LOWER,
    "batch_objects": _NEVER,
    "batch_bytes": _NEVER,
    "group_bytes": _NEVER,
    "concurrency": _LOWER,
    "buffer_size": _LOWER,
    "bandwidth": _LOWER,
    "requests_per_second": _LOWER,
    "max_errors": _LOWER,
    "max_error_share": _LOWER,
    "on_missing": _stronger("skip", "fail"),
    "on_collision": _stronger("first", "refuse", "fail"),
    "folder_markers": _NEVER,
    "follow_links": _NEVER,
    "symlink_objects": _NEVER,
    "preserve": _NEVER,
    "storage_class": _NEVER,
    "storage_class_map": _NEVER,
    "acl": _NEVER,
    "encryption": _NEVER,
    "encryption_key": _NEVER,
    "require_region": HandRule("some of the author's", _some_of),
    "delete": _OFF,
    "max_deletes": _LOWER,
    "max_delete_share": _LOWER,
    "max_delete_bytes": _LOWER,
    "allow_empty_source": _OFF,
    "delete_excluded": _OFF,
    "unsafe_deletes": _OFF,
    "trash": _stronger("none", "deleted", "all"),
    "approve_above": _LOWER,
    "approve_bytes_above": _LOWER,
    "approvers": _NEVER,
    "approval_hours": _LOWER,
    "move": _OFF,
    "on_lock": _FREE,
    "lock_lease": _NEVER,
    "precheck": _stronger("never", "auto", "always"),
    "tolerate": HandRule("some of the author's, or none", _fewer),
}
"""Of every option how a run by hand may set it."""

SETTABLE: tuple[str, ...] = tuple(name for name, rule in RULES.items() if rule is not _NEVER)
