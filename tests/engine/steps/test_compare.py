"""Does the comparison of a pair name every difference by its key, and nothing else?"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.model.comparison import ComparisonReport
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.policy_words import Verify
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.compare import SHOWN, compare_pair
from airflow_bucketsync.engine.stores.gate import Stopped
from tests.engine.lists.making import Listed
from tests.engine.steps.pairs import PART, Pair

BODY = bytes(range(65, 65 + 3 * PART))
PARTS = [BODY[start : start + PART] for start in range(0, len(BODY), PART)]
SEEDED: dict[str, Any] = {
    "content_type": "text/csv",
    "content_encoding": "gzip",
    "user_metadata": {"k": "v"},
    "tags": {"t": "1"},
}


def pair_in_step() -> Pair:
    pair = Pair()
    for key in ("a", "damaged", "z"):
        for store in (pair.source, pair.destination):
            pair.put_in_parts(key, *PARTS, store=store, **SEEDED)
    return pair


def compared(pair: Pair, level: Verify = "content", **options: Any) -> ComparisonReport:
    return compare_pair(pair.run(f"compare-{level}", verify=level, prepared=False, **options))


def silently(body: bytes) -> Callable[[Pair], None]:
    return lambda pair: pair.destination.damage("damaged", body)


def tampered(**attributes: Any) -> Callable[[Pair], None]:
    return lambda pair: pair.tamper("damaged", **attributes)


TEN_KINDS: dict[str, tuple[Callable[[Pair], None], str]] = {
    "flipped bit": (silently(bytes([BODY[0] ^ 1]) + BODY[1:]), "content"),
    "truncation": (silently(BODY[:-1]), "size"),
    "dropped part": (silently(PARTS[0] + PARTS[2]), "size"),
    "duplicated part": (silently(PARTS[0] + BODY), "size"),
    "swapped part": (silently(PARTS[0] + PARTS[2] + PARTS[1]), "content"),
    "missing object": (lambda pair: pair.destination.delete("damaged"), "missing"),
    "wrong Content-Type": (tampered(content_type="text/html"), "content_type"),
    "wrong Content-Encoding": (tampered(content_encoding="br"), "content_encoding"),
    "wrong user metadata": (tampered(user_metadata={"k": "w"}), "user_metadata"),
    "wrong tag": (tampered(tags={"t": "2"}), "tags"),
}


@pytest.mark.parametrize("damage", TEN_KINDS)
def test_H3_H8_ten_kinds_of_damage(damage):
    pair = pair_in_step()
    do, word = TEN_KINDS[damage]
    do(pair)
    report = compared(pair)
    assert not report.in_step
    assert [item["key"] for item in report.first] == ["damaged"]
    assert report.first[0]["reason"] == word
    if word == "missing":
        assert report.counts == {"missing": 1, "same": 2}
        assert report.differences == {}
    else:
        assert report.counts == {"differ": 1, "same": 2}
        assert report.differences == {word: 1}


@pytest.mark.parametrize("level", ["listing", "metadata", "content"])
def test_H3_no_false_alarm(level):
    report = compared(pair_in_step(), level)
    assert report.in_step
    assert report.counts == {"same": 3}
    assert report.objects is None
    assert report.first == ()


def test_nothing_is_written_at_the_destination():
    pair = pair_in_step()
    before = pair.writes()
    pair.destination.delete("a")
    deleted = pair.writes() - before
    compared(pair)
    assert pair.writes() - before == deleted


@pytest.mark.parametrize("offset", [0, 7, PART, len(BODY) - 1])
def test_H3_the_position_of_the_first_difference(offset):
    pair = pair_in_step()
    pair.destination.damage("damaged", BODY[:offset] + bytes([BODY[offset] ^ 1]) + BODY[offset + 1 :])
    assert compared(pair).first[0]["message"] == f"first difference at byte {offset}"


def test_H5_extra_and_missing_objects_are_counted():
    pair = pair_in_step()
    pair.put({"only/1": b"", "only/2": b""})
    pair.put_there({"extra/1": b"", "extra/2": b"", "extra/3": b""})
    report = compared(pair)
    assert report.counts == {"extra": 3, "missing": 2, "same": 3}
    assert not report.in_step
    assert {item["key"] for item in report.first} == {"only/1", "only/2"}
    page = pair.lines(f"pair/compare-content/{report.objects}")
    assert {line["key"]: line["status"] for line in page[1:]} == {
        "extra/1": "extra", "extra/2": "extra", "extra/3": "extra", "only/1": "unverified", "only/2": "unverified",
    }  # fmt: skip


def test_extra_objects_alone_do_not_break_the_step():
    pair = pair_in_step()
    pair.put_there({"extra": b""})
    assert compared(pair).in_step


def test_several_differences_of_one_object_are_each_counted():
    pair = pair_in_step()
    pair.tamper("damaged", content_type="a/b", tags={})
    pair.tamper("z", content_type="a/b")
    assert compared(pair, "metadata").differences == {"content_type": 2, "tags": 1}


def test_the_selection_holds_for_both_sides():
    pair = pair_in_step()
    pair.put({"x.log": b"1", "0": b"before"})
    pair.put_there({"y.log": b"2", "0x": b"before"})
    assert compared(pair, selection=Selection(exclude=("*.log",), start_after="1")).counts == {"same": 3}


def test_what_cannot_be_looked_at_is_said():
    pair = pair_in_step()

    def deny(when: str, verb: str, key: str) -> None:
        if (verb, key) == ("head", "damaged"):
            raise AccessDenied("no")

    pair.at_destination(deny)
    report = compared(pair)
    assert report.counts == {"not_looked_at": 1, "same": 2}
    assert report.first[0]["reason"] == "access_denied"
    assert not report.in_step


def test_a_source_that_changes_meanwhile_is_not_compared():
    pair = pair_in_step()

    def change(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "head", "damaged"):
            pair.destination.hooks.clear()
            pair.put({"damaged": b"later"})

    pair.at_destination(change)
    report = compared(pair)
    assert report.counts == {"not_looked_at": 1, "same": 2}
    assert report.first[0]["reason"] == "source_changed"


def test_the_report_stays_small():
    pair = Pair()
    pair.put({f"{number:03d}" + "k" * 900: b"" for number in range(SHOWN * 2)})
    report = compared(pair, concurrency=8)
    assert len(report.first) == SHOWN
    value = orjson.dumps(report.to_json())
    assert len(value) < 10_000
    assert orjson.loads(value)["in_step"] is False
    assert report.counts == {"missing": SHOWN * 2}


def test_a_stopped_comparison_says_nothing():
    pair = pair_in_step()
    run = pair.run(verify="content", prepared=False)

    def stop(when: str, verb: str, key: str) -> None:
        if key == "damaged":
            run.gate.stop()

    pair.at_destination(stop)
    with pytest.raises(Stopped):
        compare_pair(run)


# positions ----------------------------------------------------------------------------------------------------------


def body_at_both(pair: Pair, here: bytes, there: bytes) -> dict[str, Any]:
    """The only finding, of two plain objects with these bodies."""
    pair.put({"x": here})
    pair.put_there({"x": there})
    report = compared(pair)
    (line,) = pair.lines(f"pair/compare-content/{report.objects}")[1:]
    found: dict[str, Any] = line
    return found


@pytest.mark.parametrize(
    ("here", "there", "position", "words"),
    [
        (b"abcdef", b"abcde", 5, "where the destination ends and 1 byte of the source follows"),
        (b"abcd", b"abcdef", 4, "where the source ends and 2 bytes of the destination follow"),
        (b"abcd", b"", 0, "where the destination ends and 4 bytes of the source follow"),
        (b"", b"x", 0, "where the source ends and 1 byte of the destination follows"),
        (b"abcdef", b"aXc", 1, None),
    ],
)
def test_row_H3_where_bodies_of_two_sizes_part(here, there, position, words, monkeypatch):
    for block in (1, 2, 3, 100):
        monkeypatch.setattr("airflow_bucketsync.engine.steps.parting.BLOCK", block)
        (told,) = body_at_both(Pair(), here, there)["differences"]
        assert (told["what"], told["position"]) == ("size", position)
        assert (told["source"], told["destination"]) == (f"{len(here)} bytes", f"{len(there)} bytes")
        assert (told.get("follows") is None) == (words is None)
        assert words is None or words == f"where {told['follows']}"


def test_row_H3_a_body_that_can_not_be_read_hides_no_other_size():
    pair = Pair()

    def deny(when: str, verb: str, key: str) -> None:
        if verb == "get":
            raise AccessDenied("no")

    pair.at_destination(deny)
    line = body_at_both(pair, b"abc", b"ab")
    assert (line["found"], line["reason"]) == ("differ", "size")
    assert "position" not in line["differences"][0]


def test_row_H3_real_read_blocks():
    pair = Pair()
    body = bytes(17 * 1024 * 1024)
    pair.put_in_parts("x", body)
    pair.put_in_parts("x", body[:-2] + b"\1\0", store=pair.destination)
    report = compared(pair)
    assert report.first[0]["message"].startswith(f"first difference at byte {len(body) - 2}; checksum: ")


# which differences --------------------------------------------------------------------------------------------------


def differences_of(pair: Pair, **options: Any) -> list[dict[str, Any]]:
    """What the page says of the only object that differs."""
    report = compared(pair, "metadata", **options)
    if report.objects is None:
        return []
    (line,) = pair.lines(f"pair/compare-metadata/{report.objects}")[1:]
    found: list[dict[str, Any]] = line["differences"]
    return found


NOON = "Wed, 21 Oct 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("there", "equal"),
    [
        ("Wed, 21 Oct 2026 12:00:09 GMT", True),
        ("Wed, 21 Oct 2026 11:59:51 GMT", True),
        ("Wed, 21 Oct 2026 12:00:11 GMT", False),
        ("Wed, 21 Oct 2026 11:59:49 GMT", False),
    ],
)
def test_row_E5_ten_seconds_of_expires_in_a_comparison_and_in_a_sync(there, equal):
    pair = Pair()
    pair.put({"x": b"1"}, expires=NOON)
    pair.put_there({"x": b"1"}, expires=there)
    assert differences_of(pair) == ([] if equal else [{"what": "expires", "source": NOON, "destination": there}])
    assert pair.sync(compare="metadata").report.counts == ({"same": 1} if equal else {"updated": 1})


def test_row_H3_values_of_user_metadata_and_tags_are_never_told():
    pair = pair_in_step()
    pair.tamper("damaged", user_metadata={"k": "canary-1", "n": "canary-2"}, tags={"t": "canary-3"})
    assert differences_of(pair) == [{"what": "user_metadata", "names": ["k", "n"]}, {"what": "tags", "names": ["t"]}]
    assert not any(b"canary" in body for body in pair.contents(pair.pages).values())


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ("1.5", "2.5", ["mtime"]),
        ("1.5", None, ["user_metadata"]),
        (None, "1.5", ["user_metadata"]),
        ("1.5", "1.5", []),
    ],
)
def test_row_H3_times_that_both_sides_keep(here, there, told):
    pair = Pair()
    for put, time in ((pair.put, here), (pair.put_there, there)):
        put({"x": b"1"}, user_metadata={} if time is None else {"mtime": time})
    assert [item["what"] for item in differences_of(pair)] == told


@pytest.mark.parametrize(
    ("asked", "here", "there", "differs"),
    [
        ("default", None, "GLACIER_IR", False),
        ("keep", None, "GLACIER_IR", True),
        ("keep", "STANDARD_IA", "STANDARD_IA", False),
        ("keep", "STANDARD_IA", None, True),
        ("STANDARD", "STANDARD_IA", "GLACIER_IR", True),
        ("ONEZONE_IA", None, "ONEZONE_IA", False),
    ],
)
def test_row_H3_storage_class_where_one_was_asked_for(asked, here, there, differs):
    pair = Pair()
    pair.put({"x": b"1"}, storage_class=here)
    pair.put_there({"x": b"1"}, storage_class=there)
    assert [item["what"] for item in differences_of(pair, storage_class=asked)] == ["storage_class"] * differs


# which objects ------------------------------------------------------------------------------------------------------


def test_row_H5_extra_objects_make_it_red_where_that_was_asked_for():
    pair = pair_in_step()
    pair.put_there({"extra/1": b"", "_bucketsync/trash/1": b"", "deeper/_bucketsync/lock-1": b""})
    green = compare_pair(pair.run("one", prepared=False))
    red = compare_pair(pair.run("two", prepared=False), fail_on_extra=True)
    assert (green.in_step, red.in_step) == (True, False)
    assert green.counts == red.counts == {"extra": 1, "same": 3, "skipped": 1}
    assert green.first_extra == red.first_extra == ("extra/1",)


def test_row_H5_extra_objects_of_other_tags_are_nobody_s_business():
    pair = pair_in_step()
    pair.put({"other": b""}, tags={"t": "2"})
    pair.put_there({"extra/1": b""}, tags={"t": "2"})
    pair.put_there({"extra/2": b""}, tags={"t": "1"})
    report = compared(pair, selection=Selection(tags={"t": "1"}))
    assert report.counts == {"extra": 1, "same": 3}
    assert report.first_extra == ("extra/2",)
    assert report.selected_out == {"tags": 1}


def test_row_H3_keys_that_are_mapped_are_held_against_their_names():
    pair = Pair()
    pair.put({"a/x": b"1", "a/y": b"2", "b/x": b"3", "c": b"4"})
    pair.put_there({"x": b"1", "y": b"X", "c": b"4", "d": b"5"})
    mapped = Selection(key_mapping=KeyMapping.from_json("flatten"))
    report = compared(pair, selection=mapped)
    page = {line["key"]: line for line in pair.lines(f"pair/compare-content/{report.objects}")[1:]}
    assert report.counts == {"differ": 1, "extra": 1, "not_looked_at": 2, "same": 1}
    assert (page["y"]["source_key"], page["y"]["found"]) == ("a/y", "differ")
    first = compared(pair, selection=mapped, on_collision="first")
    assert first.counts == {"differ": 1, "extra": 1, "same": 2, "skipped": 1}, "the second one of a name is no finding"


def test_a_level_that_looks_at_nothing_is_refused():
    with pytest.raises(InvalidConfiguration, match="verify: none looks at nothing: write listing"):
        compared(pair_in_step(), "none")


def test_a_listing_is_all_that_its_level_asks_for():
    pair = pair_in_step()
    pair.destination.damage("damaged", BODY[:-1])
    before = {store: dict(store.requests) for store in (pair.source, pair.destination)}
    report = compared(pair, "listing")
    assert report.differences == {"size": 1}
    for store, counts in before.items():
        assert {verb for verb, count in store.requests.items() if count > counts.get(verb, 0)} == {"list"}


# what is left behind ------------------------------------------------------------------------------------------------


def test_row_H3_the_page_is_a_list_for_a_sync():
    pair = Listed()
    pair.put({"a": b"1", "b": b"2", "same": b"3"})
    pair.put_there({"b": b"X", "same": b"3", "extra": b"4"})
    report = compared(pair)
    page = pair.contents(pair.pages)[f"pair/compare-content/{report.objects}"]
    ran = pair.take("again.jsonl.zst", page)
    assert ran.report.counts == {"copied": 2}
    assert compared(pair, "metadata").counts == {"extra": 1, "same": 3}


def test_row_H3_a_list_says_which_objects_are_compared():
    pair = Listed()
    pair.put({"a": b"1", "b": b"2", "c": b"3", "not/named": b"4"})
    pair.put_there({"a": b"1", "renamed": b"X", "extra": b"5"})
    pair.lists.put("a.csv", b"source,in/a\nsource,in/c\nsource,in/gone\n")
    run = pair.run("listed", prepared=False, selection=Selection(source_list="memory://lists/a.csv"))
    report = compare_pair(replace(run, lists=pair.lists))
    assert report.counts == {"missing": 1, "same": 1, "skipped": 1}
    assert report.first[0]["key"] == "c"


def test_the_table_and_the_document_say_the_same():
    pair = pair_in_step()
    pair.destination.delete("a")
    pair.tamper("damaged", content_type="=1+1", tags={})
    report = compared(pair)
    folder = "pair/compare-content/"
    pages = pair.contents(pair.pages)
    rows = list(csv.DictReader(io.StringIO(pages[folder + str(report.table)].decode("utf-8-sig"), newline="")))
    assert [(row["key"], row["finding"]) for row in rows] == [
        ("a", "missing"), ("damaged", "content_type"), ("damaged", "tags"),
    ]  # fmt: skip
    assert rows[1]["destination"] == "'=1+1"
    document = orjson.loads(pages[folder + "compare/report.json"])
    assert {**document, **report.to_json()} == document
    assert document["schema"] == "bucketsync/comparison"


SOAK = """
import resource, sys
from datetime import UTC, datetime
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectInfo, Page
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.compare import compare_pair
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.memory import MemoryStore

COUNT, TIME = int(sys.argv[1]), datetime(2026, 1, 1, tzinfo=UTC)

class Synthetic(MemoryStore):
    odd = 0

    def list_page(self, *, after="", until=None, limit=1000):
        first = int(after.rpartition("/")[2]) + 1 if after else 0
        numbers = range(first, min(first + limit, COUNT))
        items = tuple(
            ObjectInfo(key=f"some/folder/of/a/bucket/{n:09d}", size=n + self.odd, last_modified=TIME) for n in numbers
        )
        return Page(items=items, next_after=items[-1].key if numbers and numbers[-1] + 1 < COUNT else None)

source = Synthetic(Location.parse("memory://source/"))
destination = Synthetic(Location.parse("memory://destination/"), server=source.server)
destination.odd = 1
pages = LocalStore(Location(scheme="file", bucket=sys.argv[2]), may_be_missing=True)
spec = SyncSpec.of(source.location, destination.location, name="pair", policy=SyncPolicy(verify="listing"))
workspace = Workspace(pages, pair="pair", run="run")
run = Run(spec=spec, run="run", source=source, destination=destination, workspace=workspace)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert compare_pair(run).counts == {"differ": COUNT}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_does_not_grow_with_the_findings(tmp_path):
    def grown(count: int) -> int:
        asked = [sys.executable, "-c", SOAK, str(count), str(tmp_path / str(count))]
        return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)

    assert grown(30_000) < 30
