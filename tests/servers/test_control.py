"""The request log, the control path, and the server as a process."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.servers.conftest import refused
from tests.servers.s3 import S3Server

ROOT = Path(__file__).parents[2]


def control(server: S3Server, method: str, name: str, value: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    connection.request(method, f"/_control/{name}", None if value is None else json.dumps(value))
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_log(server: S3Server, client: Any) -> None:
    client.put_object(Bucket="b", Key="k", Body=b"12345", StorageClass="STANDARD_IA")
    mark = server.log.last_index
    client.get_object(Bucket="b", Key="k", Range="bytes=1-2")["Body"].read()
    refused(client.head_object, Bucket="b", Key="none")
    put, got, head = server.log.entries
    assert (put.operation, put.method, put.bucket, put.key, put.status) == ("PutObject", "PUT", "b", "k", 200)
    assert put.headers["x-amz-storage-class"] == "STANDARD_IA"
    assert (got.headers["range"], got.bytes_out, got.status) == ("bytes=1-2", 2, 206)
    assert (head.status, head.error_code) == (404, "NoSuchKey")
    assert server.log.since(mark) == [got, head]
    assert server.log.count(operation="GetObject") == server.log.count(method="GET", key="k") == 1
    assert server.log.writes() == server.log.writes("b") == [put]
    assert server.log.counts == {"PutObject": 1, "GetObject": 1, "HeadObject": 1}
    server.log.clear()
    assert (server.log.entries, server.log.counts) == ([], {})


def test_log_limit() -> None:
    for limit, kept in ((0, 0), (2, 2)):
        with S3Server(buckets=["b"], log_limit=limit) as server:
            client = server.client()
            for number in range(3):
                client.put_object(Bucket="b", Key=str(number), Body=b"")
            assert (len(server.log.entries), server.log.counts["PutObject"]) == (kept, 3)


def test_log_never_shows_secrets(server: S3Server, client: Any) -> None:
    url = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    connection.request("GET", url.removeprefix(server.url))
    connection.getresponse().read()
    connection.close()
    client.list_buckets()
    shown = server.log.json_lines().decode()
    assert "X-Amz-Date" in shown
    for secret in ("Signature", "AWS4-HMAC-SHA256 Credential", "X-Amz-Credential"):
        assert secret not in shown


def test_control_path(server: S3Server, client: Any) -> None:
    rule = {"action": "status", "operation": "HeadBucket", "status": 500, "code": "InternalError", "times": 1}
    assert control(server, "POST", "faults", rule)[0] == 201
    assert refused(client.head_bucket, Bucket="b")[0] == 500
    assert json.loads(control(server, "GET", "faults")[1])[0]["occurred"] == 1
    assert control(server, "POST", "faults", {"action": "explode"})[0] == 400
    assert control(server, "DELETE", "faults")[0] == 204
    assert len(server.faults) == 0
    client.head_bucket(Bucket="b")
    lines = control(server, "GET", "log")[1].splitlines()
    assert [json.loads(line)["status"] for line in lines] == [500, 200]
    assert json.loads(control(server, "GET", "stats")[1])["operations"] == {"HeadBucket": 2}
    assert control(server, "DELETE", "log")[0] == 204
    assert server.log.entries == []
    before = server.core.now()
    control(server, "POST", "clock", {"shift": 1000})
    assert server.core.now() - before >= 1000
    control(server, "POST", "knobs", {"latency": 0.01})
    assert server.latency == 0.01
    assert control(server, "GET", "nothing")[0] == 404


@pytest.mark.parametrize("tls", [False, True])
def test_process(tls: bool) -> None:
    command = [sys.executable, "-m", "tests.servers", "s3", "--access-key", "AK", "--secret-key", "SK", "--bucket", "b"]
    process = subprocess.Popen(
        command + (["--tls"] if tls else []), cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        word, url, *rest = process.stdout.readline().split()
        assert word == "ready"
        assert url.startswith("https://" if tls else "http://")
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="AK",
            aws_secret_access_key="SK",
            verify=rest[0].removeprefix("ca_file=") if tls else None,
            config=Config(s3={"addressing_style": "path"}),
        )
        client.put_object(Bucket="b", Key="k", Body=b"x")
        assert client.get_object(Bucket="b", Key="k")["Body"].read() == b"x"
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()
