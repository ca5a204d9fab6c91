"""Faults that strike listings and the plan made of them: F01 to F06, F08 to F12, F17, F19, F20, F22."""

from __future__ import annotations

import time
from collections.abc import Mapping

import orjson
import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    ListingUntrusted,
    ServerError,
    Throttled,
)
from airflow_bucketsync.engine.model.outcome import Report
from tests.engine.stand import ATTEMPTS, Pair, Stand
from tests.servers.s3 import Credential
from tests.servers.web.exchange import Call

SIX = {f"k{number}": b"%d" % number for number in range(6)}
OLD = {"k0": b"old", "extra": b"e"}


def stopped_before_writing(
    stand: Stand, source: str, destination: str, error: type[BucketsyncError]
) -> BucketsyncError:
    """The run fails with this error, leaves a report that says so, and the destination alone."""
    with pytest.raises(error) as caught:
        stand.sync(stand.s3(source), stand.s3(destination))
    assert stand.contents(destination) == OLD
    assert stand.server.log.writes() == []
    [path] = stand.folder.glob("workspace/*/*/report.json")
    report = Report.from_json(orjson.loads(path.read_bytes()))
    assert not report.green
    assert not report.verified
    assert report.incomplete
    return caught.value


@pytest.fixture(params=["source", "destination"])
def struck(request: pytest.FixtureRequest) -> str:
    """Which side the fault strikes."""
    return str(request.param)


@pytest.fixture
def sides(stand: Stand) -> Mapping[str, str]:
    """Two buckets, six objects and two."""
    found = {"source": stand.bucket(), "destination": stand.bucket()}
    stand.put(found["source"], SIX)
    stand.put(found["destination"], OLD)
    return found


@pytest.mark.parametrize(
    ("status", "code", "error"), [(500, "InternalError", ServerError), (503, "SlowDown", Throttled)]
)
def test_fault_F01_F02_page_fails_longer_than_the_retries(
    stand: Stand, sides: Mapping[str, str], struck: str, status: int, code: str, error: type[BucketsyncError]
) -> None:
    stand.server.core.bucket(sides[struck]).settings.listing_oddity = "page_cap=1"
    fault = stand.fault(
        "status", operation="ListObjectsV2", bucket=sides[struck], query={"start-after": None}, status=status, code=code
    )
    stopped_before_writing(stand, **sides, error=error)
    assert fault.occurred == ATTEMPTS


def test_fault_F01_page_fails_for_a_while(stand: Stand, sides: Mapping[str, str], struck: str) -> None:
    fault = stand.fault("status", operation="ListObjectsV2", bucket=sides[struck], times=ATTEMPTS - 1)
    ran = stand.sync(stand.s3(sides["source"]), stand.s3(sides["destination"]))
    assert fault.occurred == ATTEMPTS - 1
    assert ran.report.verified
    assert stand.contents(sides["destination"]) == {**OLD, **SIX}


def test_fault_F03_denied_in_mid_listing(stand: Stand, sides: Mapping[str, str], struck: str) -> None:
    stand.server.core.bucket(sides[struck]).settings.listing_oddity = "page_cap=1"
    known = stand.server.credentials["test-access"]

    def take_away(call: Call) -> None:
        stand.server.add_credential(Credential(known.access_key, known.secret_key, allow=()))

    fault = stand.fault(
        "before", operation="ListObjectsV2", bucket=sides[struck], query={"start-after": None}, hook=take_away
    )
    error = stopped_before_writing(stand, **sides, error=AccessDenied)
    assert fault.occurred == 1  # nobody asks again after a denial
    assert "s3:ListBucket" in str(error)
    assert "user/tester" in str(error)


@pytest.mark.parametrize("kept", [0, 60, 400])
def test_fault_F04_F05_page_that_is_cut_short(stand: Stand, sides: Mapping[str, str], struck: str, kept: int) -> None:
    """A 200 of which nothing, the beginning, or half is there."""
    action = "truncate" if kept else "empty_body"
    fault = stand.fault(action, operation="ListObjectsV2", bucket=sides[struck], at=kept)
    stopped_before_writing(stand, **sides, error=ListingUntrusted)
    assert fault.occurred == ATTEMPTS


@pytest.mark.parametrize("action", ["truncate", "empty_body"])
def test_fault_F04_F05_page_that_is_cut_short_once(
    stand: Stand, sides: Mapping[str, str], struck: str, action: str
) -> None:
    stand.fault(action, operation="ListObjectsV2", bucket=sides[struck], at=300, times=1)
    ran = stand.sync(stand.s3(sides["source"]), stand.s3(sides["destination"]))
    assert ran.report.verified
    assert stand.contents(sides["destination"]) == {**OLD, **SIX}


@pytest.mark.parametrize(
    ("oddity", "requests"),
    [
        ("page_cap=1 no_token", 1),
        ("empty_page no_token", 1),
        ("page_cap=2 no_name", 1),
        ("page_cap=2 no_prefix", 0),
        ("page_cap=2 no_count", 1),
        ("page_cap=2 no_truncated", 1),
        ("page_cap=2 wrong_prefix", 1),
    ],
)
def test_fault_F05_F06_page_without_its_proof(
    stand: Stand, sides: Mapping[str, str], struck: str, oddity: str, requests: int
) -> None:
    stand.server.core.bucket(sides[struck]).settings.listing_oddity = oddity
    if not requests:
        # Without a prefix of ours there is nothing to echo: the page has all the proof there can be.
        assert stand.sync(stand.s3(sides["source"]), stand.s3(sides["destination"])).report.verified
        return
    stopped_before_writing(stand, **sides, error=ListingUntrusted)
    assert stand.server.log.count(operation="ListObjectsV2", bucket=sides[struck]) <= ATTEMPTS * requests


def test_fault_F05_page_that_does_not_echo_the_prefix(stand: Stand) -> None:
    source, destination = stand.bucket(), stand.bucket()
    stand.put(source, {f"p/{key}": body for key, body in SIX.items()})
    stand.server.core.bucket(source).settings.listing_oddity = "no_prefix"
    with pytest.raises(ListingUntrusted, match="prefix"):
        stand.sync(stand.s3(source, "p/"), stand.s3(destination))
    assert stand.server.log.writes() == []


def test_fault_F06_same_token_twice(stand: Stand, sides: Mapping[str, str], struck: str) -> None:
    """Empty pages are followed by token: one that comes again would be followed for ever."""

    def emptied(page: bytes) -> bytes:
        head, _, _ = page.partition(b"<Contents>")
        for name, text in ((b"KeyCount", b"0"), (b"IsTruncated", b"true")):
            before, _, rest = head.partition(b"<" + name + b">")
            head = before + b"<" + name + b">" + text + rest[rest.index(b"</") :]
        head = head.replace(b"<KeyCount>", b"<NextContinuationToken>same</NextContinuationToken><KeyCount>")
        return head + b"</ListBucketResult>"

    body = emptied(
        b'<?xml version="1.0"?><ListBucketResult><Name>%s</Name><Prefix></Prefix><KeyCount>1</KeyCount>'
        b"<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents></Contents>" % sides[struck].encode()
    )
    fault = stand.fault("substitute", operation="ListObjectsV2", bucket=sides[struck], body=body, status=200)
    stopped_before_writing(stand, **sides, error=ListingUntrusted)
    assert fault.occurred == 2 * ATTEMPTS  # each try notices it at the second page


def test_fault_F08_empty_page_that_says_more_follows(stand: Stand, sides: Mapping[str, str], struck: str) -> None:
    stand.server.core.bucket(sides[struck]).settings.listing_oddity = "empty_page page_cap=2"
    ran = stand.sync(stand.s3(sides["source"]), stand.s3(sides["destination"]))
    assert ran.report.verified
    assert stand.contents(sides["destination"]) == {**OLD, **SIX}


@pytest.mark.parametrize("oddity", ["page_cap=2 out_of_order", "page_cap=2 duplicate", "utf16_order"])
def test_fault_F09_keys_in_no_order(stand: Stand, sides: Mapping[str, str], struck: str, oddity: str) -> None:
    for bucket in sides.values():
        stand.put(bucket, {"\uffee": b"1", "\U0001f600": b"2"})
    stand.server.core.bucket(sides[struck]).settings.listing_oddity = oddity
    with pytest.raises(ListingUntrusted):
        stand.sync(stand.s3(sides["source"]), stand.s3(sides["destination"]))
    assert stand.server.log.writes() == []


KEYS = (
    "\x01start",
    "esc\x1b[31m",
    "a+b",
    "a b",
    "a%2Bb",
    "a%252Bb",
    "a%20b",
    "line\nfeed",
    "nul%00",
    "\uffee",
    "\U0001f600",
)


@pytest.mark.parametrize("page", [1, 2, 5])
def test_fault_F10_F11_keys_that_are_decoded_once_on_every_page(stand: Stand, page: int) -> None:
    source, destination = stand.bucket(), stand.bucket()
    stand.put(source, {key: key.encode() for key in KEYS})
    for bucket in (source, destination):
        stand.server.core.bucket(bucket).settings.listing_oddity = f"page_cap={page}"
    ran = stand.sync(stand.s3(source), stand.s3(destination))
    assert ran.report.verified
    assert stand.contents(destination) == {key: key.encode() for key in KEYS}
    assert stand.sync(stand.s3(source), stand.s3(destination)).report.counts == {"same": len(KEYS)}


def test_fault_F12_object_created_while_listing(stand: Stand, sides: Mapping[str, str]) -> None:
    """One before the cursor, one behind it: neither is lost, none is taken for one that should not be there."""
    source, destination = sides["source"], sides["destination"]
    stand.server.core.bucket(source).settings.listing_oddity = "page_cap=2"
    written: list[Call] = []

    def write(call: Call) -> None:
        if call.query.get("start-after") == "k3" and not written:
            written.append(call)
            for bucket in (source, destination):
                stand.put(bucket, {"a-before": b"b", "k9-behind": b"k"})

    stand.fault("before", operation="ListObjectsV2", bucket=source, hook=write)
    ran = stand.sync(stand.s3(source), stand.s3(destination))
    assert written
    assert not [entry for entry in ran.entries if entry.operation.startswith("Delete")]
    assert ran.report.verified
    assert stand.contents(destination) == {**OLD, **SIX, "a-before": b"b", "k9-behind": b"k"}
    stand.put(source, {"a-before": b"B"})
    again = stand.sync(stand.s3(source), stand.s3(destination))
    assert again.report.counts == {"copied": 1, "extra": 1, "same": 7}
    assert stand.contents(destination)["a-before"] == b"B"


def test_fault_F17_prefix_of_a_neighbour(stand: Stand) -> None:
    source, destination = stand.bucket(), stand.bucket()
    stand.put(source, {"data/x": b"1", "data2/x": b"2", "data": b"3", "data-x": b"4"})
    stand.put(destination, {"into2/x": b"kept", "into": b"kept too"})
    store = stand.s3(source)
    left, right = (
        type(store.location).parse(f"s3://{store.location.conn_id}@{bucket}/{name}")
        for bucket, name in ((source, "data"), (destination, "into"))
    )
    ran = stand.sync(stand.s3(source, left.prefix), stand.s3(destination, right.prefix))
    assert ran.report.verified
    assert stand.contents(destination) == {"into2/x": b"kept", "into": b"kept too", "into/x": b"1"}
    assert {entry.key for entry in ran.writes()} == {"into/x"}


def test_fault_F19_a_file_that_is_also_a_directory(stand: Stand) -> None:
    """A tree never holds a file and a folder of one name; what folds names besides depends on the file system."""
    source = stand.bucket()
    stand.put(source, {"a": b"file", "a/b": b"below", "c//d": b"empty segment", "c/d": b"plain"})
    folder = stand.local("out")
    ran = stand.sync(stand.s3(source), folder)
    assert ran.status("a") == ("refused", "also_a_directory")
    assert ran.status("c//d")[0] == "refused"
    assert ran.report.red == ("refused",)
    found = {
        str(path.relative_to(stand.folder / "out")): path.read_bytes()
        for path in (stand.folder / "out").rglob("*")
        if path.is_file()
    }
    assert found == {"a/b": b"below", "c/d": b"plain"}


def test_fault_F20_same_size_other_bytes_destination_newer(copied: Pair) -> None:
    now = time.time()
    copied.put({"k": b"right"}, modified=now - 9000)
    copied.put_destination({"k": b"wrong"}, modified=now)
    ran = copied.sync()
    assert ran.report.verified
    assert copied.contents() == {"k": b"right"}
    # And when both are older than what is remembered.
    copied.put_destination({"k": b"WRONG"}, modified=now + 9000)
    assert copied.sync().report.counts == {"copied": 1}
    assert copied.contents() == {"k": b"right"}


@pytest.mark.parametrize("sizes", [(7,), (10, 10, 3), (5, 7, 6, 1)])
@pytest.mark.parametrize("forgotten", [False, True])
def test_fault_F22_etag_of_parts(pair: Pair, sizes: tuple[int, ...], forgotten: bool) -> None:
    """The second run copies nothing, also when what the first one proved is lost."""
    body = bytes(range(sum(sizes))) * 100
    client = pair.source_at.client()
    upload = client.create_multipart_upload(Bucket=pair.source, Key="k")["UploadId"]
    parts, start = [], 0
    for number, size in enumerate(sizes, start=1):
        data = body[start : start + size * 100]
        made = client.upload_part(Bucket=pair.source, Key="k", UploadId=upload, PartNumber=number, Body=data)
        parts.append({"PartNumber": number, "ETag": made["ETag"]})
        start += size * 100
    client.complete_multipart_upload(Bucket=pair.source, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    client.close()
    ran = pair.sync()
    assert ran.report.verified
    assert pair.contents() == {"k": body}
    if forgotten:
        for path in pair.stand.folder.glob("workspace/*/known.json"):
            path.unlink()
    again = pair.sync()
    assert again.report.counts == {"same": 1}
    assert again.writes() == []
