"""Does the benchmark measure what it says? (`make bench` is the whole, with the peers.)"""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks import run, sample
from benchmarks.measure import CommandFailed, measure
from benchmarks.table import rows
from demo.sample import connect
from demo.servers import Server
from tests.servers.s3 import Credential, S3Server

BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


@pytest.fixture
def server():
    with S3Server(credentials=[Credential("key", "secret")]) as running:
        yield Server(running.port, "key", "secret")


def test_engine_from_end_to_end(capsys):
    assert run.main(["--objects", "40", "--large", "6"]) == 0
    table = capsys.readouterr().out
    first, second = table.split("### Second run")
    assert "41 CopyObject" in first
    assert "CopyObject" not in second
    assert "| bucketsync-metadata | airflow-bucketsync" in second


def test_cpu_wall_and_requests_are_those_of_the_command(server, tmp_path):
    ask = f"import urllib.request; urllib.request.urlopen({server.endpoint + '/_control/stats'!r})"
    cost = measure(server, [sys.executable, "-c", f"{BUSY}\n{ask}"], dict(os.environ), tmp_path / "log")
    assert 0.3 <= cost.cpu <= 3
    assert cost.wall >= 0.3
    assert cost.requests == {}  # the control path is no request to the store


def test_memory_is_that_of_the_command_and_not_of_its_parent(server, tmp_path):
    ballast = bytearray(os.urandom(1)) * (300 * sample.MIB)
    small = measure(server, [sys.executable, "-S", "-c", "pass"], dict(os.environ), tmp_path / "log")
    large = measure(
        server, [sys.executable, "-S", "-c", f"b'x' * {100 * sample.MIB}"], dict(os.environ), tmp_path / "log"
    )
    assert len(ballast) > 0
    assert small.memory < 60 * sample.MIB
    assert 100 * sample.MIB < large.memory < 200 * sample.MIB


def test_a_command_that_fails_is_no_figure(server, tmp_path):
    with pytest.raises(CommandFailed, match="no such thing"):
        measure(server, [sys.executable, "-c", "raise SystemExit('no such thing')"], dict(os.environ), tmp_path / "log")


def test_judge_sees_what_is_missing_other_or_bare(server):
    client = connect(server.endpoint, "key", "secret")
    sample.fill(client, "source", 25, sample.MIB)
    sample.fill(client, "whole", 25, sample.MIB)
    assert sample.judge(client, "source", "whole", 25) == "all"
    client.put_object(Bucket="whole", Key=sample.key_of(3), Body=b"other")
    assert sample.judge(client, "source", "whole", 25) == "objects differ"
    sample.fill(client, "bare", 25, sample.MIB)
    client.copy_object(
        Bucket="bare",
        Key=sample.LARGE_KEY,
        CopySource={"Bucket": "source", "Key": sample.LARGE_KEY},
        MetadataDirective="REPLACE",
    )
    assert sample.judge(client, "source", "bare", 25).startswith("metadata lost")


def test_ratios_are_to_the_best_peer():
    def figure(name: str, cpu: float) -> dict[str, object]:
        cost = {"cpu": cpu, "wall": 1.0, "memory": 0, "requests": {}}
        return {"name": name, "objects": 1000, "costs": {"first": cost}}

    table = rows([figure("bucketsync-none", 1.0), figure("s5cmd", 4.0), figure("rclone", 2.0)], "first")
    assert [row[2] for row in table] == ["0.50", "2.00", "1.00"]
    assert [row[1] for row in table] == ["1,000", "4,000", "2,000"]
