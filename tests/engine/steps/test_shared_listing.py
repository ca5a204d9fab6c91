"""One listing of a source, read by several syncs: what each takes of it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration, PlanMismatch
from airflow_bucketsync.engine.in_process import run_steps
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import listing_parts
from airflow_bucketsync.engine.steps import prepare as prepares
from airflow_bucketsync.engine.steps.list_units import share_listing
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.run_document import read_run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from tests.engine.steps.pairs import Pair

OBJECTS = {"a": b"1", "b/x": b"2", "b/y": b"3", "c": b"4"}


@pytest.fixture
def pair() -> Pair:
    made = Pair()
    made.put(OBJECTS)
    return made


def share(pair: Pair, **policy):
    """The listing that another task took of the pair's source."""
    folder = Workspace(pair.pages, pair="listing", run="run")
    return share_listing(pair.source, folder, policy=SyncPolicy(**policy), gate=Gate(), clock=pair.clock)


def take(pair: Pair, shared, name: str = "run", *, checkpoint=None, **options):
    """A run with a shared listing."""
    pair.unlock()
    run = pair.run(name, prepared=False, **options)
    pair.source.requests.clear()
    return run_steps(run, checkpoint=checkpoint, shared=shared)


def test_row_A10_the_source_is_listed_once(pair):
    shared, where = share(pair)
    assert (shared.index.objects, shared.index.requests) == (4, {"list": 1})
    finished = take(pair, where)
    assert finished.report.counts == {"copied": 4}
    assert finished.checkpoint.objects["source"] == 4
    assert pair.source.requests["list"] == 0
    assert pair.contents() == OBJECTS
    again = take(pair, share(pair)[1], "second", checkpoint=finished.checkpoint, delete=True)
    assert again.report.counts == {"same": 4}
    assert pair.source.requests["list"] == 0


@pytest.mark.parametrize("small", [True, False])
def test_the_destination_is_listed_as_ever(pair, small, monkeypatch):
    monkeypatch.setattr(prepares, "_is_small", lambda *_: small)
    pair.put_there({"b/x": b"2", "extra": b"5"})
    _, where = share(pair)
    run = pair.run(prepared=False)
    prepared = prepare(run, shared=where)
    assert prepared.units == (() if small else (1,))
    finished = take(pair, where, "other", delete=True, max_delete_share=1.0)
    assert finished.report.counts == {"copied": 3, "same": 1, "trashed": 1}


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(start_after="b/x"), {"b/y", "c"}),
        (Selection(recursive=False), {"a", "c"}),
        (Selection(include=("b/*",)), {"b/x", "b/y"}),
        (Selection(key_mapping=KeyMapping(kind="flatten"), start_after="a"), {"x", "y", "c"}),
    ],
)
def test_each_takes_what_it_selects(pair, selection, taken):
    pair.put_there({"0": b"before", "z": b"extra"})
    finished = take(pair, share(pair)[1], selection=selection)
    assert finished.report.green
    assert set(pair.contents()) == taken | {"0", "z"}


def test_a_bounded_run_goes_on_where_the_last_one_ended(pair):
    first = take(pair, share(pair)[1], max_objects=3)
    assert set(pair.contents()) == {"a", "b/x", "b/y"}
    second = take(pair, share(pair)[1], "second", checkpoint=first.checkpoint, max_objects=3)
    assert second.report.counts == {"copied": 1}
    assert pair.contents() == OBJECTS


def test_an_incremental_run_lists_nothing(pair):
    first = take(pair, share(pair)[1])
    pair.put({"new": b"5"})
    _, where = share(pair)
    before = pair.destination.requests["list"]
    second = take(pair, where, "second", checkpoint=first.checkpoint, mode="incremental")
    assert second.report.counts == {"copied": 1, "same": 4}
    assert pair.source.requests["list"] == 0
    assert pair.destination.requests["list"] == before


def test_the_watermark_is_the_time_of_the_listing(pair):
    """What is written after the listing and before `prepare` belongs to the next run."""
    shared, where = share(pair)
    pair.clock.advance(3600)
    run = pair.run(prepared=False)
    prepare(run, shared=where)
    assert read_run(run.workspace).started == shared.started < pair.clock.now() - timedelta(seconds=3599)


def test_another_source_and_other_links_are_refused(pair):
    _, where = share(pair)
    other = pair.run(prepared=False)
    elsewhere = replace(other.spec, source=Location.parse("memory://source/in/b/"))
    with pytest.raises(InvalidConfiguration, match="the shared listing is of memory://source/in/, the source is"):
        prepare(replace(other, spec=elsewhere, source=pair.source.below("b/")), shared=where)
    with pytest.raises(InvalidConfiguration, match="follow_links none and inside_root"):
        prepare(pair.run("links", prepared=False, follow_links="inside_root"), shared=where)


def test_a_listing_that_is_gone_or_another_one_is_no_listing(pair):
    _, where = share(pair)
    with pytest.raises(PlanMismatch, match="not the one this run wrote"):
        prepare(pair.run(prepared=False), shared=replace(where, digest="0" * 64))
    with pytest.raises(PlanMismatch, match="clear the task that took it"):
        prepare(pair.run("other", prepared=False), shared=replace(where, folder="listing/none/"))
    for name in [name for name in pair.contents(pair.pages) if "list/shared-" in name]:
        pair.pages.delete(name)
    with pytest.raises(PlanMismatch, match="is missing"):
        take(pair, where, "third")
    assert pair.contents() == {}


def test_names_that_are_no_objects_are_told_by_whom_they_concern(tmp_path, pair):
    (tmp_path / "in" / "b").mkdir(parents=True)
    (tmp_path / "in" / "a").write_text("1")
    (tmp_path / "in" / "b" / "link").symlink_to("/nowhere")
    source = LocalStore(Location.parse(f"file://{tmp_path}/in/"))
    folder = Workspace(pair.pages, pair="listing", run="run")
    _, where = share_listing(source, folder, policy=SyncPolicy(), gate=Gate())
    told = {}
    for name, selection in {"all": Selection(), "top": Selection(recursive=False)}.items():
        pair.unlock()
        run = pair.run(name, prepared=False, selection=selection)
        spec = replace(run.spec, source=source.location)
        told[name] = run_steps(replace(run, spec=spec, source=source), shared=where).report.counts
    assert told["all"] == {"copied": 1, "skipped": 1}
    assert told["top"] == {"same": 1}


def test_pages_are_divided(pair, monkeypatch):
    monkeypatch.setattr(listing_parts, "PAGE_OBJECTS", 3)
    shared, where = share(pair)
    assert len(shared.index.pages) == 2
    assert take(pair, where).report.counts == {"copied": 4}


def test_a_listing_of_some_folders_is_for_who_wants_these(pair):
    folder = Workspace(pair.pages, pair="listing", run="run")
    shared, where = share_listing(pair.source, folder, policy=SyncPolicy(), gate=Gate(), prefixes=("b/", "b/x/"))
    assert (shared.prefixes, shared.index.objects) == (("b/",), 2)
    assert take(pair, where, selection=Selection(prefixes=("b/",))).report.counts == {"copied": 2}
    with pytest.raises(InvalidConfiguration, match="prefixes: the shared listing has b/, this sync wants everything"):
        prepare(pair.run("other", prepared=False), shared=where)
    _, whole = share(pair)
    assert take(pair, whole, "third", selection=Selection(prefixes=("b/",))).report.counts == {"same": 2}


def test_some_folders_of_a_whole_listing_are_all_that_counts(pair):
    """Else a source that is empty where it matters would not be taken for one."""
    _, where = share(pair)
    pair.put_there({"b/x": b"2", "e/1": b"", "e/2": b""})
    rules, options = Selection(prefixes=("e/",)), {"delete": True, "max_delete_share": 1.0}
    finished = take(pair, where, selection=rules, **options)
    assert finished.report.counts == {"withheld": 2}
    assert finished.checkpoint.objects["source"] == 0
    some = take(pair, where, "some", selection=Selection(prefixes=("b/",)))
    assert some.report.selected_out == {}
    assert some.report.counts == {"copied": 1, "same": 1}
    assert some.checkpoint.objects["source"] == 2


@pytest.mark.parametrize("bulk", [False, True])
def test_what_is_in_the_way_to_some_folders_of_a_whole_listing_is_seen(pair, tmp_path, bulk, monkeypatch):
    if bulk:
        monkeypatch.setattr("airflow_bucketsync.engine.steps.delete.BULK", 0)
    source = LocalStore(Location.parse(f"file://{tmp_path}/in/"))
    for key in ("z/1", "away/b/1"):
        source.put(key, b"1")
    (tmp_path / "in" / "data").symlink_to("away")
    folder = Workspace(pair.pages, pair="listing", run="links")
    _, where = share_listing(source, folder, policy=SyncPolicy(), gate=Gate(), clock=pair.clock)
    pair.put_there({f"data/b/{number}": b"1" for number in range(9)})
    options = {"delete": True, "trash": "none", "max_delete_share": 1.0}
    run = pair.run(prepared=False, selection=Selection(prefixes=("data/b/", "z/")), **options)
    run = replace(run, spec=replace(run.spec, source=source.location), source=source)
    finished = run_steps(run, shared=where)
    assert len([key for key in pair.contents() if key.startswith("data/b/")]) == 9
    assert finished.report.counts == {"copied": 1, "skipped": 10}
