"""Lists in CSV: what is taken, and each rule that is broken."""

from __future__ import annotations

import gzip

import pytest

from airflow_bucketsync.engine.steps.lists import files, listed
from tests.engine.lists.making import Listed

OBJECTS = {name: f"of {name}".encode() for name in ("a", "b/1", "b/2", "bb/1", "c d", 'e,"f"', "g+h%20", "ü")}


@pytest.fixture
def pair() -> Listed:
    made = Listed()
    made.put(OBJECTS)
    return made


@pytest.mark.parametrize("header", ["", "bucket,key\n", "Bucket, Key\n", "\ufeffbucket,key\n"])
def test_what_is_named_is_copied_and_nothing_else(pair, header):
    ran = pair.take("a.csv", f"{header}source,in/b/1\r\nsource,in/a\n\nsource,in/ü")
    assert ran.report.green
    assert ran.report.verified
    assert pair.contents() == {key: OBJECTS[key] for key in ("a", "b/1", "ü")}
    assert ran.report.counts == {"copied": 3}
    again = pair.take("a.csv")
    assert again.report.counts == {"same": 3}


def test_columns_stand_in_the_order_of_the_header(pair):
    assert pair.take("a.csv", "key,bucket\nin/a,source\n").report.counts == {"copied": 1}


def test_keys_are_plain_unless_said_otherwise(pair):
    ran = pair.take("a.csv", 'source,in/g+h%20\nsource,"in/e,""f"""\nsource,in/c d\n')
    assert ran.report.counts == {"copied": 3}
    encoded = pair.take("b.csv", "source,in/g%2Bh%2520\nsource,in/c+d\nsource,in/%C3%BC\n", list_encoding="url")
    assert encoded.report.counts == {"same": 2, "copied": 1}


def test_a_packed_list(pair):
    assert pair.take("a.csv.gz", gzip.compress(b"source,in/a\n") + gzip.compress(b"source,in/b/1\n")).report.counts == {
        "copied": 2
    }


def test_a_folder_stands_for_what_lies_below_it(pair):
    pair.put({"b/": b"", "b/x/y": b"1"})
    ran = pair.take("a.csv", "source,in/b/*\n")
    assert set(pair.contents()) == {"b/1", "b/2", "b/x/y"}
    assert ran.report.counts == {"copied": 3}


@pytest.mark.parametrize(("objects", "word"), [(0, "nothing_found"), (1, None), (3, None), (4, "too_many")])
def test_row_B9_a_folder_stands_for_so_many_objects(pair, objects, word):
    pair.put({f"f/{number}": b"1" for number in range(objects)} | {"ff/1": b"no", "f0": b"no"})
    content = "source,in/f/*\nsource,in/a\n"
    if word is None:
        assert pair.take("a.csv", content, max_expansion=3).report.counts == {"copied": objects + 1}
        assert {key for key in pair.contents() if key != "a"} == {f"f/{number}" for number in range(objects)}
    else:
        said = pair.refused("a.csv", content, max_expansion=3)
        assert f"a.csv, line 1: [{word}]" in said


def test_folders_beyond_counting(pair, monkeypatch):
    monkeypatch.setattr(listed, "MAX_FOLDERS", 2)
    assert pair.take("a.csv", "source,in/b/*\nsource,in/bb/*\n").report.counts == {"copied": 3}
    said = pair.refused("a.csv", "source,in/b/*\n" * 3)
    assert "a.csv, line 3: [too_many_folders]" in said


def test_row_B9_bb_is_not_bbb():
    pair = Listed()
    pair.put({"bb/1": b"1", "bbb/1": b"1", "bb": b"1", "bb0": b"1", "bb-/1": b"1"})
    pair.take("a.csv", "source,in/bb/*\n")
    assert set(pair.contents()) == {"bb/1"}


def test_a_name_twice_is_taken_once_and_said(pair):
    ran = pair.take("a.csv", "source,in/a\nsource,in/b/1\nsource,in/a\nsource,in/b/*\n")
    assert ran.report.counts == {"copied": 3}
    assert "the source_list names objects again 2 times; each is taken once" in ran.report.warnings


def test_what_is_not_there_is_gone(pair):
    ran = pair.take("a.csv", "source,in/a\nsource,in/nothing\n")
    assert ran.report.green
    assert ran.status("nothing") == ("gone", "not_at_source")
    red = pair.take("a.csv", on_missing="fail")
    assert not red.report.green
    assert red.status("nothing") == ("failed", "gone")


def test_rules_of_the_selection_are_asked_of_what_is_named(pair):
    pair.take("a.csv", "source,in/a\nsource,in/b/1\nsource,in/bb/1\n", exclude=("b/*",), start_after="a")
    assert set(pair.contents()) == {"bb/1"}


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        ("source,in/a,1\n", "wrong_columns", "a.csv, line 1: [wrong_columns] 3 columns"),
        ("source,in/a\nsource\n", "wrong_columns", "line 2"),
        ("bucket,key,version\n", "wrong_columns", "line 1"),
        ("source,\n", "no_key", "the key is empty"),
        ("source,in/\n", "no_key", "the source itself"),
        ("other,in/a\n", "other_bucket", "write 'source'"),
        (",in/a\n", "other_bucket", "no bucket"),
        ("source,out/a\n", "outside_source", "memory://source/in/"),
        ("source,*\n", "bad_wildcard", "stands only at the end"),
        ("source,in/*.csv\n", "bad_wildcard", "stands only at the end"),
        ("source,in/b*\n", "bad_wildcard", "stands only at the end"),
        ("source,in/*/b/*\n", "bad_wildcard", "stands only at the end"),
        ("source,in/_bucketsync/lock\n", "state_name", "our own state"),
        ("source,in/_bucketsync/*\n", "state_name", "our own state"),
        (f"source,in/{'k' * 1100}\n", "impossible_key", "can't be an object of the source"),
        ('source,in/a\nsource,"in/b\n', "bad_csv", "line 2 is no CSV"),
        ('source,"in/b"x\n', "bad_csv", "line 1 is no CSV"),
        (b"source,in/a\nsource,in/\xff\n", "not_utf8", "line 2 is no UTF-8"),
        (b"source,in/" + b"a" * 70_000, "long_line", "line 1 has more than 65536 bytes"),
        (b"source,in/a\n" + b"a" * 70_000 + b"\n", "long_line", "line 2 has more than 65536 bytes"),
        ("", "empty", "names no object"),
        ("bucket,key\n", "empty", "names no object"),
    ],
)
def test_each_broken_rule_is_named_with_its_place(pair, content, rule, words):
    said = pair.refused("a.csv", content)
    assert f"[{rule}]" in said
    assert words in said
    assert "1 violation\n" in said


@pytest.mark.parametrize(("key", "words"), [("in/%zz", "character 4"), ("in/%", "character 4"), ("in/%ff", "no UTF-8")])
def test_a_key_that_is_not_encoded(pair, key, words):
    said = pair.refused("a.csv", f"source,{key}\n", list_encoding="url")
    assert "a.csv, line 1: [bad_encoding]" in said
    assert words in said


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.csv.gz", b"no gzip", "bad_packing"),
        ("a.csv.gz", gzip.compress(b"source,in/a\n", mtime=0)[:-4], "bad_packing"),
        ("a.csv.gz", gzip.compress(b"a" * 70_000, mtime=0), "long_line"),
        ("a.txt", b"source,in/a\n", "unknown_kind"),
        ("data.parquet", b"", "part_of_inventory"),
        ("data.orc", b"", "part_of_inventory"),
        ("symlink.txt", b"", "part_of_inventory"),
    ],
)
def test_a_file_that_is_no_list(pair, name, content, rule):
    assert f"[{rule}]" in pair.refused(name, content)


def test_a_file_that_is_not_there(pair):
    assert "nothing.csv: [no_file]" in pair.refused("nothing.csv")


def test_row_S11_a_bomb_is_not_unpacked_to_its_end(pair, monkeypatch):
    monkeypatch.setattr(files, "LOOKED_AT", 1024 * 1024)
    packed = gzip.compress(b"source,in/a\n" * 200_000, 9)
    assert len(packed) < 20_000
    assert "[packed_too_closely]" in pair.refused("a.csv.gz", packed)


def test_all_violations_are_told_together(pair):
    said = pair.refused("a.csv", "other,in/a\nsource,in/a\nsource\nsource,out/b\n")
    assert "3 violations" in said
    assert [line.partition(":")[0] for line in said.splitlines()[1:]] == [f"- a.csv, line {n}" for n in (1, 3, 4)]


def test_no_more_violations_than_people_read(pair):
    said = pair.refused("a.csv", "other,in/a\n" * 1000)
    assert "at least 100 violations" in said
    assert len(said.splitlines()) == 101


def test_nothing_is_forgotten_of_what_a_list_does_not_name(pair):
    pair.sync()
    before = pair.writes()
    ran = pair.take("a.csv", "source,in/a\n")
    assert ran.report.counts == {"same": 1}
    assert ran.report.reasons == {"same: known": 1}
    assert pair.writes() == before
    after = pair.sync(mode="incremental")
    assert after.report.mode == "incremental"
    assert after.report.counts == {"same": len(OBJECTS)}
    assert after.report.reasons == {"same: known": len(OBJECTS)}
