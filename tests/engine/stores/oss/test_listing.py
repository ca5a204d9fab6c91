"""Which keys come next, and how is a page of a listing proven to be one?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, ListingUntrusted, Throttled
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import listing
from tests.engine.stores.oss.conftest import MakeStore
from tests.engine.stores.oss.test_keys import KEYS
from tests.engine.stores.s3.torture import MARKS
from tests.servers.oss import Allow, Credential, OSSServer
from tests.servers.web.faults import Fault

LISTING = "ListObjectsV2"


def fill(server: OSSServer, bucket: str, keys: list[str] | tuple[str, ...]) -> None:
    """Put small objects straight into the server."""
    for key in keys:
        server.core.put(bucket, key, b"x")


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_every_key_once_in_as_many_pages_as_needed(
    server: OSSServer, store: OSSStore, bucket: str, count: int, pages: int
) -> None:
    keys = [f"k{number:05d}" for number in range(count)]
    fill(server, bucket, keys)
    assert listing(store) == keys
    assert store.requests == {LISTING: pages}
    assert {entry.query["max-keys"] for entry in server.log.select(operation=LISTING)} == {"1000"}


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("prefix", ["", "p/", "p + %2B/"])
def test_marks_at_every_page_border(
    server: OSSServer, make_store: MakeStore, bucket: str, limit: int, prefix: str
) -> None:
    fill(server, bucket, ["a-neighbour", *(prefix + key for key in MARKS), "p0"] if prefix else MARKS)
    assert listing(make_store(prefix), limit=limit) == sorted(MARKS)


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_hostile_keys_come_back_as_they_are_in_the_order_of_their_bytes(
    server: OSSServer, store: OSSStore, bucket: str, limit: int
) -> None:
    fill(server, bucket, KEYS)
    assert listing(store, limit=limit) == sorted(KEYS, key=str.encode)
    assert not any("continuation-token" in entry.query for entry in server.log.select(operation=LISTING))


def test_keys_are_relative_and_neighbours_are_not_listed(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    fill(server, bucket, ["data", "data/", "data/x", "data/x/", "data2/x", "datA/x"])
    for limit in (1, 1000):
        assert listing(make_store("data/"), limit=limit) == ["x", "x/"]


def test_a_limit_below_one_is_one(server: OSSServer, store: OSSStore, bucket: str) -> None:
    fill(server, bucket, ["a", "b"])
    assert [item.key for item in store.list_page(limit=0).items] == ["a"]


def test_short_and_empty_pages_are_not_the_end(server: OSSServer, store: OSSStore, bucket: str) -> None:
    fill(server, bucket, [*"abcdefg"])
    fault = server.faults.add(Fault("odd_listing", oddity="page_cap=3"))
    assert listing(store) == [*"abcdefg"]
    server.faults.remove(fault)
    store.requests.clear()
    server.faults.add(Fault("odd_listing", oddity="empty_page"))
    assert listing(store) == [*"abcdefg"]
    assert store.requests == {LISTING: 2}


def test_going_round_in_circles_is_seen_within_two_requests(server: OSSServer, store: OSSStore, bucket: str) -> None:
    page = (
        f"<ListBucketResult><Name>{bucket}</Name><Prefix/><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>"
        "<NextContinuationToken>again</NextContinuationToken><IsTruncated>true</IsTruncated></ListBucketResult>"
    )
    server.faults.add(Fault("substitute", body=page.encode(), status=200))
    with pytest.raises(ListingUntrusted, match="circles"):
        listing(store)
    assert store.requests == {LISTING: 2}


@pytest.mark.parametrize(
    ("oddity", "words"),
    [
        ("page_cap=2 no_token", "no continuation token"),
        ("page_cap=2 duplicate", "ascending"),
        ("page_cap=2 out_of_order", "ascending"),
        ("utf16_order", "ascending"),
        ("wrong_prefix", "prefix"),
        ("no_prefix", "prefix"),
        ("no_name", "bucket"),
        ("no_count", "counts None"),
        ("no_truncated", "whether more follows"),
    ],
)
def test_a_page_without_its_proof_is_no_page(
    server: OSSServer, make_store: MakeStore, bucket: str, oddity: str, words: str
) -> None:
    keys = ["a", "b", "c", "d", "\uffee", "\U0001f600"]
    fill(server, bucket, [f"p/{key}" for key in keys])
    store = make_store("p/")
    fault = server.faults.add(Fault("odd_listing", oddity=oddity))
    with pytest.raises(ListingUntrusted, match=words) as caught:
        listing(store)
    assert caught.value.location == store.location.url
    server.faults.remove(fault)
    assert listing(store) == sorted(keys)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"<KeyCount>3</KeyCount>", b"<KeyCount>2</KeyCount>", "counts 2 keys and holds 3"),
        (b"<Key>p%2Fb</Key>", b"<Key>q%2Fb</Key>", "outside the prefix"),
        (b"<Key>p%2Fb</Key>", b"<Key>p%2Fa</Key>", "ascending"),
        (b"<Key>p%2Fb</Key>", b"<Key>p%2F%FF</Key>", "no UTF-8"),
        (b"<Size>1</Size>", b"", "no size"),
        (b"<LastModified>", b"<LastModified>x", "no time"),
        (b"</ListBucketResult>", b"<CommonPrefixes><Prefix>p/x</Prefix></CommonPrefixes></ListBucketResult>", "groups"),
        (b"ListBucketResult", b"ListBucketResults", "no complete XML"),
        (b"</ListBucketResult>", b"", "no complete XML"),
    ],
)
def test_a_page_that_contradicts_itself(
    server: OSSServer, make_store: MakeStore, bucket: str, old: bytes, new: bytes, words: str
) -> None:
    fill(server, bucket, ["p/a", "p/b", "p/c"])
    store = make_store("p/")
    struck: list[bool] = []

    def changed(body: bytes) -> bytes:
        struck.append(old in body)
        return body.replace(old, new)

    server.faults.add(Fault("substitute", transform=changed))
    with pytest.raises(ListingUntrusted, match=words):
        listing(store)
    assert struck == [True]


@pytest.mark.parametrize("action", ["empty_body", "truncate", "cut"])
@pytest.mark.parametrize("page", [1, 2])
def test_an_empty_or_cut_answer_is_not_the_end(
    server: OSSServer, store: OSSStore, bucket: str, action: str, page: int
) -> None:
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault(action, operation=LISTING, on=page, at=300))
    with pytest.raises(BucketsyncError) as caught:
        listing(store, limit=2)
    assert caught.value.transient
    assert store.requests == {LISTING: page}


def test_a_failing_page_is_tried_once_and_is_not_the_end(server: OSSServer, store: OSSStore, bucket: str) -> None:
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault("status", operation=LISTING, on=2))
    with pytest.raises(Throttled):
        listing(store, limit=2)
    assert store.requests == {LISTING: 2}


def test_two_hundred_with_an_error_inside_is_not_the_end(server: OSSServer, store: OSSStore, bucket: str) -> None:
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault("error200", operation=LISTING, code="InternalError", on=2))
    with pytest.raises(BucketsyncError, match="InternalError") as caught:
        listing(store, limit=2)
    assert caught.value.transient


def test_a_denied_listing(server: OSSServer, make_store: MakeStore) -> None:
    server.add_credential(writer := Credential("writer-access", "writer-secret", allow=(Allow("PutObject"),)))
    with pytest.raises(AccessDenied, match="ListObjectsV2"):
        make_store(credential=writer).list_page()


def test_a_store_that_does_not_encode_is_taken_at_its_word(server: OSSServer, store: OSSStore, bucket: str) -> None:
    """Without `<EncodingType>` the keys are plain: decoding them would name other objects."""
    fill(server, bucket, ["plus"])
    server.faults.add(
        Fault(
            "substitute",
            transform=lambda body: body.replace(b"<EncodingType>url</EncodingType>", b"").replace(b"plus", b"a%2Bb+c"),
        )
    )
    assert listing(store) == ["a%2Bb+c"]


def test_a_plus_that_is_not_encoded_is_a_plus(server: OSSServer, store: OSSStore, bucket: str) -> None:
    """OSS encodes a space as `%20`, as its own client decodes it."""
    fill(server, bucket, ["plus"])
    server.faults.add(Fault("substitute", transform=lambda body: body.replace(b"plus", b"a+b%20c")))
    assert listing(store) == ["a+b c"]


# Open uploads and their parts


def test_uploads_and_parts_page_by_page(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    from airflow_bucketsync.engine.model.capabilities import Capabilities

    store = make_store("p/", capabilities=Capabilities(page_limit=2))
    begun = sorted((key, store.begin_upload(key)) for key in ("a", "a", "a", "a + b", "\x01", "z"))
    make_store().begin_upload("neighbour")
    assert sorted((upload.key, upload.upload_id) for upload in store.list_uploads()) == begun
    assert store.requests["ListMultipartUploads"] == 3
    upload = begun[0][1]
    key = begun[0][0]
    numbers = [5, 1, 10_000, 7]
    for number in numbers:
        store.upload_part(key, upload, number, b"%d" % number)
    assert [part.number for part in store.list_parts(key, upload)] == sorted(numbers)


@pytest.mark.parametrize(
    ("operation", "old", "new"),
    [
        ("ListParts", b"<IsTruncated>false</IsTruncated>", b""),
        ("ListParts", b"<IsTruncated>false</IsTruncated>", b"<IsTruncated>true</IsTruncated>"),
        ("ListParts", b"<UploadId>", b"<UploadId>x"),
        ("ListParts", b"<PartNumber>2</PartNumber>", b"<PartNumber>1</PartNumber>"),
        ("ListParts", b"<PartNumber>2</PartNumber>", b"<PartNumber>x</PartNumber>"),
        ("ListMultipartUploads", b"<IsTruncated>false</IsTruncated>", b""),
        ("ListMultipartUploads", b"<IsTruncated>false</IsTruncated>", b"<IsTruncated>true</IsTruncated>"),
        ("ListMultipartUploads", b"<Bucket>", b"<Bucket>x"),
        ("ListMultipartUploads", b"<Key>p%2F", b"<Key>q%2F"),
        ("ListMultipartUploads", b"<Initiated>", b"<Initiated>x"),
        ("ListMultipartUploads", b"<Initiated>", b"<Begun/><Initiated>"),
    ],
)
def test_a_listing_of_parts_or_uploads_without_its_proof(
    server: OSSServer, make_store: MakeStore, operation: str, old: bytes, new: bytes
) -> None:
    store = make_store("p/")
    upload = store.begin_upload("a")
    for number in (1, 2):
        store.upload_part("a", upload, number, b"x")
    struck: list[bool] = []

    def changed(body: bytes) -> bytes:
        struck.append(old in body)
        return body.replace(old, new)

    server.faults.add(Fault("substitute", operation=operation, transform=changed))
    ask = (lambda: store.list_parts("a", upload)) if operation == "ListParts" else (lambda: list(store.list_uploads()))
    if b"Begun" in new:
        ask()  # an element more is no harm
    else:
        with pytest.raises(ListingUntrusted):
            ask()
    assert struck[0]
