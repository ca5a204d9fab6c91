"""Incremental and bounded runs through the DAG (rows C7, F1 to F3, G1, G3, G4, G7, G8, G9)."""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.web.faults import Fault
from tests.system.airflow import Run
from tests.system.world import World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

OPTIONS = (
    "mode, max_objects, max_bytes, compare, verify, quiet_objects, max_rounds, since_watermark, dry_run, include, "
    "exclude, batch_objects"
)
PAIRS = [("s3", "oss"), ("oss", "file"), ("file", "s3")]
NUMBERS = itertools.count()
BOUNDS: list[dict[str, Any]] = [
    {"max_objects": 7}, {"max_bytes": "50"}, {"max_objects": 11}, {"max_objects": 11, "max_bytes": "1 GiB"},
]  # fmt: skip
OLD = 1_000_000_000
"""A modification time of 2001."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    env = {"AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": OPTIONS}
    with world(tmp_path_factory.mktemp("incremental"), postgres=True, **env) as made:
        yield made


@dataclass
class Side:
    """One end of a pair, and what is done to it behind the product's back."""

    world: World
    kind: str
    bucket: str
    name: str

    @property
    def url(self) -> str:
        """Its location."""
        place = {"s3": "s3://store@", "oss": "oss://ali@", "file": f"file://{self.world.folder}/data/"}[self.kind]
        return f"{place}{self.bucket}/{self.name}/"

    def put(self, objects: dict[str, str], *, old: bool = False) -> None:
        """Write objects; `old` ones come in with a time of long ago, as far as the store lets them."""
        for key, body in objects.items():
            if self.kind == "file":
                path = self.world.folder / "data" / self.bucket / self.name / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(body)
                if old:
                    os.utime(path, (OLD, OLD))
            else:
                self.server.core.put(self.bucket, f"{self.name}/{key}", body, modified=OLD if old else None)

    def delete(self, key: str) -> None:
        """Remove an object."""
        if self.kind == "file":
            (self.world.folder / "data" / self.bucket / self.name / key).unlink()
        else:
            self.server.core.delete(self.bucket, f"{self.name}/{key}")

    def contents(self) -> dict[str, str]:
        """What stands there."""
        if self.kind == "file":
            root = self.world.folder / "data" / self.bucket / self.name
            return {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}
        keys = self.server.core.keys(self.bucket, f"{self.name}/")
        return {k.removeprefix(f"{self.name}/"): self.server.core.body(self.bucket, k).decode() for k in keys}

    @property
    def server(self) -> Any:
        """The strict server it lies on."""
        return self.world.server if self.kind == "s3" else self.world.oss

    def requests(self, since: int) -> Counter[str]:
        """Requests that came for it."""
        log = [] if self.kind == "file" else self.server.log.since(since)
        return Counter(e.operation for e in log if e.bucket == self.bucket and self.name in f"{e.key}{e.query}")

    def mark(self) -> int:
        """Where the log stands."""
        return 0 if self.kind == "file" else self.server.log.last_index


@dataclass
class Pair:
    """A pair of its own, run through the DAG `bucket_sync`."""

    world: World
    source: Side
    destination: Side

    def run(self, state: str = "success", **options: Any) -> dict[str, Any]:
        """One run; returns its report."""
        run = self.world.sync(self.source.url, self.destination.url, **options)
        assert run.state == state, run.log("bucket_sync.report")
        self.last = run
        return dict(run.xcom("bucket_sync.report", "summary"))

    def copied(self) -> list[str]:
        """The keys that the last run wrote."""
        report = self.last.xcom("bucket_sync.report")
        if not report.get("objects"):
            return []
        return sorted(k for k, line in self.world.outcomes(self.last).items() if line["status"] == "copied")

    def checkpoint(self) -> dict[str, Any]:
        """The pair's checkpoint in Airflow's metadata database."""
        return dict(self.world.airflow.get(self._checkpoint_path())["value"])

    def damage_checkpoint(self, value: Any) -> None:
        """Write something else there, as anybody with the API can."""
        self.world.airflow.put(self._checkpoint_path(), {"value": value})

    def _checkpoint_path(self) -> str:
        assets = self.world.airflow.get("/api/v2/assets?name_pattern=bucketsync_state")["assets"]
        pair = self.last.xcom("bucket_sync.prepare", "summary")["pair"]
        return f"/api/v2/assets/{assets[0]['id']}/state-store/{pair}"


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest, here: World) -> Pair:
    return make(here, *request.param)


def make(here: World, source: str, destination: str) -> Pair:
    """A pair below names of its own."""
    name = f"case-{next(NUMBERS):02}"
    ends = Side(here, source, "source", name), Side(here, destination, "destination", name)
    for side in ends:
        if side.kind == "file":
            (here.folder / "data" / side.bucket / name).mkdir(parents=True)
    return Pair(here, *ends)


def test_rows_F1_F2_G1_G8_what_is_new_is_found_whatever_its_time(pair: Pair) -> None:
    objects = {f"{n:02}": f"body {n}" for n in range(12)}
    pair.source.put(objects)
    report = pair.run(mode="incremental")
    assert (report["mode"], report["counts"]) == ("full", {"copied": 12})
    assert any("nothing is remembered" in warning for warning in report["warnings"])

    here, there = pair.source.mark(), pair.destination.mark()
    report = pair.run(mode="auto")
    assert (report["mode"], report["reasons"]) == ("incremental", {"same: known": 12})
    assert pair.last.executed == 3
    assert not pair.destination.requests(there), "nothing was asked of the destination"
    assert set(pair.source.requests(here)) <= {"ListObjectsV2", "HeadBucket", "GetBucketLocation", "GetBucketInfo"}

    pair.source.put({"new": "n", "00": "another body"})
    pair.source.put({"old": "moved here with its time", "01": "replaced, and older"}, old=True)
    pair.source.delete("02")
    there = pair.destination.mark()
    report = pair.run(mode="incremental")
    assert (report["mode"], report["counts"]) == ("incremental", {"copied": 4, "extra": 1, "same": 9})
    assert not any(name.startswith("List") for name in pair.destination.requests(there))
    assert pair.destination.contents() == pair.source.contents() | {"02": objects["02"]}
    kept = pair.checkpoint()
    assert (kept["version"], kept["stage"], kept["verified"]) == (2, "done", True)
    assert [item["written"] for item in kept["history"]] == [12, 0, 4]
    assert kept["watermark"] < report["started"]


def test_row_C7_tiny_bounds_lose_nothing_and_repeat_nothing(pair: Pair) -> None:
    objects = {f"{n:02}": "0123456789" for n in range(30)}
    pair.source.put(objects)
    seen: list[str] = []
    for bound in (
        {"max_objects": 7},
        {"max_bytes": "50"},
        {"max_objects": 11},
        {"max_objects": 11, "max_bytes": "1 GiB"},
    ):
        report = pair.run(mode="auto", **bound)
        seen += pair.copied()
        assert report["resume"] == (seen[-1] if len(seen) < 30 else None)
    assert seen == sorted(objects), "each once, in order"
    assert pair.destination.contents() == objects
    assert pair.run(mode="auto", max_objects=7)["counts"] == {"same": 30}


def test_row_C7_one_object_larger_than_the_bound(pair: Pair) -> None:
    pair.source.put({"a": "x", "huge": "x" * 500, "z": "x"})
    taken = []
    for _ in range(4):
        pair.run(max_bytes="10")
        taken.append(pair.copied())
    assert taken == [["a"], ["huge"], ["z"], []]


def test_rows_G4_G7_failed_objects_are_tried_first_and_forgotten_after_success(here: World) -> None:
    pair = make(here, "oss", "s3")
    pair.source.put({f"{n:02}": f"body {n}" for n in range(8)})
    key = f"{pair.destination.name}/01"
    with here.fault(operation="PutObject", key=key, status=403, code="AccessDenied") as refused:
        report = pair.run("failed", max_objects=4)
        assert (report["counts"], refused.occurred) == ({"copied": 3, "failed": 1}, 1), "a refusal is not tried again"
        assert pair.checkpoint()["failed"]["count"] == 1
        assert pair.checkpoint()["round"]["after"] == "03"
    with here.fault(operation="PutObject", key=key, status=503, code="SlowDown", times=2) as slow:
        report = pair.run(max_objects=4)
        assert slow.occurred == 2, "too busy is tried again"
    assert report["counts"] == {"copied": 5}
    assert pair.copied() == ["01", "04", "05", "06", "07"], "what failed before is no new work"
    assert "failed" not in pair.checkpoint()
    assert pair.destination.contents() == pair.source.contents()


@pytest.mark.parametrize("damage", ["text", "version", "fingerprint", "round"])
def test_row_G9_a_checkpoint_that_does_not_fit_is_ignored(here: World, damage: str) -> None:
    pair = make(here, "s3", "file")
    pair.source.put({f"{n:02}": f"body {n}" for n in range(4)})
    pair.run(mode="auto")
    good = pair.checkpoint()
    bad = {
        "text": "no checkpoint",
        "version": {**good, "version": 99},
        "fingerprint": {**good, "fingerprint": "0" * 64},
        "round": {**good, "round": {"after": 7}},
    }[damage]
    pair.damage_checkpoint(bad)
    pair.source.put({"new": "n"})
    report = pair.run(mode="auto")
    assert (report["mode"], report["counts"]) == ("full", {"copied": 1, "same": 4})
    assert any("the state of the last run is ignored" in warning for warning in report["warnings"])
    assert pair.run(mode="auto")["mode"] == "incremental"


def test_row_G3_the_checkpoint_is_written_last_and_by_report_only(here: World) -> None:
    pair = make(here, "s3", "oss")
    pair.source.put({"a": "1"})
    pair.run(mode="auto")
    first = pair.checkpoint()
    pair.source.put({"b": "2"})
    with here.fault(
        operation="PutObject", bucket="workspace", key_regex="report[.]json$", status=403, code="AccessDenied"
    ):
        run = here.sync(pair.source.url, pair.destination.url, mode="auto")
        assert run.states()["bucket_sync.report"] == "failed"
    assert pair.checkpoint() == first, "a report that was not written moves nothing"
    assert pair.run(mode="auto")["counts"] == {"same": 2}


def test_row_F2_until_quiet_runs_until_little_changes(here: World) -> None:
    """A writer changes fewer and fewer objects while the rounds run; the DAG starts its next run by itself."""
    pair = make(here, "s3", "oss")
    pair.source.put({f"{n:02}": f"body {n}" for n in range(20)})
    left = iter([9, 4, 1])
    lock = threading.Lock()

    def change(_: Any) -> None:
        with lock:
            count = next(left, 0)
        pair.source.put({f"{n:02}": f"changed with {count}" for n in range(count)})

    hook = Fault("after", operation="ListObjectsV2", bucket="source", hook=change)
    here.server.faults.add(hook)
    try:
        run = here.sync(pair.source.url, pair.destination.url, mode="until_quiet", quiet_objects=1)
        runs = [run]
        while runs[-1].states()["next_round"] == "success":
            last = runs[-1].run_id
            name = f"{run.run_id}__round_{len(runs) + 1}"
            assert last == (run.run_id if len(runs) == 1 else f"{run.run_id}__round_{len(runs)}")
            runs.append(here.airflow.wait("bucket_sync", name))
    finally:
        here.server.faults.remove(hook)
    reports = [each.xcom("bucket_sync.report") for each in runs]
    deltas = [report["counts"].get("copied", 0) for report in reports]
    print("until_quiet copied", deltas)
    assert [each.state for each in runs] == ["success"] * len(runs)
    assert len(runs) >= 3
    assert 10 < deltas[0] <= 20, "what changed right after it was listed is left for the next round"
    assert deltas[-1] <= 1
    assert reports[-1]["mode"] == "incremental"
    assert runs[-1].states()["next_round"] == "skipped"
    assert pair.destination.contents() == pair.source.contents()


def test_row_F3_back_to_source_migration(here: World) -> None:
    """New data is written to the destination already; what is missing or older there still comes over."""
    pair = make(here, "oss", "s3")
    pair.source.put({"missing": "m", "kept": "written at the source"}, old=True)
    pair.destination.put({"kept": "written after the cut-over"})
    pair.destination.put({"stale": "old"}, old=True)
    pair.source.put({"stale": "newer at the source"})
    for mode in ("full", "auto", "full"):
        report = pair.run(mode=mode, compare="missing_or_older")
    assert pair.copied() == []
    assert report["counts"] == {"same": 3}
    assert pair.destination.contents() == {
        "missing": "m", "kept": "written after the cut-over", "stale": "newer at the source",
    }  # fmt: skip


def test_row_F1_since_the_watermark(here: World) -> None:
    pair = make(here, "file", "oss")
    pair.source.put({"first": "1"}, old=True)
    assert pair.run(since_watermark=True)["counts"] == {"copied": 1}
    pair.source.put({"late and old": "x"}, old=True)
    pair.source.put({"new": "n"})
    assert pair.run(since_watermark=True)["counts"] == {"copied": 1}
    assert pair.copied() == ["new"]
    assert pair.run(mode="full")["counts"] == {"copied": 1, "same": 2}, "without the option nothing is hidden"


def test_row_F2_until_quiet_is_refused_in_somebodys_own_dag() -> None:
    from airflow_bucketsync import bucket_sync
    from airflow_bucketsync.engine.errors import InvalidConfiguration

    with pytest.raises(InvalidConfiguration, match="run the DAG `bucket_sync` by hand"):
        bucket_sync("s3://a@b/", "s3://c@d/", mode="until_quiet")


def test_every_run_said_what_it_listed(here: World) -> None:
    """The log of `report` names the mode, for people."""
    runs: list[Run] = [
        here.airflow.wait("bucket_sync", item["dag_run_id"]) for item in here.airflow.runs("bucket_sync")[-3:]
    ]
    assert all(run.xcom("bucket_sync.report")["mode"] in run.log("bucket_sync.report") for run in runs)
