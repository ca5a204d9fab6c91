"""What did an earlier precheck of the pair find, and does it still say anything?"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

from airflow_bucketsync.engine.errors import ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.precheck import Precheck
from airflow_bucketsync.engine.steps.run import Run

DOCUMENT = "precheck.json"
"""In the pair's folder: what is remembered; in the run's: what it asked."""
LONGEST = timedelta(days=7)
_RULES = 1
"""Grows when a precheck asks for more, so that what older ones found is asked anew."""
_POLICY = (
    "mode", "verify", "delete", "move", "trash", "unsafe_deletes", "preserve", "acl", "encryption", "encryption_key",
    "require_region", "small_threshold", "large_threshold", "lock_lease",
)  # fmt: skip
"""The options of a policy that decide what is asked, or how it is judged."""


def fingerprint(run: Run, *, several_machines: str) -> str:
    """Of everything that decides what is asked: places, services, options."""
    policy, selection = run.spec.policy, run.spec.selection
    parts = [
        _RULES,
        *(text for store in (run.source, run.destination) for text in (store.location.url, store.service)),
        run.workspace.store.location.url,
        several_machines,
        {name: getattr(policy, name) for name in _POLICY},
        [selection.max_size, bool(selection.source_list), *selection.prefixes],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def recall(run: Run, wanted: str) -> Precheck | None:
    """What is remembered with this fingerprint and not older than a week; None = nothing."""
    try:
        found = Precheck.from_json(run.workspace.read_document(DOCUMENT, "precheck", of_pair=True))
    except (ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError):
        return None
    young = timedelta(0) <= run.clock.now() - found.when < LONGEST
    if found.fingerprint != wanted or not young or found.failed or found.dry:
        return None
    return replace(found, remembered=True)


def remember(run: Run, precheck: Precheck) -> None:
    """Keep what did not fail for later runs of the pair, unless what writes was not asked."""
    if not precheck.dry:
        run.workspace.write_document(DOCUMENT, "precheck", precheck.to_json(), of_pair=True)
