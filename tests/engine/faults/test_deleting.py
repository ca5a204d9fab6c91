"""Faults with deletes on, between buckets (F01 to F18, F43 to F64): is a good object ever lost?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    InvalidConfiguration,
    ListingUntrusted,
    ServerError,
)
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.stand import Pair, Ran, Stand
from tests.servers.core.model import Lock
from tests.servers.oss import Allow as OSSAllow
from tests.servers.oss import Credential as OSSCredential
from tests.servers.oss import OSSServer
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.exchange import Call
from tests.servers.web.log import Entry

GOOD = {f"k{number}": b"good %d" % number for number in range(6)}
EXTRA = {"m-extra": b"extra 1", "n-extra": b"extra 2"}
DELETE = {"delete": True, "max_delete_share": 1.0, "trash": "none"}
DELETES = ("DeleteObject", "DeleteObjects", "DeleteMultipleObjects")
STATE = "_bucketsync/"


@dataclass(frozen=True)
class Deleting:
    """A pair in step but for two objects at the destination only."""

    pair: Pair
    seeded: float = field(default_factory=lambda: time.time() - 3600)

    def put(self, objects: dict[str, bytes], **settings: Any) -> None:
        """Seed the source with what had been there for long."""
        self.pair.put(objects, **{"modified": self.seeded, **settings})

    def sync(self, **options: Any) -> Ran:
        """One run that may delete."""
        return self.pair.stand.sync(self.pair.source_store(), self.pair.destination_store(), **{**DELETE, **options})

    def contents(self) -> dict[str, bytes]:
        """What stands at the destination, our own state apart."""
        return {key: body for key, body in self.pair.contents().items() if not key.startswith(STATE)}

    def deletes(self) -> list[Entry]:
        """Requests that asked any store to delete data."""
        logs = [server.log.entries for server in self.pair.stand.servers]
        found = [entry for entries in logs for entry in entries if entry.operation in DELETES]
        return [entry for entry in found if not entry.key.startswith(STATE)]

    def untouched(self) -> None:
        """Everything is where it was, and no store was even asked to delete."""
        assert self.contents() == {**GOOD, **EXTRA}
        assert self.deletes() == []

    def oddity(self, struck: str, oddity: str | None) -> None:
        """One side lists in an odd way from now on."""
        at = self.pair.source_at if struck == "source" else self.pair.destination_at
        at.core.bucket(getattr(self.pair, struck)).settings.listing_oddity = oddity


def withheld(ran: Ran) -> dict[str, str | None]:
    """The objects that were not deleted, and why."""
    return {key: outcome.reason for key, outcome in ran.outcomes.items() if outcome.status == "withheld"}


def made(way: str, stand: Stand, other: S3Server) -> Deleting:
    found = Deleting(Pair.make(way, stand, other))
    found.put(GOOD)
    found.pair.put_destination({**GOOD, **EXTRA}, modified=found.seeded)
    return found


@pytest.fixture(params=["server_copy", "oss_copy"])
def deleting(request: pytest.FixtureRequest, stand: Stand, other: S3Server) -> Iterator[Deleting]:
    """Of S3 and of OSS; the source is only read, whatever happens."""
    found = made(request.param, stand, other)
    yield found
    assert found.pair.source_at.log.writes(found.pair.source) == []


@pytest.fixture
def of_s3(stand: Stand, other: S3Server) -> Deleting:
    """The same in S3 only."""
    return made("server_copy", stand, other)


@pytest.fixture(params=["source", "destination"])
def struck(request: pytest.FixtureRequest) -> str:
    """Which side the fault strikes."""
    return str(request.param)


# listings -------------------------------------------------------------------------------------------------------------

PAGES: list[tuple[str, type[BucketsyncError], dict[str, Any]]] = [
    ("F01 F02 fails", ServerError, {"action": "status", "status": 500, "code": "InternalError"}),
    ("F03 is denied", AccessDenied, {"action": "status", "status": 403, "code": "AccessDenied"}),
    ("F04 is cut short", ListingUntrusted, {"action": "truncate", "at": 250}),
    ("F05 is empty", ListingUntrusted, {"action": "empty_body"}),
]


@pytest.mark.parametrize(("error", "fault"), [page[1:] for page in PAGES], ids=[page[0] for page in PAGES])
def test_faults_F01_to_F05_a_later_page_fails(
    deleting: Deleting, struck: str, error: type[BucketsyncError], fault: dict[str, Any]
) -> None:
    deleting.oddity(struck, "page_cap=3")
    at = deleting.pair.source_at if struck == "source" else deleting.pair.destination_at
    bucket = getattr(deleting.pair, struck)
    query = {"start-after": None}
    strikes = deleting.pair.stand.fault(operation="ListObjectsV2", bucket=bucket, query=query, server=at, **fault)
    with pytest.raises(error):
        deleting.sync(allow_empty_source=True)
    assert strikes.occurred
    deleting.untouched()


@pytest.mark.parametrize(
    "oddity",
    [
        "page_cap=3 no_name",
        "page_cap=3 no_count",
        "page_cap=3 no_truncated",
        "page_cap=3 wrong_prefix",
        "page_cap=3 no_token",
        "empty_page no_token",
        "page_cap=2 out_of_order",
        "page_cap=2 duplicate",
    ],
)
def test_faults_F05_F06_F09_pages_without_proof_or_order(deleting: Deleting, struck: str, oddity: str) -> None:
    deleting.oddity(struck, oddity)
    with pytest.raises(ListingUntrusted):
        deleting.sync(allow_empty_source=True)
    deleting.untouched()


def test_fault_F07_listing_that_says_it_is_complete_and_is_not(deleting: Deleting) -> None:
    """The objects that it hid look like extra ones: the first that is asked for by itself proves it wrong."""
    deleting.oddity("source", "page_cap=3 truncated_false")
    ran = deleting.sync()
    assert withheld(ran) == dict.fromkeys(("k3", "k4", "k5", *EXTRA), "listing_disagrees")
    assert ran.report.red == ("withheld",)
    deleting.untouched()
    deleting.oddity("source", None)
    assert deleting.sync().report.counts == {"same": 6, "deleted": 2}
    assert deleting.contents() == GOOD


def test_fault_F07_destination_that_hides_objects(deleting: Deleting) -> None:
    """What it hides is neither written over nor deleted."""
    deleting.oddity("destination", "page_cap=3 truncated_false")
    deleting.sync()
    deleting.untouched()


def test_fault_F08_pages_without_keys_are_followed(deleting: Deleting, struck: str) -> None:
    deleting.oddity(struck, "empty_page page_cap=2")
    assert deleting.sync().report.counts == {"same": 6, "deleted": 2}
    assert deleting.contents() == GOOD


LIKE = ("a b", "a+b", "a%20b", "a%2Bb", "a%252Bb", "line\nfeed", "line%0Afeed", "\uffee", "\U0001f600", "a\\b", "A+b")


@pytest.mark.parametrize("page", [1, 4])
@pytest.mark.parametrize("way", ["server_copy", "oss_copy", "s3_to_oss"])
def test_faults_F10_F11_of_names_that_decode_to_one_another_the_right_ones_go(
    stand: Stand, other: S3Server, way: str, page: int
) -> None:
    found = Deleting(Pair.make(way, stand, other))
    keys = [key for key in LIKE if not (found.pair.to_oss and "\\" in key)]
    found.pair.put_destination({key: key.encode() for key in keys})
    good = {key: key.encode() for key in keys[::2]}
    found.put(good)
    for side in ("source", "destination"):
        found.oddity(side, f"page_cap={page}")
    assert found.sync().report.counts["deleted"] == len(keys) - len(good)
    assert found.contents() == good


def test_fault_F12_object_that_comes_to_both_sides_meanwhile(deleting: Deleting) -> None:
    """Behind the listing of the source and before that of the destination: it looks extra, and stays."""
    deleting.oddity("source", "page_cap=3")
    pair, new = deleting.pair, {"a-new": b"new"}

    def arrive(call: Call) -> None:
        if call.query.get("start-after") == "k2":
            pair.put(new, modified=time.time() + 60)
            pair.put_destination(new)

    pair.at_source("before", operation="ListObjectsV2", bucket=pair.source, hook=arrive)
    ran = deleting.sync()
    assert ran.report.green
    assert ran.status("a-new") == ("changed", "appeared_at_source")
    assert deleting.contents() == {**GOOD, **new}
    pair.source_at.faults.clear()
    assert deleting.sync().report.counts == {"same": 7}


# plans ----------------------------------------------------------------------------------------------------------------


def test_fault_F13_gone_excludes_itself_and_the_next_run_deletes_it(deleting: Deleting) -> None:
    pair = deleting.pair
    deleting.put({"k0": b"newer", "k1": b"newer"})
    pair.at_destination(
        "before", operation="CopyObject", on=1, hook=lambda call: pair.source_at.core.delete(pair.source, "k1")
    )
    ran = deleting.sync(concurrency=1)
    assert ran.status("k1")[0] == "gone"
    assert ran.report.counts == {"copied": 1, "gone": 1, "same": 4, "deleted": 2}
    assert deleting.contents() == {**GOOD, "k0": b"newer"}
    assert deleting.sync().status("k1") == ("deleted", "not_at_source")
    assert "k1" not in deleting.contents()


@pytest.mark.parametrize("prefix", ["", "typo/"])
def test_fault_F14_source_that_is_empty_or_mistyped(deleting: Deleting, prefix: str) -> None:
    pair = deleting.pair
    if not prefix:
        for key in GOOD:
            pair.source_at.core.delete(pair.source, key)
    source = pair.stand.remote(pair.source, prefix, at=pair.source_at)
    ran = pair.stand.sync(source, pair.destination_store(), **DELETE)
    assert withheld(ran) == dict.fromkeys((*GOOD, *EXTRA), "empty_source")
    assert ran.report.red == ("withheld",)
    assert any("allow_empty_source" in words for words in ran.report.warnings)
    deleting.untouched()


@pytest.mark.parametrize("cap", [{"max_deletes": 1}, {"max_delete_share": 0.2}, {"max_delete_bytes": 13}])
def test_fault_F15_more_than_is_allowed(deleting: Deleting, cap: dict[str, Any]) -> None:
    ran = deleting.sync(**cap)
    assert withheld(ran) == dict.fromkeys(EXTRA, "too_many_deletes")
    assert ran.report.red == ("withheld",)
    assert any(next(iter(cap)) in words for words in ran.report.warnings)
    deleting.untouched()


@pytest.mark.parametrize("prefixes", [("", "in/"), ("in/", ""), ("in/", "in/"), ("in/", "in/deeper/")])
def test_fault_F16_sides_that_lie_in_one_another(deleting: Deleting, prefixes: tuple[str, str]) -> None:
    pair = deleting.pair
    left, right = (pair.stand.remote(pair.destination, prefix, at=pair.destination_at) for prefix in prefixes)
    with pytest.raises(InvalidConfiguration):
        pair.stand.sync(left, right, **DELETE)
    seen = [entry for entry in pair.destination_at.log.entries if STATE not in entry.key]
    assert seen == [], "at most whether it holds a lock to give back"
    deleting.untouched()


def test_fault_F17_neighbours_of_both_prefixes(deleting: Deleting) -> None:
    """`data` is neither `data2/` nor `data-x`, at the source or at the destination, also without its slash."""
    pair = deleting.pair
    deleting.put({"data/x": b"x", "data2/gone": b"1", "data-gone": b"2", "data": b"3"})
    beside = {"data2/x": b"1", "data2/gone": b"1", "data-gone": b"2", "data": b"3", "data0": b"4"}
    pair.put_destination({**beside, "data/x": b"x", "data/gone": b"5"})
    source, destination = (
        pair.stand.remote(bucket, Location.parse(f"s3://any@{bucket}/data").prefix, at=at)
        for bucket, at in ((pair.source, pair.source_at), (pair.destination, pair.destination_at))
    )
    ran = pair.stand.sync(source, destination, **DELETE)
    assert ran.report.counts == {"same": 1, "deleted": 1}
    left = {key: body for key, body in deleting.contents().items() if not key.startswith("data/_bucketsync/")}
    assert left == {**GOOD, **EXTRA, **beside, "data/x": b"x"}


def test_fault_F18_selection_that_changed(deleting: Deleting) -> None:
    """What it leaves out now stays; on request it goes, where it is not at the source."""
    assert deleting.sync(max_deletes=0).report.counts == {"same": 6, "withheld": 2}
    narrow = Selection(exclude=("k[0-3]", "m-*"))
    ran = deleting.sync(selection=narrow)
    assert ran.report.counts == {"same": 2, "deleted": 1}
    assert deleting.contents() == {**GOOD, "m-extra": EXTRA["m-extra"]}
    ran = deleting.sync(selection=narrow, delete_excluded=True)
    assert ran.status("m-extra") == ("deleted", "not_at_source")
    assert deleting.contents() == GOOD


# what protects one object ---------------------------------------------------------------------------------------------


def test_fault_F43_encrypted_with_a_key_of_its_owner_is_not_absent(of_s3: Deleting) -> None:
    """Asking for it answers 400: where a listing passes it over, that is no proof."""
    name = "x-amz-server-side-encryption-customer-"
    encryption = {f"{name}algorithm": "AES256", f"{name}key-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    of_s3.put({"k5": GOOD["k5"]}, encryption=encryption)
    of_s3.oddity("source", "page_cap=5 truncated_false")
    ran = of_s3.sync()
    assert set(withheld(ran)) == {"k5"}
    assert withheld(ran)["k5"] not in (None, "listing_disagrees")
    assert ran.report.red == ("withheld",)
    assert of_s3.contents() == GOOD
    of_s3.oddity("source", None)
    assert set(of_s3.sync().report.counts) & {"deleted", "trashed", "extra"} == set()
    assert of_s3.contents() == GOOD


@pytest.mark.parametrize("lock", ["retention", "legal hold"])
@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_fault_F44_locked_version_is_not_hidden_by_a_delete_marker(of_s3: Deleting, lock: str, trash: str) -> None:
    core, bucket = of_s3.pair.destination_at.core, of_s3.pair.destination
    settings = core.bucket(bucket).settings
    settings.versioning, settings.object_lock = "Enabled", True
    until = core.now() + 86400
    protects = Lock("GOVERNANCE", until) if lock == "retention" else Lock(legal_hold=True)
    core.find(bucket, "m-extra").attributes.lock = protects
    ran = of_s3.sync(trash=trash)
    assert withheld(ran) == {"m-extra": "locked"}
    assert lock in (ran.outcomes["m-extra"].message or "")
    assert ran.report.red == ("withheld",)
    assert of_s3.contents() == {**GOOD, "m-extra": EXTRA["m-extra"]}
    assert not [name for entry in ran.entries for name in entry.headers if "bypass" in name]
    assert not [entry for entry in of_s3.deletes() if "versionId" in entry.query]


def test_fault_F44_lock_that_only_the_delete_meets(stand: Stand, other: S3Server) -> None:
    """OSS shows no retention when it is asked for an object: it refuses to delete it, as immutable."""
    deleting = made("oss_copy", stand, other)
    assert isinstance(deleting.pair.destination_at, OSSServer)
    deleting.pair.destination_at.protect(deleting.pair.destination, "m-extra")
    ran = deleting.sync()
    assert withheld(ran) == {"m-extra": "locked"}
    assert "retention" in (ran.outcomes["m-extra"].message or "")
    assert ran.report.red == ("withheld",)
    assert deleting.contents() == {**GOOD, "m-extra": EXTRA["m-extra"]}
    deleting.pair.destination_at.core.clock.shift(2 * 86400)
    assert deleting.sync().report.counts == {"same": 6, "deleted": 1}


def test_fault_F44_denial_that_names_a_lock(of_s3: Deleting) -> None:
    """A store that shows no locks, and says why it deletes neither: one is locked, the other is not ours to delete."""
    of_s3.pair.put_destination({"retention/x": b"x"}, modified=of_s3.seeded)
    said = {
        "m-extra": "Access Denied because object protected by object lock.",
        "retention/x": "User: tester is not authorized to perform: s3:DeleteObject on resource: retention/x",
    }
    of_s3.pair.at_destination("substitute", operation="DeleteObjects", transform=lambda body: refusing(body, said))
    assert withheld(of_s3.sync()) == {"m-extra": "locked", "retention/x": "access_denied"}


# somebody else writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_fault_F49_written_by_somebody_else_after_the_plan(deleting: Deleting, trash: str) -> None:
    """At the last moment; OSS knows no conditional deletes, there it is right before the look that it gets instead."""
    pair, theirs = deleting.pair, {"m-extra": b"theirs"}
    last = {"operation": "HeadObject", "key": "m-extra"} if pair.to_oss else {"operation": "DeleteObjects"}
    struck = pair.at_destination("before", times=1, hook=lambda call: pair.put_destination(theirs), **last)
    ran = deleting.sync(trash=trash)
    assert struck.occurred == 1
    assert ran.status("m-extra") == ("changed", "destination_changed")
    assert ran.report.green
    assert deleting.contents() == {**GOOD, **theirs}
    assert any("unguarded" in words for words in ran.report.warnings) is pair.to_oss


@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_fault_F49_deleted_by_somebody_else_after_the_plan(deleting: Deleting, trash: str) -> None:
    """What was wanted: nothing is kept of it, and nothing is wrong."""
    pair = deleting.pair
    deleting.pair.at_destination(
        "before",
        operation="HeadObject",
        key="m-extra",
        times=1,
        hook=lambda call: pair.destination_at.core.delete(pair.destination, "m-extra"),
    )
    ran = deleting.sync(trash=trash)
    assert ran.report.green
    assert ran.status("m-extra") == ("deleted", "not_there")
    assert ran.status("n-extra")[1] == "not_at_source"
    assert deleting.contents() == GOOD


def test_fault_F49_what_comes_to_the_source_as_it_is_deleted_is_copied_by_the_next_run(deleting: Deleting) -> None:
    """Between the proof and the delete: nothing is lost, for the source has it."""
    pair, late = deleting.pair, {"m-extra": b"late"}
    pair.at_destination("before", operation=DELETES, key_regex="^(?!_bucketsync)", hook=lambda call: pair.put(late))
    assert deleting.sync().report.green
    assert deleting.sync().report.counts == {"same": 6, "copied": 1}
    assert deleting.contents() == {**GOOD, **late}


# verifying and deleting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (500, "InternalError")])
def test_fault_F50_what_was_written_can_not_be_looked_at(deleting: Deleting, status: int, code: str) -> None:
    """Tolerated or not."""
    deleting.put({"l-new": b"new"})
    deleting.pair.at_destination("status", operation="HeadObject", key="l-new", status=status, code=code)
    ran = deleting.sync(tolerate=("unverified",))
    assert ran.status("l-new")[0] == "unverified"
    assert withheld(ran) == dict.fromkeys(EXTRA, "not_all_well")
    assert deleting.contents() == {**GOOD, **EXTRA, "l-new": b"new"}
    assert deleting.deletes() == []


def refusing(body: bytes, words: dict[str, str]) -> bytes:
    """The answer to many deletes, with some of them refused; "" = not mentioned."""
    text = body.decode()
    for key, message in words.items():
        head, _, rest = text.partition(f"<Deleted><Key>{key}</Key>")
        error = f"<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>{message}</Message></Error>"
        text = head + (error if message else "") + rest.partition("</Deleted>")[2]
    return text.encode()


def test_fault_F52_one_answer_that_hides_errors(of_s3: Deleting) -> None:
    """Each object has an answer of its own: deleted, refused, or (for good) not mentioned."""
    of_s3.pair.put_destination({"o-extra": b"extra 3"}, modified=of_s3.seeded)
    said = {"m-extra": "no", "n-extra": ""}
    of_s3.pair.at_destination("substitute", operation="DeleteObjects", transform=lambda body: refusing(body, said))
    of_s3.pair.at_destination("status", operation="DeleteObject", key="n-extra", status=500, code="InternalError")
    ran = of_s3.sync()
    assert withheld(ran) == {"m-extra": "access_denied", "n-extra": "transient"}
    assert ran.status("o-extra") == ("deleted", "not_at_source")
    assert ran.report.red == ("withheld",)
    of_s3.pair.destination_at.faults.clear()
    assert of_s3.sync().report.verified


def test_fault_F52_denied_for_one_of_many(deleting: Deleting) -> None:
    """The store refuses one and takes the other, in one answer or in two."""
    pair = deleting.pair
    kind, allow = (OSSCredential, OSSAllow) if pair.to_oss else (Credential, Allow)
    rights = ("GetObject", "PutObject", "ListBucket", "ListObjects", "GetObjectTagging", "GetBucketVersioning")
    rules = (allow(rights), allow("DeleteObject", prefix="n-"), allow("DeleteObject", prefix=STATE))
    narrow: Any = kind("narrow-access", "narrow-secret", allow=rules)
    pair.destination_at.add_credential(narrow)
    source, destination = pair.source_store(credential=narrow), pair.destination_store(credential=narrow)
    ran = pair.stand.sync(source, destination, **DELETE)
    assert withheld(ran) == {"m-extra": "access_denied"}
    assert ran.status("n-extra") == ("deleted", "not_at_source")
    assert ran.report.red == ("withheld",)
    assert deleting.contents() == {**GOOD, "m-extra": EXTRA["m-extra"]}


@pytest.mark.parametrize("recreated", [False, True])
def test_fault_F53_lost_answer_to_deletes(deleting: Deleting, recreated: bool) -> None:
    """Asked again, each for the version it meant: what somebody wrote there meanwhile stays."""
    pair, theirs = deleting.pair, {"m-extra": b"theirs"}
    which = {"operation": "DeleteObject", "key": "m-extra"} if pair.to_oss else {"operation": "DeleteObjects"}
    lost = pair.at_destination("lose_reply", times=1, **which)
    if recreated:
        pair.at_destination("after", times=1, hook=lambda call: pair.put_destination(theirs), **which)
    ran = deleting.sync()
    assert lost.occurred == 1
    assert ran.report.green
    assert ran.status("n-extra") == ("deleted", "not_at_source")
    assert ran.status("m-extra") == (("changed", "destination_changed") if recreated else ("deleted", "not_at_source"))
    assert deleting.contents() == ({**GOOD, **theirs} if recreated else GOOD)


# batches that fail ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerate", [(), ("failed",)])
def test_fault_F64_one_batch_fails_and_nothing_is_deleted(deleting: Deleting, tolerate: tuple[str, ...]) -> None:
    new = {"l1": b"1", "l2": b"2", "l3": b"3"}
    deleting.put(new)
    deleting.pair.at_destination("status", operation="CopyObject", key="l2", status=403, code="AccessDenied")
    ran = deleting.sync(batch_objects=1, tolerate=tolerate)
    assert ran.status("l2") == ("failed", "access_denied")
    assert withheld(ran) == dict.fromkeys(EXTRA, "not_all_well")
    assert deleting.contents() == {**GOOD, **EXTRA, "l1": b"1", "l3": b"3"}
    assert deleting.deletes() == []


@pytest.mark.parametrize("lost", ["result", "findings"])
def test_fault_F64_result_of_a_batch_that_is_not_there(deleting: Deleting, lost: str) -> None:
    """Every page is read anew right before: one that is missing is no batch that went well."""
    deleting.put({"l1": b"1", "l2": b"2"})
    folder = deleting.pair.stand.folder / "workspace"

    def lose(call: Call) -> None:
        found = sorted(folder.glob(f"*/*/{lost}/*0000*"))
        assert found
        for path in found:
            path.unlink()

    struck = deleting.pair.at_destination("after", operation="HeadObject", key="l2", times=1, hook=lose)
    ran = deleting.sync(batch_objects=1, concurrency=1)
    assert struck.occurred == 1
    assert withheld(ran) == dict.fromkeys(EXTRA, "incomplete")
    assert not ran.report.green
    assert deleting.deletes() == []
    assert {**GOOD, **EXTRA}.items() <= deleting.contents().items()
