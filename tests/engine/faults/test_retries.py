"""Row G7, faults F34 to F36: what is worth another try gets one, with backoff; what is not, does not."""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import ConnectionLost
from airflow_bucketsync.engine.stores.pace import Pace
from tests.engine import stand as quick
from tests.engine.stand import ATTEMPTS, Pair, Stand
from tests.servers.s3 import S3Server

BODY = bytes(range(250)) * 14

TRANSIENT = {
    "throttled": {"action": "status", "status": 503, "code": "SlowDown"},
    "failed": {"action": "status", "status": 500, "code": "InternalError"},
    "reset": {"action": "reset"},
    "dropped": {"action": "drop_request"},
    "lost": {"action": "lose_reply"},
}
"""For every operation."""
ALSO_TRANSIENT = {
    "too_many": {"action": "status", "status": 429, "code": "TooManyRequests"},
    "bad_gateway": {"action": "status", "status": 502, "code": "BadGateway"},
    "conflict": {"action": "status", "status": 409, "code": "OperationAborted"},
}
OSS_TRANSIENT = {
    name: {"action": "status", "status": status, "code": code}
    for name, status, code in (
        ("requests", 429, "QpsLimitExceeded"),
        ("requests_of_all", 503, "TotalQpsLimitExceeded"),
        ("traffic", 503, "UploadTrafficRateLimitExceeded"),
        ("unavailable", 503, "ServiceUnavailable"),
        ("half", 400, "BadRequest"),
    )
}
"""The words of OSS."""
"""Further words for the same."""
PERMANENT = {
    "denied": {"action": "status", "status": 403, "code": "AccessDenied"},
    "wrong_signature": {"action": "status", "status": 403, "code": "SignatureDoesNotMatch"},
    "invalid": {"action": "status", "status": 400, "code": "InvalidRequest"},
    "archived": {"action": "status", "status": 403, "code": "InvalidObjectState"},
    "method": {"action": "status", "status": 405, "code": "MethodNotAllowed"},
}
OPERATIONS = {
    "server_copy": ("CopyObject", "HeadObject"),
    "part_copy": ("CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"),
    "stream": ("GetObject", "GetObjectTagging", "PutObject"),
    "stream_parts": ("GetObject", "UploadPart", "CompleteMultipartUpload"),
    "oss_copy": ("CopyObject", "HeadObject"),
    "oss_part_copy": ("InitiateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"),
    "s3_to_oss": ("PutObject",),
    "s3_to_oss_parts": ("UploadPart", "CompleteMultipartUpload"),
    "oss_to_s3": ("GetObject", "GetObjectTagging"),
}
CASES = [
    *((way, name, kind) for way, names in OPERATIONS.items() for name in names for kind in TRANSIENT),
    *(("server_copy", "CopyObject", kind) for kind in ALSO_TRANSIENT),
    *(
        (way, name, kind)
        for way, name in (("oss_copy", "CopyObject"), ("s3_to_oss", "PutObject"))
        for kind in OSS_TRANSIENT
    ),
]


@pytest.mark.parametrize(("way", "operation", "kind"), CASES)
def test_row_G7_transient(stand: Stand, other: S3Server, way: str, operation: str, kind: str) -> None:
    pair = Pair.make(way, stand, other, versioning="Enabled")
    pair.put({"k": BODY})
    rule = {
        "operation": operation,
        "key": "k",
        "times": ATTEMPTS - 2,
        **(TRANSIENT | ALSO_TRANSIENT | OSS_TRANSIENT)[kind],
    }
    faults = [stand.fault(server=server, **rule) for server in stand.servers]
    ran = pair.sync(concurrency=2)
    # Where OSS keeps versions it is looked at before it is written: what came through is recognised at once.
    recognised = kind == "lost" and pair.to_oss and operation == pair.write
    assert sum(fault.occurred for fault in faults) >= (1 if recognised else ATTEMPTS - 2)
    assert ran.report.verified
    assert pair.contents() == {"k": BODY}
    assert len(pair.destination_at.core.bucket(pair.destination).versions("k")) == 1
    if (
        operation != pair.begin or pair.begin == pair.write or kind != "lost"
    ):  # that upload is for the sweep: nobody knows its id
        assert pair.uploads() == 0


@pytest.mark.parametrize("kind", PERMANENT)
@pytest.mark.parametrize("way", ["server_copy", "stream", "oss_copy", "oss_to_s3"])
def test_row_G7_permanent(stand: Stand, other: S3Server, way: str, kind: str) -> None:
    pair = Pair.make(way, stand, other)
    pair.put({"k": BODY, "other": b"o"})
    fault = stand.fault(server=pair.source_at, operation=pair.reads_with, key="k", **PERMANENT[kind])
    ran = pair.sync()
    assert fault.occurred <= 2  # a second time without the tags, whose denial looks the same
    assert ran.status("k")[0] in ("failed", "refused")
    assert ran.outcomes["other"].verified
    assert not ran.report.green
    assert pair.contents() == {"other": b"o"}


def test_row_G7_fault_F35_stalled_connection(stand: Stand, other: S3Server) -> None:
    pair = Pair.make("stream", stand, other)
    pair.put({"k": BODY})
    stalled = pair.at_source("delay", operation="GetObject", seconds=20.0, where="body", times=1)
    ran = stand.sync(pair.source_store(read_timeout=0.3), pair.destination_store())
    assert stalled.occurred == 1
    assert ran.report.verified
    assert ran.report.seconds < 10


def test_row_G7_fault_F36_endpoint_that_is_not_there(stand: Stand) -> None:
    with S3Server() as gone:
        bucket = stand.bucket(at=gone)
        store = stand.s3(bucket, at=gone)
    destination = stand.bucket()
    with pytest.raises(ConnectionLost, match="can't be reached"):
        stand.sync(store, stand.s3(destination))


@pytest.mark.parametrize("way", ["server_copy", "stream", "oss_copy"])
def test_fault_F34_one_request_in_five_is_refused(
    stand: Stand, other: S3Server, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every kind, all the time: the run gets through, and sends again what was refused, not everything."""
    monkeypatch.setattr(quick, "ATTEMPTS", 8)  # as many as there are without a test
    monkeypatch.setattr(Pace, "refused", lambda *_: None)  # how a task slows down: test_throttling
    calm, pair = (Pair.make(way, stand, other) for _ in range(2))
    objects = {f"k{number:02d}": BODY for number in range(60)}
    for each in (calm, pair):
        each.put(objects)
    requests = len(calm.sync(concurrency=8).entries)
    storms = [
        stand.fault("status", server=server, status=503, code="SlowDown", probability=0.2, seed=seed)
        for seed, server in enumerate(stand.servers)
    ]
    ran = pair.sync(concurrency=8)
    refused = sum(storm.occurred for storm in storms)
    assert refused > requests / 10
    assert ran.report.verified
    assert pair.contents() == objects
    assert len(ran.entries) <= requests + 2 * refused, "a write is looked for before it is sent again"


def test_row_G7_store_says_how_long_to_wait(stand: Stand, other: S3Server) -> None:
    pair = Pair.make("server_copy", stand, other)
    pair.put({"k": BODY})
    pair.at_source("status", operation="CopyObject", status=503, code="SlowDown", retry_after=10, times=1)
    ran = pair.sync()  # on a clock whose waits take a fiftieth
    assert ran.report.verified
    first, second = [entry.time for entry in ran.entries if entry.operation == "CopyObject"]
    assert second - first >= 0.19
