"""Which keys come next, and how is a page of a listing proven to be one?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ListingUntrusted, Throttled
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.torture import KEYS, MARKS
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.faults import Fault

LISTING = "ListObjectsV2"


def fill(server: S3Server, bucket: str, keys: list[str] | tuple[str, ...]) -> None:
    """Put small objects straight into the server."""
    for key in keys:
        server.core.put(bucket, key, b"x")


def walked(store: S3Store, *, limit: int = 1000, after: str = "", until: str | None = None) -> list[str]:
    """All keys, page by page, each page asked for with nothing but the last key."""
    keys: list[str] = []
    following: str | None = after
    while following is not None:
        page = store.list_page(after=following, until=until, limit=limit)
        keys += [item.key for item in page.items]
        following = page.next_after
    return keys


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_every_key_once_in_as_many_pages_as_needed(
    server: S3Server, store: S3Store, bucket: str, count: int, pages: int
) -> None:
    keys = [f"k{number:05d}" for number in range(count)]
    fill(server, bucket, keys)
    assert walked(store) == keys
    assert store.requests == {LISTING: pages}


def test_ten_thousand_and_one(server: S3Server, store: S3Store, bucket: str) -> None:
    keys = [f"k{number:05d}" for number in range(10_001)]
    fill(server, bucket, keys)
    assert walked(store) == keys
    assert store.requests == {LISTING: 11}


@pytest.mark.parametrize("limit", range(1, 8))
@pytest.mark.parametrize("prefix", ["", "p/", "p + %2B/"])
def test_marks_at_every_page_border(
    server: S3Server, make_store: MakeStore, bucket: str, limit: int, prefix: str
) -> None:
    fill(server, bucket, ["a-neighbour", *(prefix + key for key in MARKS), "p0"] if prefix else MARKS)
    assert walked(make_store(prefix), limit=limit) == sorted(MARKS)


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
def test_hostile_keys_come_back_as_they_are_in_the_order_of_their_bytes(
    server: S3Server, store: S3Store, bucket: str, limit: int
) -> None:
    fill(server, bucket, KEYS)
    found = walked(store, limit=limit)
    assert found == sorted(KEYS, key=str.encode)
    assert [entry.query.get("continuation-token") for entry in server.log.select(operation=LISTING)] == [None] * len(
        server.log.select(operation=LISTING)
    )


def test_what_an_entry_says(server: S3Server, store: S3Store) -> None:
    put = store.put("a", b"hello")
    item = store.list_page().items[0]
    assert (item.key, item.size, item.etag, item.storage_class) == ("a", 5, put.etag, None)
    assert item.last_modified.utcoffset() is not None
    assert item.last_modified == store.head("a").info.last_modified.replace(microsecond=item.last_modified.microsecond)


def test_keys_are_relative_and_neighbours_are_not_listed(server: S3Server, make_store: MakeStore, bucket: str) -> None:
    fill(server, bucket, ["data", "data/", "data/x", "data/x/", "data2/x", "datA/x"])
    assert walked(make_store("data/")) == ["x", "x/"]
    assert walked(make_store("data/"), limit=1) == ["x", "x/"]


def test_until_is_the_last_key_that_may_come(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abcdefg"])
    assert walked(store, limit=2, after="b", until="e") == ["c", "d", "e"]
    assert walked(store, limit=3, after="b", until="e") == ["c", "d", "e"]
    assert walked(store, until="dd") == [*"abcd"]
    assert store.list_page(until="b", limit=2).next_after is None


def test_a_limit_below_one_is_one(server: S3Server, store: S3Store, bucket: str) -> None:
    """`max-keys=0` would be answered by an empty page that says it is the last."""
    fill(server, bucket, ["a", "b"])
    assert walked(store, limit=0) == ["a", "b"]


def test_the_limit_of_the_store_holds(server: S3Server, make_store: MakeStore, bucket: str) -> None:
    fill(server, bucket, [*"abcde"])
    store = make_store(capabilities=Capabilities(page_limit=2))
    assert len(store.list_page(limit=1000).items) == 2


def test_short_pages_are_not_the_end(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abcdefg"])
    server.faults.add(Fault("odd_listing", oddity="page_cap=3"))
    assert walked(store) == [*"abcdefg"]


def test_an_empty_page_is_not_the_end(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abc"])
    server.faults.add(Fault("odd_listing", oddity="empty_page"))
    assert walked(store) == [*"abc"]
    assert store.requests == {LISTING: 2}


def test_going_round_in_circles_is_seen_within_two_requests(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abc"])
    page = (
        f"<ListBucketResult><Name>{bucket}</Name><Prefix/><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>"
        "<NextContinuationToken>again</NextContinuationToken><IsTruncated>true</IsTruncated></ListBucketResult>"
    )
    server.faults.add(Fault("substitute", body=page.encode(), status=200))
    with pytest.raises(ListingUntrusted, match="circles"):
        walked(store)
    assert store.requests == {LISTING: 2}


def test_the_same_page_twice_is_seen_within_two_requests(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abcd"])
    first: list[bytes] = []

    def again(body: bytes) -> bytes:
        first.append(body)
        return first[0]

    server.faults.add(Fault("substitute", transform=again))
    with pytest.raises(ListingUntrusted, match="ascending"):
        walked(store, limit=2)
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
    server: S3Server, make_store: MakeStore, bucket: str, oddity: str, words: str
) -> None:
    keys = ["a", "b", "c", "d", "\uffee", "\U0001f600"]
    fill(server, bucket, [f"p/{key}" for key in keys])
    store = make_store("p/")
    fault = server.faults.add(Fault("odd_listing", oddity=oddity))
    with pytest.raises(ListingUntrusted, match=words) as caught:
        walked(store)
    assert caught.value.location == store.location.url
    server.faults.remove(fault)
    assert walked(store) == sorted(keys)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"<KeyCount>3</KeyCount>", b"<KeyCount>2</KeyCount>", "counts 2 keys and holds 3"),
        (b"<Key>p/b</Key>", b"<Key>q/b</Key>", "outside the prefix"),
        (b"<Key>p/b</Key>", b"<Key>p/a</Key>", "ascending"),
        (b"<Size>1</Size>", b"", "no size"),
        (b"</ListBucketResult>", b"<CommonPrefixes><Prefix>p/x</Prefix></CommonPrefixes></ListBucketResult>", "groups"),
        (b"<Key>p/b</Key>", b"<Key>p/%FF</Key>", "no UTF-8"),
    ],
)
def test_a_page_that_contradicts_itself(
    server: S3Server, make_store: MakeStore, bucket: str, old: bytes, new: bytes, words: str
) -> None:
    fill(server, bucket, ["p/a", "p/b", "p/c"])
    store = make_store("p/")
    struck: list[bool] = []

    def changed(body: bytes) -> bytes:
        struck.append(old in body)
        return body.replace(old, new)

    server.faults.add(Fault("substitute", transform=changed))
    with pytest.raises(ListingUntrusted, match=words):
        walked(store)
    assert struck == [True]


@pytest.mark.parametrize("action", ["empty_body", "truncate"])
@pytest.mark.parametrize("page", [1, 2])
def test_an_empty_or_cut_answer_is_not_the_end(
    server: S3Server, store: S3Store, bucket: str, action: str, page: int
) -> None:
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault(action, operation=LISTING, on=page, at=300))
    with pytest.raises(ListingUntrusted):
        walked(store, limit=2)
    assert store.requests == {LISTING: page}


def test_an_answer_cut_off_with_its_connection(server: S3Server, store: S3Store, bucket: str) -> None:
    """The client does not hold such an answer against its Content-Length; that the XML ends too early tells."""
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault("cut", operation=LISTING, at=200))
    with pytest.raises(ListingUntrusted):
        walked(store)


def test_a_failing_page_is_tried_once_and_is_not_the_end(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault("status", operation=LISTING, on=2))
    with pytest.raises(Throttled):
        walked(store, limit=2)
    assert store.requests == {LISTING: 2}


def test_two_hundred_with_an_error_inside_is_not_the_end(server: S3Server, store: S3Store, bucket: str) -> None:
    fill(server, bucket, [*"abcd"])
    server.faults.add(Fault("error200", operation=LISTING, code="InternalError", on=2))
    with pytest.raises(Exception, match="InternalError") as caught:
        walked(store, limit=2)
    assert caught.value.transient


def test_a_denied_listing_names_the_action(server: S3Server, make_store: MakeStore) -> None:
    server.add_credential(writer := Credential("writer-access", "writer-secret", allow=(Allow("PutObject"),)))
    with pytest.raises(AccessDenied, match="s3:ListBucket"):
        make_store(credential=writer).list_page()


def test_a_store_that_does_not_encode_is_taken_at_its_word(server: S3Server, store: S3Store, bucket: str) -> None:
    """Without `<EncodingType>` the keys are plain: decoding them would name other objects."""
    fill(server, bucket, ["plus"])
    server.faults.add(
        Fault(
            "substitute",
            transform=lambda body: body.replace(b"<EncodingType>url</EncodingType>", b"").replace(b"plus", b"a%2Bb+c"),
        )
    )
    assert walked(store) == ["a%2Bb+c"]


def test_a_prefix_echoed_as_it_was_sent_is_ours(server: S3Server, make_store: MakeStore, bucket: str) -> None:
    """Some stores encode keys and not the prefix."""
    fill(server, bucket, ["50%2B/a"])
    server.faults.add(Fault("substitute", transform=lambda body: body.replace(b"<Prefix>50%252B/", b"<Prefix>50%2B/")))
    assert walked(make_store("50%2B/")) == ["a"]
