"""What does a plan come to, for those who are to read it? Gathered while it is made, and written down beside it."""

from __future__ import annotations

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.analysis import Found, Row
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.review import Deletions, PlanReview
from airflow_bucketsync.engine.rules.plan_advice import Known, advise_plan
from airflow_bucketsync.engine.rules.requests import Side, Sides, expected_requests
from airflow_bucketsync.engine.rules.review_text import review_markdown
from airflow_bucketsync.engine.rules.reviewing import Reviewing
from airflow_bucketsync.engine.steps.approval import must_ask
from airflow_bucketsync.engine.steps.removing import Removing
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace

REVIEW = "plan/review.json"
REVIEW_PAGE = "plan/review.md"
FEW = 50
"""Warnings that a review repeats."""


class Reviewer:
    """The review of one plan in the making."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._policy = run.spec.policy
        self._new()

    def _new(self) -> None:
        self._counted = Reviewing(self._policy, self._run.destination.capabilities)
        self._removing: Removing | None = None

    def of(self, removing: Removing) -> Reviewing:
        """What is to be shown the changes of the plan that is made now, be it the first attempt or another.

        :param removing: what it gathers to be taken away
        """
        self._new()
        self._removing = removing
        return self._counted

    def write(self, plan: Plan) -> PlanReview:
        """Write down what the plan comes to, as a document and as Markdown; returns it."""
        if plan.locked is not None:  # whatever was counted before: nothing of it is done
            self._new()
        review = self._review(plan)
        known = Known(
            policy=self._policy,
            destination=self._run.destination.capabilities,
            same_service=self._run.source.service == self._run.destination.service,
            listed=plan.listed.get("destination", {}).get("objects", 0),
        )
        review = advise_plan(review, known)
        workspace = self._run.workspace
        workspace.write_document(REVIEW, "review", review.to_json())
        workspace.store.put(
            workspace.run_folder + REVIEW_PAGE,
            review_markdown(review).encode(errors="backslashreplace"),
            attributes=ObjectAttributes(content_type="text/markdown; charset=utf-8"),
        )
        return review

    def _review(self, plan: Plan) -> PlanReview:
        counted, removing = self._counted, self._removing
        deletes = None if removing is None else self._deletes(plan, removing)
        cells = list(counted.cells)
        in_step = (0, 0) if removing is None else removing.in_step
        through = sum(cell.bytes for cell in cells if cell.way in ("stream", "stream_parts"))
        objects, size = sum(cell.objects for cell in cells), sum(cell.bytes for cell in cells)
        moved = Row(name="moves", objects=objects + in_step[0], bytes=size + in_step[1])
        return PlanReview(
            pair=plan.spec.pair,
            run=plan.run,
            digest=plan.digest,
            source=plan.spec.source.url,
            destination=plan.spec.destination.url,
            mode=plan.mode,
            dry=plan.dry,
            route=plan.route,
            objects=sum(row.objects for row in counted.tiers),
            bytes=plan.bytes,
            decided={word: count for word, count in plan.counts.items() if word != "planned" and count},
            tiers=counted.tiers,
            reasons=counted.reasons,
            ways=counted.ways,
            sizes=counted.sizes,
            classes=counted.classes,
            archived=counted.archived_classes,
            largest=counted.largest,
            deletes=deletes,
            moves=moved if self._policy.move and moved.objects else None,
            requests=expected_requests(
                cells,
                self._sides(plan),
                deletes=0 if deletes is None or deletes.guard is not None else deletes.objects,
                in_step=in_step[0],
            ),
            through=through,
            read_back=size if self._policy.verify == "content" else 0,
            batches=len(plan.batches),
            groups=len(plan.groups),
            estimate=plan.estimate,
            resume=plan.resume,
            warnings=plan.warnings[:FEW],
        )

    def _deletes(self, plan: Plan, removing: Removing) -> Deletions | None:
        if not removing.objects:
            return None
        forbids = removing.forbids
        return Deletions(
            objects=removing.objects,
            bytes=removing.bytes,
            first=tuple(Found.of(info) for info in removing.first),
            guard=None if forbids is None else forbids.reason,
            words="" if forbids is None else forbids.words,
            kept=self._policy.keeps_when_run,
            asks=must_ask(self._policy, plan.removal),
        )

    def _sides(self, plan: Plan) -> Sides:
        asked: list[Side] = []
        asked += ["source"] if self._run.source.location.scheme != "file" else []
        asked += ["destination"] if self._run.destination.location.scheme != "file" else []
        return Sides(
            policy=self._policy,
            source=self._run.source.capabilities,
            destination=self._run.destination.capabilities,
            asked=frozenset(asked),
            blind=plan.blind,
            listed=plan.listed.get("destination", {}).get("objects", 0),
        )


def read_review(workspace: Workspace, plan: str) -> PlanReview:
    """The review of a plan.

    :param plan: its digest
    :raises ObjectNotFound: there is none
    :raises PlanMismatch: it is damaged, of a later release, or of another plan
    """
    value = workspace.read_document(REVIEW, "review")
    try:
        review = PlanReview.from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanMismatch(f"the review is damaged: {type(error).__name__}: {error}") from None
    if review.digest != plan:
        raise PlanMismatch("the review in the workspace is of another plan; clear `plan` to make both anew")
    return review
