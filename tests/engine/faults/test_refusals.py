"""What a store refuses, for a while or for good: F23, F37, F42, F43, F44, F45, F46."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import oss2
import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from tests.engine.stand import PART, Pair, Stand
from tests.engine.ways import ALL_WAYS, CLOUD_WAYS
from tests.servers.core.model import Lock
from tests.servers.oss import Credential as OSSCredential
from tests.servers.oss import OSSServer
from tests.servers.s3 import Credential as S3Credential
from tests.servers.s3 import S3Server

SOURCE = bytes(range(250)) * 14
OLD = b"what stood there"
KEY_NAME = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab"
TO_OSS = [way for way in ALL_WAYS if way.startswith(("oss_", "s3_to_oss")) and not way.startswith("oss_to_s3")]
COMPARABLE = [way for way in ALL_WAYS if way not in (*CLOUD_WAYS, "oss_part_copy")]
"""Ways after which both sides have a checksum of one kind: without, what was not verified is copied again."""
FROM_S3 = [way for way in ALL_WAYS if not way.startswith("oss_")]


# archived objects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_fault_F23_archived_object_is_named_at_plan_and_left_out(any_pair: Pair, mode: str) -> None:
    """Nothing is begun for it, the others go on, what stands at the destination stays; each run says so again."""
    pair = any_pair
    pair.put({"k": SOURCE, "cold": OLD})
    assert pair.sync().report.verified
    pair.put({"k": SOURCE[::-1]})
    pair.put({"cold": SOURCE, "colder": SOURCE}, storage_class="Archive" if pair.from_oss else "GLACIER")
    for turn in range(2):
        ran = pair.sync(mode=mode)
        assert ran.report.mode == mode
        assert {key: ran.status(key) for key in ("cold", "colder")} == {
            "cold": ("failed", "archived"),
            "colder": ("failed", "archived"),
        }
        assert ran.report.counts == {"failed": 2, "same" if turn else "copied": 1}
        assert ran.report.red == ("failed",)
        assert {entry.key for entry in ran.entries if entry.operation == pair.begin} <= {"k"}
        assert pair.contents() == {"k": SOURCE[::-1], "cold": OLD}
        assert pair.uploads() == 0
    assert pair.sync(mode=mode, tolerate=("failed",)).report.green


def test_fault_F23_archived_between_plan_and_copy(any_pair: Pair) -> None:
    """A lifecycle rule was quicker: the store's refusal is not tried again, and says what to do."""
    pair = any_pair
    pair.put({"cold": SOURCE, "k": SOURCE})
    said = {"status": 403, "code": "InvalidObjectState", "message": "The operation is not valid for its class"}
    refused = pair.at_source("status", operation=pair.reads_with, key="cold", **said)
    ran = pair.sync(concurrency=1)
    assert 1 <= refused.occurred <= 4  # once for each of its parts
    assert ran.status("cold") == ("failed", "archived")
    assert "restore" in (ran.outcomes["cold"].message or "")
    assert pair.contents() == {"k": SOURCE}
    assert pair.uploads() == pair.resumes
    pair.source_at.faults.clear()
    assert pair.sync().report.counts == {"copied": 1, "same": 1}
    assert pair.uploads() == 0


# credentials that expire ----------------------------------------------------------------------------------------------


def temporary(server: S3Server | OSSServer, name: str, **settings: Any) -> Any:
    """Credentials of a session."""
    kind = OSSCredential if isinstance(server, OSSServer) else S3Credential
    return server.add_credential(kind(name, f"{name}-secret", session_token=f"{name}-token", **settings))


class Renewed:
    """Credentials that are others as soon as the store lets the first ones expire, as both clients ask for them."""

    method = "renewed"

    def __init__(self, server: S3Server | OSSServer) -> None:
        self._server = server
        self._first = temporary(server, "first")
        self._second = temporary(server, "second")
        self.renewed = 0

    def expire(self, *_: Any) -> None:
        """From now on the first ones are refused."""
        self._server.add_credential(replace(self._first, expires=1.0))
        self.renewed += 1

    @property
    def now(self) -> Any:
        """Those to sign with."""
        return self._second if self.renewed else self._first

    def refresh_needed(self) -> bool:  # botocore's
        return False

    def get_frozen_credentials(self) -> Any:  # botocore's
        from botocore.credentials import Credentials

        return Credentials(self.now.access_key, self.now.secret_key, self.now.session_token)

    def get_credentials(self) -> Any:  # oss2's
        return oss2.credentials.Credentials(self.now.access_key, self.now.secret_key, self.now.session_token)


@pytest.mark.parametrize("way", ALL_WAYS)
def test_fault_F37_credentials_expire_and_are_renewed(stand: Stand, other: S3Server, way: str) -> None:
    """Between two requests, on the side that is written to: each that was refused is sent again, signed anew."""
    pair = Pair.make(way, stand, other)
    pair.put({f"k{number}": SOURCE for number in range(6)})
    credentials = Renewed(pair.destination_at)
    destination = pair.destination_store(provider=credentials)
    source = pair.source_store(provider=credentials) if pair.source_at is pair.destination_at else pair.source_store()
    pair.at_destination("before", operation=pair.carry, on=3, hook=credentials.expire)
    ran = stand.sync(source, destination, **pair.policy)
    assert credentials.renewed == 1
    assert any(entry.error_code in ("ExpiredToken", "SecurityTokenExpired") for entry in ran.entries)
    assert ran.report.verified
    assert ran.report.counts == {"copied": 6}
    assert pair.contents() == {f"k{number}": SOURCE for number in range(6)}
    assert pair.uploads() == 0


@pytest.mark.parametrize("way", ALL_WAYS)
def test_fault_F37_credentials_expire_for_good(stand: Stand, other: S3Server, way: str) -> None:
    """What was done is kept; the rest fails at once, says why, and is all that the next run does."""
    pair = Pair.make(way, stand, other)
    objects = {f"k{number}": SOURCE for number in range(6)}
    pair.put(objects)
    session = temporary(pair.destination_at, "session")
    same = pair.source_at is pair.destination_at
    pair.at_destination(
        "after",
        operation=pair.write,
        on=3,
        hook=lambda call: pair.destination_at.add_credential(replace(session, expires=1.0)),
    )
    destination = pair.destination_store(credential=session)
    source = pair.source_store(credential=session) if same else pair.source_store()
    ran = stand.sync(source, destination, **{**pair.policy, "concurrency": 1})
    assert ran.report.red == ("failed", "unverified")
    failed = [key for key, outcome in ran.outcomes.items() if outcome.status == "failed"]
    assert sorted(pair.contents()) == sorted(set(objects) - set(failed))
    assert len(failed) == 3
    for key in failed:
        assert ran.status(key) == ("failed", "access_denied")
        words = "the session token has expired; renew the connection's credentials"
        assert words in (ran.outcomes[key].message or "")
        assert ran.outcomes[key].attempts == 1
    assert pair.contents() == {key: SOURCE for key in objects if key not in failed}
    assert "session-secret" not in str(ran.report) + str(ran.outcomes)
    again = pair.sync()
    assert again.report.verified
    assert pair.contents() == objects
    if way in COMPARABLE:
        assert {entry.key for entry in again.writes()} == set(failed)


# keys of encryption ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ALL_WAYS)
def test_fault_F42_key_of_the_source_may_not_be_used(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE, "other": SOURCE})
    pair.put_destination({"k": OLD})
    denied = pair.at_source(
        "status",
        operation=pair.reads_with,
        key="k",
        status=403,
        code="AccessDenied",
        message=f"User: tester is not authorized to perform: kms:Decrypt on resource: {KEY_NAME}",
    )
    ran = pair.sync()
    assert ran.status("k") == ("failed", "access_denied")
    assert KEY_NAME in (ran.outcomes["k"].message or "")
    assert "kms:Decrypt" in (ran.outcomes["k"].message or "")
    assert denied.occurred <= (4 if pair.policy else 2)  # parts in flight; or again without the tags
    assert ran.report.red == ("failed",)
    assert ran.outcomes["other"].verified
    assert pair.contents() == {"k": OLD, "other": SOURCE}
    assert pair.uploads() == pair.resumes


@pytest.mark.parametrize("way", TO_OSS)
def test_fault_F42_key_of_the_destination_may_not_be_used(stand: Stand, other: S3Server, way: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE, "l": SOURCE})
    pair.put_destination({"k": OLD})
    stand.oss_server.denied_kms_keys.add("key-of-ours")
    stand.other_oss.denied_kms_keys.add("key-of-ours")
    ran = pair.sync(encryption="KMS", encryption_key="key-of-ours")
    for key in ("k", "l"):
        assert ran.status(key) == ("failed", "access_denied")
        assert "KMS" in (ran.outcomes[key].message or "")
        assert "key-of-ours" in (ran.outcomes[key].message or "")
    assert pair.contents() == {"k": OLD}
    assert len(ran.writes()) <= 2 * 2
    stand.oss_server.denied_kms_keys.clear()
    stand.other_oss.denied_kms_keys.clear()
    assert pair.sync(encryption="KMS", encryption_key="key-of-ours").report.verified
    assert pair.contents() == {"k": SOURCE, "l": SOURCE}


@pytest.mark.parametrize("way", FROM_S3)
def test_fault_F43_source_encrypted_with_a_key_of_its_owner(stand: Stand, other: S3Server, way: str) -> None:
    """Not missing, and not to be read: what stands at the destination stays, and is not called extra."""
    pair = Pair.make(way, stand, other)
    name = "x-amz-server-side-encryption-customer-"
    pair.put({"k": SOURCE}, encryption={f"{name}algorithm": "AES256", f"{name}key-md5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    pair.put({"other": SOURCE})
    pair.put_destination({"k": OLD})
    for _ in range(2):
        ran = pair.sync()
        word, _reason = ran.status("k")
        assert word in ("failed", "refused")
        assert "customer key" in (ran.outcomes["k"].message or "") or "SSE-C" in (ran.outcomes["k"].message or "")
        assert ran.report.red == (word,)
        assert ran.report.counts[word] == 1
        assert pair.contents() == {"k": OLD, "other": SOURCE}
        assert pair.uploads() == 0


# locks and owners -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", TO_OSS)
def test_fault_F44_object_under_retention(stand: Stand, other: S3Server, way: str) -> None:
    """OSS calls it immutable: it stays as it is, is not tried again and again, and the run says so."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE, "other": SOURCE})
    pair.put_destination({"k": OLD})
    assert isinstance(pair.destination_at, OSSServer)
    pair.destination_at.protect(pair.destination, "k")
    ran = pair.sync()
    assert ran.status("k") == ("failed", "access_denied")
    assert "retention" in (ran.outcomes["k"].message or "")
    refused = [entry for entry in ran.entries if entry.error_code == "FileImmutable"]
    assert len(refused) == (2 if way == "oss_copy" else 1)  # again without the tags, whose denial looks the same
    assert ran.outcomes["other"].verified
    assert ran.report.red == ("failed",)
    assert pair.contents() == {"k": OLD, "other": SOURCE}
    assert pair.uploads() == 0
    pair.destination_at.core.clock.shift(2 * 86400)
    assert pair.sync().report.verified
    assert pair.contents() == {"k": SOURCE, "other": SOURCE}


@pytest.mark.parametrize("way", ALL_WAYS)
def test_fault_F44_locked_version_gets_a_newer_one(stand: Stand, other: S3Server, way: str) -> None:
    """Where versions are kept, the locked one stays below the new one; nothing asks to bypass a lock."""
    pair = Pair.make(way, stand, other)
    core = pair.destination_at.core
    core.bucket(pair.destination).settings.versioning = "Enabled"
    pair.put({"k": SOURCE})
    pair.put_destination({"k": OLD})
    core.find(pair.destination, "k").attributes.lock = Lock("COMPLIANCE", core.now() + 86400)
    ran = pair.sync()
    assert ran.report.verified
    versions = core.bucket(pair.destination).versions("k")
    assert [version.body for version in versions] == [SOURCE, OLD]
    assert not [name for entry in ran.entries for name in entry.headers if "bypass" in name]


@pytest.mark.parametrize("way", [way for way in ALL_WAYS if way not in TO_OSS])
def test_fault_F45_objects_of_another_account_are_given_to_the_owner_of_the_bucket(
    stand: Stand, other: S3Server, way: str
) -> None:
    """On request, with every write that makes an object, also in parts; where owners are enforced it does no harm."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    for enforced in (False, True):
        pair.destination_at.core.bucket(pair.destination).settings.owner_enforced = enforced
        ran = pair.sync(acl="bucket-owner-full-control", compare="always")
        assert ran.report.verified
        [made] = [entry for entry in ran.writes() if entry.operation == pair.begin]
        assert made.headers["x-amz-acl"] == "bucket-owner-full-control"


@pytest.mark.parametrize("way", TO_OSS)
def test_fault_F45_OSS_has_no_such_acl(stand: Stand, other: S3Server, way: str) -> None:
    """Objects of a bucket are its owner's there; asking for more is refused before anything is listed."""
    pair = Pair.make(way, stand, other)
    pair.put({"k": SOURCE})
    with pytest.raises(InvalidConfiguration, match="acl 'bucket-owner-full-control' has no counterpart in OSS"):
        pair.sync(acl="bucket-owner-full-control")
    assert pair.contents() == {}
    assert stand.oss_server.log.entries == stand.other_oss.log.entries == []


# attributes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "named"),
    [("metadata", "user_metadata"), ("tags", "tags"), ("cache-control", "cache_control"), ("content-type", None)],
)
def test_fault_F46_attributes_that_get_lost_on_the_way(any_pair: Pair, what: str, named: str | None) -> None:
    """A store that says 200 and kept no attributes is found out by `verify`, and the run is red."""
    pair = any_pair
    headers = {"cache-control": "max-age=60", "content-type": "text/csv"}
    pair.put({"k": SOURCE}, headers=headers, metadata={"a": "1", "umlaut": "Grüße"}, tags={"t": "1"})
    pair.put({"bare": SOURCE})

    def lose(call: Any) -> None:
        kept = pair.destination_at.core.find(pair.destination, "k").attributes
        {"metadata": kept.metadata, "tags": kept.tags}.get(what, kept.headers).pop(what, None)
        if what in ("metadata", "tags"):
            getattr(kept, what).clear()

    struck = pair.at_destination("after", operation=pair.write, key="k", hook=lose)
    ran = pair.sync()
    assert struck.occurred == 1
    assert ran.status("k") == ("unverified", named or "content_type")
    assert ran.report.red == ("unverified",)
    assert ran.outcomes["bare"].verified
    pair.destination_at.faults.clear()
    ran = pair.sync(compare="metadata")
    assert ran.status("k")[0] == ("updated" if pair.way in COMPARABLE else "copied")
    assert ran.report.verified
    found = pair.stand.version(pair.destination, "k", at=pair.destination_at).attributes
    assert found.headers == headers
    assert (set(found.metadata), found.tags) == ({"a", "umlaut"}, {"t": "1"})


def test_fault_F46_what_OSS_can_not_hold_is_named(stand: Stand, other: S3Server) -> None:
    pair = Pair.make("s3_to_oss", stand, other)
    pair.put({"k": SOURCE}, tags={"plain": "1", "mail": "a@b"})
    pair.put({"bare": SOURCE[:PART]}, tags={"plain": "1"})
    version = stand.version(pair.source, "bare")
    version.attributes.extra["x-amz-website-redirect-location"] = "/elsewhere"
    ran = pair.sync()
    assert ran.report.verified
    assert ran.report.lost == {"tags": 1, "redirect": 1}
    assert ran.outcomes["k"].lost == ("tags",)
    assert ran.outcomes["bare"].lost == ("redirect",)
    assert stand.version(pair.destination, "k", at=pair.destination_at).attributes.tags == {"plain": "1"}
