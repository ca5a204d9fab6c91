"""Lists whose objects stand under other keys at the destination: by the list, by a key mapping, by both."""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.lists.making import Listed
from tests.engine.lists.test_jsonl import digests, lines, of
from tests.engine.lists.test_pages import Failing
from tests.engine.lists.test_runs import csv_of

OBJECTS = {"a/x": b"1", "a/y": b"2", "b/c/x": b"3", "z": b"4"}
FLAT = KeyMapping(kind="flatten")
ROOT = KeyMapping(kind="relative_root", folder="a/")


@pytest.fixture
def pair() -> Listed:
    made = Listed()
    made.put(OBJECTS)
    return made


def test_row_B9_a_root_is_taken_away(pair):
    taken = lines(of("a/*", sourceRootFolderKey="in/a/"), of("b/c/x", sourceRootFolderKey="in/b/"), of("z"))
    ran = pair.take("a.jsonl", taken)
    assert ran.report.counts == {"copied": 4}
    assert pair.contents() == {"x": b"1", "y": b"2", "c/x": b"3", "z": b"4"}
    assert ran.outcomes["c/x"].source_key == "b/c/x"
    again = pair.take("a.jsonl")
    assert again.report.counts == {"same": 4}
    assert again.report.reasons == {"same: known": 4}


def test_row_B9_into_a_folder(pair):
    taken = lines(of("a/*", destinationRelativeFolderKey="new/"), of("b/c/x", destinationRelativeFolderKey="new/deep/"))
    assert pair.take("a.jsonl", taken).report.counts == {"copied": 3}
    assert pair.contents() == {"new/x": b"1", "new/y": b"2", "new/deep/x": b"3"}


@pytest.mark.parametrize(("collides", "word"), [("refuse", "refused"), ("first", "skipped"), ("fail", None)])
def test_two_objects_of_one_name(pair, collides, word):
    taken = lines(of("a/x", destinationRelativeFolderKey="n/"), of("b/c/x", destinationRelativeFolderKey="n/"), of("z"))
    if word is None:
        with pytest.raises(InvalidConfiguration, match=r"'a/x', 'b/c/x' would all be 'n/x'"):
            pair.take("a.jsonl", taken, on_collision=collides)
        assert pair.contents() == {}
        return
    ran = pair.take("a.jsonl", taken, on_collision=collides)
    assert pair.contents() == ({"z": b"4"} if collides == "refuse" else {"n/x": b"1", "z": b"4"})
    assert ran.report.counts[word] == (2 if collides == "refuse" else 1)


def test_a_name_may_be_that_of_an_object_of_its_own(pair):
    taken = lines(of("a/x", sourceRootFolderKey="in/a/"), of("z"), of("b/c/x", sourceRootFolderKey="in/b/c/"))
    ran = pair.take("a.jsonl", taken)
    assert ran.report.counts == {"copied": 1, "refused": 2}
    assert pair.contents() == {"z": b"4"}


def test_the_lists_word_goes_before_the_mapping(pair):
    taken = lines(of("a/x"), of("a/y", destinationRelativeFolderKey="kept/"))
    assert pair.take("a.jsonl", taken, key_mapping=FLAT).report.counts == {"copied": 2}
    assert pair.contents() == {"x": b"1", "kept/y": b"2"}


@pytest.mark.parametrize("mapping", [FLAT, ROOT])
def test_a_mapping_of_a_list_without_names(pair, mapping):
    ran = pair.take("a.csv", csv_of(["a/y", "a/x", "a/none"]), key_mapping=mapping)
    assert ran.report.counts == {"copied": 2, "gone": 1}
    assert ran.outcomes["none"].source_key == "a/none"
    assert pair.contents() == {"x": b"1", "y": b"2"}
    assert pair.take("a.csv", key_mapping=mapping).report.counts == {"same": 2, "gone": 1}


def test_expected_checksums_of_renamed_objects(pair):
    right, wrong = digests(b"1"), digests(b"other")
    taken = lines(
        of("a/x", sums=right, destinationRelativeFolderKey="n/"),
        of("a/y", sums=wrong, destinationRelativeFolderKey="n/"),
    )
    ran = pair.take("a.jsonl", taken)
    assert ran.report.counts == {"copied": 1, "failed": 1}
    assert ran.status("n/y") == ("failed", "expected_checksum")


def test_a_move_by_a_list_that_renames_is_refused(pair):
    said = pair.refused("a.jsonl", lines(of("z"), of("a/x", sourceRootFolderKey="in/a/")), move=True)
    assert "line 2: [move_renames]" in said


def test_names_that_can_not_stand_there(pair):
    pair.put({"a/_bucketsync/x": b"5"})
    ran = pair.take("a.jsonl", lines(of("a/_bucketsync/*", sourceRootFolderKey="in/a/"), of("z")))
    assert ran.report.counts == {"copied": 1, "refused": 1}
    assert ran.status("_bucketsync/x") == ("refused", "state_name")


def test_pages_of_a_run_keep_the_names(pair):
    fail = Failing()
    fail.keys = ("n/x", "n/y")
    pair.at_destination(fail)
    first = pair.take("a.jsonl", lines(of("a/*", destinationRelativeFolderKey="n/"), of("z")), max_errors=10)
    assert first.report.counts == {"copied": 1, "failed": 2}
    fail.keys = ()
    page = pair.contents(pair.pages)[f"{first.report.pair}/{first.report.run}/{first.report.objects}"]
    assert pair.take("again.jsonl.zst", page).report.counts == {"copied": 2}
    assert pair.contents() == {"n/x": b"1", "n/y": b"2", "z": b"4"}


@pytest.mark.parametrize("mapping", [FLAT, KeyMapping()])
def test_the_failed_objects_of_a_pair_under_the_same_mapping_and_under_none(pair, mapping):
    fail = Failing()
    fail.keys = ("y",)
    pair.at_destination(fail)
    assert pair.sync(Selection(key_mapping=FLAT, include=("a/*",)), max_errors=10).report.counts == {
        "copied": 1,
        "failed": 1,
    }
    fail.keys = ()
    (page,) = (body for name, body in pair.contents(pair.pages).items() if name.startswith("pair/failed/"))
    ran = pair.take("again.jsonl.zst", page, key_mapping=mapping)
    assert ran.report.counts == {"copied": 1}
    assert pair.contents() == {"x": b"1", "y": b"2"}


def test_what_was_refused_is_named_anew(pair):
    first = pair.sync(Selection(key_mapping=FLAT), max_errors=10)
    assert first.report.counts == {"copied": 2, "refused": 2}
    page = pair.contents(pair.pages)[f"{first.report.pair}/{first.report.run}/{first.report.objects}"]
    assert pair.take("again.jsonl.zst", page).report.counts == {"copied": 2}
    assert set(pair.contents()) == {"y", "z", "a/x", "b/c/x"}


def test_no_more_is_asked_there_than_by_key(pair, monkeypatch):
    """1,500 names at an empty destination: pages of a listing tell that nothing is there."""
    pair.put({f"m/{number:05d}": b"1" for number in range(1500)})
    ran = pair.take("a.jsonl", lines(of("m/*", destinationRelativeFolderKey="n/")))
    assert ran.report.counts == {"copied": 1500}
    assert ran.report.requests["destination"]["list"] <= 4
