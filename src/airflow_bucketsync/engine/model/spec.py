"""What a sync is asked to do: from where to where, and which objects; how is in `policy`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy, options_to_json, texts
from airflow_bucketsync.engine.model.source_list import (
    DEFAULT_EXPANSION,
    ListEncoding,
    ListPlace,
    check_encoding,
    forbidden_by_list,
)

SPEC_VERSION = 1

_PAIR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of the source take part. Excludes are asked first; then, if there are includes, one must match.

    A pattern without `/` is held against the last segment of the key, one with `/` against the whole key
    (relative to the location); `*` and `?` stay inside a segment, `**` crosses them; `regex:…` is searched for
    anywhere in the whole key.

    :param include: patterns; empty = everything
    :param exclude: patterns
    :param start_after: only keys that come after this one in UTF-8 byte order
    :param modified_after: only objects modified at or after this time, aware UTC
    :param modified_before: only objects modified before this time, aware UTC
    :param min_size: bytes, inclusive
    :param max_size: bytes, inclusive
    :param storage_classes: only objects of these storage classes, as the store names them; empty = any
    :param source_list: URL of a file that lists the objects, instead of a listing of the source; "" = none
    :param list_encoding: how a list in CSV writes keys: `plain`, or `url` (percent-encoded)
    :param max_expansion: objects that one folder entry (`a/b/*`) of a list may stand for
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    start_after: str = ""
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None
    storage_classes: tuple[str, ...] = ()
    source_list: str = ""
    list_encoding: ListEncoding = "plain"
    max_expansion: int = DEFAULT_EXPANSION

    def __post_init__(self) -> None:
        for name in ("include", "exclude", "storage_classes"):
            if isinstance(getattr(self, name), str):
                raise InvalidConfiguration(f"{name} is a list of texts, not one text: write ({getattr(self, name)!r},)")
        for name in ("modified_after", "modified_before"):
            time = getattr(self, name)
            if time is not None and time.tzinfo is None:
                raise InvalidConfiguration(f"{name}: {time.isoformat()} has no time zone; add one (`+00:00` is UTC)")
        for name in ("min_size", "max_size"):
            if (getattr(self, name) or 0) < 0:
                raise InvalidConfiguration(f"{name} must not be negative, got {getattr(self, name)}")
        if self.source_list:
            ListPlace.parse(self.source_list)
        check_encoding(self.list_encoding)
        if self.max_expansion < 1:
            raise InvalidConfiguration(f"max_expansion must be at least 1, got {self.max_expansion}")
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise InvalidConfiguration(f"min_size ({self.min_size}) is above max_size ({self.max_size})")
        if self.modified_after and self.modified_before and self.modified_after > self.modified_before:
            raise InvalidConfiguration(
                f"modified_after ({self.modified_after.isoformat()}) is later than "
                f"modified_before ({self.modified_before.isoformat()})"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON; what stands at its default is left out."""
        return options_to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            include=texts(value.get("include", ())),
            exclude=texts(value.get("exclude", ())),
            start_after=value.get("start_after", ""),
            modified_after=_time(value.get("modified_after")),
            modified_before=_time(value.get("modified_before")),
            min_size=value.get("min_size"),
            max_size=value.get("max_size"),
            storage_classes=texts(value.get("storage_classes", ())),
            source_list=value.get("source_list", ""),
            list_encoding=value.get("list_encoding", "plain"),
            max_expansion=value.get("max_expansion", DEFAULT_EXPANSION),
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
        """What `known` must share to be of use: source and destination, whatever was selected."""
        return _digest([SPEC_VERSION, self.source.url, self.destination.url])

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


def pair_id(source: Location, destination: Location) -> str:
    """The id of an unnamed pair: 16 hexadecimal digits of both locations."""
    return _digest([source.url, destination.url])[:16]


def without_list(selection: Selection) -> Selection:
    """The rules of a selection alone: a list is none of them, it names the objects that they are asked of."""
    return replace(selection, source_list="", list_encoding="plain", max_expansion=DEFAULT_EXPANSION)


def check_together(selection: Selection, policy: SyncPolicy) -> None:
    """Refuse options of a selection and a policy that contradict each other.

    :raises InvalidConfiguration: names both, and says why
    """
    words = forbidden_by_list(policy) if selection.source_list else None
    if words is not None:
        raise InvalidConfiguration(words)


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _time(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
