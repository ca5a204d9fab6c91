"""Is every key answered, and is only what was asked deleted?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, ObjectChanged, ServerError, Throttled
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.items import Deletion
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import listing
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import Allow, Credential, OSSServer
from tests.servers.web.faults import Fault

BULK = "DeleteMultipleObjects"


def deleted(store: OSSStore, deletions: list[Deletion], concurrency: int = 2) -> dict[str, BucketsyncError | None]:
    """The answers by key; each key exactly once."""
    answers = list(store.delete_many(deletions, gate=Gate(concurrency=concurrency)))
    assert sorted(answer.key for answer in answers) == sorted(deletion.key for deletion in deletions)
    return {answer.key: answer.error for answer in answers}


def fill(server: OSSServer, store: OSSStore, keys: list[str]) -> None:
    server.core.put_many(store.location.bucket, [(store.location.full_key(key), b"x") for key in keys])


@pytest.mark.parametrize(("count", "requests"), [(2, 1), (1000, 1), (2500, 3)])
def test_a_thousand_in_a_request(server: OSSServer, store: OSSStore, count: int, requests: int) -> None:
    keys = [f"k{number:05d}" for number in range(count)]
    fill(server, store, [*keys, "kept"])
    assert set(deleted(store, [Deletion(key=key) for key in keys]).values()) == {None}
    assert store.requests == {BULK: requests}
    assert listing(store) == ["kept"]


def test_keys_below_the_prefix_only(server: OSSServer, make_store: MakeStore, bucket: str) -> None:
    for key in ("a", "p/a", "p/p/a", "b", "p/b"):
        server.core.put(bucket, key, b"x")
    deleted(make_store("p/"), [Deletion(key="a"), Deletion(key="b")])
    assert set(server.core.bucket(bucket).current) == {"a", "b", "p/p/a"}


def test_conditions_hold_per_key(server: OSSServer, store: OSSStore) -> None:
    etag = store.put("same", b"x").etag
    fill(server, store, ["changed", "any", "other", "other-size"])
    stale = Condition(etag="0" * 32)
    found = deleted(
        store,
        [
            Deletion(key="same", destination=Condition(etag=etag)),
            Deletion(key="changed", destination=stale),
            Deletion(key="gone", destination=stale),
            Deletion(key="never"),
            Deletion(key="any"),
            Deletion(key="other"),
            Deletion(key="other-size", destination=Condition(size=2)),
        ],
    )
    assert {key: type(error) for key, error in found.items() if error} == {
        "changed": ObjectChanged,
        "other-size": ObjectChanged,
    }
    assert listing(store) == ["changed", "other-size"]


@pytest.mark.parametrize("names_errors", [True, False])
def test_an_error_for_some(server: OSSServer, make_store: MakeStore, bucket: str, names_errors: bool) -> None:
    """OSS leaves out of its answer what it did not delete: asked once more singly, it says why."""
    store = make_store()
    fill(server, store, ["mine/a", "mine/b", "mine/locked", "theirs/a"])
    server.protect(bucket, "mine/locked")
    server.add_credential(mine := Credential("mine-access", "secret", allow=(Allow("*", prefix="mine/"),)))
    server.batch_delete_errors = names_errors
    try:
        keys = ("mine/a", "theirs/a", "mine/b", "mine/locked", "mine/never")
        found = deleted(make_store(credential=mine), [Deletion(key=key) for key in keys])
    finally:
        server.batch_delete_errors = False
    assert {key for key, error in found.items() if error is None} == {"mine/a", "mine/b", "mine/never"}
    assert isinstance(found["theirs/a"], AccessDenied)
    assert found["theirs/a"].key == "theirs/a"
    assert "retention policy" in str(found["mine/locked"])
    assert listing(store) == ["mine/locked", "theirs/a"]


def test_a_whole_batch_that_fails_is_answered_by_key(server: OSSServer, store: OSSStore) -> None:
    fill(server, store, ["a", "b"])
    server.faults.add(Fault("status", operation=BULK, status=503, retry_after=4))
    found = deleted(store, [Deletion(key="a"), Deletion(key="b")])
    assert [(type(error), error.key, error.retry_after) for error in found.values() if error] == [
        (Throttled, "a", 4.0),
        (Throttled, "b", 4.0),
    ]


@pytest.mark.parametrize(
    ("old", "new"), [(b"<Key>a</Key>", b"<Key>x</Key>"), (b"DeleteResult", b"Other"), (b"</DeleteResult>", b"")]
)
def test_an_answer_that_is_none(server: OSSServer, store: OSSStore, old: bytes, new: bytes) -> None:
    fill(server, store, ["a", "b"])
    server.faults.add(Fault("substitute", operation=BULK, transform=lambda body: body.replace(old, new)))
    found = deleted(store, [Deletion(key="a"), Deletion(key="b")])
    assert {type(error) for error in found.values()} == {ServerError}


def test_a_turned_bit_in_the_request_deletes_nothing(server: OSSServer, store: OSSStore) -> None:
    fill(server, store, ["a", "b", "c"])
    server.faults.add(Fault("flip_request", operation=BULK, at=60))
    found = deleted(store, [Deletion(key="a"), Deletion(key="b")])
    assert None not in found.values()
    assert listing(store) == ["a", "b", "c"]


def test_a_stop_answers_what_was_drawn(server: OSSServer, store: OSSStore) -> None:
    gate = Gate(concurrency=1)
    drawn = []

    def deletions() -> Iterator[Deletion]:
        for number in range(3000):
            if number == 1500:
                gate.stop()
            drawn.append(f"k{number:05d}")
            yield Deletion(key=drawn[-1])

    answers = list(store.delete_many(deletions(), gate=gate))
    assert sorted(answer.key for answer in answers) == drawn
    assert any(isinstance(answer.error, Stopped) for answer in answers)


def test_deletes_in_a_bucket_with_versions_leave_markers(server: OSSServer, store: OSSStore, bucket: str) -> None:
    server.core.bucket(bucket).settings.versioning = "Enabled"
    for key in ("a", "b", "c"):
        store.put(key, b"x")
    store.delete("c")
    assert set(deleted(store, [Deletion(key="a"), Deletion(key="b")]).values()) == {None}
    assert listing(store) == []
    assert len(server.core.bucket(bucket).versions("a")) == 2
