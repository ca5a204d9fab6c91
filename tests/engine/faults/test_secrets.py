"""Promise P9 and threat S08: whatever goes wrong, no credential is written down anywhere."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
import zstandard

from airflow_bucketsync.engine.errors import BucketsyncError, SyncIncomplete
from airflow_bucketsync.engine.in_process import incomplete
from airflow_bucketsync.engine.steps.run import MemoryProgress
from tests.engine.stand import PART, Stand
from tests.servers.s3 import Credential, S3Server

ACCESS = "AKIACANARYACCESS0001"
SECRET = "canarySECRETcanarySECRETcanarySECRET+/01"
TOKEN = "canaryTOKENcanaryTOKENcanaryTOKENcanaryTOKEN=="
ACCESS_TWO = "ASIACANARYACCESS0002"
SECRET_TWO = "canaryTWOSECRETcanaryTWOSECRETcanaryTWO+"
TOKEN_TWO = "canaryTWOTOKENcanaryTWOTOKENcanaryTWOTOKEN"
CANARIES = (
    ACCESS,
    SECRET,
    TOKEN,
    ACCESS_TWO,
    SECRET_TWO,
    TOKEN_TWO,
    "0123abcd",  # of a signature
    "AWS4-HMAC-SHA256",
)
ECHO = (
    f"Denied for {ACCESS} and {ACCESS_TWO}; Authorization: AWS4-HMAC-SHA256 Credential={ACCESS}/20260101/us-east-1/s3, "
    f"Signature=0123abcd; X-Amz-Security-Token={TOKEN}; see http://elsewhere/?X-Amz-Credential={ACCESS}&"
    f"X-Amz-Security-Token={TOKEN_TWO}&X-Amz-Signature=0123abcd"
)
ELSEWHERE = {"Location": f"http://127.0.0.1:9/?X-Amz-Security-Token={TOKEN}&X-Amz-Signature=0123abcd"}
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "denied": {"action": "status", "status": 403, "code": "AccessDenied", "message": ECHO},
    "unknown key": {"action": "status", "status": 403, "code": "InvalidAccessKeyId", "message": ECHO},
    "wrong signature": {"action": "status", "status": 403, "code": "SignatureDoesNotMatch", "message": ECHO},
    "expired": {"action": "status", "status": 400, "code": "ExpiredToken", "message": ECHO},
    "bad token": {"action": "status", "status": 400, "code": "InvalidToken", "message": ECHO},
    "unheard of": {"action": "status", "status": 400, "code": "NeverHeardOf", "message": ECHO},
    "invalid": {"action": "status", "status": 400, "code": "InvalidArgument", "message": ECHO},
    "moved": {"action": "status", "status": 301, "code": "PermanentRedirect", "message": ECHO, "headers": ELSEWHERE},
    "elsewhere": {
        "action": "status",
        "status": 307,
        "code": "TemporaryRedirect",
        "message": ECHO,
        "headers": ELSEWHERE,
    },
    "failed": {"action": "status", "status": 500, "code": "InternalError", "message": ECHO},
    "inside 200": {"action": "error200", "code": "InternalError", "message": ECHO},
    "reset": {"action": "reset"},
    "cut": {"action": "cut", "at": 20},
    "empty": {"action": "empty_body"},
}
STRUCK = {
    "listing": ("ListObjectsV2",),
    "copying": ("GetObject", "PutObject", "UploadPart", "CreateMultipartUpload", "GetObjectTagging"),
    "verifying": ("HeadObject",),
}


def kept(stand: Stand) -> str:
    """Everything in the workspace, as text."""
    texts = []
    for path in stand.folder.rglob("*"):
        if path.is_file() and "workspace" in path.parts:
            data = path.read_bytes()
            if path.suffix == ".zst":
                data = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
            texts += [str(path), data.decode(errors="backslashreplace")]
    return "\n".join(texts)


def told(error: BaseException) -> str:
    """Everything an error and those behind it say, with what surrounds them."""
    found = traceback.TracebackException.from_exception(error)
    texts = ["".join(found.format()), repr(error)]
    shown: BaseException | None = error
    while shown is not None:  # as far as anything that prints errors goes
        texts += [str(shown), repr(getattr(shown, "__dict__", {})), repr(shown.args)]
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    return "\n".join(texts)


@pytest.mark.parametrize("struck", STRUCK)
@pytest.mark.parametrize("fault", FAULTS)
def test_promise_P9_no_secret_is_written_down(
    stand: Stand,
    other: S3Server,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    struck: str,
) -> None:
    logging.getLogger("botocore").setLevel(logging.DEBUG)  # as somebody hunting a problem would have it
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    saved: list[Any] = []
    save = MemoryProgress.save
    monkeypatch.setattr(MemoryProgress, "save", lambda self, value: (saved.append(dict(value)), save(self, value))[1])
    one = stand.server.add_credential(Credential(ACCESS, SECRET, TOKEN))
    two = other.add_credential(Credential(ACCESS_TWO, SECRET_TWO, TOKEN_TWO))
    source, destination = stand.bucket(), stand.bucket(at=other)
    stand.put(source, {"k": b"x" * 10, "in/parts": b"y" * (2 * PART + 1)})
    if FAULTS[fault]:
        for server in stand.servers:
            stand.fault(server=server, operation=STRUCK[struck], **FAULTS[fault])
    stores = stand.s3(source, credential=one), stand.s3(destination, at=other, credential=two)
    texts = [repr(stores), str(stores[0].location), repr(vars(stores[0]))]
    try:
        ran = stand.sync(*stores, small_threshold=PART, large_threshold=PART, part_size=PART)
    except BucketsyncError as error:
        texts.append(told(error))
    else:
        assert (fault == "none") <= ran.report.green
        texts += [json.dumps(ran.report.to_json()), repr(ran.report), repr(ran.outcomes)]
        if not ran.report.green:
            error = incomplete(ran.report)
            assert isinstance(error, SyncIncomplete)
            texts.append(told(error))
    texts += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    texts += [kept(stand), orjson.dumps(saved).decode()]
    everything = "\n".join(texts)
    assert len(everything) > 500
    assert [canary for canary in CANARIES if canary in everything] == []


def test_promise_P9_the_search_itself_finds_what_is_there(stand: Stand) -> None:
    """What is looked for above would be found, in a page as well as in an error."""
    bucket = stand.bucket()
    stand.put(bucket, {f"key of {SECRET}": b"x"})
    ran = stand.sync(stand.s3(bucket), stand.local("out"))
    assert SECRET in kept(stand)
    assert ran.report.verified
    wrapped = BucketsyncError("wrapped")
    wrapped.__cause__ = ValueError(TOKEN)
    assert TOKEN in told(wrapped)
