"""Does the upload journal tell our uploads from everybody else's, whatever happens to it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_bucketsync.engine.errors import AccessDenied
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Fingerprint
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.upload import OpenEntry
from airflow_bucketsync.engine.steps.journal import UploadJournal, entry_name
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.memory import MemoryStore

BEGUN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def pages():
    """The store of the workspace."""
    return MemoryStore(Location.parse("memory://pages/"))


@pytest.fixture
def journal(pages):
    """Of one pair."""
    return UploadJournal(Workspace(pages, pair="pair", run="run-1"))


def entry(key="key", **fields):
    known = {
        "name": entry_name(key),
        "destination": "s3://conn@bucket/out/",
        "key": key,
        "source": Fingerprint(size=7, etag="e", version_id="v", last_modified=BEGUN),
        "mode": "part_copy",
        "part_size": 5,
        "attributes": "digest",
        "run": "run-1",
        "begun": BEGUN,
    }
    return OpenEntry(**known | fields)


def stored(pages):
    return [info.key for info in pages.list_page().items]


@pytest.mark.parametrize("key", ["key", "a/b c%20.txt", "ключ/😀", "k" * 1024])
def test_an_entry_comes_back_as_it_was_written(journal, key):
    intent = journal.keep(entry(key))
    assert journal.read(intent.name) == intent
    begun = journal.begun(intent, "id")
    assert begun.upload_id == "id"
    assert journal.read(intent.name) == begun == replace(intent, upload_id="id")


def test_it_outlives_the_run_and_belongs_to_the_pair(journal, pages):
    kept = journal.begun(journal.keep(entry()), "id")
    assert UploadJournal(Workspace(pages, pair="pair", run="run-2")).of("key") == [kept]
    assert UploadJournal(Workspace(pages, pair="other", run="run-1")).of("key") == []
    assert stored(pages) == [f"pair/{kept.name}"]


def test_two_uploads_of_one_key_have_two_entries_the_latest_first(journal):
    first = journal.keep(entry())
    second = journal.keep(entry(begun=BEGUN + timedelta(seconds=1)))
    journal.keep(entry("key2"))
    assert first.name != second.name
    assert journal.of("key") == [second, first]
    assert len(list(journal.names())) == 3
    journal.forget(first)
    assert journal.of("key") == [second]


def test_what_is_left_open_takes_its_receipts_along(journal, pages):
    kept = journal.begun(journal.keep(entry()), "id")
    pages.put("pair/uploads/r1.jsonl.zst", b"1")
    pages.put("pair/uploads/r2.jsonl.zst", b"2")
    one, two = (PageRef(name=f"uploads/r{number}.jsonl.zst", count=1, size=1, digest="d") for number in (1, 2))
    left = journal.leave_open(kept, one)
    assert journal.of("key") == [left]
    assert left.receipts == one
    left = journal.leave_open(left, one)
    assert "pair/uploads/r1.jsonl.zst" in stored(pages), "the receipts it goes on with"
    left = journal.leave_open(left, two)
    assert "pair/uploads/r1.jsonl.zst" not in stored(pages)
    assert list(journal.names()) == [left.name], "pages of receipts are no entries"
    journal.forget(left)
    assert stored(pages) == []


def test_forgetting_twice_and_where_it_is_forbidden(journal, pages):
    kept = journal.keep(entry())
    journal.forget(kept)
    journal.forget(kept)
    journal.keep(kept)

    def hook(when, verb, key):
        if verb == "delete":
            raise AccessDenied("no")

    pages.hooks.append(hook)
    journal.forget(kept)
    assert journal.of("key") == [kept]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": "bucketsync/known", "version": 1}',
        b'{"schema": "bucketsync/upload", "version": 1}',
        b'{"schema": "bucketsync/upload", "version": 2}',
        b'{"schema": "bucketsync/upload", "version": 1, "destination": "s3://b/", "key": "key", "source": 1}',
    ],
)
def test_what_is_no_entry_of_ours_is_none(journal, pages, text):
    kept = journal.keep(entry())
    torn = entry_name("key")
    pages.put(f"pair/{torn}", text)
    assert journal.read(torn) is None
    assert journal.of("key") == [kept]
    assert journal.read("uploads/never-there.json") is None


def test_an_entry_that_can_not_be_asked_for_is_an_error(journal, pages):
    """Denied is not gone: an upload that is ours must not seem a stranger's."""
    kept = journal.keep(entry())

    def hook(when, verb, key):
        if verb == "get":
            raise AccessDenied("no")

    pages.hooks.append(hook)
    with pytest.raises(AccessDenied):
        journal.read(kept.name)


def test_one_key_never_reads_another_s_entries(journal):
    """Names begin with a digest of the key; an entry of that digest for another key would not count."""
    other = journal.keep(replace(entry("other"), name=entry_name("key")))
    assert journal.read(other.name) == other
    assert journal.of("key") == []
