"""How a sync works: compared how, verified how, keeping what, within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.preserve import (
    DEFAULT_CLASS,
    DEFAULT_PRESERVED,
    PRESERVED,
    Acl,
    Preserve,
    Preserved,
    WriteSettings,
)
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB

Mode = Literal["full", "incremental", "auto", "until_quiet"]
Compare = Literal["auto", "exists", "size", "size_mtime", "etag", "checksum", "metadata", "missing_or_older", "always"]
Verify = Literal["none", "listing", "metadata", "content"]
OnMissing = Literal["skip", "fail"]
OnCollision = Literal["refuse", "fail", "first"]
FolderMarkers = Literal["copy", "skip"]
FollowLinks = Literal["none", "inside_root"]
SymlinkObjects = Literal["follow", "skip"]
Trash = Literal["none", "deleted", "all"]
OnLock = Literal["fail", "wait", "skip"]

COMPARE_MODES: tuple[str, ...] = get_args(Compare)
VERIFY_LEVELS: tuple[str, ...] = get_args(Verify)
_LISTS = frozenset({"tolerate", "preserve", "require_region", "approvers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPolicy:
    """How a sync works, apart from which objects.

    :param mode: `full` = both sides are listed; `incremental` = the source is listed and held against what the pair
        remembers, and the destination is looked at only for what changed; `auto` = incremental, and full once a day.
        Where nothing is remembered, a run is full
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
    :param group_bytes: bytes of large objects a part group is filled to before another is opened
    :param concurrency: requests in flight inside one task
    :param buffer_size: bytes of object data one task holds in memory while streaming
    :param bandwidth: bytes of object data per second that all tasks of a run together read; None = no limit
    :param requests_per_second: requests that all tasks of a run together send to each side; None = no limit
    :param max_errors: failed objects of the run after which no further object is begun
    :param max_error_share: the same as a share of the objects that are to be brought in step, 0.0 to 1.0
    :param on_missing: a source object that is gone when it is to be copied: `skip` = outcome `gone`, `fail` = `failed`
    :param on_collision: two sources for one name there: `refuse` all, `fail` the plan, or take the `first`
    :param folder_markers: keys that end in `/`: `copy` or `skip`
    :param follow_links: symbolic links in a local source: `none`, or `inside_root`
    :param symlink_objects: symlinks of OSS at the source: `follow` = copied as what they stand for, or `skip`
    :param preserve: what is brought along besides the bytes: `headers`, `user_metadata`, `tags`, `redirect`, `mtime`,
        `mode`
    :param storage_class: of what is written: `default` = the destination's own, `keep` = the source's (or what stands
        for it in another service), else the name of a class
    :param storage_class_map: classes of the source to classes of the destination, for `keep`, before the built-in table
    :param acl: canned ACL sent with writes; `none` sends nothing
    :param encryption: server-side encryption asked for with writes, `default` = the bucket's own
    :param encryption_key: id or ARN of the key for `encryption`
    :param require_region: regions that both buckets must be in; empty = any
    :param delete: delete at the destination what is not at the source, after everything else went well
    :param max_deletes: objects; a run that would delete more deletes nothing
    :param max_delete_share: the same as a share of the objects listed at the destination, 0.0 to 1.0
    :param max_delete_bytes: the same in bytes; None = no limit
    :param allow_empty_source: delete although not one object is at the source
    :param delete_excluded: delete also what the selection leaves out, where it is not at the source
    :param unsafe_deletes: delete and move also at a store without conditional writes, where no lock can be held
    :param trash: what is kept at the destination before it is `deleted`, or (`all`) overwritten as well
    :param approve_above: ask a person before more than so many objects are deleted; 0 = always, None = never
    :param approve_bytes_above: the same in bytes
    :param approvers: who may answer; empty = whoever may in Airflow
    :param approval_hours: how long an answer is waited for; then nothing is deleted
    :param move: delete each source object once it is verified at the destination
    :param on_lock: another run holds the lock of the pair: `fail`, `wait` for it, or `skip` this run
    :param lock_lease: seconds after which the lock of a run that no longer renews it may be taken over
    :param tolerate: outcome words that do not make the run red
    """

    mode: Mode = "full"
    quiet_objects: int = 0
    max_rounds: int = 24
    max_objects: int | None = None
    max_bytes: int | None = None
    since_watermark: bool = False
    compare: Compare = "auto"
    verify: Verify = "metadata"
    dry_run: bool = False
    small_threshold: int = 50 * MIB
    large_threshold: int = 1 * GIB
    part_size: int = 50 * MIB
    max_batches: int = 128
    batch_objects: int = 10_000
    batch_bytes: int = 10 * GIB
    group_bytes: int = 10 * GIB
    concurrency: int = 16
    buffer_size: int = 128 * MIB
    bandwidth: int | None = None
    requests_per_second: int | None = None
    max_errors: int = 100
    max_error_share: float = 1.0
    on_missing: OnMissing = "skip"
    on_collision: OnCollision = "refuse"
    folder_markers: FolderMarkers = "copy"
    follow_links: FollowLinks = "none"
    symlink_objects: SymlinkObjects = "follow"
    preserve: tuple[Preserved, ...] = DEFAULT_PRESERVED
    storage_class: str = DEFAULT_CLASS
    storage_class_map: Mapping[str, str] = field(default_factory=dict)
    acl: Acl = "none"
    encryption: str = "default"
    encryption_key: str | None = None
    require_region: tuple[str, ...] = ()
    delete: bool = False
    max_deletes: int = 1_000
    max_delete_share: float = 0.5
    max_delete_bytes: int | None = None
    allow_empty_source: bool = False
    delete_excluded: bool = False
    unsafe_deletes: bool = False
    trash: Trash = "deleted"
    approve_above: int | None = None
    approve_bytes_above: int | None = None
    approvers: tuple[str, ...] = ()
    approval_hours: float = 24.0
    move: bool = False
    on_lock: OnLock = "fail"
    lock_lease: int = 600
    tolerate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _LISTS:
            if isinstance(getattr(self, name), str):
                raise InvalidConfiguration(f"{name} is a list of words, not one text: write ({getattr(self, name)!r},)")
        words: tuple[tuple[str, str, tuple[str, ...]], ...] = (
            ("mode", self.mode, get_args(Mode)),
            ("compare", self.compare, COMPARE_MODES),
            ("verify", self.verify, VERIFY_LEVELS),
            ("on_missing", self.on_missing, get_args(OnMissing)),
            ("on_collision", self.on_collision, get_args(OnCollision)),
            ("folder_markers", self.folder_markers, get_args(FolderMarkers)),
            ("follow_links", self.follow_links, get_args(FollowLinks)),
            ("acl", self.acl, get_args(Acl)),
            ("symlink_objects", self.symlink_objects, get_args(SymlinkObjects)),
            ("trash", self.trash, get_args(Trash)),
            ("on_lock", self.on_lock, get_args(OnLock)),
            *(("tolerate", word, STATUSES) for word in self.tolerate),
            *(("preserve", word, PRESERVED) for word in self.preserve),
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
            (self.quiet_objects >= 0, f"quiet_objects must not be negative, got {self.quiet_objects}"),
            (self.max_rounds >= 1, f"max_rounds must be at least 1, got {self.max_rounds}"),
            (
                self.max_objects is None or self.max_objects >= 1,
                f"max_objects must be at least 1, got {self.max_objects}",
            ),
            (self.max_bytes is None or self.max_bytes >= 1, f"max_bytes must be at least 1, got {self.max_bytes}"),
            (self.group_bytes >= 1, f"group_bytes must be at least 1, got {self.group_bytes}"),
            (
                self.bandwidth is None or self.bandwidth >= KIB,
                f"bandwidth must be at least 1 KiB, got {self.bandwidth}",
            ),
            (
                self.requests_per_second is None or self.requests_per_second >= 1,
                f"requests_per_second must be at least 1, got {self.requests_per_second}",
            ),
            (self.max_errors >= 0, f"max_errors must not be negative, got {self.max_errors}"),
            (0.0 <= self.max_error_share <= 1.0, f"max_error_share must be 0.0 to 1.0, got {self.max_error_share}"),
            (bool(self.storage_class), "storage_class must not be empty: write default, keep, or the name of a class"),
            (
                self.encryption_key is None or self.encryption not in ("default", "AES256"),
                f"encryption_key needs an encryption with keys (aws:kms, KMS), got encryption {self.encryption!r}",
            ),
            *_deleting(self),
        )
        for holds, message in checks:
            if not holds:
                raise InvalidConfiguration(message)

    @property
    def removes(self) -> bool:
        """Whether a run may take objects away, at the destination or at the source."""
        return self.delete or self.move

    @property
    def keeps(self) -> bool:
        """Whether what is deleted or overwritten at the destination goes into the trash."""
        return not self.dry_run and (self.trash == "all" or (self.trash == "deleted" and self.delete))

    @property
    def bounded(self) -> bool:
        """Whether a run may stop before it took everything."""
        return self.max_objects is not None or self.max_bytes is not None

    @property
    def preserved(self) -> Preserve:
        """What is brought along besides the bytes."""
        return Preserve(kept=self.preserve, storage_class=self.storage_class, class_map=self.storage_class_map)

    @property
    def write_settings(self) -> WriteSettings:
        """What is sent with every write."""
        return WriteSettings(acl=self.acl, encryption=self.encryption, encryption_key=self.encryption_key)

    def to_json(self) -> dict[str, Any]:
        """As JSON; what stands at its default is left out."""
        return options_to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        known = {item.name for item in fields(cls)}
        options = {name: option for name, option in value.items() if name in known}
        for name in _LISTS & options.keys():
            options[name] = texts(options[name])
        return cls(**options)


def _deleting(policy: SyncPolicy) -> tuple[tuple[bool, str], ...]:
    """What must hold of the options that take objects away, with the words where it doesn't."""
    share = policy.max_delete_share
    return (
        (policy.max_deletes >= 0, f"max_deletes must not be negative, got {policy.max_deletes}"),
        (0.0 <= share <= 1.0, f"max_delete_share must be 0.0 to 1.0, got {share}"),
        *(
            (value is None or value >= 0, f"{name} must not be negative, got {value}")
            for name, value in (
                ("max_delete_bytes", policy.max_delete_bytes),
                ("approve_above", policy.approve_above),
                ("approve_bytes_above", policy.approve_bytes_above),
            )
        ),
        (0 < policy.approval_hours <= 24 * 30, f"approval_hours must be above 0, at most 720: {policy.approval_hours}"),
        (30 <= policy.lock_lease <= 86_400, f"lock_lease must be 30 to 86400 seconds, got {policy.lock_lease}"),
        (
            not (policy.delete and policy.mode == "incremental"),
            "delete needs runs that list both sides, mode incremental lists the source only: use auto or full",
        ),
        (
            not (policy.delete and policy.move),
            "delete and move together would delete at the destination what was moved there: choose one of them",
        ),
        (
            not (policy.move and policy.verify == "none"),
            "move deletes what was verified at the destination, and verify is none: use metadata or content",
        ),
    )


def texts(value: Any) -> Any:
    """A list from JSON as a tuple; one text is refused by the class, not taken apart."""
    return value if isinstance(value, str) else tuple(value)


def options_to_json(options: Any) -> dict[str, Any]:
    """Options as JSON; what stands at its default is left out."""
    line = {}
    for item in fields(options):
        value = getattr(options, item.name)
        default = item.default if item.default_factory is MISSING else item.default_factory()
        if value != default:
            line[item.name] = value.isoformat() if isinstance(value, datetime) else _plain(value)
    return line


def _plain(value: Any) -> Any:
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
