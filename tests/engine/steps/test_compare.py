"""Does the comparison of a pair name every difference by its key, and nothing else?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.comparison import ComparisonReport
from airflow_bucketsync.engine.model.policy import Verify
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.compare import SHOWN, compare_pair
from airflow_bucketsync.engine.stores.gate import Stopped
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
