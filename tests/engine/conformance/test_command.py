"""Does the command line find the connection, say what it found, and end with the right code?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_bucketsync.__main__ import main
from airflow_bucketsync.engine.conformance.findings import Conformance, Finding
from airflow_bucketsync.engine.conformance.text import table
from tests.servers.s3 import S3Server

SECRET = "canary/secret+of/the/connection"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command says how connections are looked up, and takes SIGTERM for Ctrl-C: neither outlives a test."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A server with the connection `store` to it."""
    with S3Server(buckets=["bucket"], min_part_size=1) as running:
        known = running.credentials["test-access"]
        running.add_credential(type(known)("test-access", SECRET))
        running.latency = 0.0
        extra = {"endpoint_url": running.url, "region_name": running.region, "bucketsync_profile": "aws"}
        value = {"conn_type": "aws", "login": "test-access", "password": SECRET, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(value))
        yield running


def test_everything_holds(server, capsys):
    assert main(["conformance", "s3://store@bucket/scratch"]) == 0
    said = capsys.readouterr()
    assert "0 differ" in said.out
    assert "PutObject" in said.out
    assert SECRET not in said.out + said.err
    assert server.core.keys("bucket") == []
    touched = {entry.key for entry in server.log.entries if entry.key}
    assert all(key.startswith("scratch/_conformance-") for key in touched)
    assert len({key.split("/")[1] for key in touched}) == 1


def test_what_differs_is_code_1_also_as_json(server, capsys):
    server.ignore_checksums = True
    assert main(["conformance", "s3://store@bucket/", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["conforms"] is False
    assert found["counts"]["differs"] == sum(finding["verdict"] == "differs" for finding in found["findings"]) > 5
    (wrong,) = [finding for finding in found["findings"] if finding["check"] == "a wrong crc64nvme is refused"]
    assert wrong == {
        "group": "checksums",
        "check": "a wrong crc64nvme is refused",
        "verdict": "differs",
        "found": "a body was stored with the checksum of another one",
        "claim": "checksums=crc64nvme+crc32c+crc32+sha256+sha1",
    }
    assert found["requests"]["PutObject"] > 100
    assert found["left"] == []
    assert server.core.keys("bucket") == []


def test_reading_only(server, capsys):
    server.core.put_many("bucket", [("in/a", b"12345678"), ("in/b", b"2")])
    assert main(["conformance", "s3://store@bucket/in/", "--read-only"]) == 0
    assert server.log.writes() == []
    assert "0 differ" in capsys.readouterr().out


def test_folder(tmp_path, capsys):
    assert main(["conformance", f"{tmp_path.as_uri()}/"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "refused before anything is sent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3:/bucket", "names no scheme"),
        ("memory://bucket/", "no store is known"),
        ("s3://nobody@bucket/", "there is no connection 'nobody'"),
        ("s3://store@missing/", "NoSuchBucket"),
        ("file:///there/is/no/such/folder/", "there is no such folder"),
    ],
)
def test_bad_place_is_code_2_with_one_line(server, capsys, url, words):
    assert main(["conformance", url]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert len([line for line in said.err.splitlines() if line.startswith("python -m airflow_bucketsync")]) == 1
    assert "Traceback" not in said.err
    assert said.out == ""


def test_bad_usage_is_code_2(capsys):
    for arguments in ([], ["conformance"], ["conformance", "s3://store@bucket/", "--wrong"], ["other"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    assert "usage: python -m airflow_bucketsync" in capsys.readouterr().err


def _hears_signals():
    """Whoever runs the tests in the background has them ignore Ctrl-C, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(server, number, tmp_path):
    """In a process of its own, as people run it."""
    command = [sys.executable, "-m", "airflow_bucketsync", "conformance", "s3://store@bucket/"]
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    environment.pop("_AIRFLOW_PROCESS_CONTEXT")
    server.latency = 0.005
    arrived = threading.Event()
    how = {"env": environment, "cwd": Path.cwd(), "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=_hears_signals, **how) as process:
        while not arrived.wait(0.05) and process.poll() is None:
            if len(server.log.writes()) > 40:
                arrived.set()
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "(stopped before the end)" in out
    assert server.core.keys("bucket") == []
    assert server.core.uploads("bucket") == []


def test_the_table_shows_claims_and_what_is_left():
    result = Conformance(
        location="s3://c@b/",
        findings=(
            Finding(group="checksums", check="one", verdict="differs", found="stored", claim="checksums=sha256"),
            Finding(group="parts", check="two", verdict="differs", found="lost"),
            Finding(group="keys", check="three", verdict="not tried", found="refused", claim="name_folding=none"),
            Finding(group="keys", check="four", verdict="holds"),
        ),
        requests={"PutObject": 2, "HeadObject": 1},
        seconds=1.26,
        left=("'k': denied",),
        stopped=True,
    )
    assert table(result).splitlines() == [
        "s3://c@b/",
        "differs    checksums   one    stored (but checksums=sha256)",
        "differs    parts       two    lost (every store must)",
        "not tried  keys        three  refused",
        "holds      keys        four",
        "",
        "1 hold, 2 differ, 1 were not tried (stopped before the end)",
        "3 requests in 1.3 s: HeadObject 1, PutObject 2",
        "Left behind:",
        "  'k': denied",
    ]
