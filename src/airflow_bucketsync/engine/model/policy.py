"""How a sync works: compared how, verified how, keeping what, within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.option_json import options_to_json, texts
from airflow_bucketsync.engine.model.policy_checks import check_policy
from airflow_bucketsync.engine.model.policy_words import (
    Compare,
    FolderMarkers,
    FollowLinks,
    Mode,
    OnCollision,
    OnLock,
    OnMissing,
    PrecheckWhen,
    SymlinkObjects,
    Trash,
    Verify,
)
from airflow_bucketsync.engine.model.preserve import (
    DEFAULT_CLASS,
    DEFAULT_PRESERVED,
    Acl,
    Preserve,
    Preserved,
    WriteSettings,
)
from airflow_bucketsync.engine.model.units import GIB, MIB

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
    :param approve_plan: ask a person before anything of the plan is carried out
    :param apply_plan: digest of a plan that was reviewed; of the new plan only what it holds too is carried out
    :param max_drift: share of that plan's objects, 0.0 to 1.0, that may have changed since, before all is refused
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
    :param approval_hours: how long an answer is waited for; then nothing of what was asked for is done
    :param move: delete each source object once it is verified at the destination
    :param on_lock: another run holds the lock of the pair: `fail`, `wait` for it, or `skip` this run
    :param lock_lease: seconds after which the lock of a run that no longer renews it may be taken over
    :param precheck: ask both sides and the workspace for what the run needs, before its first write: `auto` = where it
        was not asked for a week with the same options, `always`, `never`
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
    approve_plan: bool = False
    apply_plan: str | None = None
    max_drift: float = 0.1
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
    precheck: PrecheckWhen = "auto"
    tolerate: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _LISTS:
            if isinstance(getattr(self, name), str):
                raise InvalidConfiguration(f"{name} is a list of words, not one text: write ({getattr(self, name)!r},)")
        check_policy(self)

    @property
    def removes(self) -> bool:
        """Whether a run may take objects away, at the destination or at the source."""
        return self.delete or self.move

    @property
    def keeps(self) -> bool:
        """Whether what is deleted or overwritten at the destination goes into the trash."""
        return not self.dry_run and self.keeps_when_run

    @property
    def keeps_when_run(self) -> bool:
        """The same of a run that is not dry."""
        return self.trash == "all" or (self.trash == "deleted" and self.delete)

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
