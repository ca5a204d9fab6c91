"""Is the plan a pure function of both listings, and does it stop on whatever it can't trust?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration, ListingUntrusted, PlanMismatch
from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import Fingerprint, Page
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.plan import Plan
from airflow_bucketsync.engine.model.policy_words import COMPARE_MODES
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.known import POINTER, open_known, update_known
from airflow_bucketsync.engine.steps.manifest import read_plan
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.steps.pairs import OPAQUE, Pair, rewrite


def changes_of(run: Run, plan: Plan) -> dict[str, Change]:
    """Every planned change by key."""
    pages = [run.workspace.read_page(batch.page, "changes", Change.from_json) for batch in plan.batches]
    return {change.source.key: change for page in pages for change in page}


def decided_of(run: Run, plan: Plan) -> list[Outcome]:
    """What the plan itself decided."""
    if plan.decided is None:
        return []
    return list(run.workspace.read_page(plan.decided, "outcomes", Outcome.from_json))


def mixed(page_limit: int = 1000) -> Pair:
    """A pair with something of everything."""
    capabilities = replace(MEMORY_CAPABILITIES, page_limit=page_limit, max_object=1000)
    pair = Pair(source=capabilities, destination=capabilities)
    pair.put({f"same/{number}": b"%d" % number for number in range(7)})
    pair.put({f"new/{number}": b"%d" % number * number for number in range(9)})
    pair.put({"changed": b"1", "large": b"x" * 1001, "skipped.log": b"", "multipart": b"123"})
    pair.put_there({f"same/{number}": b"%d" % number for number in range(7)})
    pair.put_there({"changed": b"2", "extra": b"", "skipped.log": b"1"})
    pair.put_in_parts("multipart", b"12", b"3", store=pair.destination)
    return pair


SELECTION = Selection(exclude=("*.log",))


def test_invariant_I14_same_digest_whatever_the_paging():
    digests = set()
    for page_limit in (1, 2, 3, 7, 1000):
        pair = mixed(page_limit)
        for mapped in (False, True):
            run = pair.run(f"run-{page_limit}-{mapped}", mapped=mapped, selection=SELECTION, batch_objects=3)
            digests.add(make_plan(run).digest)
    assert len(digests) == 1


def test_invariant_I14_another_listing_is_another_digest():
    pair = mixed()
    before = make_plan(pair.run("one")).digest
    pair.clock.advance(10)
    pair.put({"changed": b"1"})
    assert make_plan(pair.run("two")).digest != before
    assert make_plan(pair.run("three", compare="always")).digest != make_plan(pair.run("four")).digest


def test_counts_speak_of_every_source_object():
    pair = mixed(page_limit=3)
    run = pair.run(selection=SELECTION)
    plan = make_plan(run)
    assert plan.counts == {"planned": 10, "same": 8, "refused": 1, "extra": 1}
    assert plan.reasons == {
        "same: etag": 7,
        "same: checksum": 1,
        "planned: new": 9,
        "planned: content": 1,
        "refused: too_large": 1,
        "extra: not_at_source": 1,
    }
    assert plan.selected_out == {"exclude": 1}
    assert plan.listed["source"]["objects"] == 20
    assert plan.listed["destination"]["objects"] == 11
    assert set(changes_of(run, plan)) == {"changed", *(f"new/{number}" for number in range(9))}
    assert [outcome.key for outcome in decided_of(run, plan)] == ["extra", "large"]
    assert plan.bytes == sum(change.load for change in changes_of(run, plan).values())
    assert read_plan(run.workspace, plan.digest) == plan


def test_a_change_names_both_versions():
    pair = mixed()
    run = pair.run()
    change = changes_of(run, make_plan(run))["changed"]
    assert change.source == replace(pair.source.head("changed").info, checksum=None)
    assert change.destination == replace(pair.destination.head("changed").info, checksum=None)


@pytest.mark.parametrize("mode", COMPARE_MODES)
def test_C1_every_mode_gives_a_reason_per_object(mode):
    pair = mixed()
    run = pair.run(compare=mode, selection=SELECTION)
    plan = make_plan(run)
    assert sum(plan.counts.values()) == 20
    assert sum(plan.reasons.values()) == 20
    assert all(change.reason for change in changes_of(run, plan).values())
    assert changes_of(run, plan).keys() >= {f"new/{number}" for number in range(9)}


def test_many_looks_keep_the_order(monkeypatch: pytest.MonkeyPatch):
    """Looked at in groups, with other keys decided in between; what is learned ascends."""
    monkeypatch.setattr("airflow_bucketsync.engine.steps.plan.LOOKS", 4)
    monkeypatch.setattr("airflow_bucketsync.engine.steps.plan.WAITING", 9)
    pair = Pair(source=OPAQUE, destination=OPAQUE)
    for number in range(60):
        key, body = f"{number:02d}", b"%d" % number
        if number % 7:
            pair.put({key: body})
        if number % 5:
            pair.put_there({key: body if number % 3 else b"x" * len(body)})
    ran = pair.sync(concurrency=4)
    known = [line["key"] for line in pair.lines(f"pair/{known_page(pair)}")[1:]]
    assert known == sorted(known)
    expected = pair.contents(pair.source)
    assert set(known) == set(expected)
    assert {key: body for key, body in pair.contents().items() if key in expected} == expected
    assert ran.report.green
    assert pair.sync().report.counts["same"] == len(expected)


def known_page(pair: Pair) -> str:
    """The name of the only page of the pair's memory."""
    pointer = orjson.loads(pair.contents(pair.pages)[f"pair/{POINTER}"])
    assert len(pointer["pages"]) == 1
    return str(pointer["pages"][0]["name"])


def test_what_cannot_be_looked_at_is_copied():
    pair = Pair(source=OPAQUE, destination=OPAQUE)
    pair.put({"a": b"1", "b": b"1"})
    pair.put_there({"a": b"1", "b": b"1"})

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "head" and key == "a":
            raise AccessDenied("no")

    pair.at_destination(deny)
    run = pair.run()
    plan = make_plan(run)
    assert {key: change.reason for key, change in changes_of(run, plan).items()} == {"a": "not_comparable"}


def test_refused_names_are_counted_even_beyond_those_kept(monkeypatch: pytest.MonkeyPatch):
    """A page of names that can't be keys; beyond the first ones they are counted, and the run is red."""
    monkeypatch.setattr("airflow_bucketsync.engine.steps.listing.KEPT_REFUSALS", 2)
    pair = Pair(store=MemoryStore)
    pair.put({"a": b"1"})
    found = pair.source.list_page()
    refused = tuple((f"link{number}", "symlink") for number in range(2)) + (("bad", "not_utf8"),) * 3
    monkeypatch.setattr(pair.source, "list_page", lambda **_: replace(found, refused=refused))
    ran = pair.sync()
    assert ran.report.counts == {"copied": 1, "skipped": 2, "refused": 3}
    assert ran.report.red == ("refused",)
    assert any("3 more names" in warning for warning in ran.report.warnings)


# the memory -----------------------------------------------------------------------------------------------------


def warned(pair: Pair, words: str) -> None:
    """The memory is ignored with these words, and everything is compared anew and remembered."""
    ran = pair.sync()
    assert any(words in warning for warning in ran.report.warnings), ran.report.warnings
    assert "same: known" not in ran.report.reasons
    assert ran.report.green
    again = pair.sync()
    assert set(again.report.reasons) == {"same: known"}
    assert again.report.warnings == ()


@pytest.fixture
def remembered() -> Pair:
    """A pair in step, with a memory."""
    pair = Pair()
    pair.put({f"{number}": b"%d" % number for number in range(6)})
    pair.sync()
    return pair


@pytest.mark.parametrize("pointer", [b"", b"{", b"[]", b"null", b'{"schema": "bucketsync/report", "version": 1}'])
def test_G9_a_damaged_pointer_is_ignored_with_a_warning(remembered, pointer):
    remembered.pages.put(f"pair/{POINTER}", pointer)
    warned(remembered, "unreadable and was ignored")


def test_G9_a_memory_of_a_later_version_is_ignored_with_its_number(remembered):
    text = remembered.contents(remembered.pages)[f"pair/{POINTER}"].replace(b'"version": 1', b'"version": 99')
    remembered.pages.put(f"pair/{POINTER}", text)
    warned(remembered, "version 99")


def test_fault_F56_a_memory_of_other_locations_is_ignored(remembered):
    text = remembered.contents(remembered.pages)[f"pair/{POINTER}"]
    pointer = orjson.loads(text)
    remembered.pages.put(f"pair/{POINTER}", orjson.dumps({**pointer, "fingerprint": "0" * 64}))
    warned(remembered, "of other locations")


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0], *reversed(lines[1:])],
        lambda lines: [*lines[:-1], b'{"no": "key"}'],
        lambda lines: [*lines[:-1], lines[-1].replace(b'"size":1', b'"size":2')],
    ],
)
def test_fault_F55_a_damaged_page_of_the_memory_is_ignored(remembered, damage):
    rewrite(remembered, f"pair/{known_page(remembered)}", damage)
    warned(remembered, "is damaged")


def test_a_missing_page_of_the_memory_is_ignored(remembered):
    remembered.pages.delete(f"pair/{known_page(remembered)}")
    warned(remembered, "is missing")


def test_a_memory_out_of_order_is_no_memory(remembered):
    run = remembered.run()
    known = open_known(run.workspace, run.spec)
    fingerprint = Fingerprint(size=1, etag="e")
    lines = [KnownObject(key=key, source=fingerprint, destination=fingerprint).to_json() for key in ("b", "a")]
    writer = run.workspace.page_writer("known/forged", "known", of_pair=True)
    for line in lines:
        writer.write(line)
    known.pages = (writer.finish(),)
    with pytest.raises(Exception, match="out of order"):
        list(known)


def test_update_known_overlays_later_deltas():
    run = Pair().run()

    def records(**sizes: int | None) -> Iterator[KnownObject]:
        for key, size in sizes.items():
            mark = None if size is None else Fingerprint(size=size, etag="e")
            yield KnownObject(key=key, source=mark, destination=mark)

    spec, workspace = run.spec, run.workspace
    update_known(workspace, spec, known=open_known(workspace, spec), deltas=[records(a=1, b=1, c=1)], version="one")
    deltas = [records(b=2, c=None, d=2), records(d=3)]
    assert update_known(workspace, spec, known=open_known(workspace, spec), deltas=deltas, version="two") == 3
    found = {record.key: record.source for record in open_known(workspace, spec)}
    assert {key: None if mark is None else mark.size for key, mark in found.items()} == {"a": 1, "b": 2, "d": 3}
    assert list(workspace.list_names("known/", of_pair=True)) == ["known/two-00000.jsonl.zst"]


def test_what_is_gone_on_both_sides_is_forgotten(remembered):
    remembered.source.delete("1")
    remembered.destination.delete("1")
    remembered.sync()
    assert [line["key"] for line in remembered.lines(f"pair/{known_page(remembered)}")[1:]] == ["0", "2", "3", "4", "5"]


# what can't be trusted --------------------------------------------------------------------------------------------


def test_a_listing_that_is_missing_stops_the_plan():
    pair = mixed()
    run = pair.run(mapped=True)
    make_plan(run)
    for name in list(run.workspace.list_names("list/")):
        saved = pair.contents(pair.pages)[f"pair/run/{name}"]
        run.workspace.delete(name)
        with pytest.raises(PlanMismatch, match="missing"):
            make_plan(run)
        pair.pages.put(f"pair/run/{name}", saved)
    make_plan(run)


@pytest.mark.parametrize("change", [lambda lines: lines[:-1], lambda lines: [lines[0], *reversed(lines[1:])]])
def test_threat_S09_an_edited_listing_page_stops_the_plan(change):
    pair = mixed()
    run = pair.run(mapped=True)
    make_plan(run)
    rewrite(pair, "pair/run/list/source-0000-000-00000.jsonl.zst", change)
    with pytest.raises(PlanMismatch, match="digest"):
        make_plan(run)


def test_threat_S09_swapped_listings_stop_the_plan():
    pair = mixed()
    run = pair.run(mapped=True)
    make_plan(run)
    names = ("pair/run/list/source-0000.json", "pair/run/list/destination-0001.json")
    first, second = (pair.contents(pair.pages)[name] for name in names)
    pair.pages.put(names[0], second)
    pair.pages.put(names[1], first)
    with pytest.raises(PlanMismatch, match="something else"):
        make_plan(run)


@pytest.mark.parametrize("index", [b'{"schema": "bucketsync/listing_index", "version": 1}', b"{", b"7"])
def test_a_damaged_listing_index_stops_the_plan(index):
    pair = mixed()
    run = pair.run(mapped=True)
    make_plan(run)
    pair.pages.put("pair/run/list/source-0000.json", index)
    with pytest.raises(PlanMismatch):
        make_plan(run)


def disordered(page: Page) -> Page:
    return replace(page, items=(*page.items[:2][::-1], *page.items[2:]))


def repeated(page: Page) -> Page:
    return replace(page, items=(page.items[0], *page.items))


def looping(page: Page) -> Page:
    return replace(page, next_after="")


def standing(page: Page) -> Page:
    return Page(items=(), next_after="")


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("broken", [disordered, repeated, looping, standing])
def test_fault_F09_a_listing_out_of_order_stops_the_plan(monkeypatch, side, broken):
    pair = mixed()
    run = pair.run()
    store = getattr(pair, side)
    honest = store.list_page
    monkeypatch.setattr(store, "list_page", lambda **options: broken(honest(**options)))
    with pytest.raises(ListingUntrusted, match=r"out of order|does not get on"):
        make_plan(run)


def test_fault_F08_an_empty_page_that_gets_on_is_no_end(monkeypatch):
    pair = mixed(page_limit=2)
    honest, paused = pair.source.list_page, set()

    def pausing(*, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        if after.endswith("\0") or after in paused:
            return honest(after=after, until=until, limit=limit)
        paused.add(after)
        return Page(items=(), next_after=after + "\0")

    expected = make_plan(pair.run("honest", mapped=False)).counts
    monkeypatch.setattr(pair.source, "list_page", pausing)
    assert make_plan(pair.run("pausing", mapped=False)).counts == expected
    assert len(paused) > 5


def test_a_stopped_run_plans_nothing():
    pair = mixed()
    run = pair.run()
    run.gate.stop()
    with pytest.raises(Stopped):
        make_plan(run)
    with pytest.raises(PlanMismatch, match="has no plan"):
        read_plan(run.workspace)


# reading a plan ---------------------------------------------------------------------------------------------------


def test_threat_S09_another_runs_manifest_is_refused():
    pair = mixed()
    one = pair.run("one")
    first = make_plan(one)
    pair.put({"more": b"1"})
    two = pair.run("two")
    second = make_plan(two)
    pair.pages.put("pair/two/plan/manifest.json", pair.contents(pair.pages)["pair/one/plan/manifest.json"])
    with pytest.raises(PlanMismatch, match="not the one this run made"):
        read_plan(two.workspace, second.digest)
    assert read_plan(one.workspace, first.digest) == first


def test_threat_S09_every_edit_of_what_is_to_be_done_is_refused():
    pair = mixed()
    run = pair.run()
    plan = make_plan(run)
    name = "pair/run/plan/manifest.json"
    value = orjson.loads(pair.contents(pair.pages)[name])
    batch = value["batches"][0]
    edits: list[Mapping[str, Any]] = [
        {"batches": []},
        {"batches": [{**batch, "objects": 1}]},
        {"batches": [{**batch, "page": {**batch["page"], "digest": "0" * 64}}]},
        {"decided": None},
        {"delta": None},
        {"route": {**value["route"], "transport": "stream"}},
        {"spec": {**value["spec"], "policy": {"acl": "bucket-owner-full-control"}}},
        {"digest": "0" * 64},
    ]
    for edit in edits:
        pair.pages.put(name, orjson.dumps({**value, **edit}))
        with pytest.raises(PlanMismatch):
            read_plan(run.workspace)
    for broken in (b"{}", b"", b"[1]", orjson.dumps({key: item for key, item in value.items() if key != "counts"})):
        pair.pages.put(name, broken)
        with pytest.raises(PlanMismatch):
            read_plan(run.workspace, plan.digest)


def test_collisions_are_found_across_groups_in_the_file(monkeypatch: pytest.MonkeyPatch):
    """Sorted on disk in pieces, two names that fold to one meet all the same."""
    monkeypatch.setattr("airflow_bucketsync.engine.steps.spool._CHUNK", 3)
    pair = Pair(destination=replace(MEMORY_CAPABILITIES, name_folding="case"))
    pair.put(dict.fromkeys(("A", "B", "C", "D", "E", "F", "a", "e", "x"), b""))
    assert make_plan(pair.run()).counts == {"refused": 4, "planned": 5}
    with pytest.raises(InvalidConfiguration, match="2 source keys"):
        make_plan(pair.run(on_collision="fail"))


SOAK = """
import resource, sys
from datetime import UTC, datetime
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.list_units import list_unit
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.memory import MemoryStore

COUNT = int(sys.argv[1])
TIME = datetime(2026, 1, 1, tzinfo=UTC)

FOLDER = "some/folder/of/a/bucket/"

def number_after(text):
    # The first number of which the key comes after a text.
    low, high = 0, COUNT
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if f"{FOLDER}{middle:09d}" <= text else (low, middle)
    return low

class Synthetic(MemoryStore):
    # Every key of a long listing, made up page by page; of the other side every second object is equal.
    step = 1

    def list_page(self, *, after="", until=None, limit=1000):
        first, end = number_after(after), COUNT if until is None else min(COUNT, number_after(until))
        first += -first % self.step
        numbers = range(first, min(first + limit * self.step, end), self.step)
        items = tuple(
            ObjectInfo(key=f"{FOLDER}{n:09d}", size=n % 5000, last_modified=TIME, etag=f"{n:032x}") for n in numbers
        )
        return Page(items=items, next_after=items[-1].key if numbers and numbers[-1] + self.step < end else None)

source = Synthetic(Location.parse("memory://source/"))
destination = Synthetic(Location.parse("memory://destination/"), server=source.server)
destination.step = 2
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
spec = SyncSpec.of(source.location, destination.location, name="pair")
workspace = Workspace(MemoryStore(Location.parse("memory://pages/")), pair="pair", run="run")
run = Run(spec=spec, run="run", source=source, destination=destination, workspace=workspace)
for unit in prepare(run).units:
    list_unit(run, unit)
plan = make_plan(run)
assert plan.counts == {"same": COUNT // 2, "planned": COUNT // 2}, plan.counts
print(before // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def planned_in(count: int) -> tuple[int, int]:
    """RSS in MiB before and at the peak of planning this many objects, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", SOAK, str(count)], capture_output=True, text=True, check=True)
    before, peak = done.stdout.split()
    return int(before), int(peak)


def test_B1_planning_20_000_objects_takes_little_memory():
    before, peak = planned_in(20_000)
    assert peak - before < 60


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_B1_planning_200_000_objects_takes_hardly_more():
    before, peak = planned_in(200_000)
    assert peak < 300
    assert peak - before < 100
