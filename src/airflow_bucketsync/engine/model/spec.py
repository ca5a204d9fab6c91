"""What a sync is asked to do: which objects, compared how, verified how, within which bounds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.units import GIB, MIB

Compare = Literal["auto", "exists", "size", "size_mtime", "etag", "checksum", "metadata", "missing_or_older", "always"]
Verify = Literal["none", "listing", "metadata", "content"]
OnMissing = Literal["skip", "fail"]
OnCollision = Literal["refuse", "fail"]
FolderMarkers = Literal["copy", "skip"]
FollowLinks = Literal["none", "inside_root"]
Acl = Literal["none", "bucket-owner-full-control"]

COMPARE_MODES: tuple[str, ...] = get_args(Compare)
VERIFY_LEVELS: tuple[str, ...] = get_args(Verify)

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
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    start_after: str = ""
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None
    storage_classes: tuple[str, ...] = ()

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
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise InvalidConfiguration(f"min_size ({self.min_size}) is above max_size ({self.max_size})")
        if self.modified_after and self.modified_before and self.modified_after > self.modified_before:
            raise InvalidConfiguration(
                f"modified_after ({self.modified_after.isoformat()}) is later than "
                f"modified_before ({self.modified_before.isoformat()})"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON; what stands at its default is left out."""
        return _options_to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            include=_texts(value.get("include", ())),
            exclude=_texts(value.get("exclude", ())),
            start_after=value.get("start_after", ""),
            modified_after=_time(value.get("modified_after")),
            modified_before=_time(value.get("modified_before")),
            min_size=value.get("min_size"),
            max_size=value.get("max_size"),
            storage_classes=_texts(value.get("storage_classes", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPolicy:
    """How a sync works, apart from which objects.

    :param compare: when an object counts as equal; `auto` = equal size and (in this order) the pair's recorded
        fingerprints, equal checksum of one algorithm, comparable ETag, equal source mtime kept with the object
    :param verify: what is looked at after writing: `none`, `listing`, `metadata` (HEAD, tags, checksum),
        `content` (read back)
    :param dry_run: plan and report, write nothing
    :param small_threshold: bytes; objects up to this size are copied in one request
    :param large_threshold: bytes; objects up to this size are copied in one server-side request
    :param part_size: bytes of a part; grows so that an object never has more parts than the store allows
    :param max_batches: the most tasks one run maps over (Airflow's `max_map_length` is 1024)
    :param batch_objects: objects a batch is filled to before another is opened
    :param batch_bytes: bytes a batch is filled to before another is opened
    :param concurrency: requests in flight inside one task
    :param buffer_size: bytes of object data one task holds in memory while streaming
    :param max_errors: failed objects of the run after which no further object is begun
    :param on_missing: a source object that is gone when it is to be copied: `skip` = outcome `gone`, `fail` = `failed`
    :param on_collision: two sources for one destination name: `refuse` all parties, or `fail` the plan
    :param folder_markers: keys that end in `/`: `copy` or `skip`
    :param follow_links: symbolic links in a local source: `none`, or `inside_root`
    :param acl: canned ACL sent with writes; `none` sends nothing
    :param tags: keep the objects' tags
    :param tolerate: outcome words that do not make the run red
    """

    compare: Compare = "auto"
    verify: Verify = "metadata"
    dry_run: bool = False
    small_threshold: int = 50 * MIB
    large_threshold: int = 1 * GIB
    part_size: int = 50 * MIB
    max_batches: int = 128
    batch_objects: int = 10_000
    batch_bytes: int = 10 * GIB
    concurrency: int = 16
    buffer_size: int = 128 * MIB
    max_errors: int = 100
    on_missing: OnMissing = "skip"
    on_collision: OnCollision = "refuse"
    folder_markers: FolderMarkers = "copy"
    follow_links: FollowLinks = "none"
    acl: Acl = "none"
    tags: bool = True
    tolerate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.tolerate, str):
            raise InvalidConfiguration(f"tolerate is a list of words, not one text: write ({self.tolerate!r},)")
        words: tuple[tuple[str, str, tuple[str, ...]], ...] = (
            ("compare", self.compare, COMPARE_MODES),
            ("verify", self.verify, VERIFY_LEVELS),
            ("on_missing", self.on_missing, get_args(OnMissing)),
            ("on_collision", self.on_collision, get_args(OnCollision)),
            ("folder_markers", self.folder_markers, get_args(FolderMarkers)),
            ("follow_links", self.follow_links, get_args(FollowLinks)),
            ("acl", self.acl, get_args(Acl)),
            *(("tolerate", word, STATUSES) for word in self.tolerate),
        )
        for name, word, known in words:
            if word not in known:
                raise InvalidConfiguration(f"{name}: {word!r} is none of {', '.join(known)}")
        checks = (
            (
                0 <= self.small_threshold <= self.large_threshold,
                f"small_threshold ({self.small_threshold}) must not be above large_threshold ({self.large_threshold})",
            ),
            (self.part_size > 0, f"part_size must be above 0, got {self.part_size}"),
            (1 <= self.max_batches <= 1024, f"max_batches must be 1 to 1024, got {self.max_batches}"),
            (self.batch_objects >= 1, f"batch_objects must be at least 1, got {self.batch_objects}"),
            (self.batch_bytes >= 1, f"batch_bytes must be at least 1, got {self.batch_bytes}"),
            (1 <= self.concurrency <= 256, f"concurrency must be 1 to 256, got {self.concurrency}"),
            (self.buffer_size >= MIB, f"buffer_size must be at least 1 MiB, got {self.buffer_size}"),
            (self.max_errors >= 0, f"max_errors must not be negative, got {self.max_errors}"),
        )
        for holds, message in checks:
            if not holds:
                raise InvalidConfiguration(message)

    def to_json(self) -> dict[str, Any]:
        """As JSON; what stands at its default is left out."""
        return _options_to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        known = {item.name for item in fields(cls)}
        options = {name: option for name, option in value.items() if name in known}
        if "tolerate" in options:
            options["tolerate"] = _texts(options["tolerate"])
        return cls(**options)


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


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _time(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _texts(value: Any) -> Any:
    return value if isinstance(value, str) else tuple(value)  # one text is refused by the class, not taken apart


def _options_to_json(options: Any) -> dict[str, Any]:
    line = {}
    for item in fields(options):
        value = getattr(options, item.name)
        default = item.default if item.default_factory is MISSING else item.default_factory()
        if value != default:
            line[item.name] = value.isoformat() if isinstance(value, datetime) else _plain(value)
    return line


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
