"""Which values of a sync's options fit, alone and together?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.policy_words import (
    COMPARE_MODES,
    VERIFY_LEVELS,
    FolderMarkers,
    FollowLinks,
    Mode,
    OnCollision,
    OnLock,
    OnMissing,
    PrecheckWhen,
    SymlinkObjects,
    Trash,
)
from airflow_bucketsync.engine.model.preserve import PRESERVED, Acl
from airflow_bucketsync.engine.model.units import KIB, MIB

if TYPE_CHECKING:
    from airflow_bucketsync.engine.model.policy import SyncPolicy


def check_policy(policy: SyncPolicy) -> None:
    """Refuse values that are none, out of bounds, or do not go together.

    :raises InvalidConfiguration: names the option, what was wrong and what fits
    """
    for name, word, known in _words(policy):
        if word not in known:
            raise InvalidConfiguration(f"{name}: {word!r} is none of {', '.join(known)}")
    for holds, message in (*_bounds(policy), *_deleting(policy), *_applying(policy)):
        if not holds:
            raise InvalidConfiguration(message)


DIGEST = re.compile(r"[0-9a-f]{64}")


def _words(policy: SyncPolicy) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Of each option that is a word (or each word of a list): name, word, the known ones."""
    return (
        ("mode", policy.mode, get_args(Mode)),
        ("compare", policy.compare, COMPARE_MODES),
        ("verify", policy.verify, VERIFY_LEVELS),
        ("on_missing", policy.on_missing, get_args(OnMissing)),
        ("on_collision", policy.on_collision, get_args(OnCollision)),
        ("folder_markers", policy.folder_markers, get_args(FolderMarkers)),
        ("follow_links", policy.follow_links, get_args(FollowLinks)),
        ("acl", policy.acl, get_args(Acl)),
        ("symlink_objects", policy.symlink_objects, get_args(SymlinkObjects)),
        ("trash", policy.trash, get_args(Trash)),
        ("on_lock", policy.on_lock, get_args(OnLock)),
        ("precheck", policy.precheck, get_args(PrecheckWhen)),
        *(("tolerate", word, STATUSES) for word in policy.tolerate),
        *(("preserve", word, PRESERVED) for word in policy.preserve),
    )


def _bounds(policy: SyncPolicy) -> tuple[tuple[bool, str], ...]:
    """What must hold of numbers and texts, with the words where it doesn't."""
    return (
        (
            0 <= policy.small_threshold <= policy.large_threshold,
            f"small_threshold ({policy.small_threshold}) must not be above large_threshold ({policy.large_threshold})",
        ),
        (policy.part_size > 0, f"part_size must be above 0, got {policy.part_size}"),
        (1 <= policy.max_batches <= 1024, f"max_batches must be 1 to 1024, got {policy.max_batches}"),
        (policy.batch_objects >= 1, f"batch_objects must be at least 1, got {policy.batch_objects}"),
        (policy.batch_bytes >= 1, f"batch_bytes must be at least 1, got {policy.batch_bytes}"),
        (1 <= policy.concurrency <= 256, f"concurrency must be 1 to 256, got {policy.concurrency}"),
        (policy.buffer_size >= MIB, f"buffer_size must be at least 1 MiB, got {policy.buffer_size}"),
        (policy.quiet_objects >= 0, f"quiet_objects must not be negative, got {policy.quiet_objects}"),
        (policy.max_rounds >= 1, f"max_rounds must be at least 1, got {policy.max_rounds}"),
        (
            policy.max_objects is None or policy.max_objects >= 1,
            f"max_objects must be at least 1, got {policy.max_objects}",
        ),
        (policy.max_bytes is None or policy.max_bytes >= 1, f"max_bytes must be at least 1, got {policy.max_bytes}"),
        (policy.group_bytes >= 1, f"group_bytes must be at least 1, got {policy.group_bytes}"),
        (
            policy.bandwidth is None or policy.bandwidth >= KIB,
            f"bandwidth must be at least 1 KiB, got {policy.bandwidth}",
        ),
        (
            policy.requests_per_second is None or policy.requests_per_second >= 1,
            f"requests_per_second must be at least 1, got {policy.requests_per_second}",
        ),
        (policy.max_errors >= 0, f"max_errors must not be negative, got {policy.max_errors}"),
        (0.0 <= policy.max_error_share <= 1.0, f"max_error_share must be 0.0 to 1.0, got {policy.max_error_share}"),
        (bool(policy.storage_class), "storage_class must not be empty: write default, keep, or the name of a class"),
        (
            policy.encryption_key is None or policy.encryption not in ("default", "AES256"),
            f"encryption_key needs an encryption with keys (aws:kms, KMS), got encryption {policy.encryption!r}",
        ),
    )


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


def _applying(policy: SyncPolicy) -> tuple[tuple[bool, str], ...]:
    """What must hold of a run that carries out a reviewed plan, with the words where it doesn't."""
    digest = policy.apply_plan
    alone = {
        "mode until_quiet": policy.mode == "until_quiet",
        "move": policy.move,
        "since_watermark": policy.since_watermark,
        "max_objects": policy.max_objects is not None,
        "max_bytes": policy.max_bytes is not None,
    }
    first = next((name for name, given in alone.items() if given), None)
    return (
        (0.0 <= policy.max_drift <= 1.0, f"max_drift must be 0.0 to 1.0, got {policy.max_drift}"),
        (
            digest is None or DIGEST.fullmatch(digest) is not None,
            f"apply_plan: {digest!r:.80} is no digest of a plan: copy its 64 characters from the report of the dry run",
        ),
        (
            digest is None or first is None,
            f"apply_plan with {first}: another plan of it takes other objects, so none can be held against the one "
            f"that was reviewed; leave {first} out, in the dry run too",
        ),
    )
