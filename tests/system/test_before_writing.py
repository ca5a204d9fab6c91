"""What a run says before it writes: the precheck, a dry run's plan, a comparison by hand (PostgreSQL)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.web.log import Entry
from tests.system.airflow import Run
from tests.system.places import KINDS, Places
from tests.system.world import GROUP, World, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

OPTIONS = "dry_run, delete, max_delete_share, trash, verify, precheck, small_threshold, large_threshold, part_size"
PREPARE, PLAN, REPORT = (f"{GROUP}.{task}" for task in ("prepare", "plan", "report"))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("before")
    with world(folder, postgres=True, AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS=OPTIONS) as made:
        yield made


def sent(here: World, run: Any) -> tuple[Run, list[Entry]]:
    """What both servers were asked at the sides of a pair while a run went on."""
    servers = (here.server, here.oss)
    before = [server.log.last_index for server in servers]
    done = run()
    entries = [entry for server, index in zip(servers, before, strict=True) for entry in server.log.since(index)]
    return done, [entry for entry in entries if entry.bucket != "workspace"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_C12_C13_and_C15_a_dry_run_tells_everything_and_writes_nothing(here: World, kind: str) -> None:
    places = Places(here, kind)
    places.put("source", {"new": "n" * 10, "large": "l" * 6_000_000, "same": "s"})
    places.put("destination", {"same": "s", "extra": "e"})
    if kind != "file":
        name = {"s3": "GLACIER", "oss": "Archive"}[kind]
        client = here.server.client()
        if kind == "s3":
            client.put_object(Bucket="source", Key=f"{places.name}/cold", Body=b"cold", StorageClass=name)
        else:
            places.core.put("source", f"{places.name}/cold", "cold", storage_class=name)
        client.close()
    before = {side: places.keys(side, state=True) for side in ("source", "destination")}
    sizes = {"small_threshold": "1 MiB", "large_threshold": "5 MiB", "part_size": "5 MiB"}
    conf = places.conf(dry_run=True, delete=True, max_delete_share=1.0, **sizes)
    run, entries = sent(here, lambda: here.airflow.run("bucket_sync", conf, timeout=200))
    # What is archived fails in the run as it would here, and says so before.
    assert run.state == ("success" if kind == "file" else "failed"), run.log(REPORT)
    assert [entry.operation for entry in entries if entry.is_write()] == []
    assert {side: places.keys(side, state=True) for side in ("source", "destination")} == before
    told = run.xcom(REPORT, "summary")
    assert told["mode"] == "dry_run"
    assert told["counts"]["withheld"] >= 2
    review = json.loads(here.server.core.body("workspace", f"pages/{run.xcom(PLAN, 'summary')['review']}"))
    tiers = {tier["name"]: tier["objects"] for tier in review["tiers"] if tier["objects"]}
    assert tiers == ({"small": 1, "medium": 1} if kind == "file" else {"small": 1, "large": 1})
    assert review["deletes"]["objects"] == 1
    assert [row["objects"] for row in review["archived"]] == ([] if kind == "file" else [1])
    assert "a dry run writes nothing" in run.log(PREPARE)
    assert "'large'" in run.log(PLAN)
    done = states(run)
    assert {done[task] for task in ("copy", "begin_uploads", "delete_extra")} == {"skipped"}


@pytest.mark.parametrize("kind", KINDS)
def test_row_C14_a_first_run_asks_and_the_next_one_remembers(here: World, kind: str) -> None:
    places = Places(here, kind)
    places.put("source", {"a": "1"})
    first, entries = sent(here, lambda: here.airflow.run("bucket_sync", places.conf(), timeout=200))
    assert first.state == "success", first.log(PREPARE)
    text = first.log(PREPARE)
    for line in ("source list", "destination write", "destination checksums", "workspace", "two places"):
        assert line in text, text
    if kind != "file":
        assert any("precheck-probe" in entry.key for entry in entries)
    assert places.keys("destination") == {"a": "1"}
    assert not any("precheck" in key for key in places.keys("destination", state=True))
    assert "precheck" in first.log(REPORT)
    again, entries = sent(here, lambda: here.airflow.run("bucket_sync", places.conf(), timeout=200))
    assert again.state == "success"
    assert not any("precheck" in entry.key for entry in entries)
    assert "remembered" in again.log(PREPARE)


def test_row_C14_what_is_missing_is_said_at_once_and_nothing_is_written(here: World) -> None:
    places = Places(here, "s3")
    places.put("source", {"a": "1"})
    with here.fault("status", operation="PutObject", bucket="destination", status=403, code="AccessDenied", times=99):
        run = here.airflow.run("bucket_sync", places.conf(), timeout=200)
    assert run.state == "failed"
    assert states(run)["prepare"] == "failed"
    text = run.log(PREPARE)
    assert "destination write" in text
    assert "FAILED" in text
    assert "allow" in text
    assert places.keys("destination", state=True) == {}
    mended = here.airflow.run("bucket_sync", places.conf(), timeout=200)
    assert mended.state == "success", mended.log(PREPARE)
    assert places.keys("destination") == {"a": "1"}


def test_fault_F16_one_place_by_two_names(here: World) -> None:
    """The same folder, once through a link."""
    places = Places(here, "file")
    places.put("source", {"a": "1"})
    link = places.folder / "other"
    link.symlink_to(places.folder / "source", target_is_directory=True)
    run = here.airflow.run(
        "bucket_sync", {"source": places.url("source"), "destination": f"file://{link}/"}, timeout=200
    )
    assert run.state == "failed"
    assert states(run)["prepare"] == "failed"
    assert places.keys("source", state=True) == {"a": "1"}


def test_rows_H3_H5_and_E5_a_comparison_by_hand(here: World) -> None:
    places = Places(here, "s3")
    client = here.server.client()
    noon, near, far = (f"Wed, 15 Jul 2026 12:00:{second:02d} GMT" for second in (0, 9, 11))

    def put(side: str, key: str, body: str = "same", **more: Any) -> None:
        client.put_object(Bucket=side, Key=f"{places.name}/{key}", Body=body.encode(), **more)

    try:
        for key, here_, there in (
            ("equal", {}, {}),
            ("length", {"body": "longer"}, {"body": "long"}),
            ("content", {"body": "abcdefg"}, {"body": "abcxefg"}),
            ("type", {"ContentType": "text/a"}, {"ContentType": "text/b"}),
            ("metadata", {"Metadata": {"x": "1"}}, {"Metadata": {"x": "2"}}),
            ("tags", {"Tagging": "t=1"}, {"Tagging": "t=2"}),
            ("near", {"Expires": noon}, {"Expires": near}),
            ("far", {"Expires": noon}, {"Expires": far}),
        ):
            put("source", key, **here_)
            put("destination", key, **there)
        put("source", "missing")
        put("destination", "more")
    finally:
        client.close()
    run, entries = sent(here, lambda: here.airflow.run("compare_buckets", places.conf(verify="content"), timeout=200))
    assert run.state == "failed", "two places that differ are red"
    told = run.xcom("compare", "summary")
    found = {item["key"]: item["reason"] for item in told["first"]}
    assert "size" in found.pop("length")
    assert "content" in found.pop("content")
    assert found == {
        "type": "content_type",
        "metadata": "user_metadata",
        "tags": "tags",
        "far": "expires",
        "missing": "missing",
    }
    assert told["counts"]["extra"] == 1
    assert told["first_extra"] == ["more"]
    assert "byte 3" in run.log("compare") or "position 3" in run.log("compare"), run.log("compare")
    assert [entry.operation for entry in entries if entry.is_write()] == []
