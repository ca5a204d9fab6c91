"""Each fault, as a client sees it and as it leaves the store."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ResponseStreamingError

from tests.servers.conftest import refused
from tests.servers.s3 import S3Server
from tests.servers.signing import send_signed
from tests.servers.web.faults import Fault, maybe_applied

BODY = bytes(range(256)) * 64
NO_REPLY = (HTTPClientError, ConnectionError)


def get(client: Any, key: str = "k") -> bytes:
    return client.get_object(Bucket="b", Key=key)["Body"].read()


@pytest.fixture(autouse=True)
def _seeded(server: S3Server) -> None:
    server.core.put("b", "k", BODY)
    server.core.put("b", "l", b"other")


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({"on": 2}, [2]),
        ({"on": (1, 4)}, [1, 4]),
        ({"every": 3}, [3, 6]),
        ({"first": 2}, [1, 2]),
        ({"every": 2, "times": 1}, [2]),
        ({"window": (100, 200)}, []),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_when(server: S3Server, client: Any, when: dict[str, Any], struck: list[int]) -> None:
    server.faults.add(Fault("status", operation="HeadObject", **when))
    found = []
    for number in range(1, 7):
        client.get_object(Bucket="b", Key="k")["Body"].close()
        try:
            client.head_object(Bucket="b", Key="k")
        except ClientError:
            found.append(number)
    assert found == struck


def test_probability_is_seeded(server: S3Server, client: Any) -> None:
    runs = []
    for _ in range(2):
        server.reset()
        server.core.put("b", "k", BODY)
        server.faults.add(Fault("status", operation="HeadObject", probability=0.5, seed=11))
        outcome = []
        for _ in range(20):
            try:
                client.head_object(Bucket="b", Key="k")
                outcome.append(True)
            except ClientError:
                outcome.append(False)
        runs.append(outcome)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 2


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        ({"method": "GET"}, True),
        ({"method": "PUT"}, False),
        ({"bucket": "b", "key": "k"}, True),
        ({"bucket": "d"}, False),
        ({"key": "l"}, False),
        ({"key_regex": "^k$"}, True),
        ({"operation": ("HeadObject", "GetObject")}, True),
        ({"query": {"partNumber": None}}, True),
        ({"query": {"partNumber": "1"}}, True),
        ({"query": {"partNumber": "2"}}, False),
    ],
)
def test_which(server: S3Server, client: Any, match: dict[str, Any], strikes: bool) -> None:
    server.faults.add(Fault("status", **match))
    if strikes:
        assert refused(client.get_object, Bucket="b", Key="k", PartNumber=1) == (503, "SlowDown")
    else:
        client.get_object(Bucket="b", Key="k", PartNumber=1)["Body"].close()


def test_status(server: S3Server, client: Any) -> None:
    server.faults.add(Fault("status", operation="PutObject", status=500, code="InternalError", retry_after=7, on=1))
    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket="b", Key="k", Body=b"new" * 1000)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) == ("InternalError", "7")
    assert server.core.body("b", "k") == BODY
    client.put_object(Bucket="b", Key="k", Body=b"new")
    server.faults.add(Fault("status", operation="PutObject", applied=True))
    assert refused(client.put_object, Bucket="b", Key="k", Body=b"newer") == (503, "SlowDown")
    assert server.core.body("b", "k") == b"newer"


@pytest.mark.parametrize("keep_alive", [False, True])
def test_error200(server: S3Server, client: Any, keep_alive: bool) -> None:
    server.faults.add(Fault("error200", operation="CopyObject", code="InternalError", keep_alive=keep_alive))
    copy = {"Bucket": "d", "Key": "k", "CopySource": {"Bucket": "b", "Key": "k"}}
    assert refused(client.copy_object, **copy)[1] == "InternalError"
    answer = send_signed(server, "PUT", "/d/k", b"", {"x-amz-copy-source": "b/k"})
    assert (answer.status, answer.code) == (200, "InternalError")
    assert (b"?>\n    " in answer.body) == keep_alive
    assert not server.core.exists("d", "k")


def test_empty_and_short_bodies_look_whole(server: S3Server) -> None:
    server.faults.add(Fault("truncate", operation="GetObject", at=100, on=1))
    short = send_signed(server, "GET", "/b/k")
    assert (short.body, short.headers["content-length"]) == (BODY[:100], "100")
    server.faults.add(Fault("empty_body", operation="GetObject"))
    empty = send_signed(server, "GET", "/b/k")
    assert (empty.status, empty.body, empty.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize("at", [0, 100, 16_383])
def test_cut(server: S3Server, client: Any, at: int) -> None:
    server.faults.add(Fault("cut", operation="GetObject", at=at, times=1))
    with pytest.raises((http.client.IncompleteRead, ResponseStreamingError, IncompleteReadError)):
        get(client)
    assert server.log.entries[-1].bytes_out == at
    assert get(client) == BODY


def test_flipped_bits(server: S3Server) -> None:
    client = server.client()
    server.faults.add(Fault("flip", operation="GetObject", at=-1, bit=3, times=1))
    flipped = send_signed(server, "GET", "/b/k").body
    assert flipped[:-1] == BODY[:-1]
    assert flipped[-1] == BODY[-1] ^ 8
    server.faults.add(Fault("flip_request", operation="PutObject", at=1, times=2))
    assert refused(client.put_object, Bucket="b", Key="k", Body=b"new") == (400, "BadDigest")
    assert send_signed(server, "PUT", "/b/k", b"new").status == 200
    assert server.core.body("b", "k") == b"ndw", "without a checksum the flipped bit is kept"


def test_lost_and_dropped(server: S3Server, client: Any) -> None:
    server.faults.add(Fault("lose_reply", operation="PutObject", key="lost"))
    server.faults.add(Fault("drop_request", operation="PutObject", key="dropped"))
    server.faults.add(Fault("reset", operation="PutObject", key="reset"))
    for key in ("lost", "dropped", "reset"):
        with pytest.raises(NO_REPLY):
            client.put_object(Bucket="d", Key=key, Body=b"x")
    assert server.core.keys("d") == ["lost"]
    assert [entry.status for entry in server.log.select(bucket="d")] == [0, 0, 0]


def test_maybe_applied(server: S3Server, client: Any) -> None:
    outcomes = []
    for _ in range(2):
        server.reset()
        server.faults.add(maybe_applied(5, operation="PutObject"))
        for number in range(12):
            with pytest.raises(NO_REPLY):
                client.put_object(Bucket="d", Key=f"{number:02d}", Body=b"x")
        outcomes.append(server.core.keys("d"))
    assert outcomes[0] == outcomes[1]
    assert 0 < len(outcomes[0]) < 12


@pytest.mark.parametrize("where", ["request", "reply", "body", "chunks"])
def test_delay(server: S3Server, client: Any, where: str) -> None:
    server.faults.add(Fault("delay", operation="GetObject", seconds=0.2, where=where, chunk=8192))
    began = time.monotonic()
    assert get(client) == BODY
    assert time.monotonic() - began >= 0.2
    client.head_object(Bucket="b", Key="k")
    assert [entry.faults for entry in server.log.entries if entry.operation == "HeadObject"] == [()]


def test_duplicate(server: S3Server, client: Any) -> None:
    server.core.bucket("b").settings.versioning = "Enabled"
    server.faults.add(Fault("duplicate", operation="PutObject"))
    client.put_object(Bucket="b", Key="twice", Body=b"x")
    assert len(client.list_object_versions(Bucket="b", Prefix="twice")["Versions"]) == 2


def test_substitute(server: S3Server) -> None:
    server.faults.add(Fault("substitute", operation="GetObject", body=b"other bytes", headers={"ETag": '"x"'}, times=1))
    got = send_signed(server, "GET", "/b/k")
    assert (got.body, got.headers["etag"]) == (b"other bytes", '"x"')
    server.faults.add(Fault("substitute", operation="GetObject", transform=bytes.upper, times=1))
    assert send_signed(server, "GET", "/b/l").body == b"OTHER"


def test_stale(server: S3Server, client: Any) -> None:
    server.core.put("b", "k", b"newer")
    server.core.put("b", "fresh", b"x")
    server.core.delete("b", "l")
    server.faults.add(Fault("stale", operation="HeadObject", first=3))
    assert client.head_object(Bucket="b", Key="k")["ContentLength"] == len(BODY)
    assert refused(client.head_object, Bucket="b", Key="fresh")[0] == 404
    assert client.head_object(Bucket="b", Key="l")["ContentLength"] == 5
    assert client.head_object(Bucket="b", Key="k")["ContentLength"] == 5


def test_hooks(server: S3Server, client: Any) -> None:
    server.faults.add(
        Fault("before", operation="GetObject", on=2, hook=lambda call: server.core.put("b", call.key, b"newer"))
    )
    etag = client.get_object(Bucket="b", Key="k", Range="bytes=0-9")["ETag"]
    ranged = {"Bucket": "b", "Key": "k", "Range": "bytes=1-2", "IfMatch": etag}
    assert refused(client.get_object, **ranged) == (412, "PreconditionFailed")
    seen: list[bool] = []
    server.faults.add(
        Fault("after", operation="PutObject", hook=lambda call: seen.append(server.core.exists("b", "n")))
    )
    client.put_object(Bucket="b", Key="n", Body=b"x")
    assert seen == [True]


def test_a_hook_may_be_a_client(server: S3Server, client: Any) -> None:
    other = server.client()
    server.faults.add(
        Fault("before", operation="HeadObject", hook=lambda call: other.delete_object(Bucket="b", Key="k"))
    )
    assert refused(client.head_object, Bucket="b", Key="k")[0] == 404


def test_rate_cap_and_latency(server: S3Server, client: Any) -> None:
    server.latency = 0.05
    began = time.monotonic()
    client.head_object(Bucket="b", Key="k")
    assert time.monotonic() - began >= 0.05
    server.latency, server.max_requests_per_second = 0.0, 10
    codes = [send_signed(server, "GET", "/b/k").code for _ in range(15)]
    assert "SlowDown" in codes


def test_concurrency_is_seen(server: S3Server, client: Any) -> None:
    server.faults.add(Fault("delay", operation="HeadObject", seconds=0.2, where="request"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.head_object(Bucket="b", Key="k"), range(4)))
    assert server.log.max_in_flight == 4


def test_rules_from_json() -> None:
    rule = Fault("status", operation="GetObject", on=[2], status=500)
    shown = {name: value for name, value in rule.to_json().items() if name not in ("id", "matched", "occurred")}
    assert Fault.from_json(shown).to_json() == rule.to_json()
    with pytest.raises(ValueError, match="unknown fault action"):
        Fault("explode")
    with pytest.raises(ValueError, match="unknown fault fields"):
        Fault.from_json({"action": "flip", "hook": "x"})
