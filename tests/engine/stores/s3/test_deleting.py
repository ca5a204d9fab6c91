"""Is every key answered, and is only what was asked deleted?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    ObjectChanged,
    ServerError,
    Throttled,
)
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.faults import Fault

BULK = "DeleteObjects"


def deleted(store: S3Store, deletions: list[Deletion], concurrency: int = 2) -> dict[str, BucketsyncError | None]:
    """The answers by key; each key exactly once."""
    answers = list(store.delete_many(deletions, gate=Gate(concurrency=concurrency)))
    assert sorted(answer.key for answer in answers) == sorted(deletion.key for deletion in deletions)
    return {answer.key: answer.error for answer in answers}


def fill(server: S3Server, store: S3Store, keys: list[str]) -> None:
    server.core.put_many(store.location.bucket, [(store.location.full_key(key), b"x") for key in keys])


@pytest.mark.parametrize(("count", "requests"), [(2, 1), (1000, 1), (1001, 1), (2500, 3)])
def test_a_thousand_in_a_request(server: S3Server, store: S3Store, count: int, requests: int) -> None:
    keys = [f"k{number:05d}" for number in range(count)]
    fill(server, store, [*keys, "kept"])
    assert set(deleted(store, [Deletion(key=key) for key in keys]).values()) == {None}
    assert store.requests[BULK] == requests
    assert [item.key for item in store.list_page().items] == ["kept"]


def test_nothing_to_do(store: S3Store) -> None:
    assert deleted(store, []) == {}
    assert store.requests == {}


def test_keys_below_the_prefix_only(server: S3Server, make_store: MakeStore, bucket: str) -> None:
    store = make_store("p/")
    for key in ("a", "p/a", "p/p/a", "b", "p/b"):
        server.core.put(bucket, key, b"x")
    deleted(store, [Deletion(key="a"), Deletion(key="b")])
    assert set(server.core.bucket(bucket).current) == {"a", "b", "p/p/a"}


def test_conditions_hold_per_key(server: S3Server, store: S3Store) -> None:
    etag = store.put("same", b"x").etag
    fill(server, store, ["changed", "any", "sized", "other-size"])
    stale = Condition(etag="0" * 32)
    found = deleted(
        store,
        [
            Deletion(key="same", destination=Condition(etag=etag)),
            Deletion(key="changed", destination=stale),
            Deletion(key="gone", destination=stale),
            Deletion(key="never"),
            Deletion(key="any"),
            Deletion(key="sized", destination=Condition(size=1)),
            Deletion(key="other-size", destination=Condition(size=2)),
        ],
    )
    assert {key: type(error) for key, error in found.items() if error} == {
        "changed": ObjectChanged,
        "other-size": ObjectChanged,
    }
    assert found["changed"].key == "changed"  # type: ignore[union-attr]
    assert [item.key for item in store.list_page().items] == ["changed", "other-size"]
    assert store.requests[BULK] == 1


def test_the_same_key_twice_is_answered_twice(server: S3Server, store: S3Store) -> None:
    fill(server, store, ["a", "b"])
    answers = list(store.delete_many([Deletion(key="a"), Deletion(key="b"), Deletion(key="a")], gate=Gate()))
    assert sorted((answer.key, answer.error) for answer in answers) == [("a", None), ("a", None), ("b", None)]


def test_an_error_for_some(server: S3Server, make_store: MakeStore) -> None:
    store = make_store()
    fill(server, store, ["mine/a", "mine/b", "theirs/a"])
    server.add_credential(mine := Credential("mine-access", "mine-secret", allow=(Allow("*", prefix="mine/"),)))
    found = deleted(make_store(credential=mine), [Deletion(key=key) for key in ("mine/a", "theirs/a", "mine/b")])
    assert {key for key, error in found.items() if error is None} == {"mine/a", "mine/b"}
    assert isinstance(found["theirs/a"], AccessDenied)
    assert "s3:DeleteObject" in str(found["theirs/a"])
    assert [item.key for item in store.list_page().items] == ["theirs/a"]


@pytest.mark.parametrize(
    ("old", "new", "words", "hit"),
    [
        (b"<Deleted><Key>a</Key></Deleted>", b"", "does not mention", {"a"}),
        (b"<Key>a</Key>", b"<Key>c</Key>", "not asked for", {"a", "b"}),
        (
            b"<Deleted><Key>a</Key></Deleted>",
            b"<Error><Key>a</Key><Code>InternalError</Code><Message>no</Message></Error>",
            "InternalError",
            {"a"},
        ),
    ],
)
def test_an_answer_that_does_not_add_up(
    server: S3Server, store: S3Store, old: bytes, new: bytes, words: str, hit: set[str]
) -> None:
    fill(server, store, ["a", "b"])
    struck: list[bool] = []

    def changed(body: bytes) -> bytes:
        struck.append(old in body)
        return body.replace(old, new)

    server.faults.add(Fault("substitute", operation=BULK, transform=changed))
    found = deleted(store, [Deletion(key="a"), Deletion(key="b")])
    assert struck == [True]
    assert {key for key, error in found.items() if error} == hit
    for key in hit:
        assert type(found[key]) is ServerError
        assert words in str(found[key])
        assert found[key].key == key  # type: ignore[union-attr]


@pytest.mark.parametrize("action", ["empty_body", "truncate", "error200"])
def test_half_an_answer_deletes_nothing_as_far_as_we_know(server: S3Server, store: S3Store, action: str) -> None:
    fill(server, store, ["a", "b"])
    server.faults.add(Fault(action, operation=BULK, at=50, code="InternalError"))
    found = deleted(store, [Deletion(key="a"), Deletion(key="b")])
    assert {type(error) for error in found.values()} == {ServerError}


def test_a_request_that_fails_is_the_error_of_each_key(server: S3Server, store: S3Store) -> None:
    fill(server, store, [f"k{number}" for number in range(6)])
    server.faults.add(Fault("status", operation=BULK, on=1, retry_after=4))
    store_of_three = S3Store(
        store.location, store._session.client, capabilities=Capabilities(delete_batch=3, checksums=("crc64nvme",))
    )
    found = deleted(store_of_three, [Deletion(key=f"k{number}") for number in range(6)], concurrency=1)
    assert {key: type(error) for key, error in found.items() if error} == {
        "k0": Throttled, "k1": Throttled, "k2": Throttled,
    }  # fmt: skip
    assert {(error.key, error.retry_after) for error in found.values() if error} == {
        ("k0", 4.0), ("k1", 4.0), ("k2", 4.0),
    }  # fmt: skip


@pytest.mark.parametrize("at", ["k0010", "k0025"])
def test_a_stop_leaves_no_key_unanswered(server: S3Server, store: S3Store, at: str) -> None:
    keys = [f"k{number:04d}" for number in range(50)]
    fill(server, store, keys)
    gate = Gate(concurrency=1)
    drawn: list[str] = []

    def deletions() -> Iterator[Deletion]:
        for key in keys:
            drawn.append(key)
            if key == at:
                gate.stop()
            yield Deletion(key=key if key != "k0010" else "odd/../key")

    answers = list(store.delete_many(deletions(), gate=gate))
    assert len(answers) == len(drawn)
    assert sum(isinstance(answer.error, Stopped) for answer in answers) > 0
    gone = {answer.key for answer in answers if answer.error is None}
    left = {item.key for item in store.list_page().items}
    assert left == set(keys) - gone
