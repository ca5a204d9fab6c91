"""Copies, parts and their limits on the OSS server."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import oss2
import pytest

from tests.servers.conftest import denied
from tests.servers.core import SyntheticBody
from tests.servers.oss import OSSServer
from tests.servers.oss_signing import send_signed

BODY = b"0123456789"
GIB = 1024**3
SENT = {"Content-Type": "a/b", "x-oss-meta-a": "1", "x-oss-tagging": "t=1"}


def crc(body: bytes) -> int:
    found = oss2.utils.Crc64()
    found.update(body)
    return found.crc


def parts_of(*sent: Any) -> list[Any]:
    return [oss2.models.PartInfo(number, etag) for number, etag in sent]


def test_copy_keeps_or_replaces(oss: OSSServer, bucket: Any) -> None:
    bucket.put_object("k", BODY, headers=SENT)
    other = oss.bucket("dst")
    copied = other.copy_object("bkt", "k", "kept", headers={"x-oss-meta-b": "ignored"})
    assert (copied.etag, copied.crc) == (oss.core.find("bkt", "k").etag, crc(BODY))
    kept = oss.core.find("dst", "kept").attributes
    assert (kept.headers, kept.metadata, kept.tags) == ({"content-type": "a/b"}, {"a": "1"}, {"t": "1"})
    new = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-b": "2", "x-oss-tagging-directive": "Replace"}
    other.copy_object("bkt", "k", "new", headers={**new, "x-oss-tagging": "u=2"})
    replaced = oss.core.find("dst", "new").attributes
    assert (replaced.headers, replaced.metadata, replaced.tags) == ({}, {"b": "2"}, {"u": "2"})
    bucket.update_object_meta("k", {"x-oss-meta-c": "3"})
    assert oss.core.find("bkt", "k").attributes.metadata == {"c": "3"}
    assert oss.core.find("bkt", "k").attributes.tags == {"t": "1"}
    assert denied(other.copy_object, "bkt", "k", "k", {"x-oss-metadata-directive": "MERGE"}) == (400, "InvalidArgument")
    assert denied(other.copy_object, "bkt", "nix", "k") == (404, "NoSuchKey")
    assert send_signed(oss, "PUT", "dst", "k", headers={"x-oss-copy-source": "bkt"}).code == "InvalidArgument"


def test_class_of_a_copy(oss: OSSServer, bucket: Any) -> None:
    oss.core.put("bkt", "k", BODY, storage_class="IA")
    bucket.update_object_meta("k", {"x-oss-meta-c": "3"})
    assert oss.core.find("bkt", "k").attributes.storage_class == "IA"
    bucket.copy_object("bkt", "k", "other")
    assert oss.core.find("bkt", "other").attributes.storage_class == "Standard"
    bucket.copy_object("bkt", "k", "k", headers={"x-oss-storage-class": "Archive"})
    assert oss.core.find("bkt", "k").attributes.storage_class == "Archive"
    assert denied(bucket.copy_object, "bkt", "k", "other") == (403, "InvalidObjectState")


def test_copies_may_lack_the_crc(oss: OSSServer, bucket: Any) -> None:
    oss.copies_have_crc = False
    bucket.put_object("k", BODY)
    assert bucket.copy_object("bkt", "k", "copy").crc is None
    assert bucket.head_object("copy").server_crc is None


@pytest.mark.parametrize(
    ("size", "destination", "headers", "is_taken"),
    [
        (6 * GIB, "bkt", {}, True),
        (5 * GIB, "dst", {}, True),
        (5 * GIB + 1, "dst", {}, False),
        (GIB, "dst", {"x-oss-storage-class": "IA"}, True),
        (GIB + 1, "bkt", {"x-oss-storage-class": "IA"}, False),
        (GIB + 1, "bkt", {"x-oss-server-side-encryption": "AES256"}, False),
        (GIB + 1, "dst", {"x-oss-storage-class": "Standard"}, True),
    ],
)
def test_copy_limits(oss: OSSServer, size: int, destination: str, headers: dict[str, str], is_taken: bool) -> None:
    oss.core.put("bkt", "k", SyntheticBody(size))
    other = oss.bucket(destination)
    if is_taken:
        other.copy_object("bkt", "k", "copy", headers=headers)
        assert oss.core.find(destination, "copy").size == size
    else:
        assert denied(other.copy_object, "bkt", "k", "copy", headers) == (400, "EntityTooLarge")


def test_no_copy_between_regions(oss: OSSServer) -> None:
    oss.core.create_bucket("far", region="cn-beijing")
    oss.core.put("bkt", "k", BODY)
    far = oss.bucket("far", region="cn-beijing")
    assert denied(far.copy_object, "bkt", "k", "k") == (403, "AccessDenied")
    upload_id = far.init_multipart_upload("k").upload_id
    assert denied(far.upload_part_copy, "bkt", "k", None, "k", upload_id, 1) == (403, "AccessDenied")


def test_links_and_appendables_as_sources(oss: OSSServer, bucket: Any) -> None:
    bucket.put_object("k", BODY)
    bucket.put_symlink("k", "link")
    bucket.copy_object("bkt", "link", "copied")
    assert bucket.get_symlink("copied").target_key == "k"
    bucket.append_object("log", 0, BODY)
    bucket.copy_object("bkt", "log", "plain")
    assert bucket.head_object("plain").object_type == "Normal"
    oss.copies_appendable = False
    assert denied(bucket.copy_object, "bkt", "log", "plain") == (400, "OperationNotSupported")


def test_parts_become_an_object(oss: OSSServer, bucket: Any) -> None:
    upload_id = bucket.init_multipart_upload("k", headers=SENT).upload_id
    sent = [(number, bucket.upload_part("k", upload_id, number, body)) for number, body in ((2, b"01234"), (7, b"56"))]
    assert [part.crc for _, part in sent] == [crc(b"01234"), crc(b"56")]
    listed = bucket.list_parts("k", upload_id, max_parts=1)
    assert (listed.is_truncated, listed.next_marker) == (True, "2")
    rest = bucket.list_parts("k", upload_id, marker="2")
    assert [(part.part_number, part.size) for part in rest.parts] == [(7, 2)]
    done = bucket.complete_multipart_upload("k", upload_id, parts_of(*((n, part.etag) for n, part in sent)))
    assert done.crc == crc(b"0123456")
    assert re.fullmatch(r"[0-9A-F]{32}-2", done.etag)
    head = bucket.head_object("k")
    assert (head.object_type, head.server_crc, head.etag) == ("Multipart", done.crc, done.etag)
    assert head.headers["x-oss-meta-a"] == "1"
    assert oss.core.find("bkt", "k").attributes.tags == {"t": "1"}
    again = parts_of(*((number, part.etag) for number, part in sent))
    assert denied(bucket.complete_multipart_upload, "k", upload_id, again) == (404, "NoSuchUpload")


def test_all_parts_at_once(oss: OSSServer, bucket: Any) -> None:
    upload_id = bucket.init_multipart_upload("k").upload_id
    bucket.upload_part("k", upload_id, 1, BODY)
    every = {"x-oss-complete-all": "yes"}
    assert denied(bucket.complete_multipart_upload, "k", upload_id, parts_of((1, "x")), every)[0] == 400
    bucket.complete_multipart_upload("k", upload_id, None, headers=every)
    assert oss.core.body("bkt", "k") == BODY


def test_wrong_completions(oss: OSSServer, bucket: Any) -> None:
    upload_id = bucket.init_multipart_upload("k").upload_id
    first, second = (bucket.upload_part("k", upload_id, number, b"0123").etag for number in (1, 2))
    query = {"uploadId": upload_id}
    assert denied(bucket.complete_multipart_upload, "k", upload_id, parts_of((1, first), (2, second))) == (
        400,
        "EntityTooSmall",
    )
    assert denied(bucket.complete_multipart_upload, "k", upload_id, parts_of((1, "0" * 32))) == (400, "InvalidPart")
    assert denied(bucket.complete_multipart_upload, "k", upload_id, parts_of((3, first))) == (400, "InvalidPart")
    nodes = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in ((2, second), (1, first)))
    wrong = f"<CompleteMultipartUpload>{nodes}</CompleteMultipartUpload>".encode()
    assert send_signed(oss, "POST", "bkt", "k", query, wrong).code == "InvalidPartOrder"
    assert send_signed(oss, "POST", "bkt", "k", query, b"<no").code == "MalformedXML"
    assert send_signed(oss, "POST", "bkt", "k", query, b"<CompleteMultipartUpload/>").code == "MalformedXML"
    assert denied(bucket.complete_multipart_upload, "other", upload_id, parts_of((2, second))) == (404, "NoSuchUpload")
    bucket.complete_multipart_upload("k", upload_id, parts_of((2, second)))
    assert oss.core.body("bkt", "k") == b"0123"


def test_default_part_size_is_100_kilobytes() -> None:
    assert OSSServer().min_part_size == 102_400


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers(bucket: Any, number: int) -> None:
    upload_id = bucket.init_multipart_upload("k").upload_id
    assert denied(bucket.upload_part, "k", upload_id, number, BODY) == (400, "InvalidArgument")
    assert bucket.upload_part("k", upload_id, 10_000, BODY).status == 200


def test_uploads_are_aborted_and_listed(oss: OSSServer, bucket: Any) -> None:
    keys = ["a b", "b/1", "b/2", "中"]
    ids = {key: bucket.init_multipart_upload(key).upload_id for key in keys}
    assert {item.key: item.upload_id for item in oss2.MultipartUploadIterator(bucket, max_uploads=1)} == ids
    page = bucket.list_multipart_uploads(delimiter="/")
    assert ([item.key for item in page.upload_list], page.prefix_list) == (["a b", "中"], ["b/"])
    for key, upload_id in ids.items():
        bucket.abort_multipart_upload(key, upload_id)
    assert oss.core.uploads("bkt") == []
    assert denied(bucket.abort_multipart_upload, "a b", ids["a b"]) == (404, "NoSuchUpload")
    assert denied(bucket.upload_part, "a b", ids["a b"], 1, BODY) == (404, "NoSuchUpload")
    assert denied(bucket.list_parts, "a b", ids["a b"]) == (404, "NoSuchUpload")


@pytest.mark.parametrize("has_crc", [False, True])
def test_parts_copied(oss: OSSServer, bucket: Any, has_crc: bool) -> None:
    oss.part_copies_have_crc = has_crc
    bucket.put_object("k", BODY)
    other = oss.bucket("dst")
    upload_id = other.init_multipart_upload("k").upload_id
    sent = []
    for number, (start, stop) in enumerate(pairwise((0, 5, None)), 1):
        ends = (start, None if stop is None else stop - 1)
        part = other.upload_part_copy("bkt", "k", ends, "k", upload_id, number)
        assert (part.crc is not None) == has_crc
        sent.append((number, part.etag))
    done = other.complete_multipart_upload("k", upload_id, parts_of(*sent))
    assert oss.core.body("dst", "k") == BODY
    assert done.crc == other.head_object("k").server_crc == (crc(BODY) if has_crc else None)


def test_wrong_part_copies(oss: OSSServer, bucket: Any) -> None:
    bucket.put_object("k", BODY)
    oss.core.put("bkt", "cold", BODY, storage_class="ColdArchive")
    upload_id = bucket.init_multipart_upload("c").upload_id
    assert denied(bucket.upload_part_copy, "bkt", "k", (5, 10), "c", upload_id, 1) == (416, "InvalidRange")
    assert denied(bucket.upload_part_copy, "bkt", "k", (10, None), "c", upload_id, 1) == (416, "InvalidRange")
    assert denied(bucket.upload_part_copy, "bkt", "nix", None, "c", upload_id, 1) == (404, "NoSuchKey")
    assert denied(bucket.upload_part_copy, "bkt", "cold", None, "c", upload_id, 1) == (403, "InvalidObjectState")
    changed = {"x-oss-copy-source-if-match": "other"}
    assert denied(bucket.upload_part_copy, "bkt", "k", None, "c", upload_id, 1, changed) == (412, "PreconditionFailed")
    assert oss.core.uploads("bkt")[0].parts == {}
