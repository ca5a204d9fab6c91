"""Hold a plan in the making against the one that was reviewed: what both hold is carried out, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import PlanDrifted
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.drift import DRIFTED, Drift, Drifted, Word
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.rules.drift import Step, word_of
from airflow_bucketsync.engine.steps.kept_plans import read_reviewed
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import PageWriter

DRIFT = "drifted"
"""The reason of what is withheld because the reviewed plan did not hold it, or not in this version."""
_WORDS = {
    "changed": "it changed since the plan was reviewed; make a plan anew to bring it in step",
    "new": "it is not in the plan that was reviewed; make a plan anew to bring it in step",
}


class Applying:
    """Is told of every key that the new plan decides, ascending; in a run that applies no plan, everything passes."""

    def __init__(self, run: Run) -> None:
        self._run = run
        digest = run.spec.policy.apply_plan
        self._reviewed = None if digest is None else read_reviewed(run, digest)
        self._steps = _Ahead(iter(()) if self._reviewed is None else self._reviewed.steps())
        self._page: PageWriter | None = None
        self.drift: Drift | None = None
        if self._reviewed is not None:
            self.drift = Drift(same=self._reviewed.plan.counts.get("same", 0))

    def same(self, key: str) -> None:
        """Both sides are equal."""
        if self.drift is not None:
            self._tell(key, word_of(self._then(key), None, equal=True))

    def change(self, change: Change) -> Outcome | None:
        """What a change comes to that is not carried out; None = it is."""
        if self.drift is None:
            return None
        word = self._tell(change.key, word_of(self._then(change.key), Step.of(change)))
        if word == "agreed":
            return None
        return Outcome(
            key=change.key,
            source_key=change.source_key,
            status="withheld",
            reason=DRIFT,
            message=_WORDS[word or "new"],
            bytes=change.load,
            source=Fingerprint.of(change.source),
        )

    def delete(self, there: ObjectInfo) -> Outcome | None:
        """What an object comes to that is not at the source, and not deleted; None = as the options say."""
        if self.drift is None or not self._run.spec.policy.delete:
            return None
        word = self._tell(there.key, word_of(self._then(there.key), Step.deleting(there)))
        if word == "agreed":
            return None
        words, version = _WORDS[word or "new"], Fingerprint.of(there)
        return Outcome(key=there.key, status="withheld", reason=DRIFT, message=words, destination=version)

    def finish(self) -> Drift | None:
        """All keys were told; what drifted is written down.

        :raises PlanDrifted: too much of it
        """
        if self.drift is None:
            return None
        self._pass(None)
        if self._page is not None:
            self._page.finish()
        policy, drift = self._run.spec.policy, self.drift
        if drift.share > policy.max_drift:
            raise PlanDrifted(
                f"{drift.drifted:,} of {drift.planned + drift.same:,} objects drifted since the plan "
                f"{policy.apply_plan} was made, max_drift is {policy.max_drift:g}: {drift}. Nothing was written: make "
                "a plan anew (dry_run), look at it, and apply that one; or raise max_drift"
            )
        return drift

    def _then(self, key: str) -> Step | None:
        """The step of the reviewed plan for this key; those before it found nothing in the new one."""
        self._pass(key)
        step = self._steps.first
        if step is None or step.key != key:
            return None
        self._steps.drop()
        return step

    def _pass(self, key: str | None) -> None:
        while (step := self._steps.first) is not None and (key is None or step.key < key):
            self._steps.drop()
            self._tell(step.key, word_of(step, None))

    def _tell(self, key: str, word: Word | None) -> Word | None:
        if word is not None and self.drift is not None:
            self.drift.take(word, key)
            if word in DRIFTED:
                if self._page is None:
                    self._page = self._run.workspace.page_writer("plan/drift", "drift")
                self._page.write(Drifted(key=key, word=word).to_json())
        return word


class _Ahead:
    """Steps of which the first one can be looked at; nothing is read before that."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps = steps
        self._held: list[Step | None] = []

    @property
    def first(self) -> Step | None:
        """The first step that was not dropped; None = there is none."""
        if not self._held:
            self._held.append(next(self._steps, None))
        return self._held[0]

    def drop(self) -> None:
        """Be done with the first one."""
        self._held.clear()
