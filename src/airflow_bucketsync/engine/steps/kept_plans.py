"""The plans of a pair that somebody may have reviewed: where they are, and what they hold."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.rules.drift import Step
from airflow_bucketsync.engine.steps.large import uploads_of
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.spool import sorted_lines
from airflow_bucketsync.engine.steps.workspace import Workspace

FOLDER = "plans/"
ABOUT_THE_RUN = (
    "dry_run", "approve_plan", "apply_plan", "max_drift", "approvers", "approval_hours", "on_lock", "lock_lease",
    "precheck", "verify",
)  # fmt: skip
"""Options that say how a run goes about its plan, and nothing of what the plan holds; a precheck may raise `verify`."""


def keep_plan(workspace: Workspace, plan: Plan) -> None:
    """Write down where this plan lies, so that a later run of the pair finds it by its digest."""
    folder = workspace.run_folder.removeprefix(workspace.pair_folder)
    workspace.write_document(f"{FOLDER}{plan.digest}.json", "kept_plan", {"folder": folder}, of_pair=True)


def read_reviewed(run: Run, digest: str) -> Reviewed:
    """The plan that this run is to apply.

    :raises InvalidConfiguration: the pair has no such plan, or it was made with other options
    :raises PlanMismatch: it is damaged, or its pages are gone
    """
    try:
        value = run.workspace.read_document(f"{FOLDER}{digest}.json", "kept_plan", of_pair=True)
    except ObjectNotFound:
        raise InvalidConfiguration(
            f"apply_plan: pair {run.spec.pair} has no plan {digest}: copy the digest from the report of its dry run, "
            "and see that the workspace is the same one and that this run names the same sides",
            location=run.workspace.store.location.url,
        ) from None
    folder = value.get("folder")
    if not isinstance(folder, str) or not folder.endswith("/") or folder.count("/") != 1:
        raise PlanMismatch(f"{FOLDER}{digest}.json names no folder of a run; make the plan anew")
    workspace = run.workspace.at(run.workspace.pair_folder + folder)
    plan = read_plan(workspace, digest)
    others = _different(plan.spec, run.spec)
    if others:
        raise InvalidConfiguration(
            f"apply_plan: the plan was made with other options than this run has: {', '.join(others)}; give the same "
            "ones, or make a plan with those of this run"
        )
    return Reviewed(replace(run, workspace=workspace), plan)


class Reviewed:
    """A plan of an earlier run.

    :param run: with the folder of that run
    """

    def __init__(self, run: Run, plan: Plan) -> None:
        self._run = run
        self.plan = plan

    def steps(self) -> Iterator[Step]:
        """All that it was to do, ascending by key.

        :raises PlanMismatch: a page is missing or damaged
        """
        lines: Iterator[list[Any]] = ([change.key, change.to_json()] for change in self._changes())
        ordered = sorted_lines(lines, key=itemgetter(0))
        changes = (Step.of(Change.from_json(line)) for _, line in ordered)
        return heapq.merge(changes, map(Step.deleting, self._deletes()), key=lambda step: step.key)

    def _changes(self) -> Iterator[Change]:
        workspace = self._run.workspace
        batches = (workspace.read_page(batch.page, "changes", Change.from_json) for batch in self.plan.batches)
        return chain(chain.from_iterable(batches), (upload.change for upload in uploads_of(self._run, self.plan)))

    def _deletes(self) -> Iterator[ObjectInfo]:
        pages = () if self.plan.removal is None else self.plan.removal.deletes
        workspace = self._run.workspace
        return chain.from_iterable(workspace.read_page(page, "extra", ObjectInfo.from_json) for page in pages)


def _different(one: SyncSpec, other: SyncSpec) -> list[str]:
    """The names of the sides and options that are not the same."""
    left, right = _asked(one), _asked(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _asked(spec: SyncSpec) -> dict[str, Any]:
    value = spec.to_json()
    sides = {name: value[name] for name in ("pair", "source", "destination")}
    policy = {name: option for name, option in value["policy"].items() if name not in ABOUT_THE_RUN}
    return {**sides, **value["selection"], **policy}
