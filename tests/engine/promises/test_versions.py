"""Buckets that keep versions: what is current is what there is, and a read is one version's to its end (row B14)."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from moto.server import ThreadedMotoServer

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.promises.policies import PolicedOSS, PolicedS3, documented
from tests.engine.stand import PART, Pair, Ran, Server, Stand
from tests.engine.ways import ALL_WAYS, STREAMS, STREAMS_OF_PARTS
from tests.servers.s3 import S3Server
from tests.servers.web.credentials import Credential
from tests.servers.web.exchange import Call

SOURCE = bytes(range(250)) * 14  # in parts: 3 and a half
NEWER = bytes(reversed(SOURCE))
IN_PARTS = [way for way in ALL_WAYS if way.endswith(("_parts", "part_copy"))]
WHOLE = [way for way in ALL_WAYS if way not in IN_PARTS]
PROTOCOLS = ["s3", "oss"]


@pytest.fixture(params=ALL_WAYS)
def versioned(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Pair:
    """A pair for each way between buckets that keep versions."""
    return Pair.make(request.param, stand, other, versioning="Enabled")


def ids(at: Server, bucket: str, key: str) -> list[str]:
    """The ids of an object's versions and delete markers, newest first."""
    return [version.version_id for version in at.core.bucket(bucket).versions(key)]


def named(ran: Ran, bucket: str) -> list[tuple[str, str | None]]:
    """Operation and version id (None = the current one) of every read of an object of a bucket."""
    found: list[tuple[str, str | None]] = []
    for entry in ran.entries:
        copied = entry.headers.get("x-amz-copy-source") or entry.headers.get("x-oss-copy-source")
        if copied is not None:
            parts = urlsplit(copied)
            if unquote(parts.path).strip("/").partition("/")[0] == bucket:
                found.append((entry.operation, parse_qs(parts.query).get("versionId", [None])[0]))
        elif entry.bucket == bucket and entry.key:
            found.append((entry.operation, entry.query.get("versionId")))
    return found


def strikes_late(pair: Pair, hook: Callable[[Call], Any]) -> Any:
    """Do something right before the planned version is first asked for."""
    operation = "HeadObject" if pair.policy else pair.reads_with
    return pair.at_source("before", operation=operation, key="k", times=1, hook=hook)


# what there is --------------------------------------------------------------------------------------------------------


def test_row_B14_current_versions_only(versioned: Pair) -> None:
    """Older versions are neither listed nor read, a delete marker is absence, and what is written is a new version."""
    pair = versioned
    source, core, there = pair.source, pair.source_at.core, pair.destination_at.core
    core.bucket(source).settings.versioning = ""
    pair.put({"from-before": SOURCE})
    core.bucket(source).settings.versioning = "Enabled"
    for body in (b"first", b"second", SOURCE):
        pair.put({"k": body, "deleted": body, "back": body})
    core.delete(source, "deleted")
    core.delete(source, "back")
    pair.put({"back": NEWER})
    pair.put_destination({"k": b"one", "back": b"one", "extra": b"e"})
    pair.put_destination({"k": b"two"})
    there.delete(pair.destination, "back")
    expected = {"k": SOURCE, "back": NEWER, "from-before": SOURCE}
    before = {key: ids(pair.destination_at, pair.destination, key) for key in (*expected, "extra")}
    current = {None, *(core.find(source, key).version_id for key in expected)}
    ran = pair.sync()
    assert ran.report.verified
    assert {key: outcome.status for key, outcome in ran.outcomes.items()} == {
        **dict.fromkeys(expected, "copied"),
        "extra": "extra",
    }
    assert pair.contents() == {**expected, "extra": b"e"}
    assert {version for _, version in named(ran, source)} <= current
    assert "ListObjectVersions" not in ran.operations()
    for key in expected:
        assert ids(pair.destination_at, pair.destination, key)[1:] == before[key]
    assert ids(pair.destination_at, pair.destination, "extra") == before["extra"]
    again = pair.sync()
    assert again.writes(source) == again.writes(pair.destination) == []
    assert again.report.counts == {"same": 3, "extra": 1}


@pytest.mark.parametrize("mode", ["full", "incremental", "auto"])
@pytest.mark.parametrize("way", ["server_copy", "stream", "oss_copy", "oss_stream"])
def test_row_B14_a_key_that_was_deleted_is_not_copied_by_a_later_run(
    stand: Stand, other: S3Server, way: str, mode: str
) -> None:
    """Nor is what it was before, even where that is missing at the destination; written again, it is copied."""
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": SOURCE, "stays": b"s"})
    assert pair.sync(mode=mode).report.counts == {"copied": 2}
    pair.source_at.core.delete(pair.source, "k")
    pair.destination_at.core.delete(pair.destination, "k")
    ran = pair.sync(mode=mode)
    assert ran.report.green
    assert ran.writes(pair.destination) == []
    assert pair.contents() == {"stays": b"s"}
    pair.put({"k": NEWER})
    assert pair.sync(mode=mode).report.counts["copied"] == 1
    assert pair.contents() == {"k": NEWER, "stays": b"s"}
    assert len(ids(pair.destination_at, pair.destination, "k")) == 3, "the first, its delete marker, the new one"


# the source changes after the plan ------------------------------------------------------------------------------------


def overwrite(pair: Pair) -> None:
    """A new version."""
    pair.put({"k": NEWER})


def delete(pair: Pair) -> None:
    """A delete marker."""
    pair.source_at.core.delete(pair.source, "k")


def roll_back(pair: Pair) -> None:
    """Remove the current version for good, so that the older one is current."""
    pair.source_at.core.delete(pair.source, "k", ids(pair.source_at, pair.source, "k")[0])


CHANGES: dict[str, tuple[Callable[[Pair], None], tuple[str, str], bytes | None]] = {
    "overwritten": (overwrite, ("changed", "source_changed"), NEWER),
    "delete-marked": (delete, ("gone", "not_at_source"), None),
    "rolled-back": (roll_back, ("changed", "source_changed"), b"older"),
}
"""What happens, what the run says of it, and what is current then."""


@pytest.mark.parametrize("versioning", ["Enabled", "Suspended"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", ALL_WAYS)
def test_rows_B14_D9_changed_between_plan_and_copy(
    stand: Stand, other: S3Server, way: str, change: str, versioning: str
) -> None:
    """What was planned is current no more, so it is not copied; what is current is the next run's."""
    pair = Pair.make(way, stand, other, versioning="Enabled")
    act, outcome, current = CHANGES[change]
    pair.put({"k": b"older"})
    pair.source_at.core.bucket(pair.source).settings.versioning = versioning
    pair.put({"k": SOURCE, "other": b"o"})
    pair.put_destination({"k": b"what stood there"})
    struck = strikes_late(pair, lambda call: act(pair))
    ran = pair.sync()
    assert struck.occurred == 1
    assert ran.status("k") == outcome
    assert ran.outcomes["other"].verified
    assert pair.contents() == {"k": b"what stood there", "other": b"o"}
    assert len(ids(pair.destination_at, pair.destination, "k")) == 1
    assert pair.uploads() == 0
    assert pair.sync().report.verified
    assert pair.contents() == {"k": current or b"what stood there", "other": b"o"}


@pytest.mark.parametrize("change", ["overwritten", "delete-marked"])
@pytest.mark.parametrize("way", IN_PARTS)
def test_rows_B14_D9_faults_F24_F25_changed_between_two_parts(
    stand: Stand, other: S3Server, way: str, change: str
) -> None:
    """The version that was begun is still there, so it is brought to its end; that another is current is said."""
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": SOURCE}, tags={"of": "planned"}, metadata={"of": "planned"})
    (version,) = ids(pair.source_at, pair.source, "k")
    act, _, current = CHANGES[change]
    struck = pair.at_source("after", operation=pair.reads_with, key="k", times=1, hook=lambda call: act(pair))
    ran = pair.sync(concurrency=1)
    assert struck.occurred == 1
    assert ran.status("k") == ("changed", "source_changed_after_copy")
    assert pair.contents() == {"k": SOURCE}
    assert {found for operation, found in named(ran, pair.source) if operation == pair.reads_with} == {version}
    attributes = stand.version(pair.destination, "k", at=pair.destination_at).attributes
    assert (attributes.tags, attributes.metadata) == ({"of": "planned"}, {"of": "planned"})
    assert pair.uploads() == 0
    assert pair.sync().report.verified
    assert pair.contents() == {"k": current or SOURCE}


@pytest.mark.parametrize(("change", "words"), [("overwritten", "changed"), ("delete-marked", "gone")])
@pytest.mark.parametrize("way", IN_PARTS)
def test_rows_B14_D9_a_null_version_is_no_version_to_rely_on(
    stand: Stand, other: S3Server, way: str, change: str, words: str
) -> None:
    """Where versioning is suspended, a write replaces the version named `null`: never a mix of both."""
    pair = Pair.make(way, stand, other, versioning="Suspended")
    pair.put({"k": SOURCE})
    act, _, current = CHANGES[change]
    struck = pair.at_source("after", operation=pair.reads_with, key="k", times=1, hook=lambda call: act(pair))
    ran = pair.sync(concurrency=1)
    assert struck.occurred == 1
    assert ran.status("k")[0] == words
    assert "null" in {found for _, found in named(ran, pair.source)}
    assert pair.contents() == {}
    assert pair.uploads() == 0
    assert pair.sync().report.verified
    assert pair.contents() == ({} if current is None else {"k": current})


@pytest.mark.parametrize("way", IN_PARTS)
def test_rows_B14_D9_the_version_is_removed_between_two_parts(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": b"older"})
    pair.put({"k": SOURCE})
    pair.at_source("after", operation=pair.reads_with, key="k", times=1, hook=lambda call: roll_back(pair))
    ran = pair.sync(concurrency=1)
    assert ran.status("k") == ("changed", "source_changed")
    assert pair.contents() == {}
    assert pair.uploads() == 0
    assert pair.sync().report.verified
    assert pair.contents() == {"k": b"older"}


@pytest.mark.parametrize("change", ["overwritten", "delete-marked"])
@pytest.mark.parametrize("way", [*STREAMS, *STREAMS_OF_PARTS])
def test_rows_B14_D9_fault_F24_changed_where_a_connection_broke(
    stand: Stand, other: S3Server, way: str, change: str
) -> None:
    """A part goes on at the version that was begun; an object that goes whole is begun anew, by what is current."""
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": SOURCE})
    (version,) = ids(pair.source_at, pair.source, "k")
    act, outcome, _ = CHANGES[change]
    cut = pair.at_source("cut", operation="GetObject", key="k", at=400, times=1)
    pair.at_source("after", operation="GetObject", key="k", times=1, hook=lambda call: act(pair))
    ran = pair.sync(concurrency=1)
    assert cut.occurred == 1
    parts = way in STREAMS_OF_PARTS
    assert ran.status("k") == (("changed", "source_changed_after_copy") if parts else outcome)
    assert pair.contents() == ({"k": SOURCE} if parts else {})
    assert {found for operation, found in named(ran, pair.source) if operation == "GetObject"} == {
        version if parts else None
    }


def of(which: str) -> dict[str, dict[str, str]]:
    """Attributes that tell two versions apart."""
    return {"tags": {"of": which}, "metadata": {"of": which}}


@pytest.mark.parametrize(
    ("way", "preserve"),
    [
        *((way, ("headers", "user_metadata", "tags")) for way in ALL_WAYS),
        *((way, ("user_metadata", "tags")) for way in ("server_copy", "stream_parts")),
    ],
)
def test_promise_P2_row_B14_metadata_and_tags_are_of_one_version(
    stand: Stand, other: S3Server, way: str, preserve: tuple[str, ...]
) -> None:
    """Whenever the same bytes are written again with other attributes, one version's are copied, never some of each."""
    moment = 0
    while True:
        pair = Pair.make(way, stand, other, versioning="Enabled")
        pair.put({"k": SOURCE}, **of("planned"))
        moment += 1
        struck = pair.at_source(
            "after", key="k", on=moment, hook=lambda call, at=pair: at.put({"k": SOURCE}, **of("newer"))
        )
        pair.sync(preserve=preserve, concurrency=1)
        attributes = stand.version(pair.destination, "k", at=pair.destination_at).attributes
        assert attributes.tags == attributes.metadata, f"after request {moment}"
        assert attributes.tags in ({"of": "planned"}, {"of": "newer"})
        pair.source_at.faults.clear()
        if not struck.occurred:
            break
    assert moment > 1


@pytest.mark.parametrize("way", ALL_WAYS)
def test_row_B14_what_happens_before_verify_is_seen_by_it(stand: Stand, other: S3Server, way: str) -> None:
    """Verify asks what is current: the written version is whole, and the run says that the source went on."""
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": SOURCE, "d": SOURCE, "same": SOURCE})
    for key, act in (
        ("k", lambda: pair.put({"k": NEWER})),
        ("d", lambda: pair.source_at.core.delete(pair.source, "d")),
    ):
        pair.at_destination("after", operation=pair.write, key=key, times=1, hook=lambda call, act=act: act())
    ran = pair.sync()
    for key in ("k", "d"):
        assert ran.status(key) == ("changed", "source_changed_after_copy")
    assert ran.outcomes["same"].verified
    assert pair.contents() == dict.fromkeys(("k", "d", "same"), SOURCE)
    ran = pair.sync()
    assert ran.report.verified
    assert pair.contents() == {"k": NEWER, "d": SOURCE, "same": SOURCE}


# rights ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=PROTOCOLS)
def policed(request: pytest.FixtureRequest, stand: Stand) -> Iterator[Any]:
    """A server that holds every request against policies."""
    with ExitStack() as stack:
        server = stack.enter_context(
            PolicedS3(min_part_size=1) if request.param == "s3" else PolicedOSS(min_part_size=1)
        )
        server.setup()
        stand.servers.append(server)
        yield server
        assert server.failures == []
        stand.servers.remove(server)


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("streams", [False, True])
def test_row_B14_without_the_right_to_read_versions_the_etag_is_the_pin(
    stand: Stand, policed: Any, streams: bool, parts: bool
) -> None:
    """`GetObjectVersion` is asked for and not needed: reads fall back to the current version, if it is the planned."""
    names = {"source-bucket": "in/", "destination-bucket": "out/"}
    for name in names:
        stand.bucket(at=policed, name=name, versioning="Enabled")
    rights = documented(policed.service)
    first = next(iter(policed.credentials.values()))
    who: dict[str, Credential] = {}
    for place in ("source", "destination"):
        name = place if streams else "both"
        policed.policies[name] = rights[place] if streams else rights["source"] | rights["destination"]
        who[place] = policed.add_credential(type(first)(name, f"secret-of-{name}"))
    source = stand.remote("source-bucket", "in/", at=policed, credential=who["source"])
    destination = stand.remote("destination-bucket", "out/", at=policed, credential=who["destination"])
    policy: dict[str, Any] = dict.fromkeys(("small_threshold", "large_threshold", "part_size"), PART) if parts else {}

    def sync() -> Ran:
        return stand.sync(source, destination, verify="content", concurrency=1, **policy)

    policed.core.put("source-bucket", "in/k", SOURCE)
    ran = sync()
    assert ran.report.verified
    assert policed.core.body("destination-bucket", "out/k") == SOURCE
    # Of a part the source's version is named; of any object read back, the destination's.
    assert ("GetObjectVersion", "source-bucket" if parts else "destination-bucket") in policed.asked
    policed.core.clock.shift(5)
    policed.core.put("source-bucket", "in/k", NEWER)
    reads = {(False, False): "CopyObject", (False, True): "UploadPartCopy"}.get((streams, parts), "GetObject")
    struck = stand.fault(
        "after" if parts else "before",
        server=policed,
        operation=reads,
        key="out/k" if not streams else "in/k",
        times=1,
        hook=lambda call: policed.core.put("source-bucket", "in/k", b"newest"),
    )
    ran = sync()
    assert struck.occurred == 1
    assert ran.status("k") == ("changed", "source_changed")
    assert policed.core.body("destination-bucket", "out/k") == SOURCE
    assert sync().report.verified
    assert policed.core.body("destination-bucket", "out/k") == b"newest"


# a second opinion -----------------------------------------------------------------------------------------------------


@pytest.fixture
def moto() -> Iterator[str]:
    """Another server of S3, which nobody here wrote."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    yield url
    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()  # noqa: S310 - loopback
    server.stop()


@pytest.mark.parametrize("parts", [False, True])
def test_row_B14_the_same_on_moto(stand: Stand, moto: str, parts: bool) -> None:
    size = 5 * 1024 * 1024  # moto takes no smaller parts than S3
    planned, newer = bytes(range(256)) * (size // 256 * 2), bytes(range(250)) * 100
    policy: dict[str, Any] = dict.fromkeys(("small_threshold", "large_threshold", "part_size"), size) if parts else {}
    with closing(stand.server.client(endpoint_url=moto)) as client:
        for bucket in ("source", "destination"):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"first", planned):
            client.put_object(Bucket="source", Key="k", Body=body)
            client.put_object(Bucket="source", Key="deleted", Body=body)
        client.delete_object(Bucket="source", Key="deleted")
        old = client.put_object(Bucket="destination", Key="k", Body=b"old")["VersionId"]

        def store(bucket: str) -> S3Store:
            location = Location(scheme="s3", conn_id="moto", bucket=bucket)
            return S3Store(location, client)

        def versions(bucket: str) -> list[tuple[str, bytes]]:
            found = client.list_object_versions(Bucket=bucket, Prefix="k")["Versions"]
            return [
                (
                    item["VersionId"],
                    client.get_object(Bucket=bucket, Key="k", VersionId=item["VersionId"])["Body"].read(),
                )
                for item in found
            ]

        ran = stand.sync(store("source"), store("destination"), **policy)
        assert ran.report.verified
        assert {key: outcome.status for key, outcome in ran.outcomes.items()} == {"k": "copied"}
        (new, body), *rest = versions("destination")
        assert body == planned
        assert rest == [(old, b"old")]
        assert stand.sync(store("source"), store("destination"), **policy).report.counts == {"same": 1}
        client.put_object(Bucket="source", Key="k", Body=newer)
        assert stand.sync(store("source"), store("destination"), **policy).report.verified
        (_, body), *rest = versions("destination")
        assert body == newer
        assert rest == [(new, planned), (old, b"old")]
        client.delete_object(Bucket="source", Key="k")
        ran = stand.sync(store("source"), store("destination"), **policy)
        assert ran.report.counts == {"extra": 1}
