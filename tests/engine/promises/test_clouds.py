"""Two places that look alike, two names of one place (row A6), and what proves the bytes between kinds of stores."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import urllib3.util.connection

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.equality import equal_checksums
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stand import Pair, Ran, Server, Stand
from tests.engine.ways import STREAMS, STREAMS_OF_PARTS
from tests.servers.core.model import Checksum
from tests.servers.s3 import Allow, Credential, S3Server

BODY = bytes(range(250)) * 14
OTHER_BODY = bytes(reversed(BODY))
KINDS = ["s3", "oss"]


def at(stand: Stand, kind: str) -> Server:
    """The server of a kind."""
    return stand.oss_server if kind == "oss" else stand.server


# row A6: two places, or one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_row_A6_the_same_bucket_and_key_on_two_endpoints(stand: Stand, other: S3Server, kind: str) -> None:
    """Copied across, never onto itself; the store is not asked to copy, and the plan says why."""
    here, there = at(stand, kind), stand.other_oss if kind == "oss" else other
    for server in (here, there):
        stand.bucket(at=server, name="twin")
    stand.put("twin", {"p/k": BODY, "p/same": b"here", "outside": b"o"}, at=here)
    stand.put("twin", {"p/same": b"over", "p/extra": b"e"}, at=there)
    before = stand.contents("twin", at=here)
    ran = stand.sync(stand.remote("twin", "p/", at=here), stand.remote("twin", "p/", at=there))
    assert ran.report.verified
    assert {key: outcome.mode for key, outcome in ran.outcomes.items()} == {
        "k": "stream",
        "same": "stream",
        "extra": None,
    }
    assert stand.contents("twin", at=here) == before
    assert stand.contents("twin", at=there) == {"p/k": BODY, "p/same": b"here", "p/extra": b"e"}
    assert here.log.writes() == []
    route = ran.report.route
    assert route is not None
    assert route.transport == "stream"
    assert "the source is at another endpoint: http://127.0.0.1:" in route.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "destination"), [("", "copy/"), ("p/", ""), ("p/", "p/"), ("p/", "p/q/")])
def test_row_A6_F16_two_accounts_of_one_bucket(stand: Stand, kind: str, source: str, destination: str) -> None:
    """Two connections that lead to one place are one place: it is not copied into itself."""
    server = at(stand, kind)
    bucket = stand.bucket(at=server)
    stand.put(bucket, {"p/k": BODY}, at=server)
    second = server.add_credential(Credential("second", "s3cret"))
    here = stand.remote(bucket, source, at=server, conn_id="one")
    there = stand.remote(bucket, destination, at=server, conn_id="two", credential=second)
    with pytest.raises(InvalidConfiguration, match=r"overlap: both connections lead to one place \(http://127.0.0.1:"):
        stand.sync(here, there)
    assert stand.contents(bucket, at=server) == {"p/k": BODY}
    assert server.log.writes() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("may_read", [True, False])
def test_row_A6_two_accounts_of_one_endpoint(stand: Stand, kind: str, may_read: bool) -> None:
    """The store copies where the destination's account may read the source; otherwise the reason is in the plan."""
    server = at(stand, kind)
    source, destination = stand.bucket(at=server), stand.bucket(at=server)
    stand.put(source, {"k": BODY}, at=server)
    own = Allow("*", bucket=destination)
    theirs = Allow({"GetObject", "GetObjectTagging"}, bucket=source)
    server.add_credential(Credential("reader", "s3cret", allow=(Allow("*", bucket=source),)))
    server.add_credential(Credential("writer", "s3cret", allow=(own, theirs) if may_read else (own,)))
    here = stand.remote(source, at=server, conn_id="one", credential=server.credentials["reader"])
    there = stand.remote(destination, at=server, conn_id="two", credential=server.credentials["writer"])
    ran = stand.sync(here, there)
    assert ran.report.verified
    assert stand.contents(destination, at=server) == {"k": BODY}
    route = ran.report.route
    assert route is not None
    assert (route.transport, ran.outcomes["k"].mode) == (
        ("server", "server_copy") if may_read else ("stream", "stream")
    )
    if not may_read:
        assert "the source has other credentials, and those of the destination can't read it" in route.reason
        assert route.buffer
        assert "s3cret" not in route.reason


@pytest.fixture
def named(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a store by an endpoint's name: `named("oss-cn-hangzhou.aliyuncs.com", bucket)`."""
    connect = urllib3.util.connection.create_connection

    def to_us(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        if address[0].endswith(".aliyuncs.com"):
            address = ("127.0.0.1", stand.oss_server.port)
        return connect(address, *args, **kwargs)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", to_us)
    made: list[OSSStore] = []

    def make(endpoint: str, bucket: str, prefix: str = "") -> OSSStore:
        key = next(iter(stand.oss_server.credentials.values()))
        client = make_client(f"http://{endpoint}", bucket, (key.access_key, key.secret_key), proxies={})
        location = Location(scheme="oss", conn_id=endpoint.partition(".")[0], bucket=bucket, prefix=prefix)
        made.append(OSSStore(location, client))
        return made[-1]

    yield make
    for store in made:
        store.close()


PUBLIC, INTERNAL = "oss-cn-hangzhou.aliyuncs.com", "oss-cn-hangzhou-internal.aliyuncs.com"


def test_row_A6_public_and_internal_endpoint_of_a_region_are_one_service(stand: Stand, named: Any) -> None:
    source, destination = stand.bucket(at=stand.oss_server), stand.bucket(at=stand.oss_server)
    stand.put(source, {"k": BODY}, at=stand.oss_server)
    for one, two in ((PUBLIC, INTERNAL), (INTERNAL, PUBLIC)):
        ran = stand.sync(named(one, source), named(two, destination), compare="always")
        assert ran.report.verified
        assert ran.outcomes["k"].mode == "server_copy"
        assert ran.report.route is not None
        assert ran.report.route.transport == "server"
        assert not ran.operations().get("GetObject")
    assert stand.contents(destination, at=stand.oss_server) == {"k": BODY}
    hosts = {entry.headers["host"] for entry in stand.oss_server.log.entries}
    assert hosts == {f"{bucket}.{name}" for bucket in (source, destination) for name in (PUBLIC, INTERNAL)}
    with pytest.raises(InvalidConfiguration, match="both connections lead to one place"):
        stand.sync(named(PUBLIC, source), named(INTERNAL, source, "copy/"))


def test_row_A9_another_region_of_OSS_is_streamed(stand: Stand) -> None:
    """OSS copies inside one region only: the plan says so, and what leaves."""
    source = stand.bucket(at=stand.oss_server)
    far = stand.bucket(at=stand.other_oss, region="cn-beijing")
    stand.other_oss.region = "cn-beijing"
    stand.put(source, {"k": BODY}, at=stand.oss_server)
    here, there = stand.oss(source), stand.oss(far, at=stand.other_oss)
    ran = stand.sync(here, there)
    assert ran.report.verified
    route = ran.report.route
    assert route is not None
    assert (route.transport, route.source_region, route.destination_region) == ("stream", "cn-hangzhou", "cn-beijing")
    assert route.leaving == len(BODY)
    there.service = here.service  # as the names of Alibaba's endpoints lead to one service
    assert there.can_copy_from(here, "k") == (
        "the source is in another region: cn-hangzhou, not cn-beijing; OSS copies inside one only"
    )


# checksums end to end -------------------------------------------------------------------------------------------------

PROVES = {"s3": "crc64nvme", "oss": "crc64xz", "local": None}
"""What a source gives, to hold the bytes read against; a file is proven by its state before and after."""
GOES_ALONG = {"s3": "x-amz-checksum-crc64nvme", "oss": "content-md5", "local": None}
"""The header that lets a destination refuse other bytes; what is written to a disk is not sent."""
ANSWERS = {"s3": "crc64nvme", "oss": "crc64xz", "local": None}
"""What the destination says of what it holds."""
TABLE = [(source, destination, parts) for source in PROVES for destination in GOES_ALONG for parts in (False, True)]


class Sides:
    """A source and a destination of any kind, of which each remote side is on a server of its own."""

    def __init__(self, stand: Stand, other: S3Server, source: str, destination: str, parts: bool) -> None:
        self.stand, self.parts = stand, parts
        self.kinds = (source, destination)
        self.source_at: Any = at(stand, source)
        twin = stand.other_oss if destination == "oss" else other
        self.destination_at: Any = twin if source == destination else at(stand, destination)
        self.names = (
            "in" if source == "local" else stand.bucket(at=self.source_at),
            "out" if destination == "local" else stand.bucket(at=self.destination_at),
        )
        (stand.folder / "in").mkdir()

    def store(self, side: int) -> ObjectStore:
        """The store of one side."""
        if self.kinds[side] == "local":
            return self.stand.local(self.names[side])
        return self.stand.remote(self.names[side], at=(self.source_at, self.destination_at)[side])

    def put(self, **settings: Any) -> None:
        """Seed the source."""
        if self.kinds[0] == "local":
            (self.stand.folder / "in" / "k").write_bytes(BODY)
        else:
            self.source_at.core.put(self.names[0], "k", BODY, **settings)

    def found(self) -> bytes | None:
        """What stands at the destination."""
        if self.kinds[1] == "local":
            file = self.stand.folder / "out" / "k"
            return file.read_bytes() if file.exists() else None
        return self.stand.contents(self.names[1], at=self.destination_at).get("k")

    def sync(self, **policy: Any) -> Ran:
        """One run."""
        parts = {"small_threshold": 1000, "large_threshold": 100_000, "part_size": 1000} if self.parts else {}
        return self.stand.sync(self.store(0), self.store(1), **parts, **policy)

    @property
    def carry(self) -> str:
        """What brings bytes to the destination."""
        return "UploadPart" if self.parts else "PutObject"


def wrong(kind: str) -> Checksum:
    """A checksum of other bytes, as a server of this kind keeps it."""
    if kind == "oss":
        return Checksum("crc64xz", "12345678901234567890")
    return Checksum("CRC64NVME", base64.b64encode(b"12345678").decode())


@pytest.mark.parametrize(("source", "destination", "parts"), [row for row in TABLE if PROVES[row[0]]])
def test_checksum_of_the_source_proves_what_was_read(
    stand: Stand, other: S3Server, source: str, destination: str, parts: bool
) -> None:
    """Its own algorithm, wherever the bytes go: what does not fit it never gets there."""
    sides = Sides(stand, other, source, destination, parts)
    sides.put(checksum=wrong(source))
    stored = sides.store(0).head("k").info.checksum
    assert stored is not None
    assert stored.algorithm == PROVES[source]
    ran = sides.sync()
    assert ran.status("k") == ("failed", "body_corrupted")
    assert str(PROVES[source]) in (ran.outcomes["k"].message or "")
    assert ran.report.red == ("failed",)
    assert sides.found() is None
    sides.put()
    assert sides.sync().report.verified
    assert sides.found() == BODY


@pytest.mark.parametrize(("source", "destination", "parts"), [row for row in TABLE if GOES_ALONG[row[1]]])
def test_checksum_goes_with_every_body_and_the_store_refuses_another(
    stand: Stand, other: S3Server, source: str, destination: str, parts: bool
) -> None:
    sides = Sides(stand, other, source, destination, parts)
    sides.put()
    struck = stand.fault("flip_request", server=sides.destination_at, operation=sides.carry, key="k", at=417, times=1)
    ran = sides.sync()
    sent = [entry for entry in ran.entries if entry.operation == sides.carry and entry.bucket == sides.names[1]]
    assert struck.occurred == 1
    assert [entry.status for entry in sent].count(400) == 1
    assert all(GOES_ALONG[destination] in entry.headers for entry in sent)
    assert ran.report.verified
    assert sides.found() == BODY


@pytest.mark.parametrize(("source", "destination", "parts"), [row for row in TABLE if ANSWERS[row[1]]])
def test_checksum_of_the_answer_is_held_against_what_was_sent(
    stand: Stand, other: S3Server, source: str, destination: str, parts: bool
) -> None:
    """Once: it is sent again. Always: it failed, whatever else the answer says."""
    sides = Sides(stand, other, source, destination, parts)
    sides.put()
    name = "x-oss-hash-crc64ecma" if destination == "oss" else "x-amz-checksum-crc64nvme"
    headers = {name: wrong(destination).value}
    lie = {"headers": headers, "operation": sides.carry, "key": "k", "server": sides.destination_at}
    always = stand.fault("substitute", **lie)
    ran = sides.sync()
    assert always.occurred >= 3
    assert ran.status("k") == ("failed", "body_corrupted")
    assert str(ANSWERS[destination]) in (ran.outcomes["k"].message or "")
    sides.destination_at.faults.clear()
    once = stand.fault("substitute", times=1, **lie)
    ran = sides.sync(compare="always")
    assert once.occurred == 1
    assert ran.report.verified
    assert sides.found() == BODY
    answered = sides.store(1).head("k").info.checksum
    assert answered is not None
    assert answered.algorithm == ANSWERS[destination]


@pytest.mark.parametrize("way", [*STREAMS, *STREAMS_OF_PARTS])
def test_checksums_of_two_kinds_are_never_compared(stand: Stand, other: S3Server, way: str) -> None:
    """Equal numbers of two algorithms prove nothing, and unequal ones are no difference."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": BODY})
    number = pair.source_store().head("k").info.checksum
    assert number is not None
    forged = (
        Checksum("crc64xz", str(int(number.value, 16)))
        if pair.to_oss
        else Checksum("CRC64NVME", base64.b64encode(bytes.fromhex(number.value)).decode())
    )
    pair.put_destination({"k": OTHER_BODY}, checksum=forged)
    seen = pair.destination_store().head("k").info.checksum
    assert seen is not None
    assert seen.value == number.value
    alike = pair.from_oss == pair.to_oss
    assert equal_checksums(number, seen) is (True if alike else None)
    ran = pair.sync(compare="checksum")
    if alike:
        assert ran.report.counts == {"same": 1}, "the number is believed where it is of one kind"
        return
    assert ran.report.verified
    assert ran.status("k")[0] == "copied"
    assert pair.contents() == {"k": BODY}
    for key in ("k", "other"):
        pair.put({key: BODY})
    assert pair.sync(compare="checksum").report.verified


@pytest.mark.parametrize("way", [*STREAMS, *STREAMS_OF_PARTS])
def test_what_changed_at_rest_is_found_by_reading_it(stand: Stand, other: S3Server, way: str) -> None:
    """Behind a checksum that still says the old bytes: only `verify: content` reads what stands there."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": BODY})

    def rot(call: Any) -> None:
        found = pair.destination_at.core.bucket(pair.destination).current
        found["k"].body = BODY[:-1] + b"?"

    pair.at_destination("after", operation=pair.write, key="k", hook=rot)
    assert pair.sync().report.verified, "its checksum and ETag are those of what was written"
    ran = pair.sync(compare="always", verify="content")
    assert ran.status("k") == ("unverified", "content")
    if not pair.to_oss:  # there the CRC-64 that comes with every whole body says so before anything is compared
        assert f"byte {len(BODY) - 1}" in (ran.outcomes["k"].message or "")
    assert ran.report.red == ("unverified",)
