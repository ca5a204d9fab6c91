"""Does the demo's sample hold what it says, and does the demo leave nothing behind?

The whole is `make demo EXIT=1`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from demo import sample
from demo.run import DESTINATION
from tests.servers.s3 import Credential, S3Server

ROOT = Path(__file__).parent.parent
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
child.stdout.readline()
print(child.pid, flush=True)
"""
ORPHAN = f"""
import subprocess, sys
from demo.processes import nothing_left_behind
with nothing_left_behind():
    print(subprocess.run([sys.executable, "-c", {PARENT!r}], stdout=subprocess.PIPE, text=True, check=True).stdout)
"""


def test_keys_are_distinct_and_legal_at_both_ends():
    keys = [item.key for item in sample.items()]
    prefix = DESTINATION.partition("@destination/")[2]
    assert len(keys) == len(set(keys)) > sample.PLAIN_OBJECTS
    assert set(sample.HOSTILE_KEYS) < set(keys)
    assert {sample.CHANGED_KEY, sample.REMOVED_KEY} < set(keys)
    assert sample.ADDED_KEY not in keys
    assert max(len((prefix + key).encode()) for key in keys) <= 1024


def test_plain_keys_are_file_names():
    for item in sample.items(plain_keys=True, objects=50):
        assert all(part and part not in (".", "..") for part in item.key.split("/"))


def test_sample_arrives_and_changes(monkeypatch):
    monkeypatch.setattr(sample, "LARGE_PARTS", 1)
    monkeypatch.setattr(sample, "LARGE_PART", sample.MIB)
    with S3Server(credentials=[Credential("key", "secret")], buckets=["source"]) as server:
        client = sample.connect(server.url, "key", "secret")
        sample.make_bucket(client, "source")
        count = sample.fill(client, "source", objects=120)
        before = sample.contents(client, "source")
        assert len(before) == count == 120 + 1 + len(sample.HOSTILE_KEYS) + 1
        monkeypatch.setattr(sample, "CHANGED_KEY", "tables/day-000/part-0003.json")
        sample.change(client, "source")
        after = sample.contents(client, "source")
    assert before.keys() - after.keys() == {sample.REMOVED_KEY}
    assert after.keys() - before.keys() == {sample.ADDED_KEY}


def test_changed_object_keeps_its_size(monkeypatch):
    first = next(item for item in sample.items() if item.key == sample.CHANGED_KEY)
    put = []

    class Client:
        put_object = staticmethod(lambda **request: put.append(request))
        delete_object = staticmethod(lambda **request: None)

    sample.change(Client, "source")
    body = next(request["Body"] for request in put if request["Key"] == sample.CHANGED_KEY)
    assert len(body) == len(first.body)
    assert body != first.body


def test_nothing_is_left_behind():
    """A program whose parent has ended, and that ignores being asked to end."""
    answer = subprocess.run([sys.executable, "-c", ORPHAN], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not psutil.pid_exists(int(answer.stdout))
