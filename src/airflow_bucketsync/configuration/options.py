"""Which options may a sync be given, and how do people write them? Ends in `Selection` and `SyncPolicy`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_bucketsync.configuration.option_kinds import (
    MAX_PATTERN,
    Classes,
    Extensions,
    Folders,
    Names,
    Part,
    PreservedWords,
    Size,
    Tags,
    Text,
    Texts,
    Time,
    Words,
)
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.policy import SyncPolicy
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
from airflow_bucketsync.engine.model.preserve import PRESERVED, Acl
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.source_list import ListEncoding
from airflow_bucketsync.engine.model.together import check_together

LARGEST = 2**63 - 1
"""What a page can hold of a number."""
SHOWN = 5
"""Wrong values that a message names."""


class Options(BaseModel):
    """Every option of a sync by its name in `Selection` or `SyncPolicy`; one that is not given stays at its default.

    The descriptions are the help of the form and of the documentation.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    include: Texts | None = Field(None, description="Patterns; only keys that match one take part. Empty = all.")
    exclude: Texts | None = Field(None, description="Patterns; keys that match one stay out. Asked before `include`.")
    extensions: Extensions | None = Field(
        None, description='Only keys with one of these extensions, in any case; `""` = with none. Empty = any.'
    )
    recursive: bool | None = Field(None, description="Off: only keys without `/`, on both sides.")
    prefixes: Folders | None = Field(
        None, description="Folders (`a/b/`); only what lies below one of them, on both sides. Empty = everything."
    )
    start_after: Annotated[str, Field(max_length=MAX_PATTERN)] | None = Field(
        None, description="Only keys after this one, in UTF-8 byte order, on both sides."
    )
    modified_after: Time | None = Field(None, description="Only objects modified at or after this time.")
    modified_before: Time | None = Field(None, description="Only objects modified before this time.")
    min_size: Size | None = Field(None, description="Only objects of at least this size (`10 MiB`).")
    max_size: Size | None = Field(None, description="Only objects of at most this size (`1.5 GiB`).")
    storage_classes: Texts | None = Field(None, description="Only objects of these storage classes. Empty = any.")
    tags: Tags | None = Field(
        None, description="Only objects with these tags, `*` = any value. Costs a request for each object."
    )
    key_mapping: Names | None = Field(
        None,
        description="Keys at the destination: `keep`, `flatten`, or one of `prefix_map`, `relative_root`, "
        "`relative_folder` with its folders.",
    )
    routed: Part | None = Field(
        None, description="What a routing table gives to one of its destinations; made by `routed_syncs`."
    )
    source_list: Text | None = Field(
        None,
        description="URL of a file that lists the objects (CSV, JSON Lines, an inventory). Empty = list the source.",
    )
    list_encoding: ListEncoding | None = Field(None, description="How a list in CSV writes keys.")
    max_expansion: int | None = Field(
        None, description="Objects that one folder entry (`a/b/*`) of a list may stand for."
    )
    mode: Mode | None = Field(None, description="Which sides a run lists.")
    quiet_objects: int | None = Field(
        None, description="`until_quiet` ends with a run that has at most so many objects to bring in step."
    )
    max_rounds: int | None = Field(None, description="`until_quiet` ends after so many runs.")
    max_objects: int | None = Field(
        None, description="Objects one run takes at most; the next run goes on after the last one. Empty = any number."
    )
    max_bytes: Size | None = Field(
        None, description="Bytes one run takes at most, but at least one object. Empty = any number."
    )
    since_watermark: bool | None = Field(
        None, description="Only objects modified since the last verified run (less 15 minutes), and those that failed."
    )
    compare: Compare | None = Field(None, description="When an object at the destination counts as equal.")
    verify: Verify | None = Field(None, description="What is looked at after writing.")
    dry_run: bool | None = Field(None, description="Plan and report, write nothing.")
    approve_plan: bool | None = Field(None, description="Ask a person before anything of the plan is carried out.")
    apply_plan: Text | None = Field(
        None, description="Digest of a plan that was reviewed: only what it holds, and still holds, is carried out."
    )
    max_drift: float | None = Field(
        None, description="Share of the objects of `apply_plan` that may have changed since; above it all is refused."
    )
    small_threshold: Size | None = Field(None, description="Objects up to this size are copied in one request.")
    large_threshold: Size | None = Field(
        None, description="Objects up to this size are copied in one server-side request."
    )
    part_size: Size | None = Field(None, description="Size of a part; grows where a store's limits ask for it.")
    max_batches: int | None = Field(None, description="The most copy tasks of one run (1 to 1024).")
    batch_objects: int | None = Field(None, description="Objects a batch is filled to before another is opened.")
    batch_bytes: Size | None = Field(None, description="Bytes a batch is filled to before another is opened.")
    group_bytes: Size | None = Field(
        None, description="Bytes of large objects a part group is filled to before another is opened."
    )
    concurrency: int | None = Field(None, description="Requests in flight inside one task (1 to 256).")
    buffer_size: Size | None = Field(None, description="Object data one task holds in memory while streaming.")
    bandwidth: Size | None = Field(
        None, description="Bytes per second that all tasks of a run together read of objects. Empty = any."
    )
    requests_per_second: int | None = Field(
        None, description="Requests per second that all tasks of a run together send to each side. Empty = any."
    )
    max_errors: int | None = Field(None, description="Failed objects after which no further object is begun.")
    max_error_share: float | None = Field(
        None, description="The same as a share of the objects to bring in step: `0.05` = 5 %."
    )
    on_missing: OnMissing | None = Field(None, description="A source object that is gone when it is to be copied.")
    on_collision: OnCollision | None = Field(None, description="Two sources for one name at the destination.")
    folder_markers: FolderMarkers | None = Field(None, description="Keys that end in `/`.")
    follow_links: FollowLinks | None = Field(None, description="Symbolic links in a local source.")
    symlink_objects: SymlinkObjects | None = Field(None, description="Symlinks of OSS at the source.")
    preserve: PreservedWords | None = Field(
        None, description=f"What is brought along besides the bytes, of {', '.join(PRESERVED)}."
    )
    storage_class: Text | None = Field(
        None, description="Of what is written: `default`, `keep`, or the name of a class at the destination."
    )
    storage_class_map: Classes | None = Field(
        None, description="Classes of the source to classes of the destination, for `keep`."
    )
    acl: Acl | None = Field(None, description="Canned ACL sent with writes.")
    encryption: Text | None = Field(
        None, description="Server-side encryption asked for with writes: `default` = the bucket's own."
    )
    encryption_key: Text | None = Field(None, description="Id or ARN of the key for `encryption`.")
    require_region: Texts | None = Field(None, description="Regions that both buckets must be in. Empty = any.")
    delete: bool | None = Field(
        None, description="Delete at the destination what is not at the source, after everything else went well."
    )
    max_deletes: int | None = Field(None, description="A run that would delete more objects deletes nothing.")
    max_delete_share: float | None = Field(
        None, description="The same as a share of the objects at the destination: `0.05` = 5 %."
    )
    max_delete_bytes: Size | None = Field(None, description="The same in bytes. Empty = any.")
    allow_empty_source: bool | None = Field(None, description="Delete although not one object is at the source.")
    delete_excluded: bool | None = Field(
        None, description="Delete also what the selection leaves out, where it is not at the source."
    )
    unsafe_deletes: bool | None = Field(
        None, description="Delete and move also at a store without conditional writes, where no lock can be held."
    )
    trash: Trash | None = Field(None, description="What is kept before it is `deleted`, or (`all`) overwritten too.")
    approve_above: int | None = Field(
        None, description="Ask a person before more than so many objects are deleted. `0` = always, empty = never."
    )
    approve_bytes_above: Size | None = Field(None, description="The same in bytes.")
    approvers: Texts | None = Field(None, description="Airflow users who may answer. Empty = whoever may in Airflow.")
    approval_hours: float | None = Field(
        None, description="Hours that an answer is waited for; without one, what was asked for is not done."
    )
    move: bool | None = Field(None, description="Delete each source object once it is verified at the destination.")
    on_lock: OnLock | None = Field(None, description="Another run holds the pair's lock.")
    lock_lease: int | None = Field(
        None, description="Seconds after which a lock that its run no longer renews may be taken over."
    )
    precheck: PrecheckWhen | None = Field(
        None, description="Ask for what the run needs before its first write; `auto` = once a week."
    )
    tolerate: Words | None = Field(
        None, description=f"Outcome words that do not make the run red, of {', '.join(STATUSES)}."
    )

    def selection(self) -> Selection:
        """Which objects."""
        return Selection(**self._of(Selection))

    def policy(self) -> SyncPolicy:
        """How.

        :raises InvalidConfiguration: values that do not fit together
        """
        return SyncPolicy(**self._of(SyncPolicy))

    def _of(self, noun: type[Selection] | type[SyncPolicy]) -> dict[str, Any]:
        values = {item.name: getattr(self, item.name) for item in fields(noun) if item.name in OPTION_NAMES}
        return {name: value for name, value in values.items() if value is not None}


OPTION_NAMES: tuple[str, ...] = tuple(Options.model_fields)


def read_options(given: Mapping[str, Any]) -> Options:
    """Options as people wrote them, checked.

    :raises InvalidConfiguration: an unknown name (with the nearest known one), or a value with the reason
    """
    options = read_single_options(given)
    check_together(options.selection(), options.policy())
    return options


def read_single_options(given: Mapping[str, Any]) -> Options:
    """The same, each checked by itself: whether they fit together shows when they stand among others.

    :raises InvalidConfiguration: an unknown name (with the nearest known one), or a value with the reason
    """
    for name in given:
        if name not in OPTION_NAMES:
            raise InvalidConfiguration(unknown_option(name))
    try:
        options = Options.model_validate(dict(given))
    except ValidationError as error:
        found = error.errors()
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InvalidConfiguration("; ".join(_words(problem) for problem in found[:SHOWN]) + more) from None
    for name, value in options:
        if isinstance(value, int) and value > LARGEST:
            raise InvalidConfiguration(f"{name}: the number is larger than anything has: write {LARGEST} at most")
    return options


def unknown_option(name: Any) -> str:
    """That a name is no option, with the nearest one that is."""
    nearest = difflib.get_close_matches(str(name)[:80], OPTION_NAMES, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(OPTION_NAMES)}"
    return f"{name!r:.80} is no option of a sync: {hint}"


def _words(problem: Any) -> str:
    place = ".".join(str(step) for step in problem["loc"] if not str(step).startswith("function-"))
    reason = problem["msg"].removeprefix("Value error, ")
    given = "" if problem["type"] == "value_error" else f", got {problem['input']!r:.80}"
    return f"{place}: {reason}{given}"
