"""Does a sync work in a real Airflow, from the form to the asset event? (SQLite, LocalExecutor; part of `make test`)"""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.system.world import SECRETS, size_of, states, world

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with world(tmp_path_factory.mktemp("end-to-end"), postgres=False) as made:
        yield made


def test_bucket_to_bucket_then_nothing_to_do(here):
    bodies = {f"in/d{n % 3}/ü {n}.txt": "x" * n for n in range(40)}
    here.put(bodies)
    first = here.sync("s3://store@source/in/", "s3://store@destination/out/")
    assert first.state == "success", first.log("bucket_sync.report")
    expected = {key.removeprefix("in/"): body.encode() for key, body in bodies.items()}
    assert here.keys("destination", "out/") == expected
    assert states(first) == {
        "prepare": "success",
        "list": "skipped",
        "plan": "success",
        "copy": "success",
        "begin_uploads": "skipped",
        "upload_parts": "skipped",
        "complete_uploads": "success",
        "verify": "success",
        "delete_extra": "skipped",
        "report": "success",
    }
    report = first.xcom("bucket_sync.report")
    assert report["counts"] == {"copied": 40}
    assert report["verified"]
    assert report == first.xcom("bucket_sync.report", "summary")
    assert "GREEN: s3://store@source/in/ -> s3://store@destination/out/" in first.log("bucket_sync.report")
    line = next(
        line for line in first.log("bucket_sync.copy", map_index=0).splitlines() if line.startswith("copy done")
    )
    fields = json.loads(line.partition("  ")[2])  # I6
    assert (fields["pair"], fields["run"], fields["batch"]) == (report["pair"], report["run"], 0)
    event = here.airflow.asset_events()[0]
    assert event["uri"] == event["name"] == "s3://destination/out"
    assert event["extra"]["counts"] == {"copied": 40}
    reads = [entry for entry in here.server.log.entries if entry.operation == "GetObject" and entry.bucket == "source"]
    assert [entry.bytes_out for entry in reads] == [1], "a byte for the precheck"

    before, events = here.server.log.last_index, len(here.airflow.asset_events())
    second = here.sync("s3://store@source/in/", "s3://store@destination/out/")
    assert second.state == "success"
    assert second.executed == 3
    assert second.xcom("bucket_sync.report")["counts"] == {"same": 40}
    assert len(here.airflow.asset_events()) == events
    asked = [entry for entry in here.server.log.since(before) if entry.bucket in ("source", "destination")]
    asked = [entry for entry in asked if "_bucketsync/lock-" not in entry.key]  # who holds it is asked once
    assert not [entry for entry in asked if entry.is_write() or entry.operation == "GetObject"]
    assert len(asked) <= 2 + 6


def test_folder_to_bucket_and_back(here):
    folder = here.folder / "data" / "tree"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "leaf").write_bytes(b"leaf" * 1000)
    (folder / "empty").write_bytes(b"")
    up = here.sync(f"file://{folder}/", "s3://store@destination/tree/")
    assert up.state == "success", up.log("bucket_sync.report")
    assert here.keys("destination", "tree/") == {"deep/er/leaf": b"leaf" * 1000, "empty": b""}
    down = here.sync("s3://store@destination/tree/", f"file://{here.folder}/data/back/")
    assert down.state == "success", down.log("bucket_sync.report")
    assert (here.folder / "data/back/deep/er/leaf").read_bytes() == b"leaf" * 1000
    across = here.sync(f"file://{folder}/", f"file://{here.folder}/data/across/", dry_run=True)
    assert across.state == "success", across.log("bucket_sync.report")
    assert not (here.folder / "data/across").exists()
    assert across.xcom("bucket_sync.report")["mode"] == "dry_run"
    across = here.sync(f"file://{folder}/", f"file://{here.folder}/data/across/")
    assert across.state == "success", across.log("bucket_sync.report")
    assert subprocess.run(["diff", "-r", folder, here.folder / "data/across"], check=False).returncode == 0


def test_refusal_is_told_in_the_log(here):
    """The rest of the table is in tests/configuration/test_by_hand.py."""
    run = here.sync("s3://store@source/in/", "s3://store@destination/no/", delete=True)
    assert run.state == "failed"
    assert (states(run)["prepare"], states(run)["report"]) == ("failed", "failed")
    assert "'delete' may not be set by hand" in run.log("bucket_sync.prepare")
    assert here.keys("destination", "no/") == {}


def test_configuration_of_a_run_is_no_template(here):
    here.put({"templates/{{ 7 * 7 }}": "x", "templates/plain": "y"})
    run = here.sync("s3://store@source/templates/", "s3://store@destination/templates/", exclude=["{{ 'plain' }}"])
    assert run.state == "success", run.log("bucket_sync.report")
    assert here.keys("destination", "templates/") == {"{{ 7 * 7 }}": b"x", "plain": b"y"}
    fields = json.dumps([run.rendered("bucket_sync.prepare"), run.rendered("bucket_sync.copy", 0)])
    assert "templates" not in fields


def test_row_H3_comparing_names_what_was_damaged_behind_our_back(here):
    here.put({f"pair/{name}": "0123456789" for name in ("good", "flipped", "gone")})
    sides = {"source": "s3://store@source/pair/", "destination": "s3://store@destination/pair/"}
    assert here.sync(**sides).state == "success"
    assert here.airflow.run("compare_buckets", sides).xcom("compare")["counts"] == {"same": 3}
    here.server.core.put("destination", "pair/flipped", "0123X56789")
    here.server.core.delete("destination", "pair/gone")
    run = here.airflow.run("compare_buckets", {**sides, "verify": "content"})
    assert run.state == "failed"
    found = run.xcom("compare", "summary")
    assert found["counts"] == {"differ": 1, "missing": 1, "same": 1}
    assert found["differences"] == {"checksum": 1, "content": 1}
    assert "first difference at byte 4" in run.log("compare")
    assert here.keys("destination", "pair/") == {"good": b"0123456789", "flipped": b"0123X56789"}, "nothing was written"


def test_example_between_two_tasks_and_the_dag_behind_it(here):
    folder = here.folder / "data" / "example-in"
    folder.mkdir()
    (folder / "a.csv").write_text("1,2")
    (folder / "b.tmp").write_text("no")
    run = here.airflow.run("example_bucket_sync", {"source": "s3://store@source/in/", "exclude": []})
    assert run.state == "success", run.log("bucket_sync.report")
    assert states(run)["produce"] == states(run)["consume"] == "success"
    assert here.keys("destination", "example/") == {"a.csv": b"1,2"}
    started = here.airflow.wait_for_run("example_after_bucket_sync")
    assert started.state == "success"
    assert "s3://destination/example {'copied': 1}" in started.log("look")


def test_nothing_is_large_and_nothing_is_secret(here):
    """Last in the file: it reads what all the runs before it left."""
    seen = 0
    for dag_id in ("bucket_sync", "compare_buckets", "example_bucket_sync"):
        for found in here.airflow.runs(dag_id):
            run = here.airflow.wait(dag_id, found["dag_run_id"])
            for entry in run.xcoms():
                value = run.xcom(entry["task_id"], entry["key"], entry["map_index"])
                assert size_of(value) <= 10_000, entry
                seen += 1
    assert seen > 20
    places = 0
    for place, text in here.texts():
        places += 1
        for secret in SECRETS:
            assert secret not in text, f"{place} holds a secret"
    assert places > 50
