"""What a sync is asked to do: from where to where, and which objects; how is in `policy`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KEEP, KeyMapping
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy, options_to_json, texts
from airflow_bucketsync.engine.model.routing import Routed, check_extensions, check_sizes

SPEC_VERSION = 1

_PAIR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of the source take part, and under which keys.

    Excludes are asked first; then, if there are includes, one must match.

    A pattern without `/` is held against the last segment of the key, one with `/` against the whole key
    (relative to the location); `*` and `?` stay inside a segment, `**` crosses them; `regex:…` is searched for
    anywhere in the whole key.

    :param include: patterns; empty = everything
    :param exclude: patterns
    :param extensions: only keys with one of these, upper and lower case alike; "" = those that have none
    :param recursive: False = only keys without `/`; on both sides, whatever is deleted
    :param start_after: only keys that come after this one in UTF-8 byte order; on both sides, whatever is deleted
    :param modified_after: only objects modified at or after this time, aware UTC
    :param modified_before: only objects modified before this time, aware UTC
    :param min_size: bytes, inclusive
    :param max_size: bytes, inclusive
    :param storage_classes: only objects of these storage classes, as the store names them; empty = any
    :param tags: only objects with these tags, `*` = any value; one request for each object that all other rules take
    :param key_mapping: under which key an object stands at the destination; the rules above speak of the source's
    :param routed: only what a routing table gives to one of its destinations
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    recursive: bool = True
    start_after: str = ""
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None
    storage_classes: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    key_mapping: KeyMapping = KEEP
    routed: Routed | None = None

    def __post_init__(self) -> None:
        for name in ("include", "exclude", "extensions", "storage_classes"):
            if isinstance(getattr(self, name), str):
                raise InvalidConfiguration(f"{name} is a list of texts, not one text: write ({getattr(self, name)!r},)")
        for name in ("modified_after", "modified_before"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise InvalidConfiguration(f"{name}: {time.isoformat()} has no time zone; add one (`+00:00` is UTC)")
        check_sizes(self.min_size, self.max_size)
        check_extensions(self.extensions)
        if self.modified_after and self.modified_before and self.modified_after > self.modified_before:
            raise InvalidConfiguration(
                f"modified_after ({self.modified_after.isoformat()}) is later than "
                f"modified_before ({self.modified_before.isoformat()})"
            )

    @property
    def listed_after(self) -> str:
        """The key after which listings begin. Names don't ascend as the keys do: where keys are mapped, at the start,
        and what comes before `start_after` is left out one by one."""
        return self.start_after if self.key_mapping.keeps else ""

    @property
    def flat(self) -> bool:
        """Whether folders need not be listed, at either side."""
        return not self.recursive and self.key_mapping.keeps

    def to_json(self) -> dict[str, Any]:
        """As JSON; what stands at its default is left out."""
        return options_to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            include=texts(value.get("include", ())),
            exclude=texts(value.get("exclude", ())),
            extensions=texts(value.get("extensions", ())),
            recursive=value.get("recursive", True),
            start_after=value.get("start_after", ""),
            modified_after=_time(value.get("modified_after")),
            modified_before=_time(value.get("modified_before")),
            min_size=value.get("min_size"),
            max_size=value.get("max_size"),
            storage_classes=texts(value.get("storage_classes", ())),
            tags=dict(value.get("tags", {})),
            key_mapping=KeyMapping.from_json(value.get("key_mapping", "keep")),
            routed=None if value.get("routed") is None else Routed.from_json(value["routed"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSpec:
    """One pair and everything it was asked for.

    :param pair: the pair's id: its name, or a digest of both locations
    """

    pair: str
    source: Location
    destination: Location
    selection: Selection = field(default_factory=Selection)
    policy: SyncPolicy = field(default_factory=SyncPolicy)

    def __post_init__(self) -> None:
        if not _PAIR.fullmatch(self.pair):  # it names a folder of the workspace
            raise InvalidConfiguration(
                f"{self.pair!r:.80} can't name a pair: use letters, digits, `_`, `-` and `.`, "
                "at most 250, not beginning with `.` or `-`"
            )
        check_together(self.selection, self.policy)

    @classmethod
    def of(
        cls,
        source: Location,
        destination: Location,
        *,
        name: str | None = None,
        selection: Selection | None = None,
        policy: SyncPolicy | None = None,
    ) -> Self:
        """A spec whose pair is named, or gets its id from both locations."""
        return cls(
            pair=name or pair_id(source, destination),
            source=source,
            destination=destination,
            selection=selection or Selection(),
            policy=policy or SyncPolicy(),
        )

    def fingerprint(self) -> str:
        """What a checkpoint must share to be of use: source, destination and selection."""
        return _digest([SPEC_VERSION, self.source.url, self.destination.url, self.selection.to_json()])

    def pair_fingerprint(self) -> str:
        """What `known` must share to be of use: source, destination and key mapping, whatever was selected."""
        mapping = self.selection.key_mapping
        parts = [SPEC_VERSION, self.source.url, self.destination.url]
        return _digest(parts if mapping.keeps else [*parts, mapping.to_json()])

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pair": self.pair,
            "source": self.source.to_json(),
            "destination": self.destination.to_json(),
            "selection": self.selection.to_json(),
            "policy": self.policy.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            pair=value["pair"],
            source=Location.from_json(value["source"]),
            destination=Location.from_json(value["destination"]),
            selection=Selection.from_json(value.get("selection", {})),
            policy=SyncPolicy.from_json(value.get("policy", {})),
        )


def check_together(selection: Selection, policy: SyncPolicy) -> None:
    """Refuse options that are right each by itself, and would do harm together.

    :raises InvalidConfiguration: names both, with what to change
    """
    mapping = selection.key_mapping
    which = mapping.kind
    routes = () if selection.routed is None else selection.routed.table.rules
    patterns = [*selection.include, *selection.exclude, *(pattern for rule in routes for pattern in rule.match)]
    folders = [pattern for pattern in patterns if "/" in pattern or pattern.startswith("regex:")]
    untold = {
        "start_after": bool(selection.start_after),
        "recursive: false": not selection.recursive,
        f"the pattern {folders[0] if folders else ''!r:.80}": bool(folders) and not policy.delete_excluded,
    }
    first = next((name for name, given in untold.items() if given), None)
    checks = (
        (
            policy.delete and bool(selection.tags) and not policy.delete_excluded,
            "delete with tags: whether an object that is no longer at the source had them can't be told; leave one of "
            "them out, or set delete_excluded to delete whatever is not at the source",
        ),
        (
            policy.delete and not mapping.invertible and first is not None,
            f"delete with key_mapping {which} and {first}: a name at the destination doesn't say which folder it came "
            "from, so not what may be deleted; leave one of them out, or choose prefix_map or relative_root",
        ),
        (
            policy.move and not mapping.one_to_one,
            f"move with key_mapping {which}: two source keys can have one name, so what comes later would overwrite "
            "the only copy of what was moved; leave `move` out, or choose a mapping that gives each key its own name",
        ),
        (
            policy.move and policy.on_collision == "first",
            "move with on_collision first: once the first is moved, the next of the same name would overwrite the only "
            "copy of it; leave `move` out, or choose refuse or fail",
        ),
    )
    for holds, words in checks:
        if holds:
            raise InvalidConfiguration(words)


def pair_id(source: Location, destination: Location) -> str:
    """The id of an unnamed pair: 16 hexadecimal digits of both locations."""
    return _digest([source.url, destination.url])[:16]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _time(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
