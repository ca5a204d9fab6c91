"""The tasks of one run as Airflow calls them: each try with the task's progress and its number, killed or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError, TransientError
from airflow_bucketsync.engine.model.outcome import Outcome, Report
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads
from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import Progress, Run
from airflow_bucketsync.engine.steps.upload_parts import upload_group
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.steps.pairs import PART, Pair
from tests.engine.steps.test_kills import Killed

MODES = ("part_copy", "stream_parts")
TIERS: Mapping[str, int] = {
    "small_threshold": PART,
    "large_threshold": 3 * PART,
    "part_size": PART,
    "group_bytes": 4 * PART,
}
"""Up to 10 bytes in one request, up to 30 in parts in a batch, beyond in groups of 4 parts."""
GROUPS: Mapping[str, int] = {**TIERS, "large_threshold": PART}
"""Everything above one part is large."""
SENDS = ("upload_part", "copy_part")
Seen = Callable[[str, str, str], None]


class CountingStore(MemoryStore):
    """Knows how often each part was stored."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.stored: Counter[tuple[str, int]] = Counter()

    def _place_part(self, key: str, upload_id: str, number: int, data: bytes) -> Any:
        receipt = super()._place_part(key, upload_id, number, data)
        self.stored[key, number] += 1
        return receipt


class Trouble:
    """Raises at the requests of these verbs, from the `first` to the `last` one.

    :param when: `before` = the request is not applied, `after` = only its answer is lost
    :param key: None = any
    """

    def __init__(
        self,
        error: Callable[[], BaseException],
        *verbs: str,
        first: int = 1,
        last: int = 10**9,
        when: str = "before",
        key: str | None = None,
    ) -> None:
        self.error, self.verbs, self.first, self.last = error, verbs, first, last
        self.when, self.key, self.seen = when, key, 0

    def __call__(self, when: str, verb: str, key: str) -> None:
        if verb in self.verbs and self.key in (None, key):
            self.seen += when == "before"
            if when == self.when and self.first <= self.seen <= self.last:
                raise self.error()


class At:
    """Does something once, before the n-th request of these verbs."""

    def __init__(self, do: Callable[[], object], *verbs: str, number: int = 1) -> None:
        self.do, self.verbs, self.number, self.seen = do, verbs, number, 0

    def __call__(self, when: str, verb: str, key: str) -> None:
        if verb in self.verbs and when == "before":
            self.seen += 1
            if self.seen == self.number:
                self.do()


def body(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two parts are alike."""
    return bytes((seed * 37 + number * 7 + number // PART) % 256 for number in range(size))


def pair_for(mode: str, **settings: Any) -> Pair:
    """A pair whose objects go in parts this way; the destination counts them."""
    return Pair(shared=mode == "part_copy", **{"store": CountingStore, "destination": MEMORY_CAPABILITIES, **settings})


def stored(pair: Pair) -> Counter[tuple[str, int]]:
    """How often each part was stored so far."""
    assert isinstance(pair.destination, CountingStore)
    return Counter(pair.destination.stored)


def each_part(objects: Mapping[str, bytes]) -> dict[tuple[str, int], int]:
    """Every part of every object that goes in parts, once."""
    sizes = {key: len(data) for key, data in objects.items() if len(data) > PART}
    return {(key, number): 1 for key, size in sizes.items() for number in range(1, -(-size // PART) + 1)}


class KeptProgress:
    """The task state store: what was saved outlives the try, and saving is seen like a request."""

    def __init__(self, seen: Seen | None = None) -> None:
        self.value: Mapping[str, Any] | None = None
        self.seen = seen

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last."""
        return self.value

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep this."""
        if self.seen is not None:
            self.seen("before", "save", "progress")
        self.value = json.loads(json.dumps(value))
        if self.seen is not None:
            self.seen("after", "save", "progress")


class Job:
    """One run of one pair, task by task.

    :param seen: called before and after each save of a task's progress
    :param before_retry: called when a try was killed, before the next one
    :param most: tries of a task
    """

    def __init__(
        self,
        pair: Pair,
        *,
        run: str = "run",
        seen: Seen | None = None,
        before_retry: Callable[[], None] | None = None,
        most: int = 3,
        **policy: Any,
    ) -> None:
        self.pair = pair
        self.name = run
        self.policy = {**GROUPS, **policy}
        self.progress: dict[tuple[str, int], Progress] = {}
        self.tries: Counter[tuple[str, int]] = Counter()
        self.failed: list[str] = []
        self.errors: list[BucketsyncError] = []
        self.seen = seen
        self.before_retry = before_retry
        self.most = most
        self.plan: Plan | None = None

    # one try --------------------------------------------------------------------------------------------------

    def process(self) -> Run:
        """What a task opens: a gate and stores of its own."""
        return self.pair.run(self.name, prepared=False, **self.policy)

    def once(self, step: str, number: int = 0, *, run: Run | None = None, attempt: int | None = None) -> Any:
        """One try of one task; its error comes through.

        :param attempt: as Airflow numbers it; None = the next one
        """
        self.tries[step, number] += attempt is None
        attempt, run = attempt or self.tries[step, number], run or self.process()
        progress = self.progress.setdefault((step, number), KeptProgress(self.seen))
        if step == "prepare":
            return prepare(run).units
        if step == "list":
            return list_unit(run, number)
        if step == "plan":
            return make_plan(run)
        if step == "report":
            return make_report(run, failed_tasks=self.failed).report
        plan = read_plan(run.workspace)
        if step == "begin":
            return begin_uploads(run, plan, attempt=attempt)
        if step == "verify":
            return verify_unit(run, plan, number, attempt=attempt)
        if step == "complete":
            return complete_uploads(run, plan, attempt=attempt, progress=progress)
        do = {"copy": copy_batch, "parts": upload_group}[step]
        return do(run, plan, number, attempt=attempt, progress=progress)

    # with retries ---------------------------------------------------------------------------------------------

    def do(self, step: str, number: int = 0) -> Any:
        """A task with its retries; None when it failed for good."""
        error: BucketsyncError | None = None
        for _ in range(self.most):
            try:
                return self.once(step, number)
            except Killed:
                if self.before_retry is not None:
                    self.before_retry()
            except TransientError as caught:
                error = caught
            except BucketsyncError as caught:
                error = caught
                break
        self.failed.append(f"{step} {number}")
        self.errors += [error] if error is not None else []
        return None

    def planned(self) -> Plan:
        """Everything up to the plan."""
        for unit in self.do("prepare"):
            self.do("list", unit.number)
        self.plan = self.do("plan")
        assert self.plan is not None
        return self.plan

    def copied(self, groups: Iterable[int] | None = None) -> None:
        """The batches, and the part groups (or some of them), after `begin`."""
        assert self.plan is not None
        for batch in self.plan.batches:
            self.do("copy", batch.number)
        found = self.do("begin") if self.plan.groups else ()
        for number in found or ():
            if groups is None or number in groups:
                self.do("parts", number)

    def ended(self) -> Report:
        """From the join to the report."""
        for unit in self.do("complete") or ():
            self.do("verify", unit)
        report = self.do("report")
        assert isinstance(report, Report)
        return report

    def drive(self) -> Report:
        """The whole run."""
        if self.planned().dry:
            report = self.do("report")
            assert isinstance(report, Report)
            return report
        self.copied()
        return self.ended()

    def clear(self, step: str, number: int = 0) -> Any:
        """A person clears a finished task; its next try."""
        return self.once(step, number)

    def outcomes(self, report: Report) -> dict[str, Outcome]:
        """The records of the run."""
        return self.pair.outcomes(report)

    def ends(self, report: Report) -> dict[str, tuple[str, str | None]]:
        """Word and reason of each object that is not `same`."""
        return {key: (outcome.status, outcome.reason) for key, outcome in self.outcomes(report).items()}
