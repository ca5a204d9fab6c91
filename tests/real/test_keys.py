"""Which hostile keys come back from a real server as they were, and does its store refuse the others beforehand?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectNotFound
from airflow_bucketsync.engine.stores.s3.plain_keys import no_path
from tests.engine.stores.contract import TORTURE_KEYS, listing, read
from tests.real.capable import LONGEST_SEGMENT, TRUST
from tests.real.deviations import KEYS

SERVERS = tuple(TRUST)


def outcome(store, key: str) -> str:
    """What becomes of one object in an empty bucket: `held`, `changed` or `refused`."""
    try:
        store.put(key, b"body")
    except BucketsyncError as error:
        return "refused, and would be tried again" if error.transient else "refused"
    try:
        held = listing(store) == [key] and read(store, key) == b"body"
    except ObjectNotFound:
        held = False
    store.delete(key)
    return "held" if held else "changed"


@pytest.mark.parametrize("server", SERVERS)
def test_each_hostile_key(server, make_store, bucket):
    """The table in deviations.py is what happens, and the store knows it before it writes."""
    declared = {key: words.partition(":")[0].split(" ")[0] for key, words in KEYS[server].items()}
    for number, key in enumerate(TORTURE_KEYS):
        if len(key.encode()) > LONGEST_SEGMENT:
            continue
        store = make_store(server, f"{bucket}-{number:03d}")
        if not key:
            continue
        found = outcome(make_store(server, f"{bucket}-{number:03d}", any_key=True), key)
        assert found == declared.get(key, "held"), repr(key)
        assert (found == "held") == (store.refusal(key) is None), repr(key)


@pytest.mark.parametrize("server", SERVERS)
def test_long_segments(server, make_store, bucket):
    """What the file system below can't name is refused, not cut."""
    longest = "é" * (LONGEST_SEGMENT // 2) + "x"
    assert no_path(longest) is None
    store = make_store(server, bucket)
    assert outcome(store, f"a/{longest}/b") == "held"
    assert store.refusal(f"a/{longest}x/b")
    with pytest.raises(BucketsyncError):
        store.put(f"a/{longest}x/b", b"")


def test_versitygw_has_no_file_that_is_a_folder(make_store, bucket):
    store = make_store("versitygw", bucket)
    store.put("a", b"1")
    with pytest.raises(BucketsyncError, match="parent already exists as a file"):
        store.put("a/b", b"2")
    store.put("c/d", b"3")
    with pytest.raises(BucketsyncError, match="is a directory"):
        store.put("c", b"4")
    assert listing(store) == ["a", "c/d"]


def test_minio_hides_what_is_below_an_object(make_store, bucket):
    """Both can be read, one is listed: a listing of MinIO can lack objects, and no listing tells."""
    store = make_store("minio", bucket)
    store.put("a/b", b"1")
    store.put("a", b"2")
    assert (read(store, "a/b"), read(store, "a")) == (b"1", b"2")
    assert listing(store) == ["a"]
    store.delete("a")
    assert listing(store) == ["a/b"]
