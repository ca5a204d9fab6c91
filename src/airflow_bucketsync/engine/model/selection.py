"""Which objects of a source take part, and under which keys they stand at the destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KEEP, KeyMapping
from airflow_bucketsync.engine.model.listing import Side
from airflow_bucketsync.engine.model.option_json import options_to_json, texts
from airflow_bucketsync.engine.model.prefixes import check_prefixes
from airflow_bucketsync.engine.model.routing import Routed, check_extensions, check_sizes
from airflow_bucketsync.engine.model.source_list import DEFAULT_EXPANSION, ListEncoding, ListPlace, check_encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of the source take part, and under which keys.

    Excludes are asked first; then, if there are includes, one must match.

    A pattern without `/` is held against the last segment of the key, one with `/` against the whole key
    (relative to the location); `*` and `?` stay inside a segment, `**` crosses them; `regex:…` is searched for
    anywhere in the whole key.

    :param include: patterns; empty = everything
    :param within: patterns, of which one must match besides `include`: those of the author, where a run by hand has
        its own; empty = everything
    :param exclude: patterns
    :param extensions: only keys with one of these, upper and lower case alike; "" = those that have none
    :param recursive: False = only keys without `/`; on both sides, whatever is deleted
    :param prefixes: folders; only keys below one of them; on both sides, whatever is deleted; empty = everywhere
    :param start_after: only keys that come after this one in UTF-8 byte order; on both sides, whatever is deleted
    :param modified_after: only objects modified at or after this time, aware UTC
    :param modified_before: only objects modified before this time, aware UTC
    :param min_size: bytes, inclusive
    :param max_size: bytes, inclusive
    :param storage_classes: only objects of these storage classes, as the store names them; empty = any
    :param tags: only objects with these tags, `*` = any value; one request for each object that all other rules take
    :param key_mapping: under which key an object stands at the destination; the rules above speak of the source's
    :param routed: only what a routing table gives to one of its destinations
    :param source_list: URL of a file that lists the objects, instead of a listing of the source; "" = none
    :param list_encoding: how a list in CSV writes keys: `plain`, or `url` (percent-encoded)
    :param max_expansion: objects that one folder entry (`a/b/*`) of a list may stand for
    """

    include: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    recursive: bool = True
    prefixes: tuple[str, ...] = ()
    start_after: str = ""
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None
    storage_classes: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    key_mapping: KeyMapping = KEEP
    routed: Routed | None = None
    source_list: str = ""
    list_encoding: ListEncoding = "plain"
    max_expansion: int = DEFAULT_EXPANSION

    def __post_init__(self) -> None:
        for name in ("include", "within", "exclude", "extensions", "prefixes", "storage_classes"):
            if isinstance(getattr(self, name), str):
                raise InvalidConfiguration(f"{name} is a list of texts, not one text: write ({getattr(self, name)!r},)")
        for name in ("modified_after", "modified_before"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise InvalidConfiguration(f"{name}: {time.isoformat()} has no time zone; add one (`+00:00` is UTC)")
        check_sizes(self.min_size, self.max_size)
        check_extensions(self.extensions)
        check_prefixes(self.prefixes)
        if self.prefixes and not self.recursive:
            raise InvalidConfiguration(
                "prefixes with recursive: false leave nothing, as a key below a folder has a `/`: leave one of them "
                f"out, or write `include` for what lies right below ({self.prefixes[0] + '*'!r:.80})"
            )
        if self.source_list:
            ListPlace.parse(self.source_list)
        check_encoding(self.list_encoding)
        if self.max_expansion < 1:
            raise InvalidConfiguration(f"max_expansion must be at least 1, got {self.max_expansion}")
        if self.modified_after and self.modified_before and self.modified_after > self.modified_before:
            raise InvalidConfiguration(
                f"modified_after ({self.modified_after.isoformat()}) is later than "
                f"modified_before ({self.modified_before.isoformat()})"
            )

    @property
    def listed_after(self) -> str:
        """The key after which listings begin. Names don't ascend as the keys do: where keys are mapped, at the start,
        and what comes before `start_after` is left out one by one. So are the objects of a list."""
        return self.start_after if self.key_mapping.keeps and not self.source_list else ""

    def listed_below(self, side: Side) -> tuple[str, ...]:
        """The folders that a listing of this side is limited to; () = all of it. Where keys are mapped, names at the
        destination lie anywhere."""
        if self.source_list or (side == "destination" and not self.key_mapping.keeps):
            return ()
        return self.prefixes

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
            within=texts(value.get("within", ())),
            exclude=texts(value.get("exclude", ())),
            extensions=texts(value.get("extensions", ())),
            recursive=value.get("recursive", True),
            prefixes=texts(value.get("prefixes", ())),
            start_after=value.get("start_after", ""),
            modified_after=_time(value.get("modified_after")),
            modified_before=_time(value.get("modified_before")),
            min_size=value.get("min_size"),
            max_size=value.get("max_size"),
            storage_classes=texts(value.get("storage_classes", ())),
            tags=dict(value.get("tags", {})),
            key_mapping=KeyMapping.from_json(value.get("key_mapping", "keep")),
            routed=None if value.get("routed") is None else Routed.from_json(value["routed"]),
            source_list=value.get("source_list", ""),
            list_encoding=value.get("list_encoding", "plain"),
            max_expansion=value.get("max_expansion", DEFAULT_EXPANSION),
        )


def rules_only(selection: Selection) -> Selection:
    """What a selection asks of each object alone, whichever they are and whatever they are called there."""
    return replace(selection, key_mapping=KEEP, source_list="", list_encoding="plain", max_expansion=DEFAULT_EXPANSION)


def _time(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
