"""When is a pair asked, what is remembered, what stops a run, and what does a dry run send?"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.errors import ObjectNotFound, PrecheckFailed, Throttled
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.steps.precheck.asked import precheck
from airflow_bucketsync.engine.steps.precheck.asking import Surroundings
from airflow_bucketsync.engine.steps.precheck.remembered import DOCUMENT
from airflow_bucketsync.engine.stores.base import ObjectStore
from tests.engine.precheck.conftest import MakeRun
from tests.engine.precheck.test_lines import ALL, Sides
from tests.engine.stand import SMALL_PARTS, QuickClock, Stand, quick_retries
from tests.servers.web.log import Entry

ASK = Surroundings()


def entries(stand: Stand, before: dict[int, int]) -> list[Entry]:
    return [entry for server in stand.servers for entry in server.log.since(before[id(server)])]


def marks(stand: Stand) -> dict[int, int]:
    return {id(server): server.log.last_index for server in stand.servers}


def aged(stand: Stand, days: float) -> None:
    """Let what is remembered be older by so many days."""
    path = Path(stand.workspace.location.bucket) / "pair" / DOCUMENT
    document = json.loads(path.read_text())
    document["when"] = (datetime.fromisoformat(document["when"]) - timedelta(days=days)).isoformat()
    path.write_text(json.dumps(document))


def test_an_unchanged_run_sends_no_probe(stand: Stand, make_run: MakeRun) -> None:
    pair = Sides(stand)
    first = precheck(make_run(pair.store("source"), pair.store("destination")), ASK)
    assert first is not None
    assert first.remembered is False
    before, reads = marks(stand), dict(stand.workspace.requests)
    again = precheck(make_run(pair.store("source"), pair.store("destination"), run="other"), ASK)
    assert again == replace(first, remembered=True)
    assert entries(stand, before) == []
    sent = {verb: n - reads.get(verb, 0) for verb, n in stand.workspace.requests.items() if n != reads.get(verb, 0)}
    assert sent == {"open": 1}, "one small read"


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ({"delete": True}, 0),
        ({"verify": "content"}, 0),
        ({"preserve": ()}, 0),
        ({"precheck": "always"}, 0),
        ({}, 7),
        ({}, -1),
    ],
)
def test_what_is_asked_anew(stand: Stand, make_run: MakeRun, options: Any, days: float) -> None:
    pair = Sides(stand)
    precheck(make_run(pair.store("source"), pair.store("destination")), ASK)
    run = make_run(pair.store("source"), pair.store("destination"), run="other", **options)
    before = marks(stand)
    aged(stand, days)
    found = precheck(run, ASK)
    assert found is not None
    assert found.remembered is False
    assert any(entry.is_write() for entry in entries(stand, before))


def test_other_options_change_nothing(stand: Stand, make_run: MakeRun) -> None:
    pair = Sides(stand)
    precheck(make_run(pair.store("source"), pair.store("destination")), ASK)
    run = make_run(pair.store("source"), pair.store("destination"), max_errors=3, concurrency=2, dry_run=True)
    aged(stand, 6.9)
    found = precheck(run, ASK)
    assert found is not None
    assert found.remembered is True


def test_never(stand: Stand, make_run: MakeRun) -> None:
    pair = Sides(stand)
    before = marks(stand)
    assert precheck(make_run(pair.store("source"), pair.store("destination"), precheck="never"), ASK) is None
    assert entries(stand, before) == []
    always = Surroundings(always=True)
    assert precheck(make_run(pair.store("source"), pair.store("destination"), precheck="never"), always) is not None


def test_what_failed_is_not_remembered_and_names_every_line(stand: Stand, make_run: MakeRun) -> None:
    pair = Sides(stand).without("source", "GetObject").without("destination", "PutObject")
    said: list[str] = []
    for _ in range(2):
        run = make_run(pair.store("source"), pair.store("destination"))
        with pytest.raises(PrecheckFailed) as caught:
            precheck(run, Surroundings(say=said.append))
        first, *lines = str(caught.value).splitlines()
        assert first == (
            f"the precheck of {run.source.location.url} -> {run.destination.location.url} failed, so nothing was "
            "written:"
        )
        assert [line.split(":")[0].strip() for line in lines] == ["source read", "destination write"]
        with pytest.raises(ObjectNotFound):
            run.workspace.read_document(DOCUMENT, "precheck", of_pair=True)
        assert len(run.workspace.read_document(DOCUMENT, "precheck")["checks"]) == 25
    assert len(said) == 2
    assert "  FAILED     destination write        PutObject: the store says: " in said[0]
    assert ": 14 done, 2 failed, 9 not asked" in said[0].splitlines()[0]
    assert stand.server.core.keys(pair.destination) == []


def test_a_store_that_is_busy_fails_as_it_did(stand: Stand, make_run: MakeRun) -> None:
    """What may pass is no line: the task tries again, and nothing is left meanwhile."""
    pair = Sides(stand)
    stand.fault("status", operation="CreateMultipartUpload", status=503, code="SlowDown")
    run = make_run(pair.store("source"), pair.store("destination"))
    with pytest.raises(Throttled):
        precheck(run, ASK)
    assert stand.server.core.keys(pair.destination) == []
    with pytest.raises(ObjectNotFound):
        run.workspace.read_document(DOCUMENT, "precheck", of_pair=True)


@pytest.mark.parametrize("text", ["{}", '{"schema": "bucketsync/precheck", "version": 1, "when": 3}', "no JSON"])
def test_a_damaged_memory_is_asked_anew(stand: Stand, make_run: MakeRun, text: str) -> None:
    pair = Sides(stand)
    run = make_run(pair.store("source"), pair.store("destination"))
    stand.workspace.put("pair/precheck.json", text.encode())
    found = precheck(run, ASK)
    assert found is not None
    assert found.remembered is False


def test_a_run_reports_it(stand: Stand) -> None:
    pair = Sides(stand).without("destination", "DeleteObject")
    said: list[str] = []
    for remembered in (False, True):
        report = sync(
            pair.store("source"),
            pair.store("destination"),
            workspace=stand.workspace,
            clock=QuickClock(),
            retries=quick_retries(),
            surroundings=Surroundings(say=said.append),
        )
        assert report.precheck is not None
        assert report.precheck["remembered"] is remembered
        assert report.precheck["warned"] == 1
        assert any(warning.startswith("precheck, destination delete: ") for warning in report.warnings)
        for key in stand.server.core.keys(pair.destination):
            if "lock" in key:  # it could not be deleted either, and nobody takes it over here
                stand.server.core.delete(pair.destination, key)
    assert "(remembered, asked 20" in said[1]


def test_fault_F31_a_run_to_a_store_that_takes_wrong_checksums_reads_back(stand: Stand, other: Any) -> None:
    other.ignore_checksums = True
    pair = Sides(stand)
    there = stand.s3(stand.bucket(at=other), at=other, capabilities=replace(SMALL_PARTS, checksums=()))
    damaged = stand.fault("flip_request", server=other, operation="PutObject", key="b", at=1)
    report = sync(
        pair.store("source"),
        there,
        workspace=stand.workspace,
        clock=QuickClock(),
        retries=quick_retries(),
        surroundings=ASK,
        check=False,
    )
    assert damaged.occurred
    assert report.verify == "content"
    assert report.counts == {"copied": 1, "unverified": 1}


# dry runs -------------------------------------------------------------------------------------------------------------

OPTIONS = [
    {"precheck": asked, "trash": trash, **removing}
    for asked, trash, removing in itertools.product(
        ("auto", "always"),
        ("all", "none"),
        ({}, {"delete": True}, {"move": True, "verify": "content"}),
    )
]


def dry(stand: Stand, source: ObjectStore, destination: ObjectStore) -> list[Entry]:
    """What dry runs with all these options send, the first ones of the pair."""
    before = marks(stand)
    for number, options in enumerate(OPTIONS):
        said: list[str] = []
        report = sync(
            source,
            destination,
            workspace=stand.workspace,
            name=f"pair-{number}",
            policy=SyncPolicy.from_json({"dry_run": True, **options}),
            clock=QuickClock(),
            retries=quick_retries(),
            surroundings=Surroundings(say=said.append),
            check=False,
        )
        assert not report.incomplete
        assert "not asked  destination write" in said[0]
        assert "a dry run writes nothing" in said[0]
        assert not (Path(stand.workspace.location.bucket) / f"pair-{number}" / DOCUMENT).exists(), "not remembered"
    return entries(stand, before)


@pytest.mark.parametrize("oss", [False, True])
def test_a_dry_run_sends_no_write_of_any_kind(stand: Stand, oss: bool) -> None:
    pair = Sides(stand, oss=oss, bucket_settings={"versioning": "Enabled"})
    stand.put(pair.destination, {"b": b"old", "extra": b"1"}, at=pair.at)
    sent = dry(stand, pair.store("source"), pair.store("destination"))
    assert len(sent) > len(OPTIONS)
    assert [entry for entry in sent if entry.is_write() or entry.method not in ("GET", "HEAD")] == []


def test_a_dry_run_changes_no_folder(stand: Stand) -> None:
    for name, files in (("in", {"a": "1", "b": "2"}), ("out", {"b": "old", "extra": "1"})):
        for key, text in files.items():
            (stand.folder / name).mkdir(exist_ok=True)
            (stand.folder / name / key).write_text(text)

    def state() -> list[tuple[str, int, int]]:
        found = [path for name in ("in", "out") for path in sorted((stand.folder / name).rglob("*"))]
        folders = [stand.folder / "in", stand.folder / "out"]
        return [(str(path), path.stat().st_mtime_ns, path.stat().st_ino) for path in (*folders, *found)]

    before = state()
    dry(stand, stand.local("in"), stand.local("out"))
    assert state() == before
    dry(stand, stand.local("in"), stand.local("not-there"))
    assert not (stand.folder / "not-there").exists()


def test_the_document_in_the_folder_of_the_run(stand: Stand, make_run: MakeRun) -> None:
    pair = Sides(stand).without("destination", *ALL - {"PutObject", "PutObjectTagging"})
    precheck(make_run(pair.store("source"), pair.store("destination"), verify="none"), ASK)
    document = json.loads((Path(stand.workspace.location.bucket) / "pair" / "run" / DOCUMENT).read_text())
    assert document["counts"]["warned"] == 2
    (read,) = [check for check in document["checks"] if check["name"] == "destination read"]
    assert read["status"] == "done"
