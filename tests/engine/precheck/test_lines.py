"""One failing fixture per line of the precheck, and what it says to somebody who never saw it before."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import ObjectNotFound
from airflow_bucketsync.engine.model.precheck import Check, Precheck
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.local.mounts import Mount, mounts, one_place
from airflow_bucketsync.engine.stores.s3.store import AWS
from tests.engine.precheck.conftest import Ask
from tests.engine.stand import SMALL_PARTS, Stand
from tests.engine.stores.s3.conftest import MakeStore
from tests.servers.oss.credentials import Allow as OSSAllow
from tests.servers.oss.credentials import Credential as OSSCredential
from tests.servers.s3.credentials import Allow, Credential

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234"
SSE = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": KEY}
ALL = frozenset(
    {
        "ListBucket", "GetObject", "GetObjectTagging", "PutObject", "PutObjectTagging", "DeleteObject",
        "AbortMultipartUpload", "GetBucketVersioning", "GetBucketOwnershipControls", "GetBucketAcl", "GetObjectAcl",
    }
)  # fmt: skip
ALL_OSS = frozenset(
    {
        "ListObjects", "GetObject", "GetObjectTagging", "PutObject", "PutObjectTagging", "DeleteObject",
        "AbortMultipartUpload", "GetBucketVersioning", "GetBucketLocation",
    }
)  # fmt: skip
NEXT = "docs/permissions.md has the least rights"


@dataclass
class Sides:
    """Two buckets with a few objects in the first, and who works there."""

    stand: Stand
    oss: bool = False
    rights: dict[str, frozenset[str]] = field(default_factory=dict)
    bucket_settings: dict[str, Any] = field(default_factory=dict)
    store_settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at = self.stand.oss_server if self.oss else self.stand.server
        self.source = self.stand.bucket(at=self.at)
        self.destination = self.stand.bucket(at=self.at, **self.bucket_settings)
        self.stand.put(self.source, {"a": b"1", "b": b"22"}, at=self.at)

    def without(self, side: str, *rights: str) -> Sides:
        """Take rights away."""
        self.rights[side] = (ALL_OSS if self.oss else ALL) - set(rights)
        return self

    def store(self, side: str) -> ObjectStore:
        """One of both."""
        bucket, rights = getattr(self, side), self.rights.get(side)
        settings = {"conn_id": side, **(self.store_settings if side == "destination" else {})}
        if rights is not None:
            kind: Any = OSSCredential if self.oss else Credential
            allow: Any = OSSAllow if self.oss else Allow
            settings["credential"] = self.at.add_credential(kind(side, f"secret-of-{side}", allow=(allow(rights),)))
        return self.stand.remote(bucket, at=self.at, **settings)

    def asked(self, ask: Ask, **given: Any) -> Precheck:
        """The list."""
        return ask(self.store("source"), self.store("destination"), **given)


@pytest.fixture
def sides(stand: Stand) -> Callable[..., Sides]:
    """Two buckets: `sides(oss=True)`."""
    return lambda **given: Sides(stand, **given)


def line(found: Precheck, name: str) -> Check:
    (check,) = [check for check in found.checks if check.name == name]
    return check


def said(found: Precheck, name: str, status: str) -> str:
    check = line(found, name)
    assert check.status == status, check
    return check.words


@pytest.mark.parametrize("oss", [False, True])
def test_everything_is_there(sides: Any, ask: Ask, oss: bool) -> None:
    pair = sides(oss=oss)
    found = pair.asked(ask, delete=True)
    assert [check for check in found.checks if check.status != "done"] == []
    assert len(found.checks) == 25
    assert pair.at.core.keys(pair.destination) == [], "nothing of the precheck is left"


def test_credentials_that_the_store_does_not_know(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides()
    wrong = stand.s3(pair.source, conn_id="store", credential=Credential("test-access", "wrong"))
    found = ask(wrong, pair.store("destination"))
    assert said(found, "source credentials", "failed") == (
        "ListObjectsV2: the signature is wrong; check the connection's password (the secret of its access key), or "
        "what changes requests on their way; check the connection 'store'"
    )
    assert said(found, "source list", "not_asked") == "source credentials failed"
    assert said(found, "source else", "not_asked") == "nothing more is asked there"
    assert said(found, "destination delete", "done") == ""


def test_bucket_in_another_region(stand: Stand, sides: Any, ask: Ask) -> None:
    far = stand.bucket(region="eu-west-1")
    found = ask(sides().store("source"), stand.s3(far, conn_id="store"))
    assert said(found, "destination region", "failed") == (
        "ListObjectsV2: the bucket is in another region than the connection says: it is in 'eu-west-1'; set "
        "region_name in the connection's extra to that (and endpoint_url, where it has one); docs/connections.md tells "
        "what a connection says of region and endpoint"
    )


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("oss", [False, True])
def test_a_side_that_may_not_be_listed(sides: Any, ask: Ask, side: str, oss: bool) -> None:
    words = said(sides(oss=oss).without(side, "ListBucket", "ListObjects").asked(ask), f"{side} list", "failed")
    right = "oss:ListObjects" if oss else "s3:ListBucket"
    assert words.endswith(
        f"; allow {right} to the user or role of the connection; let the credentials list the {side}: {NEXT}"
    )


def test_a_destination_that_is_only_written_to(sides: Any, ask: Ask) -> None:
    pair = sides().without("destination", *ALL - {"PutObject", "PutObjectTagging"})
    found = pair.asked(ask, verify="none")
    assert found.failed == ()
    assert {check.name for check in found.checks if check.status == "warned"} == {
        "destination delete",
        "destination uploads",
    }
    assert said(found, "destination list", "done") == (
        "these credentials may not list it, and `verify: none` does without"
    )
    assert said(found, "destination read", "done") == "these credentials may not, and `verify: none` does without"
    assert pair.at.core.keys(pair.destination) == ["_bucketsync/precheck-probe"]
    pair.asked(ask, verify="none")
    assert pair.at.core.keys(pair.destination) == ["_bucketsync/precheck-probe"], "there is only ever one"


def test_a_source_that_is_not_there(stand: Stand, sides: Any, ask: Ask) -> None:
    with pytest.raises(ObjectNotFound, match="the bucket does not exist"):
        ask(stand.s3("nowhere"), sides().store("destination"))


@pytest.mark.parametrize("oss", [False, True])
def test_a_source_that_may_not_be_read(sides: Any, ask: Ask, oss: bool) -> None:
    words = said(sides(oss=oss).without("source", "GetObject").asked(ask), "source read", "failed")
    right = "oss:GetObject" if oss else "s3:GetObject"
    assert f"allow {right}" in words
    assert words.endswith(f"to the user or role of the connection; let the credentials read the source: {NEXT}")


def test_one_object_of_a_source_that_may_not_be_read(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides()
    stand.fault("status", operation=("GetObject", "HeadObject"), key="a", status=403, code="AccessDenied", message="No")
    assert "the store says: No; allow s3:GetObject" in said(pair.asked(ask), "source read", "warned")


def test_fault_F42_key_of_the_source_that_may_not_be_used(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides()
    for number in range(40):
        stand.server.core.put(pair.source, f"k{number:02}", b"1", encryption=SSE)
    stand.fault(
        "status",
        operation="GetObject",
        key_regex="^k",
        status=403,
        code="AccessDenied",
        message=f"User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: {KEY}",
    )
    before = stand.server.log.last_index
    found = pair.asked(ask)
    assert said(found, "source keys", "failed") == (
        f"objects such as 'k07' are encrypted with {KEY}, which these credentials may not use: GetObject: the store "
        f"says: User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: {KEY}; allow "
        f"kms:Decrypt on {KEY} to the user or role of the source's connection (in the key's own policy too, where the "
        "key is of another account), or leave these objects out"
    )
    reads = [entry for entry in stand.server.log.since(before) if entry.bucket == pair.source]
    assert sum(entry.operation == "HeadObject" for entry in reads) == 5
    assert sum(entry.operation == "GetObject" and entry.key[0] in "abk" for entry in reads) == 2, "one for each key"


@pytest.mark.parametrize("oss", [False, True])
def test_fault_F42_key_of_the_destination_that_may_not_be_used(stand: Stand, sides: Any, ask: Ask, oss: bool) -> None:
    if oss:
        stand.oss_server.denied_kms_keys.add(KEY)
    else:
        message = f"User: x is not authorized to perform: kms:GenerateDataKey on resource: {KEY}"
        stand.fault("status", operation="PutObject", status=403, code="AccessDenied", message=message)
    word = "KMS" if oss else "aws:kms"
    pair = sides(oss=oss)
    pair.store_settings["settings"] = WriteSettings(encryption=word, encryption_key=KEY)
    found = pair.asked(ask, encryption=word, encryption_key=KEY)
    words = said(found, "destination keys", "failed")
    assert f"; allow kms:GenerateDataKey and kms:Decrypt on {KEY} to the user or role of the " in words
    assert words.endswith("or choose another with `encryption_key`")
    assert said(found, "destination write", "not_asked") == "destination keys failed"


def test_source_whose_tags_may_not_be_read(sides: Any, ask: Ask) -> None:
    words = said(sides().without("source", "GetObjectTagging").asked(ask), "source tags", "warned")
    assert words.endswith("until then objects come without tags; or leave `tags` out of `preserve`")
    assert "allow s3:GetObjectTagging" in words


def test_archived_objects_are_met(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides()
    for number in range(3):
        stand.server.core.put(pair.source, f"old{number}", b"1", storage_class="GLACIER")
    assert said(pair.asked(ask), "source archived", "warned") == (
        "at least 3 in GLACIER, of which some must be restored before they can be read; restore them, or leave them "
        "out with `storage_classes`: else they are `failed`, archived, and the run is red"
    )


@pytest.mark.parametrize("oss", [False, True])
def test_destination_that_may_not_be_written(sides: Any, ask: Ask, oss: bool) -> None:
    found = sides(oss=oss).without("destination", "PutObject").asked(ask)
    words = said(found, "destination write", "failed")
    assert ("allow oss:PutObject" if oss else "allow s3:PutObject") in words
    assert words.endswith(f"; let the credentials write to the destination: {NEXT}")
    for name in ("checksums", "conditions", "tags", "parts", "delete", "owner"):
        assert said(found, f"destination {name}", "not_asked") == "the probe could not be written"


def test_destination_that_may_not_be_read(sides: Any, ask: Ask) -> None:
    words = said(sides().without("destination", "GetObject").asked(ask), "destination read", "failed")
    assert words.endswith(f"let the credentials read the destination, or set `verify: none` and do not delete: {NEXT}")


@pytest.mark.parametrize(("delete", "status"), [(True, "failed"), (False, "warned")])
def test_destination_that_may_not_be_deleted_from(sides: Any, ask: Ask, delete: bool, status: str) -> None:
    words = said(sides().without("destination", "DeleteObject").asked(ask, delete=delete), "destination delete", status)
    assert words.endswith(f"let the credentials delete below _bucketsync/, where the pair's lock stands too: {NEXT}")


def test_probe_that_a_retention_policy_holds(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides(oss=True)
    stand.oss_server.core.put(pair.destination, "_bucketsync/precheck-probe", b"of another run")
    stand.oss_server.protect(pair.destination, "_bucketsync/precheck-probe")
    found = pair.asked(ask)
    assert found.failed == ()
    assert said(found, "destination write", "done") == (
        "_bucketsync/precheck-probe of an earlier run stands there, and is protected"
    )


def test_destination_where_tags_may_not_be_written(sides: Any, ask: Ask) -> None:
    words = said(sides().without("destination", "PutObjectTagging").asked(ask), "destination tags", "warned")
    assert words.endswith("until then objects come without tags; or leave `tags` out of `preserve`")


@pytest.mark.parametrize(("profile", "raised"), [(SMALL_PARTS, False), (replace(SMALL_PARTS, checksums=()), True)])
def test_fault_F31_destination_that_takes_wrong_checksums(
    stand: Stand, sides: Any, ask: Ask, other: Any, profile: Any, raised: bool
) -> None:
    other.ignore_checksums = True
    there = stand.s3(stand.bucket(at=other), at=other, capabilities=profile)
    found = ask(sides().store("source"), there)
    assert said(found, "destination checksums", "warned") == (
        "it took bytes that came with the checksum of others, without a word: it may not check what arrives; all that "
        "is sent is read back to verify it; if there is a store profile that says so, choose it"
    )
    assert found.reads_back is raised, "one that keeps no checksum is told by each of its answers"
    assert "`verify: content`" in said(
        ask(sides().store("source"), there, verify="none"), "destination checksums", "warned"
    )


def test_fault_F31_moto_is_such_a_store(sides: Any, ask: Ask, moto_store: MakeStore) -> None:
    found = ask(sides().store("source"), moto_store(capabilities=AWS))
    assert said(found, "destination checksums", "warned").startswith("it took bytes that came with the checksum of ")
    assert not found.reads_back, "it gives back none, so that each object is read back"
    assert ask(sides().store("source"), moto_store(capabilities=replace(AWS, checksums=()))).reads_back


def test_conditions_that_are_not_held(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides()
    quirks = stand.server.quirks
    stand.server.quirks = replace(quirks, ignores={"PutObject": ("if-none-match", "if-match")})
    ignored = "it overwrote an object by a write that may only make a new one, or replace another version, so no lock "
    choose = "choose the store profile that says so (bucketsync_profile in the connection's extra)"
    assert said(pair.asked(ask), "destination conditions", "warned") == (
        f"{ignored}keeps a second run of the pair away; {choose}"
    )
    assert said(pair.asked(ask, delete=True), "destination conditions", "failed") == (
        f"{ignored}keeps a second run away while objects are deleted; {choose}"
    )


def test_store_that_can_hold_no_lock(stand: Stand, sides: Any, ask: Ask) -> None:
    pair = sides(store_settings={"capabilities": replace(SMALL_PARTS, conditional_put="none")})
    why = "it has no conditional writes, so no lock keeps a second run of the pair away"
    assert said(pair.asked(ask, delete=True), "destination lock", "failed") == (
        f"{why}, and nothing would be deleted; set `unsafe_deletes` where surely only one run of the pair is ever "
        "active, or do not delete"
    )
    assert said(pair.asked(ask), "destination lock", "not_asked") == f"{why}; only one may be active"
    assert pair.asked(ask, delete=True, unsafe_deletes=True).failed == ()


@pytest.mark.parametrize(("size", "status"), [(1, "warned"), (200, "failed")])
def test_parts_that_the_store_does_not_copy(stand: Stand, sides: Any, ask: Ask, size: int, status: str) -> None:
    pair = sides()
    stand.put(pair.source, {"large": b"x" * size})
    stand.fault("status", operation="UploadPartCopy", status=501, code="NotImplemented", message="not here")
    words = said(pair.asked(ask, small_threshold=50, large_threshold=100), "destination parts", status)
    assert words.endswith("objects above 100 B could not be brought there: allow it, or raise that threshold; " + NEXT)
    assert pair.at.core.bucket(pair.destination).uploads == {}


def test_upload_of_the_precheck_that_can_not_be_dropped(sides: Any, ask: Ask) -> None:
    words = said(sides().without("destination", "AbortMultipartUpload").asked(ask), "destination uploads", "warned")
    assert words.endswith(
        "an upload of _bucketsync/precheck-probe stays open; allow to abort it, or let a rule of the bucket do so: "
        + NEXT
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("", "off: what is overwritten or deleted is gone, but for what `trash` keeps"),
        ("Suspended", "suspended: what is overwritten or deleted now is gone, older versions stay"),
        ("Enabled", "on: what is overwritten or deleted stays as a version, and is paid for until a rule of the bucket "
         "ends it"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("oss", [False, True])
def test_versions(sides: Any, ask: Ask, oss: bool, state: str, words: str) -> None:
    pair = sides(oss=oss, bucket_settings={"versioning": state})
    assert said(pair.asked(ask), "destination versions", "done") == words
    untold = pair.without("destination", "GetBucketVersioning").asked(ask)
    assert said(untold, "destination versions", "not_asked") == (
        "the store does not tell these credentials (GetBucketVersioning)"
    )


def test_fault_F45_bucket_of_another_account(sides: Any, ask: Ask) -> None:
    pair = sides(bucket_settings={"owner_enforced": False, "account": "999988887777"})
    assert said(pair.asked(ask), "destination owner", "warned") == (
        "what these credentials write belongs to their account, and the bucket to another one, which may not even read "
        "it; set `acl: bucket-owner-full-control`, or let the bucket's owner set its Object Ownership to "
        "BucketOwnerEnforced"
    )
    untold = pair.without("destination", "GetBucketAcl").asked(ask)
    assert said(untold, "destination owner", "not_asked") == (
        "the store does not tell these credentials (GetBucketOwnershipControls, or GetBucketAcl and GetObjectAcl)"
    )
    assert said(sides(bucket_settings={"owner_enforced": False}).asked(ask), "destination owner", "done")
    enforced = sides(bucket_settings={"account": "999988887777"})
    assert said(enforced.asked(ask), "destination owner", "done") == "the bucket's owner owns what is written"


@pytest.mark.parametrize(("seconds", "status"), [(30, "done"), (-300, "warned"), (1200, "failed")])
def test_clock_of_the_store(stand: Stand, sides: Any, ask: Ask, seconds: int, status: str) -> None:
    pair = sides()
    shown = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    stand.fault("delay", operation="HeadBucket", bucket=pair.destination, headers={"Date": shown})
    words = said(pair.asked(ask), "destination clock", status)
    remedy = "set the clock of this worker (or of the store, where it is yours), and keep it by NTP"
    if status == "warned":
        assert words.startswith(("it is 299", "it is 30"))  # a second may pass
        assert words.endswith(
            f"s behind ours, so that times in options and leases of locks are off by as much; {remedy}"
        )
    if status == "failed":
        assert words.endswith(f"s ahead of ours, more than the 600 s that the pair's lock allows; {remedy}")


def test_workspace_that_can_not_be_written(stand: Stand, sides: Any, ask: Ask) -> None:
    may = stand.server.add_credential(Credential("pages", "secret", allow=(Allow(ALL - {"PutObject"}),)))
    pages = stand.s3(stand.bucket(), conn_id="pages", credential=may)
    words = said(sides().asked(ask, workspace=pages), "workspace", "failed")
    assert words.startswith(f"{pages.location.url}: PutObject: the store says: ")
    assert words.endswith(
        "; allow s3:PutObject to the user or role of the connection; let the workers write, list, read and delete "
        f"there, or set [bucketsync] workspace to another place: {NEXT}"
    )


def test_workspace_on_a_disk_of_one_machine(stand: Stand, sides: Any, ask: Ask) -> None:
    found = sides().asked(ask, machines="CeleryExecutor")
    url = stand.workspace.location.url
    assert said(found, "workspace", "warned") == (
        f"{url} is a folder on a disk of this machine, and CeleryExecutor runs tasks on several machines, which would "
        "not see each other's pages; set [bucketsync] workspace to a bucket, or to a folder that all workers mount"
    )
    assert said(sides().asked(ask), "workspace", "done") == url


GROW = "copies would grow for ever and deletes would take the source; choose places of which neither lies in the other"


@pytest.mark.parametrize(("here", "there"), [("", ""), ("", "a/"), ("in/", "in/deeper/"), ("in/", "in/")])
@pytest.mark.parametrize("oss", [False, True])
def test_fault_F16_two_names_of_one_bucket(
    stand: Stand, ask: Ask, oss: bool, here: str, there: str, monkeypatch: Any
) -> None:
    """Another name of the endpoint: to us two services."""
    server: Any = stand.oss_server if oss else stand.server
    bucket = stand.bucket(at=server)
    stand.put(bucket, {f"{here}k": b"1"}, at=server)
    source = stand.remote(bucket, here, at=server, conn_id="one")
    destination = stand.remote(bucket, there, at=server, conn_id="two")
    destination.service = "https://another.name:443"
    words = said(ask(source, destination), "two places", "failed")
    assert words == (
        f"{source.location.url} and {destination.location.url} lead into one bucket: _bucketsync/precheck-probe, just "
        f"written to the destination, stands at the source; {GROW}"
    )
    assert server.core.keys(bucket) == [f"{here}k"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_fault_F16_source_inside_the_destination(stand: Stand, ask: Ask, dry_run: bool) -> None:
    bucket = stand.bucket()
    stand.put(bucket, {"in/k": b"1"})
    source, destination = stand.s3(bucket, "in/", conn_id="one"), stand.s3(bucket, conn_id="two")
    words = said(ask(source, destination, dry_run=dry_run), "two places", "failed")
    assert words == (
        f"{source.location.url} and {destination.location.url} lead into one bucket: the source's own objects stand at "
        f"the destination; {GROW}"
    )


def test_two_buckets_of_one_name_and_one_content_are_two_places(stand: Stand, other: Any, ask: Ask) -> None:
    for server in (stand.server, other):
        server.core.create_bucket("same", region=server.region)
        server.core.put("same", "in/k", b"1", modified=1e9 if server is other else None)
    found = ask(stand.s3("same", "in/"), stand.s3("same", at=other))
    assert said(found, "two places", "done") == (
        "other objects stand at the destination where those of the source would"
    )
    assert said(ask(stand.s3("same"), stand.s3("same", at=other)), "two places", "done")


@pytest.mark.parametrize(
    ("source", "destination"), [("real", "link"), ("real", "link/deeper"), ("link/deeper", "real")]
)
def test_fault_F16_two_names_of_one_folder(stand: Stand, ask: Ask, source: str, destination: str) -> None:
    (stand.folder / "real" / "deeper").mkdir(parents=True)
    (stand.folder / "real" / "deeper" / "k").write_text("1")
    os.symlink(stand.folder / "real", stand.folder / "link")
    here, there = stand.local(source), stand.local(destination)
    assert said(ask(here, there, dry_run=True), "two places", "failed") == (
        f"{here.location.url} and {there.location.url} lead into one folder, by a link or a mount; {GROW}"
    )


def test_fault_F16_folder_inside_another_by_a_mount(tmp_path: Path) -> None:
    """`/mnt/x` shows `/data/in`: no link leads there, and the folders above it are others."""
    known = (
        Mount(point="/", device="8:1", root="/", kind="ext4"),
        Mount(point="/mnt/x", device="8:1", root="/data/in", kind="ext4"),
    )
    assert one_place("/mnt/x", "/data", known)
    assert one_place("/data", "/mnt/x", known)
    assert one_place("/mnt/x/deeper", "/data/in/deeper/still", known)
    assert not one_place("/mnt/x", "/data/input", known)
    assert not one_place("/mnt/xy", "/data/in", known)


def test_mounts_are_read(tmp_path: Path) -> None:
    info = tmp_path / "mountinfo"
    info.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:44 / /shared\\040files rw - nfs4 host:/x rw\n"
        "damaged\n"
    )
    assert mounts(info) == (
        Mount(point="/", device="8:1", root="/", kind="ext4"),
        Mount(point="/shared files", device="0:44", root="/", kind="nfs4"),
    )
    assert mounts(tmp_path / "none") == ()


def test_nothing_large_nothing_listed(sides: Any, ask: Ask) -> None:
    """What the options make superfluous is not asked, and the line says why."""
    found = sides().asked(ask, selection=Selection(max_size=10), preserve=())
    assert said(found, "destination parts", "not_asked") == "`max_size` leaves out what is larger than 10 B"
    assert said(found, "destination tags", "not_asked") == "they are not brought along"
    listed = sides().asked(ask, selection=Selection(source_list="s3://c@lists/a.csv"))
    assert said(listed, "source list", "not_asked") == "a list names the objects, and nothing is listed"
