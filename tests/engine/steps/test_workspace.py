"""Does a page come back as it was written, or not at all?"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import AccessDenied, Locked, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.pages import VERSIONS, PageRef
from airflow_bucketsync.engine.steps.workspace import Workspace, folder_name
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from tests.engine.steps.pairs import Pair


def workspace(**capabilities: Any) -> tuple[Workspace, MemoryStore]:
    store = MemoryStore(Location.parse("memory://pages/"), capabilities=replace(MEMORY_CAPABILITIES, **capabilities))
    return Workspace(store, pair="pair", run="run"), store


def lines_of(pages: Workspace, page: PageRef, schema: Any = "result") -> list[Any]:
    return list(pages.read_page(page, schema, dict))


@pytest.mark.parametrize("count", [0, 1, 2, 1000, 100_000])
def test_a_page_comes_back(count):
    pages, store = workspace()
    page = pages.write_page("x/page", "result", ({"key": f"{number:06d}"} for number in range(count)))
    assert page.count == count
    found = list(pages.read_page(page, "result", dict))
    assert [line["key"] for line in found] == [f"{number:06d}" for number in range(count)]
    stored = store.head("pair/run/x/page.jsonl.zst").info
    assert stored.size == page.size
    assert page.name == "x/page.jsonl.zst"


def test_a_page_comes_back_from_a_folder(tmp_path: Path):
    store = LocalStore(Location(scheme="file", bucket=str(tmp_path / "pages")), may_be_missing=True)
    pages = Workspace(store, pair="pair", run="run")
    page = pages.write_page("page", "result", ({"key": str(number)} for number in range(5000)))
    assert len(lines_of(pages, page)) == 5000
    assert list(pages.list_names()) == ["page.jsonl.zst"]


@settings(deadline=None, max_examples=60)
@given(
    lines=st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
        )
    )
)
def test_any_text_comes_back(lines):
    pages, _ = workspace()
    assert lines_of(pages, pages.write_page("page", "result", iter(lines))) == lines


def test_threat_S09_every_flipped_byte_is_noticed():
    pages, store = workspace()
    page = pages.write_page("page", "result", ({"key": str(number)} for number in range(20)))
    with store.open("pair/run/" + page.name) as body:
        buffer = memoryview(bytearray(page.size))
        assert body.readinto(buffer) == page.size
    packed = bytes(buffer)
    for offset in range(len(packed)):
        for bit in (1, 128):
            store.put("pair/run/" + page.name, packed[:offset] + bytes([packed[offset] ^ bit]) + packed[offset + 1 :])
            lines = pages.read_page(page, "result", dict)
            with pytest.raises(PlanMismatch):
                next(lines)
    for other in (packed[:-1], packed + b"\0", packed + packed, b"", packed[1:]):
        store.put("pair/run/" + page.name, other)
        with pytest.raises(PlanMismatch):
            next(pages.read_page(page, "result", dict))


def test_a_page_that_is_missing_says_what_to_look_for():
    pages, _ = workspace()
    with pytest.raises(PlanMismatch, match=r"missing: .*not shared by the workers"):
        lines_of(pages, PageRef(name="none", count=0, size=0, digest=""))


def forged(store: MemoryStore, content: bytes, *, count: int = 1) -> PageRef:
    """A page of somebody else's making whose reference fits it."""
    packed = zstandard.ZstdCompressor().compress(content)
    store.put("pair/run/forged", packed)
    return PageRef(name="forged", count=count, size=len(packed), digest=hashlib.sha256(packed).hexdigest())


HEADER = b'{"schema":"bucketsync/result","version":1}\n'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        HEADER + b"{}",
        HEADER + b"{\n",
        HEADER + b"[1]\n",
        HEADER + b"7\n",
        HEADER + b"{}\n{}\n",
        HEADER,
        HEADER + b'{"key": "\xff"}\n',
        b'{"schema":"bucketsync/changes","version":1}\n{}\n',
        b"{}\n{}\n",
        HEADER + b" " * (3 * 1024 * 1024) + b"{}\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_threat_S11_a_forged_page_is_refused(content):
    pages, store = workspace()
    page = forged(store, content)
    with pytest.raises(PlanMismatch):
        lines_of(pages, page)


def test_a_line_that_is_none_of_ours_is_no_crash():
    pages, store = workspace()
    for error in (KeyError("key"), TypeError("type"), ValueError("value"), AttributeError("attribute")):

        def refuse(line: Any, error: Exception = error) -> None:
            raise error

        with pytest.raises(PlanMismatch, match="none of ours"):
            list(pages.read_page(forged(store, HEADER + b"{}\n"), "result", refuse))


@pytest.mark.parametrize("schema", VERSIONS)
def test_a_later_version_is_refused_with_its_number(schema):
    pages, store = workspace()
    later = VERSIONS[schema] + 1
    page = forged(store, orjson.dumps({"schema": f"bucketsync/{schema}", "version": later}) + b"\n{}\n")
    with pytest.raises(PlanMismatch, match=f"version {later} .*reads 1 to {VERSIONS[schema]}"):
        lines_of(pages, page, schema)
    store.put("pair/run/document", orjson.dumps({"schema": f"bucketsync/{schema}", "version": later}))
    with pytest.raises(PlanMismatch, match=f"version {later} "):
        pages.read_document("document", schema)


@pytest.mark.parametrize("schema", VERSIONS)
def test_every_earlier_version_is_read(schema):
    pages, store = workspace()
    for version in range(1, VERSIONS[schema] + 1):
        page = forged(store, orjson.dumps({"schema": f"bucketsync/{schema}", "version": version}) + b'\n{"a":1}\n')
        assert lines_of(pages, page, schema) == [{"a": 1}]


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, None])
def test_what_is_no_version_is_refused(version):
    pages, store = workspace()
    page = forged(store, orjson.dumps({"schema": "bucketsync/result", "version": version}) + b"\n{}\n")
    with pytest.raises(PlanMismatch):
        lines_of(pages, page)


def test_documents_come_back_and_edited_ones_do_not():
    pages, store = workspace()
    digest = pages.write_document("run.json", "run", {"a": [1, "ü"]})
    assert pages.read_document("run.json", "run", digest=digest)["a"] == [1, "ü"]
    with pytest.raises(ObjectNotFound):
        pages.read_document("none.json", "run")
    with pytest.raises(PlanMismatch, match="not the one this run wrote"):
        pages.read_document("run.json", "run", digest="0" * 64)
    with pytest.raises(PlanMismatch, match="not a bucketsync/report"):
        pages.read_document("run.json", "report")
    store.put("pair/run/run.json", b"[" * 200_000)
    with pytest.raises(PlanMismatch):
        pages.read_document("run.json", "run")


def test_a_document_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("airflow_bucketsync.engine.steps.workspace._DOCUMENT_LIMIT", 100)
    pages, _ = workspace()
    pages.write_document("run.json", "run", {"a": "x" * 200})
    with pytest.raises(PlanMismatch, match="more than any of ours"):
        pages.read_document("run.json", "run")


def test_a_large_page_goes_in_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("airflow_bucketsync.engine.steps.workspace._PART", 1000)
    pages, store = workspace(max_put=1000)
    page = pages.write_page("page", "result", ({"key": hashlib.sha256(b"%d" % n).hexdigest()} for n in range(500)))
    assert page.size > 5000
    assert store.requests["upload_part"] == -(-page.size // 1000)
    assert len(lines_of(pages, page)) == 500

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "complete_upload":
            raise AccessDenied("no")

    store.hooks.append(deny)
    with pytest.raises(AccessDenied):
        pages.write_page("page2", "result", ({"key": hashlib.sha256(b"%d" % n).hexdigest()} for n in range(500)))
    assert list(store.list_uploads()) == []


def test_list_names_knows_folder_and_prefix():
    pages, store = workspace(page_limit=3)
    for number in range(10):
        pages.write_document(f"a/{number}", "run", {})
    pages.write_document("b", "run", {})
    store.put("pair/run2/a/1", b"")
    store.put("pair/run-0", b"")
    pages.write_document("pointer", "run", {}, of_pair=True)
    assert list(pages.list_names("a/")) == [f"a/{number}" for number in range(10)]
    assert list(pages.list_names()) == [*(f"a/{number}" for number in range(10)), "b"]
    assert list(pages.list_names("c")) == []
    pages.delete("a/3")
    assert "a/3" not in list(pages.list_names())


# folders of pairs and runs -----------------------------------------------------------------------------------------

HOSTILE = [
    "", ".", "..", "../x", "x/..", "/", "/etc", "a/b", "a_b", "a\\b", "a\0b", "a b", "a\nb", "x" * 120, "x" * 121,
    "x" * 500, "x" * 499 + "y", "ünï", "unï", "日本", "\ud800", ".hidden", "hidden", "hidden.", "_bucketsync",
    ".bucketsync-1.tmp", "manual__2026-01-01T00:00:00+00:00", "manual__2026-01-01T00_00_00_00_00", "known", "-", "~",
]  # fmt: skip


def test_folder_names_are_one_segment_each_and_differ():
    names = [folder_name(text) for text in HOSTILE]
    assert len(set(names)) == len(HOSTILE)
    for name in names:
        assert "/" not in name
        assert name not in ("", ".", "..")
        assert len(name.encode()) <= 120
        assert not is_state_name(f"{name}/x")
        assert not is_state_name(name)
        name.encode("ascii")
    for plain in ("pair", "a_b", "run-1", "scheduled__2026-01-01"):
        assert folder_name(plain) == plain


@given(one=st.text(max_size=200), other=st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_folder_names_of_two_texts_differ(one, other):
    assert (folder_name(one) == folder_name(other)) is (one == other)


def test_J6_two_runs_at_once_do_not_meet():
    pair = Pair()
    store = pair.pages
    one, two = (Workspace(store, pair="pair", run=run) for run in ("run", "run/x"))
    pages = [pages.write_page("page", "result", iter([{"run": pages.run_folder}])) for pages in (one, two)]
    assert lines_of(one, pages[0]) == [{"run": one.run_folder}]
    assert lines_of(two, pages[1]) == [{"run": two.run_folder}]
    assert list(one.list_names()) == list(two.list_names()) == ["page.jsonl.zst"]
    assert one.pair_folder == two.pair_folder
    assert Workspace(store, pair="other", run="run").run_folder != one.run_folder


def test_J6_two_whole_runs_interleaved():
    pair = Pair()
    pair.put({"a": b"1", "b": b"2"})
    inner: list[Any] = []

    def another(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("after", "copy", "a") and not inner:
            inner.append(None)
            with pytest.raises(Locked, match="'outer'"):
                pair.sync(run="inner", unlock=False)
            inner.append(pair.sync(run="skipped", unlock=False, on_lock="skip"))

    pair.at_destination(another)
    outer = pair.sync(run="outer")
    assert pair.contents() == {"a": b"1", "b": b"2"}
    assert inner[1].report.green
    assert not inner[1].report.verified
    assert not inner[1].report.counts
    assert "'outer'" in inner[1].report.warnings[0]
    assert outer.report.green
    assert pair.sync().report.reasons == {"same: known": 2}


def test_row_G13_a_run_in_one_process_waits_for_the_lock_too():
    """The other run is dead: its lock is not renewed for a whole lease, seen by the clock that nobody sets."""
    pair = Pair()
    pair.put({"a": b"1"})

    def die(when: str, verb: str, key: str) -> None:
        if (when, verb) == ("before", "copy"):
            raise KeyboardInterrupt

    pair.at_destination(die)
    with pytest.raises(KeyboardInterrupt):
        pair.sync(run="dead")
    pair.destination.hooks.remove(die)
    began = pair.clock.monotonic()
    ran = pair.sync(run="waits", unlock=False, on_lock="wait", lock_lease=60)
    assert ran.report.green
    assert pair.contents() == {"a": b"1"}
    assert pair.clock.monotonic() - began >= 60
