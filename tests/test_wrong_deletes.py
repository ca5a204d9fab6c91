"""Does `make peers` see a wrong delete, and does ours make none? (P4, F01 to F07, F14)"""

from __future__ import annotations

import sys

import psutil
import pytest

from benchmarks import wrong_deletes
from benchmarks.deleters import OURS, Deleter, engine
from benchmarks.listings import KINDS, PAGE
from benchmarks.wrong_deletes import EMPTY, KEY_PAIR, OBJECTS, SOUND, Verdict, deletes, judge, refuses_empty, right
from demo.servers import Server
from tests.servers.s3 import Credential, S3Server
from tests.system.processes import clean_environment

NAIVE = """
import os, sys, boto3
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
pages = client.get_paginator("list_objects_v2")
found = [{entry["Key"] for page in pages.paginate(Bucket=bucket) for entry in page.get("Contents", [])}
         for bucket in sys.argv[2:]]
for key in found[1] - found[0]:
    client.delete_object(Bucket=sys.argv[3], Key=key)
"""


@pytest.fixture
def server():
    with S3Server(credentials=[Credential(*KEY_PAIR)]) as running:
        yield running


def deleter(server, program):
    keys = {"AWS_ACCESS_KEY_ID": KEY_PAIR[0], "AWS_SECRET_ACCESS_KEY": KEY_PAIR[1], "AWS_MAX_ATTEMPTS": "1"}
    environment = clean_environment() | keys

    def command(source, destination):
        return (sys.executable, "-c", program, server.url, source, destination)

    return Deleter("program", "0", "", command, environment)


def test_ours_loses_nothing_and_deletes_what_is_too_much(server, tmp_path):
    """The whole of `make peers`, but for the tools of others and the faults that differ only in their status."""
    ours = engine(Server(server.port, *KEY_PAIR), clean_environment(), tmp_path)
    kinds = {kind.name: kind for kind in KINDS}
    wanted = {SOUND: None, "not-truncated": kinds["not-truncated"], "empty-200": kinds["empty-200"], EMPTY: None}
    found = {name: judge(ours, server, name, kind, tmp_path) for name, kind in wanted.items()}
    assert deletes(found)
    assert refuses_empty(found)
    assert "not one object is at the source" in found[EMPTY].output
    for name in ("not-truncated", "empty-200"):
        assert (found[name].lost, found[name].extra, found[name].status) == (0, 0, 1), found[name].output
    assert "listing" in found["not-truncated"].output


@pytest.mark.parametrize(
    ("name", "lost", "green"),
    [("not-truncated", OBJECTS - 2 * PAGE, True), ("empty-200", OBJECTS - PAGE, True), ("status-403", 0, False)],
)
def test_what_a_tool_loses_that_believes_its_listing_is_seen(server, tmp_path, name, lost, green):
    kind = {kind.name: kind for kind in KINDS}[name]
    verdict = judge(deleter(server, NAIVE), server, name, kind, tmp_path)
    assert (verdict.lost, verdict.green) == (lost, green), verdict.output
    assert verdict.text.startswith(f"**{lost} lost**" if lost else "none lost")


def test_a_run_without_an_end_is_stopped_with_what_it_started(server, tmp_path, monkeypatch):
    monkeypatch.setattr(wrong_deletes, "PATIENCE", 1.0)
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    sleeps = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    verdict = judge(deleter(server, sleeps), server, "endless", None, tmp_path)
    assert verdict.status is None
    assert verdict.text == "none lost, no end"
    assert not runs(int(verdict.output))


def runs(number):
    """Whether a process still runs, some seconds after it was ended."""
    try:
        process = psutil.Process(number)
        process.wait(5)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return psutil.pid_exists(number) and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_who_deletes_nothing_has_shown_nothing():
    quiet = {name: Verdict(0, 0, 0) for name in (SOUND, EMPTY, *(kind.name for kind in KINDS))}
    assert right(quiet) == len(KINDS) == 8
    assert not deletes(quiet)
    assert not refuses_empty(quiet), "an empty source is refused by saying so"
    ours = Deleter(OURS, "1", "", lambda source, destination: (), {})
    assert "**does not**" in wrong_deletes.markdown([ours], {OURS: quiet})


@pytest.mark.parametrize("bad", [SOUND, EMPTY, "no-token"])
def test_one_wrong_delete_ends_red(monkeypatch, capsys, bad):
    good = {kind.name: Verdict(0, 0, 1) for kind in KINDS} | {SOUND: Verdict(0, 5, 0), EMPTY: Verdict(0, 0, 1)}
    found = good
    monkeypatch.setattr(wrong_deletes, "compete", lambda *_: found)
    assert wrong_deletes.main([]) == 0
    assert "ours: 8 of 8, empty source refused" in capsys.readouterr().out
    found = good | {bad: Verdict(1, 5, 0)}
    assert wrong_deletes.main([]) == 1
