"""Lists in JSON Lines: what is taken, each rule that is broken, and expected checksums."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from typing import Any

import pytest

from tests.engine.lists.making import Listed

OBJECTS = {"a": b"of a", "b/1": b"of b/1", "b/2": b"of b/2", "c": b""}


def lines(*records: Any) -> str:
    """Records as a list."""
    return "".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in records)


def of(key: str, **more: Any) -> dict[str, Any]:
    """An instruction."""
    return {"sourceBucket": "source", "sourceKey": f"in/{key}", **more}


@pytest.fixture
def pair() -> Listed:
    made = Listed()
    made.put(OBJECTS)
    return made


def test_instructions_are_followed(pair):
    ran = pair.take("a.jsonl", lines(of("b/*"), "", of("c", sourceNoSignRequest=False, sums=None)))
    assert ran.report.counts == {"copied": 3}
    assert set(pair.contents()) == {"b/1", "b/2", "c"}
    assert pair.take("a.ndjson.gz", gzip.compress(lines(of("a")).encode())).report.counts == {"copied": 1}


def test_an_anonymous_source_may_be_asked_for(pair):
    pair.source.anonymous = True
    assert pair.take("a.jsonl", lines(of("a", sourceNoSignRequest=True))).report.counts == {"copied": 1}


MD5 = hashlib.md5(OBJECTS["a"]).hexdigest()


@pytest.mark.parametrize(
    ("record", "rule", "words"),
    [
        ("{", "bad_json", "line 1: [bad_json] no JSON"),
        ("[" * 5000, "bad_json", "no JSON"),
        ("[1]", "not_an_object", "is no JSON object"),
        ({"sourceBucket": "source"}, "missing_field", "sourceKey is missing"),
        ({"sourceKey": "in/a"}, "missing_field", "sourceBucket is missing"),
        (of("a", sourceBuckets="x"), "unknown_field", "did you mean 'sourceBucket'?"),
        (of("a", xyzzy="x"), "unknown_field", "there are sourceBucket"),
        ({"sourceBucket": 1, "sourceKey": "in/a"}, "wrong_type", "sourceBucket: expected a text, got 1"),
        (of("a", sourceNoSignRequest="yes"), "wrong_type", "expected true or false"),
        (of("a", sourceNoSignRequest=True), "not_anonymous", "name one that is anonymous"),
        ({"sourceBucket": "other", "sourceKey": "in/a"}, "other_bucket", "write 'source'"),
        ({"sourceBucket": "source", "sourceKey": "a"}, "outside_source", "does not lie below"),
        (of(""), "no_key", "the source itself"),
        (of("b*"), "bad_wildcard", "stands only at the end"),
        (of("b/*", sums=f"md5:{MD5}"), "sums_of_folder", "checksums are of one object"),
        (of("a", sums=""), "bad_sums", "no algorithm we know"),
        (of("a", sums={}), "bad_sums", "names no checksum"),
        (of("a", sums=1), "bad_sums", "neither a text nor an object"),
        (of("a", sums="{"), "bad_sums", "is no JSON"),
        (of("a", sums="md4:00"), "bad_sums", "'md4' is no algorithm"),
        (of("a", sums="md5:00"), "bad_sums", "write 32 hexadecimal digits"),
        (of("a", sums={"md5": 1}), "bad_sums", "1 is no md5"),
        (of("a", sums=f"md5:{MD5},MD5:{MD5}"), "bad_sums", "an algorithm twice"),
        (of("a", sourceRootFolderKey="in/", destinationRelativeFolderKey="x/"), "two_destinations", "keep one"),
        (of("a", sourceRootFolderKey="out/"), "bad_root", "is no folder above"),
        (of("b/1", sourceRootFolderKey="in/b"), "bad_root", "is no folder above"),
        (of("a", destinationRelativeFolderKey="x"), "bad_folder", "ending in `/`"),
        (of("a", destinationRelativeFolderKey="/x/"), "bad_folder", "ending in `/`"),
        (of("a", destinationRelativeFolderKey="x/../"), "bad_folder", "ending in `/`"),
        (of("/", sourceRootFolderKey="in/"), "bad_root", "leaves nothing of"),
    ],
)
def test_each_broken_rule_is_named_with_its_place(pair, record, rule, words):
    said = pair.refused("a.jsonl", lines(record))
    assert f"a.jsonl, line 1: [{rule}]" in said
    assert words in said
    assert "1 violation\n" in said


def test_records_that_contradict_each_other(pair):
    said = pair.refused("a.jsonl", lines(of("a", sums=f"md5:{MD5}"), of("c"), of("a", sums=f"md5:{'0' * 32}")))
    assert "a.jsonl, line 3: [contradiction] 'a' was named before, in a.jsonl, line 1, with another sums" in said


@pytest.mark.parametrize("verify", ["none", "listing"])
def test_checksums_that_nobody_would_look_at(pair, verify):
    said = pair.refused("a.jsonl", lines(of("a", sums=f"md5:{MD5}"), of("c", sums=f"md5:{MD5}")), verify=verify)
    assert f"a.jsonl, line 1: [sums_unverified] the list names checksums (sums), and verify is {verify}" in said
    assert "1 violation\n" in said


def digests(body: bytes) -> dict[str, str]:
    """Checksums of a body as people write them."""
    return {
        "md5": hashlib.md5(body).hexdigest(),
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        "sha1": hashlib.sha1(body).hexdigest().upper(),
        "crc32": f"{zlib.crc32(body):08x}",
    }


@pytest.mark.parametrize("form", [lambda sums: sums, json.dumps, lambda sums: ", ".join(map(":".join, sums.items()))])
def test_row_H6_expected_checksums_hold(pair, form):
    ran = pair.take("a.jsonl", lines(*(of(key, sums=form(digests(body))) for key, body in OBJECTS.items())))
    assert ran.report.counts == {"copied": 4}
    assert ran.report.verified


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sha1", "crc32"])
@pytest.mark.parametrize("verify", ["metadata", "content"])
def test_row_H6_another_checksum_is_a_failed_object(pair, algorithm, verify):
    wrong = {algorithm: digests(b"something else")[algorithm]}
    ran = pair.take("a.jsonl", lines(of("a", sums=wrong), of("c", sums=digests(b""))), verify=verify)
    assert not ran.report.green
    assert ran.report.counts == {"copied": 1, "failed": 1}
    assert ran.status("a") == ("failed", "expected_checksum")
    assert f"the list expects {algorithm}" in ran.outcomes["a"].message


def test_row_H6_a_move_leaves_what_has_another_checksum(pair):
    wrong = {"md5": hashlib.md5(b"x").hexdigest()}
    ran = pair.take("a.jsonl", lines(of("a", sums=wrong), of("c", sums=digests(b""))), move=True)
    assert ran.report.counts == {"failed": 1, "moved": 1}
    assert "a" in pair.contents(pair.source)
    assert "c" not in pair.contents(pair.source)


def test_row_H6_of_large_objects(pair):
    pair.put({"large": b"l" * 5000})
    policy = {"small_threshold": 1000, "large_threshold": 1000, "part_size": 1000}
    wrong = lines(of("large", sums=digests(b"l" * 4999)))
    ran = pair.take("a.jsonl", wrong, **policy)
    assert ran.status("large") == ("failed", "expected_checksum")
    right = pair.take("b.jsonl", lines(of("large", sums=digests(b"l" * 5000))), compare="always", **policy)
    assert right.report.counts == {"copied": 1}
