"""Undoing a run, sweeping its trash and cleaning a place up, in a real Airflow on PostgreSQL. (F10, F11)"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.system.airflow import Refused, Run
from tests.system.places import KINDS, Places
from tests.system.world import GROUP, World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

REPORT = f"{GROUP}.report"
MANY = 500
OPTIONS = "delete, trash, max_deletes, max_delete_share, verify, compare"
DAY = 86_400


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("undo"), postgres=True, AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS=OPTIONS) as made:
        yield made


@pytest.fixture(params=KINDS)
def places(here: World, request: pytest.FixtureRequest) -> Places:
    """Both sides of a pair on a kind of store, empty."""
    return Places(here, request.param)


def mirrored(places: Places, **options: object) -> Run:
    """A run that deletes, and keeps all that it takes away."""
    conf = places.conf(delete=True, trash="all", max_deletes=1000, max_delete_share=1.0, **options)
    run = places.here.airflow.run("bucket_sync", conf, timeout=300)
    assert run.state == "success", run.log(REPORT)
    return run


def undone(here: World, folder: str, *, dry_run: bool = False) -> Run:
    """The DAG by hand."""
    run = here.airflow.run("undo_sync", {"folder": folder, "dry_run": dry_run}, timeout=300)
    assert run.state == "success", run.log("undo")
    return run


def test_row_F10_a_run_of_1500_changes_is_undone_but_for_what_others_changed_since(here: World, places: Places) -> None:
    kept = {f"same/{number}": "as it is" for number in range(10)}
    overwritten = [f"overwritten/{number:03}" for number in range(MANY)]
    deleted = {f"deleted/{number:03}": "goes" for number in range(MANY)}
    added = {f"added/{number:03}": "comes" for number in range(MANY)}
    before = kept | dict.fromkeys(overwritten, "before") | deleted
    after = kept | dict.fromkeys(overwritten, "after it") | added
    places.put("source", after)
    places.put("destination", before)
    done = mirrored(places)
    report = done.xcom(REPORT)
    assert report["counts"] == {"copied": 2 * MANY, "same": 10, "trashed": MANY}
    assert places.keys("destination") == after

    theirs = {"overwritten/007": "of others", "added/007": "of others", "deleted/007": "of others"}
    places.put("destination", theirs)
    dry = undone(here, report["report"], dry_run=True)
    assert dry.xcom("undo")["counts"] == {"changed": 3, "would_remove": MANY - 1, "would_restore": 2 * (MANY - 1)}
    assert places.keys("destination") == after | theirs
    undo = undone(here, report["report"])
    assert undo.xcom("undo")["counts"] == {"changed": 3, "removed": MANY - 1, "restored": 2 * (MANY - 1)}
    assert places.keys("destination") == before | theirs
    for key in theirs:
        assert f"'{key}'" in undo.log("undo"), "what was left is named"
    assert undone(here, report["report"]).xcom("undo")["counts"] == {"changed": 3, "same": 3 * (MANY - 1)}

    back = undone(here, undo.xcom("undo")["folder"])
    assert back.xcom("undo")["counts"] == {"removed": MANY - 1, "restored": 2 * (MANY - 1)}
    assert places.keys("destination") == after | theirs
    again = mirrored(places)  # it remembers nothing that is no longer so
    assert again.xcom(REPORT)["counts"] == {"copied": 2, "same": 10 + 2 * (MANY - 1), "trashed": 1}
    assert places.keys("destination") == after


def test_row_F10_the_trash_of_a_run_is_swept_when_it_is_old(here: World, places: Places) -> None:
    places.put("source", {"a": "1"})
    places.put("destination", {"a": "1", "gone": "2", "deep/gone": "3"})
    folder = "_bucketsync/" + mirrored(places).xcom(REPORT, "summary")["trash"]
    held = {f"{folder}gone": "2", f"{folder}deep/gone": "3"}

    def swept(**conf: object) -> Run:
        run = here.airflow.run("sweep_trash", {"location": places.url("destination"), **conf})
        assert run.state == "success", run.log("sweep")
        return run

    def trash() -> dict[str, str]:
        found = places.keys("destination", state=True).items()
        return {key: body for key, body in found if key.startswith("_bucketsync/trash/")}

    assert swept(dry_run=False).xcom("sweep")["counts"] == {"young": 1}
    assert trash() == held
    younger = here.airflow.run("sweep_trash", {"location": places.url("destination"), "older_than": "1 day"})
    assert younger.state == "failed"
    assert "may not ask for less" in younger.log("sweep")

    aged = _age(places, folder, days=31)
    held = {key.replace(folder, aged): body for key, body in held.items()}
    assert swept().xcom("sweep")["counts"] == {"would_delete": 1}
    assert trash() == held
    assert swept(dry_run=False).xcom("sweep")["counts"] == {"deleted": 1}
    assert trash() == {}
    assert places.keys("destination") == {"a": "1"}


def _age(places: Places, folder: str, *, days: int) -> str:
    """Let a run's trash be that old; returns the folder that it would have had."""
    stamp, rest = folder.removeprefix("_bucketsync/trash/").split("-", 1)
    began = datetime.strptime(stamp, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - timedelta(days=days)
    aged = f"_bucketsync/trash/{began:%Y%m%dT%H%M%S}-{rest}"
    then = time.time() - days * DAY
    if places.kind == "file":
        root = places.folder / "destination"
        (root / folder).rename(root / aged)
        for path in [*(root / aged).rglob("*"), root / aged]:
            os.utime(path, (then, then))
    else:
        for key, body in places.keys("destination", state=True).items():
            if key.startswith(folder):
                places.core.put("destination", f"{places.name}/{key.replace(folder, aged)}", body, modified=then)
                places.drop("destination", key)
    return aged


def test_row_F11_a_clean_up_repeats_the_number_of_its_dry_run(here: World, places: Places) -> None:
    data = {f"{number}.csv": "data" for number in range(6)}
    rubbish = {f"deep/{number}.tmp": "rubbish" for number in range(4)}
    places.put("destination", data | rubbish)
    rules = {"location": places.url("destination"), "include": ["**/*.tmp"]}
    dry = here.airflow.run("clean_bucket", rules)
    assert dry.state == "success", dry.log("clean")
    assert (dry.xcom("clean")["selected"], dry.xcom("clean")["listed"]) == (4, 10)
    assert "'deep/0.tmp'" in dry.log("clean")
    unnumbered = here.airflow.run("clean_bucket", {**rules, "dry_run": False})
    assert unnumbered.state == "failed"
    assert "expected_objects" in unnumbered.log("clean")

    places.put("destination", {"deep/new.tmp": "of somebody who is at work"})
    more = here.airflow.run("clean_bucket", {**rules, "dry_run": False, "expected_objects": 4})
    assert more.state == "failed"
    assert "run dry again" in more.log("clean")
    assert set(places.keys("destination")) == {*data, *rubbish, "deep/new.tmp"}
    places.drop("destination", "deep/new.tmp")
    real = here.airflow.run("clean_bucket", {**rules, "dry_run": False, "expected_objects": 4})
    assert real.state == "success", real.log("clean")
    assert real.xcom("clean")["counts"] == {"trashed": 4}
    assert places.keys("destination") == data
    kept = places.keys("destination", state=True)
    assert [kept[f"_bucketsync/{real.xcom('clean')['trash']}{key}"] for key in rubbish] == ["rubbish"] * 4
    assert undone(here, real.xcom("clean")["folder"]).xcom("undo")["counts"] == {"restored": 4}
    assert places.keys("destination") == data | rubbish


def test_row_F11_more_than_half_and_places_of_others_are_refused(here: World) -> None:
    s3 = Places(here, "s3")
    s3.put("destination", {"a.tmp": "1", "b.tmp": "2", "c": "3"})
    rules = {"include": ["*.tmp"], "dry_run": False, "expected_objects": 2}
    half = here.airflow.run("clean_bucket", {"location": s3.url("destination"), **rules})
    assert half.state == "failed"
    assert "max_delete_share" in half.log("clean")
    outside = here.airflow.run("clean_bucket", {"location": "s3://store@workspace/", **rules})
    assert outside.state == "failed"
    assert "allowed_locations" in outside.log("clean")
    assert set(s3.keys("destination")) == {"a.tmp", "b.tmp", "c"}


@pytest.mark.parametrize(
    ("folder", "words"),
    [("nobody/nothing/report.json", "holds no report"), ("../../etc", "is no folder of a run")],
)
def test_row_F10_what_can_not_be_undone_says_why(here: World, folder: str, words: str) -> None:
    run = here.airflow.run("undo_sync", {"folder": folder})
    assert run.state == "failed"
    assert words in run.log("undo")


def test_row_F10_an_undo_of_nothing_is_no_run(here: World) -> None:
    with pytest.raises(Refused, match="folder"):
        here.airflow.trigger("undo_sync", {"folder": ""})
