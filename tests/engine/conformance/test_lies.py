"""Is a store found out that does not do what it is claimed to do?"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_bucketsync.engine.conformance.place import Place
from airflow_bucketsync.engine.conformance.run import all_checks, answer_of, conform, scratch_location
from airflow_bucketsync.engine.errors import AccessDenied, ConnectionLost, ServerError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Page
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import SystemClock
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.servers.s3 import Quirks, S3Server

HERE = scratch_location(Location.parse("s3://c@bucket/p/"), "x")
IN_MEMORY = scratch_location(Location.parse("memory://bucket/p/"), "x")
SMALL_PARTS = replace(AWS.capabilities, min_part=1)
GROUPS = frozenset({check.group for check in all_checks(SMALL_PARTS)} - {"keys"})


def answers(
    store: ObjectStore, *, groups: Collection[str] = GROUPS, clock: SystemClock | None = None
) -> dict[str, tuple[str, str]]:
    """Verdict and words of the checks of some groups, by group and name."""
    place = Place(store, gate=Gate(), clock=clock or SystemClock())
    found = {}
    for check in all_checks(place.can):
        if check.group in groups:
            answer = answer_of(place, check)
            found[f"{check.group}: {check.name}"] = (answer.verdict, answer.found)
    return found


def differing(found: dict[str, tuple[str, str]]) -> set[str]:
    """Names of what differs."""
    return {name for name, (verdict, _) in found.items() if verdict == "differs"}


@pytest.fixture(scope="module")
def running() -> Iterator[S3Server]:
    """The strict server, with parts of any size."""
    with S3Server(min_part_size=1) as server:
        yield server


@pytest.fixture
def server(running: S3Server) -> S3Server:
    """The server, with an empty bucket."""
    running.reset()
    running.core.create_bucket("bucket", region=running.region)
    return running


def trusting(server: S3Server, **capabilities: Any) -> S3Store:
    """A store that takes the server for Amazon S3."""
    client = server.client(config=client_config(AWS, path_style=True))
    return S3Store(HERE, client, profile=AWS, capabilities=replace(SMALL_PARTS, **capabilities))


def test_nothing_differs_where_nothing_is_wrong(server):
    assert differing(answers(trusting(server))) == set()


def test_checksums_that_are_ignored(server):
    server.ignore_checksums = True
    found = answers(trusting(server))
    assert differing(found) == {
        *(f"checksums: a wrong {name} is refused" for name in (*AWS.checksums, "Content-MD5")),
        "checksums: what was written is shown with its checksum",
        "parts: the checksum of the whole",
        "parts: a wrong checksum of a part is refused",
    }
    words = found["checksums: a wrong sha256 is refused"][1]
    assert words == "a body was stored with the checksum of another one"


IGNORED = (
    (
        "PutObject",
        ("if-match", "if-none-match"),
        {
            "conditions: a put that may only make a new object",
            "conditions: a put that may only replace one version",
        },
    ),
    ("CopyObject", ("if-none-match",), {"conditions: a copy that may only make a new object"}),
    ("CopyObject", ("if-match",), {"conditions: a copy that may only replace one version"}),
    (
        "CompleteMultipartUpload",
        ("if-match", "if-none-match"),
        {
            "conditions: a completed upload that may only make a new object",
            "conditions: a completed upload that may only replace one version",
        },
    ),
    ("DeleteObject", ("if-match",), {"conditions: a delete of one version"}),
    ("CopyObject", ("x-amz-copy-source-if-match",), {"copies: pinned to a version of the source"}),
    ("CopyObject", ("x-amz-tagging-directive",), {"copies: tags come along, or none"}),
    ("UploadPartCopy", ("x-amz-copy-source-if-match",), {"copies: parts pinned to a version of the source"}),
    ("UploadPartCopy", ("x-amz-copy-source-range",), {"copies: parts from ranges"}),
    ("GetObject", ("range",), {"reading: ranges"}),
    ("ListObjectsV2", ("start-after",), {"listing: starts after any text"}),
    ("PutObject", ("x-amz-tagging",), {"attributes: tags", "attributes: tags of any characters"}),
    ("PutObject", ("content-language",), {"attributes: content-language is kept", "attributes: user metadata"}),
    ("PutObject", ("expires",), {"attributes: expires is kept", "attributes: user metadata"}),
    ("PutObject", ("x-amz-meta-umlaut",), {"attributes: user metadata beyond ASCII"}),
    ("PutObject", ("x-amz-website-redirect-location",), {"attributes: website redirect"}),
    ("PutObject", ("x-amz-storage-class",), {"attributes: storage class STANDARD_IA"}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "ignored", "expected"), IGNORED, ids=[f"{row[0]}-{row[1][0]}" for row in IGNORED]
)
def test_what_is_sent_and_ignored(server, operation, ignored, expected):
    server.quirks = Quirks(ignores={operation: ignored})
    groups = {name.partition(":")[0] for name in expected}
    assert expected <= differing(answers(trusting(server), groups=groups))


def test_a_pin_that_is_ignored_is_found_out_by_the_answer(server):
    """The ETag of what comes is compared in any case, so that nothing differs for a sync."""
    server.quirks = Quirks(ignores={"GetObject": ("if-match",)})
    assert answers(trusting(server), groups={"reading"})["reading: pinned to a version"] == ("holds", "")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"max_user_metadata": 4096}, "attributes: user metadata of the largest size"),
        ({"storage_classes": ("COLD",)}, "attributes: storage class COLD"),
        ({"copies_redirect": True}, "copies: website redirect comes along"),
    ],
)
def test_capabilities_that_claim_too_much(server, capabilities, expected):
    assert differing(answers(trusting(server, **capabilities))) == {expected}


def test_parts_smaller_than_the_store_takes(server):
    server.min_part_size = 1000
    found = answers(trusting(server, min_part=100))
    assert "parts: in any order, one of them repeated" in differing(found)
    assert "EntityTooSmall" in found["parts: in any order, one of them repeated"][1]


def test_what_the_store_is_not_trusted_with_is_looked_at_before(server):
    server.quirks = Quirks(ignores={"CopyObject": ("if-match", "if-none-match"), "DeleteObject": ("if-match",)})
    found = answers(trusting(server, conditional_copy=False, conditional_delete=False))
    assert differing(found) == set()
    verdict, words = found["conditions: a copy that may only make a new object"]
    assert verdict == "holds"
    assert "not trusted with it" in words


class Normalising(MemoryStore):
    """Makes one key of two that look alike."""

    def put(self, key: str, body: Any, **options: Any) -> Any:
        return super().put(unicodedata.normalize("NFC", key), body, **options)

    def head(self, key: str, **options: Any) -> Any:
        return super().head(unicodedata.normalize("NFC", key), **options)

    def open(self, key: str, **options: Any) -> Any:
        return super().open(unicodedata.normalize("NFC", key), **options)


def test_keys_that_become_one():
    result = conform(Normalising(IN_MEMORY))
    found = {finding.check for finding in result.findings if finding.verdict == "differs"}
    assert found == {r"'cafe\u0301'", "composed and decomposed letters are different keys"}
    assert result.left == ()


class Hiding(MemoryStore):
    """Lists no key that another goes on from, and no deletes of what is asked for together."""

    def list_page(self, **options: Any) -> Page:
        page = super().list_page(**options)
        return replace(page, items=tuple(info for info in page.items if not info.key.endswith("sort")))


def test_keys_that_are_hidden_are_found_out_and_removed():
    server = MemoryServer()
    result = conform(Hiding(IN_MEMORY, server=server))
    found = {finding.check for finding in result.findings if finding.verdict == "differs"}
    assert found == {"a key and keys below it"}
    assert list(server.bucket("bucket").objects) == []


class Late(SystemClock):
    """A machine whose clock is wrong."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=5)


def test_a_clock_that_is_wrong(server):
    found = answers(trusting(server), clock=Late())
    assert differing(found) == {"bucket: its clock agrees with ours"}
    assert "the store's clock is 30" in found["bucket: its clock agrees with ours"][1]


def interrupted(error: BaseException, *, number: int) -> tuple[MemoryStore, MemoryServer]:
    """A store whose request of this number raises."""
    server = MemoryServer()
    store = MemoryStore(IN_MEMORY, server=server)
    seen = iter(range(1_000_000))

    def hook(when: str, verb: str, key: str) -> None:
        if when == "after" and next(seen) == number:
            raise error

    store.hooks.append(hook)
    return store, server


@pytest.mark.parametrize("number", [0, 1, 30, 200, 640])
def test_interrupted_leaves_nothing(number):
    store, server = interrupted(KeyboardInterrupt(), number=number)
    if number < 1:
        with pytest.raises(KeyboardInterrupt):
            conform(store)
    else:
        result = conform(store)
        assert result.stopped
        assert {finding.found for finding in result.findings} > {"stopped before"}
    assert list(server.bucket("bucket").objects) == []
    assert server.bucket("bucket").uploads == {}


def test_interrupted_with_an_upload_open_leaves_none():
    server = MemoryServer()
    store = MemoryStore(IN_MEMORY, server=server)
    seen: list[int] = []

    def hook(when: str, verb: str, key: str) -> None:
        if verb == "list_parts":
            seen.append(len(server.bucket("bucket").uploads))
            raise KeyboardInterrupt

    store.hooks.append(hook)
    assert conform(store).stopped
    assert seen == [1]
    assert server.bucket("bucket").uploads == {}
    assert list(server.bucket("bucket").objects) == []


@pytest.mark.parametrize("number", [0, 60, 640])
def test_a_fault_of_ours_leaves_nothing(number):
    store, server = interrupted(RuntimeError("a bug"), number=number)
    with pytest.raises(RuntimeError, match="a bug"):
        conform(store)
    assert list(server.bucket("bucket").objects) == []
    assert server.bucket("bucket").uploads == {}


class Refusing(MemoryStore):
    """Refuses one verb."""

    error: Exception = AccessDenied("no right to read tags")

    def tags(self, key: str, **options: Any) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (AccessDenied("no right to read tags"), "not tried"),
        (ConnectionLost("the line is dead"), "not tried"),
        (ServerError("it fails"), "differs"),
    ],
)
def test_an_error_is_an_answer(error, verdict, monkeypatch):
    monkeypatch.setattr(Refusing, "error", error)
    monkeypatch.setattr(SystemClock, "wait", lambda self, seconds, stop: False)
    result = conform(Refusing(IN_MEMORY, capabilities=MEMORY_CAPABILITIES))
    (finding,) = [finding for finding in result.findings if finding.check == "tags"]
    assert finding.verdict == verdict
    assert error.message in finding.found
