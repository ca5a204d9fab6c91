"""What does the form of a run by hand look like? One field per side and per option that may be set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Param

from airflow_bucketsync.configuration.options import Options
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.preserve import PRESERVED
from airflow_bucketsync.engine.model.selection import Selection

LOCATION_FORM = "`scheme://conn_id@bucket/prefix/` or `file:///absolute/folder/`; must lie below an allowed location."
PATTERN_FORM = "One pattern per line: `*.csv`, `2026/**/*.gz`."
CHOICES: dict[str, dict[str, str]] = {
    "mode": {
        "full": "full: both sides",
        "incremental": "incremental: the source, held against what is remembered",
        "auto": "auto: incremental, and full once a day",
        "until_quiet": "until_quiet: auto, run after run, until little changes",
    },
    "compare": {
        "auto": "auto: what is remembered, checksum, ETag, kept time",
        "exists": "exists: the name is enough",
        "size": "size: equal size",
        "size_mtime": "size_mtime: equal size and kept time",
        "etag": "etag: equal ETag",
        "checksum": "checksum: equal checksum",
        "metadata": "metadata: content and metadata",
        "missing_or_older": "missing_or_older: copy what is missing or older",
        "always": "always: copy everything",
    },
    "verify": {
        "none": "none: nothing is looked at (the run is never 'verified')",
        "listing": "listing: size and ETag",
        "metadata": "metadata: checksum, metadata and tags too",
        "content": "content: every written object is read back",
    },
    "list_encoding": {"plain": "plain: as they are", "url": "url: percent-encoded"},
    "on_missing": {"skip": "skip: it counts as gone", "fail": "fail: the run is red"},
    "on_collision": {
        "refuse": "refuse: none of them is copied",
        "fail": "fail: nothing is copied",
        "first": "first: the first by key is copied",
    },
    "folder_markers": {"copy": "copy them", "skip": "skip them"},
    "follow_links": {"none": "none are followed", "inside_root": "inside_root: those that stay inside the source"},
    "symlink_objects": {"follow": "follow: copied as what they stand for", "skip": "skip: left out"},
    "trash": {
        "none": "none: nothing is kept",
        "deleted": "deleted: what is deleted is kept",
        "all": "all: what is overwritten too",
    },
    "on_lock": {
        "fail": "fail: the run is red",
        "wait": "wait: until that run has ended",
        "skip": "skip: do nothing",
    },
    "precheck": {
        "auto": "auto: where it was not asked for a week",
        "always": "always: before every run",
        "never": "never",
    },
    "acl": {"none": "none is sent", "bucket-owner-full-control": "bucket-owner-full-control"},
}
LISTS = {
    "include": PATTERN_FORM,
    "exclude": PATTERN_FORM,
    "extensions": "One extension per line: `csv`.",
    "prefixes": "One folder per line: `a/b/`.",
    "storage_classes": "One storage class per line.",
    "preserve": "One word per line.",
    "require_region": "One region per line.",
    "tolerate": "Outcome words.",
    "approvers": "One user name per line.",
}
SIZES = {
    "min_size", "max_size", "small_threshold", "large_threshold", "part_size", "batch_bytes", "buffer_size",
    "max_bytes", "group_bytes", "bandwidth", "max_delete_bytes", "approve_bytes_above",
}  # fmt: skip
COUNTS = {
    "quiet_objects": (0, None), "max_rounds": (1, None), "max_objects": (1, None), "max_batches": (1, 1024),
    "batch_objects": (1, None), "concurrency": (1, 256), "max_errors": (0, None),
    "requests_per_second": (1, None), "max_deletes": (0, None), "approve_above": (0, None),
    "lock_lease": (30, 86_400), "max_expansion": (1, None),
}  # fmt: skip
NUMBERS = {"max_error_share": 1.0, "max_delete_share": 1.0, "approval_hours": 720.0, "max_drift": 1.0}
"""With the highest value of each; the lowest is 0."""
FLAGS = {
    "recursive", "dry_run", "approve_plan", "since_watermark", "delete", "allow_empty_source", "delete_excluded",
    "unsafe_deletes", "move",
}  # fmt: skip
EXAMPLES: dict[str, Sequence[str]] = {"tolerate": STATUSES, "preserve": PRESERVED}
TIMES = {"modified_after", "modified_before"}
_WHICH, _HOW = "Which objects", "How"
# Source and destination have no section: only fields without one stand open when the form is opened.


def form(
    options: Sequence[str],
    *,
    allowed: Sequence[Location] = (),
    known: Mapping[str, Sequence[str]] | None = None,
    sides: Sequence[str] = ("source", "destination"),
) -> dict[str, Param]:
    """The fields of a run by hand, in the order of the form.

    :param options: options that may be set
    :param allowed: proposed as locations
    :param known: proposed before these, of each side
    :param sides: the locations that are asked for
    """
    allowed_urls = [location.url for location in allowed]
    locations = {}
    for name in sides:
        proposed = list(dict.fromkeys([*(known or {}).get(name, ()), *allowed_urls]))
        more: dict[str, Any] = {"examples": proposed} if proposed else {}
        locations[name] = Param(
            type="string", minLength=1, title=name.capitalize(), description_md=LOCATION_FORM, **more
        )
    return locations | {name: _field(name) for name in Options.model_fields if name in options}


def _field(name: str) -> Param:
    selects = name in Selection.__dataclass_fields__
    words = Options.model_fields[name].description or ""
    shape: dict[str, Any] = {
        "title": name.replace("_", " ").capitalize(),
        "section": _WHICH if selects else _HOW,
    }
    if name in CHOICES:
        default = (Selection if selects else SyncPolicy).__dataclass_fields__[name].default
        choices = CHOICES[name]
        return Param(default, type="string", enum=list(choices), values_display=choices, description_md=words, **shape)
    if name in FLAGS:
        noun = Selection if selects else SyncPolicy
        return Param(noun.__dataclass_fields__[name].default, type="boolean", description_md=words, **shape)
    if name in LISTS:
        proposals: dict[str, Any] = {"examples": list(EXAMPLES[name])} if name in EXAMPLES else {}
        return Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            description_md=f"{words} {LISTS[name]}",
            **proposals,
            **shape,
        )
    if name in COUNTS:
        lowest, highest = COUNTS[name]
        bounds: dict[str, Any] = {"minimum": lowest} | ({} if highest is None else {"maximum": highest})
        return Param(None, type=["null", "integer"], description_md=words, **bounds, **shape)
    if name in NUMBERS:
        return Param(None, type=["null", "number"], minimum=0.0, maximum=NUMBERS[name], description_md=words, **shape)
    if name == "key_mapping":
        return Param(None, type=["null", "string", "object"], description_md=words, **shape)
    if name in ("storage_class_map", "tags", "routed"):
        return Param(None, type=["null", "object"], description_md=words, **shape)
    if name in TIMES:
        return Param(None, type=["null", "string"], format="date-time", description_md=words, **shape)
    hint = " Bytes, or a number with KiB, MiB, GiB, TiB." if name in SIZES else ""
    return Param(None, type=["null", "string"], description_md=words + hint, **shape)
