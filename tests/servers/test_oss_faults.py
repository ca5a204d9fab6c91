"""Each fault on the OSS server, as a client sees it and as it leaves the store."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import oss2
import pytest
import requests

from tests.servers.conftest import denied
from tests.servers.oss import OSSServer
from tests.servers.oss_signing import send_signed
from tests.servers.web.faults import Fault, maybe_applied

BODY = bytes(range(256)) * 64
ROOT = Path(__file__).parent.parent.parent
NO_REPLY = (oss2.exceptions.RequestError,)


@pytest.fixture(autouse=True)
def _seeded(oss: OSSServer) -> None:
    oss.core.put("bkt", "k", BODY)


@pytest.mark.parametrize("status", [503, 429])
def test_throttled_every_third_time(oss: OSSServer, bucket: Any, status: int) -> None:
    rule = oss.faults.add(Fault("status", operation="HeadObject", status=status, every=3, retry_after=2))
    found = []
    for number in range(1, 7):
        try:
            bucket.head_object("k")
        except oss2.exceptions.ServerError as error:
            found.append((number, error.status, error.code, error.headers["retry-after"]))
    assert found == [(number, status, "QpsLimitExceeded", "2") for number in (3, 6)]
    assert (rule.matched, rule.occurred) == (6, 2)


def test_other_codes_and_after_applying(oss: OSSServer, bucket: Any) -> None:
    oss.faults.add(Fault("status", operation="PutObject", code="UploadTrafficRateLimitExceeded", times=1))
    assert denied(bucket.put_object, "k", b"new") == (503, "UploadTrafficRateLimitExceeded")
    assert oss.core.body("bkt", "k") == BODY
    oss.faults.add(Fault("status", operation="PutObject", status=500, code="InternalError", applied=True))
    assert denied(bucket.put_object, "k", b"new") == (500, "InternalError")
    assert oss.core.body("bkt", "k") == b"new"


def test_error_inside_a_success(oss: OSSServer) -> None:
    oss.faults.add(Fault("error200", operation="CopyObject", code="InternalError"))
    answer = send_signed(oss, "PUT", "bkt", "c", headers={"x-oss-copy-source": "/bkt/k"})
    assert (answer.status, answer.code) == (200, "InternalError")
    assert not oss.core.exists("bkt", "c")


def test_slowed_down_and_said_so(oss: OSSServer, bucket: Any) -> None:
    slow = Fault("delay", operation="PutObject", seconds=0.2, headers={"x-oss-qos-delay-time": "200"})
    oss.faults.add(slow)
    began = time.monotonic()
    assert bucket.put_object("n", b"x").headers["x-oss-qos-delay-time"] == "200"
    assert time.monotonic() - began >= 0.2
    assert "x-oss-qos-delay-time" not in bucket.head_object("n").headers


def test_slow_first_byte(oss: OSSServer, bucket: Any) -> None:
    oss.faults.add(Fault("delay", operation="GetObject", seconds=0.3, where="body"))
    began = time.monotonic()
    got = bucket.get_object("k")
    headed = time.monotonic() - began
    assert got.read() == BODY
    assert headed < 0.25 < 0.3 <= time.monotonic() - began


def test_wrong_crc_in_the_header(oss: OSSServer, bucket: Any) -> None:
    oss.faults.add(Fault("substitute", operation=("GetObject", "HeadObject"), headers={"x-oss-hash-crc64ecma": "1"}))
    head = bucket.head_object("k")
    assert (head.server_crc, head.content_length) == (1, len(BODY))
    got = bucket.get_object("k")
    assert (got.read(), got.server_crc) == (BODY, 1)
    oss.faults.add(Fault("substitute", operation="PutObject", headers={"x-oss-hash-crc64ecma": "1"}))
    with pytest.raises(oss2.exceptions.InconsistentError):
        bucket.put_object("k", b"new")
    assert oss.core.body("bkt", "k") == b"new"


@pytest.mark.parametrize("action", ["truncate", "cut"])
def test_truncated(oss: OSSServer, bucket: Any, action: str) -> None:
    oss.faults.add(Fault(action, operation="GetObject", at=100, times=1))
    got = bucket.get_object("k")
    if action == "truncate":  # looks whole: only the checksum tells
        assert (got.read(), got.content_length) == (BODY[:100], 100)
        assert got.client_crc != got.server_crc
    else:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            got.read()
    assert bucket.get_object("k").read() == BODY


def test_flipped_bits(oss: OSSServer, bucket: Any) -> None:
    oss.faults.add(Fault("flip", operation="GetObject", at=-1, bit=3, times=1))
    got = bucket.get_object("k")
    assert got.read()[-1] == BODY[-1] ^ 8
    assert got.client_crc != got.server_crc
    oss.faults.add(Fault("flip_request", operation=("PutObject", "UploadPart"), at=1, times=3))
    md5 = {"Content-MD5": oss2.utils.content_md5(b"new")}
    assert denied(bucket.put_object, "n", b"new", md5) == (400, "InvalidDigest")
    with pytest.raises(oss2.exceptions.InconsistentError):
        bucket.put_object("n", b"new")
    assert oss.core.body("bkt", "n") == b"ndw", "without Content-MD5 the flipped bit is kept, and its CRC told"
    upload_id = bucket.init_multipart_upload("m").upload_id
    with pytest.raises(oss2.exceptions.InconsistentError):
        bucket.upload_part("m", upload_id, 1, b"new")


def test_reply_lost_after_completion(oss: OSSServer, bucket: Any) -> None:
    upload_id = bucket.init_multipart_upload("m").upload_id
    parts = [oss2.models.PartInfo(1, bucket.upload_part("m", upload_id, 1, BODY).etag)]
    oss.faults.add(Fault("lose_reply", operation="CompleteMultipartUpload", times=1))
    with pytest.raises(NO_REPLY):
        bucket.complete_multipart_upload("m", upload_id, parts)
    assert oss.core.body("bkt", "m") == BODY
    assert denied(bucket.complete_multipart_upload, "m", upload_id, parts) == (404, "NoSuchUpload")
    assert bucket.head_object("m").content_length == len(BODY)


def test_lost_dropped_and_reset(oss: OSSServer, bucket: Any) -> None:
    for action in ("lose_reply", "drop_request", "reset"):
        oss.faults.add(Fault(action, operation="PutObject", key=action))
        with pytest.raises(NO_REPLY):
            bucket.put_object(action, b"x")
    assert oss.core.keys("bkt") == ["k", "lose_reply"]
    oss.faults.add(maybe_applied(5, operation="DeleteObject"))
    with pytest.raises(NO_REPLY):
        bucket.delete_object("k")


def test_stale_duplicate_empty_and_hooks(oss: OSSServer, bucket: Any) -> None:
    oss.core.put("bkt", "k", b"newer")
    oss.faults.add(Fault("stale", operation="HeadObject", times=1))
    assert bucket.head_object("k").content_length == len(BODY)
    assert bucket.head_object("k").content_length == 5
    oss.core.put("bkt", "fresh", b"x")
    oss.faults.add(Fault("stale", operation="GetObject", key="fresh"))
    assert denied(bucket.get_object, "fresh") == (404, "NoSuchKey")
    oss.faults.add(Fault("empty_body", operation="GetObject", key="k", times=1))
    assert bucket.get_object("k").read() == b""
    seen: list[str] = []
    oss.faults.add(Fault("before", operation="AppendObject", hook=lambda call: seen.append(call.key)))
    oss.faults.add(Fault("duplicate", operation="AppendObject"))  # the second time the position is wrong
    assert denied(bucket.append_object, "log", 0, b"x") == (409, "PositionNotEqualToLength")
    assert (seen, oss.core.body("bkt", "log")) == (["log"], b"x")


def test_rate_cap(oss: OSSServer) -> None:
    oss.max_requests_per_second = 10
    answers = [send_signed(oss, "GET", "bkt", "k") for _ in range(15)]
    assert {(answer.status, answer.code) for answer in answers} == {(200, ""), (503, "QpsLimitExceeded")}


def test_faults_on_a_head_have_no_body(oss: OSSServer) -> None:
    oss.faults.add(Fault("status", operation="HeadObject"))
    answer = send_signed(oss, "HEAD", "bkt", "k")
    assert (answer.status, answer.body) == (503, b"")
    assert "x-oss-err" in answer.headers


def test_log(oss: OSSServer, bucket: Any) -> None:
    bucket.append_object("log", 0, b"x", headers={"x-oss-meta-a": "1"})
    denied(bucket.head_object, "nix")
    assert dict(oss.log.counts) == {"AppendObject": 1, "HeadObject": 1}
    assert [entry.operation for entry in oss.log.writes("bkt")] == ["AppendObject"]
    entry = oss.log.select(operation="HeadObject")[0]
    assert (entry.status, entry.error_code, entry.bucket, entry.key) == (404, "NoSuchKey", "bkt", "nix")
    assert oss.log.entries[0].headers["x-oss-meta-a"] == "1"
    assert b"Signature" not in oss.log.json_lines()


@pytest.mark.parametrize("tls", [False, True])
def test_as_a_process(tls: bool) -> None:
    command = [sys.executable, "-m", "tests.servers", "oss", "--bucket", "bkt", "--allow-v1", "--min-part-size", "7"]
    process = subprocess.Popen(command + (["--tls"] if tls else []), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        word, url, *rest = process.stdout.readline().split()
        assert (word, url.partition(":")[0]) == ("ready", "https" if tls else "http")
        session = oss2.Session()
        session.session.trust_env = False
        session.session.verify = rest[0].partition("=")[2] if tls else True
        for auth in (oss2.AuthV4("test-access", "test-secret"), oss2.Auth("test-access", "test-secret")):
            found = oss2.Bucket(auth, url, "bkt", region="cn-hangzhou", session=session)
            found.put_object("k", b"x")
            assert found.get_object("k").read() == b"x"
        stats = session.session.get(f"{url}/_control/stats").json()
        assert stats["operations"] == {"PutObject": 2, "GetObject": 2}
        session.session.close()
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0


def test_a_bug_of_the_server_is_told(oss: OSSServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oss, "version_headers", None)
    answer = send_signed(oss, "GET", "bkt", "k")
    assert (answer.status, answer.code) == (500, "InternalError")
    assert [type(bug) for bug in oss.failures] == [TypeError]
    oss.failures.clear()
    assert ElementTree.fromstring(answer.body).tag == "Error"  # noqa: S314 - the server's own
