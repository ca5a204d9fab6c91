"""Every pair of stores, with everything an object carries (rows A5 to I1, promise P3)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from tests.engine.stand import READS, SMALL_PARTS, Pair, Stand
from tests.servers.s3 import Allow, Credential, S3Server

BODY = bytes(range(250)) * 14
HEADERS = {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "max-age=60",
    "content-disposition": 'attachment; filename="ä.txt"',
    "content-encoding": "identity",
    "content-language": "de-CH",
    "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
}
METADATA = {"plain": "value", "umlaut": "Grüße", "script": "中文 \U0001f600"}
TAGS = {"team": "data", "sign": "a+b =:/@"}
REDIRECT = "/elsewhere.html"


def make_tree(folder: Path) -> None:
    """Files of every kind that a tree has."""
    for name, data in {
        "a.txt": b"a",
        "empty": b"",
        "sub/a.txt": b"other a",
        "sub/deep/er/x.bin": bytes(range(256)) * 40,
        "sub.txt": b"s",
        "Größe/naïve \n file": b"n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "sub/deep/er/x.bin").chmod(0o755)
    os.utime(folder / "a.txt", (1_000_000_000, 1_000_000_000))


def is_equal(one: Path, two: Path) -> bool:
    """Whether `diff -r` finds nothing."""
    found = subprocess.run(["diff", "-r", "--no-dereference", str(one), str(two)], capture_output=True, text=True)
    assert found.stdout == ""
    return found.returncode == 0


@pytest.mark.parametrize("parts", [False, True])
def test_row_A5_local_to_local(stand: Stand, parts: bool) -> None:
    make_tree(stand.folder / "in")
    policy = {"small_threshold": 1000, "large_threshold": 1000, "part_size": 1000} if parts else {}
    ran = stand.sync(stand.local("in"), stand.local("out"), **policy)
    assert ran.report.verified
    assert is_equal(stand.folder / "in", stand.folder / "out")
    assert (stand.folder / "out/sub/deep/er/x.bin").stat().st_mode & 0o777 == 0o755
    assert (stand.folder / "out/a.txt").stat().st_mtime == 1_000_000_000
    inodes = {path: path.stat().st_ino for path in (stand.folder / "out").rglob("*")}
    again = stand.sync(stand.local("in"), stand.local("out"), **policy)
    assert again.report.counts == {"same": 6}
    assert {path: path.stat().st_ino for path in (stand.folder / "out").rglob("*")} == inodes


@pytest.mark.parametrize("parts", [False, True])
def test_row_A5_local_to_s3_and_back(stand: Stand, parts: bool) -> None:
    make_tree(stand.folder / "in")
    bucket = stand.bucket()
    policy = {"small_threshold": 1000, "part_size": 1000} if parts else {}
    there = stand.sync(stand.local("in"), stand.s3(bucket, "p/"), **policy)
    back = stand.sync(stand.s3(bucket, "p/"), stand.local("out"), **policy)
    assert there.report.verified
    assert back.report.verified
    assert is_equal(stand.folder / "in", stand.folder / "out")
    assert (stand.folder / "out/a.txt").stat().st_mtime == 1_000_000_000
    for pair in ((stand.local("in"), stand.s3(bucket, "p/")), (stand.s3(bucket, "p/"), stand.local("out"))):
        again = stand.sync(*pair, **policy)
        assert again.report.counts == {"same": 6}
        assert set(again.operations()) <= {"ListObjectsV2"}


def test_row_A6_the_same_bucket_name_on_two_endpoints(stand: Stand, other: S3Server) -> None:
    stand.bucket(name="twin")
    stand.bucket(name="twin", at=other)
    stand.put("twin", {"k": BODY, "same": b"here"})
    stand.put("twin", {"same": b"over"}, at=other)
    ran = stand.sync(stand.s3("twin"), stand.s3("twin", at=other))
    assert ran.report.verified
    assert {outcome.mode for outcome in ran.outcomes.values()} == {"stream"}
    assert stand.contents("twin") == stand.contents("twin", at=other) == {"k": BODY, "same": b"here"}
    assert stand.server.log.writes() == []


def test_row_D4_no_body_is_read(stand: Stand, other: S3Server) -> None:
    for way in ("server_copy", "part_copy"):
        pair = Pair.make(way, stand, other)
        pair.put({f"k{number}": BODY for number in range(5)})
        ran = pair.sync()
        assert ran.report.verified
        assert {outcome.mode for outcome in ran.outcomes.values()} == {way}
        assert not {"GetObject", "PutObject", "UploadPart"} & set(ran.operations())


def test_promise_P3_the_source_is_only_read(pair: Pair) -> None:
    pair.put({"p/k": BODY, "p/d/l": b"l", "outside": b"o"})
    at_destination = pair.destination_store()
    ran = pair.stand.sync(
        pair.stand.s3(pair.source, "p/", at=pair.source_at),
        pair.stand.s3(pair.destination, "q/", at=pair.destination_at),
        **pair.policy,
    )
    assert at_destination.location.prefix == ""
    assert ran.report.verified
    assert {e.operation for e in ran.entries if e.bucket == pair.source} <= READS
    assert {e.key for e in ran.writes(pair.destination)} == {"q/k", "q/d/l"}
    assert pair.contents() == {"q/k": BODY, "q/d/l": b"l"}


def test_fault_F46_rows_E1_E2_everything_is_kept(pair: Pair) -> None:
    pair.put({"k": BODY}, headers=HEADERS, metadata=METADATA, tags=TAGS)
    pair.put({"bare": BODY})
    ran = pair.sync()
    assert ran.report.verified, ran.outcomes
    assert ran.report.lost == {}
    kept = pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes
    assert (kept.headers, kept.metadata, kept.tags) == (HEADERS, METADATA, TAGS)
    store = pair.destination_store()
    assert store.head("bare").attributes.user_metadata == {}
    assert store.tags("bare") == {}
    assert pair.sync().report.counts == {"same": 2}


def test_row_E3_website_redirect(pair: Pair) -> None:
    """S3 leaves it behind when it copies by itself: then that is said, and everywhere else it is kept."""
    pair.put({"k": BODY})
    version = pair.source_at.core.find(pair.source, "k")
    version.attributes.extra["x-amz-website-redirect-location"] = REDIRECT
    ran = pair.sync()
    assert ran.report.verified
    if pair.way == "server_copy":
        assert ran.outcomes["k"].lost == ("redirect",)
        assert ran.report.lost == {"redirect": 1}
        return
    kept = pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes
    assert kept.extra == {"x-amz-website-redirect-location": REDIRECT}


def test_row_E2_tags_left_out_when_asked(pair: Pair) -> None:
    pair.put({"k": BODY}, tags=TAGS, metadata=METADATA)
    ran = pair.sync(preserve=("headers", "user_metadata", "redirect", "mtime"))
    assert ran.report.verified
    kept = pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes
    assert (kept.tags, kept.metadata) == ({}, METADATA)
    assert "GetObjectTagging" not in ran.operations()


@pytest.mark.parametrize("denied", ["GetObjectTagging", "PutObjectTagging"])
def test_row_E2_tags_denied_by_a_policy(pair: Pair, denied: str) -> None:
    """Still copied; the loss is named, object by object and in the totals."""
    pair.put({"k": BODY}, tags=TAGS, metadata=METADATA)
    pair.put({"bare": b"b"})
    tags = {"GetObjectTagging", "PutObjectTagging"}
    everything = frozenset({"ListBucket", "GetObject", "PutObject", "AbortMultipartUpload", "DeleteObject"} | tags)
    for server in {pair.source_at, pair.destination_at}:
        known = server.credentials["test-access"]
        allowed = (Allow(everything - {denied}),)
        server.add_credential(Credential(known.access_key, known.secret_key, allow=allowed))
    ran = pair.sync()
    assert ran.outcomes["k"].lost == ("tags",)
    assert ran.outcomes["k"].verified
    # Who may not read tags can't tell whether there are any: what is not known to be kept is said to be lost.
    unknown = denied == "GetObjectTagging" and pair.way.startswith("stream")
    assert ran.outcomes["bare"].lost == (("tags",) if unknown else ())
    assert ran.report.lost == {"tags": sum("tags" in outcome.lost for outcome in ran.outcomes.values())}
    assert ran.report.green
    kept = pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes
    assert (kept.tags, kept.metadata) == ({}, METADATA)
    assert pair.contents() == {"k": BODY, "bare": b"b"}
    assert pair.uploads() == 0


def test_row_E7_what_a_folder_can_not_hold_is_named(stand: Stand) -> None:
    bucket = stand.bucket()
    stand.server.core.put(bucket, "k", BODY, headers=HEADERS, metadata=METADATA, tags=TAGS)
    stand.put(bucket, {"bare": b"b"})
    ran = stand.sync(stand.s3(bucket), stand.local("out"))
    assert ran.report.verified
    lost = {name.replace("-", "_") for name in HEADERS} | {"user_metadata", "tags"}
    assert set(ran.outcomes["k"].lost) == lost
    assert ran.outcomes["bare"].lost == ()
    assert ran.report.lost == dict.fromkeys(lost, 1)


@pytest.mark.parametrize("acl", ["none", "bucket-owner-full-control"])
def test_row_E8_no_acl_unless_asked(pair: Pair, acl: str) -> None:
    pair.put({"k": BODY, "l": b"l"})
    for bucket, at in ((pair.source, pair.source_at), (pair.destination, pair.destination_at)):
        at.core.bucket(bucket).settings.owner_enforced = False
    ran = pair.sync(acl=acl)
    assert ran.report.verified
    sent = [entry.headers.get("x-amz-acl") for entry in ran.writes()]
    if acl == "none":
        assert not any(name.startswith(("x-amz-acl", "x-amz-grant")) for e in ran.entries for name in e.headers)
    else:
        begins = [e for e in ran.writes() if e.operation in ("PutObject", "CopyObject", "CreateMultipartUpload")]
        assert {entry.headers.get("x-amz-acl") for entry in begins} == {acl}
        assert sent.count(acl) == len(begins)


@pytest.mark.parametrize("way", ["stream", "stream_parts"])
def test_row_A7_write_only_destination(stand: Stand, other: S3Server, way: str) -> None:
    """Nothing can be listed or looked at there: with `verify: none` everything is written, and that is said."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": BODY, "l": b"l"})
    writer = other.add_credential(Credential("writer", "s3cret", allow=(Allow({"PutObject", "AbortMultipartUpload"}),)))
    destination = pair.destination_store(credential=writer)
    with pytest.raises(AccessDenied, match="s3:ListBucket"):
        stand.sync(pair.source_store(), destination, **pair.policy)
    for _ in range(2):  # the second run finds its own objects there, and may not look
        ran = stand.sync(pair.source_store(), destination, verify="none", **pair.policy)
        assert ran.report.green
        assert not ran.report.verified
        assert ran.report.reasons == {"copied: not_listed": 2}
        assert any("may not be listed" in warning for warning in ran.report.warnings)
        assert any(warning.startswith("no lock keeps other runs") for warning in ran.report.warnings)
        assert pair.contents() == {"k": BODY, "l": b"l"}
        written = set(ran.operations(pair.destination)) - {
            "ListObjectsV2",
            "HeadBucket",
            "GetBucketLocation",
        }
        assert written <= {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
    pair = Pair.make(way, stand, other)
    pair.put({"k": BODY, "l": b"l"})
    lister = other.add_credential(
        Credential("lister", "s3cret", allow=(Allow({"PutObject", "AbortMultipartUpload", "ListBucket"}),))
    )
    ran = stand.sync(pair.source_store(), pair.destination_store(credential=lister), verify="none", **pair.policy)
    assert ran.report.green
    assert not ran.report.verified
    assert {outcome.verified for outcome in ran.outcomes.values()} == {None}
    assert pair.contents() == {"k": BODY, "l": b"l"}
    assert not {"HeadObject", "GetObject"} & set(ran.operations(pair.destination))


def test_row_I1_one_record_per_object(pair: Pair) -> None:
    """Objects of one name in two folders, and one of no bytes."""
    pair.put({"a/name": BODY, "b/name": b"other", "name": b"", "there": b"t"})
    pair.put_destination({"there": b"t", "b/name": b"older", "extra": b"e"})
    ran = pair.sync()
    assert ran.report.verified
    assert {key: outcome.status for key, outcome in ran.outcomes.items()} == {
        "a/name": "copied",
        "b/name": "copied",
        "name": "copied",
        "extra": "extra",
    }
    assert ran.report.counts == {"copied": 3, "extra": 1, "same": 1}
    for key, size in {"a/name": len(BODY), "b/name": 5, "name": 0}.items():
        outcome = ran.outcomes[key]
        assert (outcome.bytes, outcome.attempts, outcome.verified) == (size, 1, True)
        assert outcome.seconds > 0
        assert outcome.mode is not None
        assert outcome.source is not None
        assert outcome.destination is not None
        assert outcome.source.size == outcome.destination.size == size
    assert ran.report.bytes == len(BODY) + 5
    assert ran.outcomes["a/name"].reason == "new"


def test_row_J6_two_runs_and_two_pairs_in_one_workspace(stand: Stand) -> None:
    source, one, two = stand.bucket(), stand.bucket(), stand.bucket()
    stand.put(source, {"k": BODY})
    foreign = stand.folder / "workspace" / "first" / "notes.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"of somebody else")
    first = stand.sync(stand.s3(source), stand.s3(one), name="first", run="r1")
    second = stand.sync(stand.s3(source), stand.s3(two), name="second", run="r1")
    third = stand.sync(stand.s3(source), stand.s3(one), name="first", run="r2")
    assert first.report.verified
    assert second.report.verified
    assert third.report.counts == {"same": 1}
    pairs = {path.name: {below.name for below in path.iterdir()} for path in (stand.folder / "workspace").iterdir()}
    assert {"r1", "r2", "known.json", "notes.txt"} <= pairs["first"]
    assert "r2" not in pairs["second"]
    assert foreign.read_bytes() == b"of somebody else"
    assert stand.outcomes(first.report).keys() == {"k"}


def test_a_store_takes_what_a_store_gave(stand: Stand, other: S3Server) -> None:
    """Attributes go from store to store as values: what one reads, the other writes, nothing is spelled twice."""
    source, destination = stand.bucket(), stand.bucket(at=other)
    stand.server.core.put(source, "k", BODY, headers=HEADERS, metadata=METADATA, tags=TAGS)
    left = stand.s3(source, capabilities=SMALL_PARTS)
    right = stand.s3(destination, at=other)
    found: ObjectAttributes = left.head("k").attributes
    right.put("k", BODY, attributes=found)
    again = right.head("k").attributes
    assert (again.user_metadata, again.expires, again.content_disposition) == (
        found.user_metadata,
        found.expires,
        found.content_disposition,
    )
