"""Pages of our own runs as lists again."""

from __future__ import annotations

import orjson
import pytest
import zstandard

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.steps.lists import files
from tests.engine.lists.making import Listed


def packed(*lines: object) -> bytes:
    """Lines as a page."""
    return zstandard.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def head(schema: str, version: int = 1) -> dict[str, object]:
    """The first line of a page."""
    return {"schema": f"bucketsync/{schema}", "version": version}


@pytest.fixture
def pair() -> Listed:
    made = Listed()
    made.put({"a": b"1", "b": b"2", "c/*": b"3", "d": b"4"})
    return made


def test_row_B8_what_failed_in_a_run_is_a_list_of_the_next(pair):
    pair.at_destination(fail := Failing())
    first = pair.sync(max_errors=10)
    assert first.report.counts == {"copied": 2, "failed": 2}
    fail.keys = ()
    name = f"{first.report.pair}/{first.report.run}/{first.report.objects}"
    ran = pair.take("again.jsonl.zst", pair.contents(pair.pages)[name])
    assert ran.report.counts == {"copied": 2}
    assert "2 records of the source_list were passed over: copied 2" in ran.report.warnings
    assert set(pair.contents()) == {"a", "b", "c/*", "d"}


class Failing:
    """A destination that takes some keys only."""

    keys: tuple[str, ...] = ("b", "c/*")

    def __call__(self, moment: str, verb: str, key: str) -> None:
        if key in self.keys and verb in ("put", "copy"):
            raise AccessDenied("not this one", key=key)


@pytest.mark.parametrize(
    "lines",
    [
        (head("failed"), {"key": "a", "status": "failed"}, {"key": "c/*", "status": "changed"}),
        (head("listing"), {"key": "a", "size": 1}, {"key": "c/*", "size": 1}),
        (head("changes"), {"source": {"key": "a"}}, {"source": {"key": "c/*"}}),
        (head("result"), {"key": "a", "status": "withheld"}, {"key": "b", "status": "gone"},
         {"key": "c/*", "status": "refused"}),
        (head("findings"), {"key": "c/*", "status": "unverified"}, {"key": "a", "status": "unverified"}),
    ],
)  # fmt: skip
def test_pages_that_name_objects(pair, lines):
    assert pair.take("a.jsonl.zst", packed(*lines)).report.counts == {"copied": 2}
    assert set(pair.contents()) == {"a", "c/*"}


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (packed(head("extra"), {"key": "a"}), "unknown_page", "'bucketsync/extra' is no page that names objects"),
        (packed({"key": "a"}), "unknown_page", "None is no page"),
        (packed(head("failed", 2), {"key": "a"}), "unknown_page", "has version 2"),
        (packed(head("failed"), {"status": "failed"}), "bad_page", "line 2: [bad_page] the line has no key"),
        (packed(head("changes"), {"source": 1}), "bad_page", "the line has no key"),
        (packed(head("failed"), 1), "bad_page", "line 2: [bad_page] no line of a page"),
        (zstandard.compress(b"{"), "bad_page", "no line of a page"),
        (packed(head("failed"), {"key": "_bucketsync/x", "status": "failed"}), "state_name", "line 2"),
        (b"no page", "bad_packing", "can't be unpacked"),
        (zstandard.compress(b"\n" * 1000), "bad_page", "no line of a page"),
        (packed(head("failed")), "empty", "names no object"),
    ],
)
def test_each_broken_rule_is_named_with_its_place(pair, content, rule, words):
    said = pair.refused("a.jsonl.zst", content)
    assert f"[{rule}]" in said
    assert words in said


@pytest.mark.parametrize("cut", [1, 10, 38])
def test_a_page_that_ends_in_the_middle_is_no_shorter_list(pair, cut):
    frames = packed(head("failed"), {"key": "a", "status": "failed"}), packed({"key": "b", "status": "failed"})
    said = pair.refused("a.jsonl.zst", b"".join(frames)[:-cut])
    assert "[bad_packing] it can't be unpacked (it ends in the middle)" in said
    assert pair.take("b.jsonl.zst", b"".join(frames)).report.counts == {"copied": 2}


def test_row_S11_a_page_that_is_a_bomb(pair, monkeypatch):
    monkeypatch.setattr(files, "LOOKED_AT", 1024 * 1024)
    content = packed(head("failed"), *([{"key": "a", "status": "failed"}] * 50_000))
    assert "[packed_too_closely] it unpacks to more than 100 times" in pair.refused("a.jsonl.zst", content)
