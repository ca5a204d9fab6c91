"""Does the benchmark of many sizes hold the sizes it names, see what did not arrive, and count tasks right?"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from benchmarks import mixed
from benchmarks.tasks import cpu_split, task_rows
from demo.sample import connect
from tests.servers.core.body import SyntheticBody
from tests.servers.s3 import Credential, S3Server

BUSY = "import time\nwhile time.process_time() < 0.5: pass"


def test_sizes_are_those_of_the_tiers_and_the_same_each_time():
    found = mixed.sizes(50_000)
    assert found == mixed.sizes(50_000)
    assert len(found) == 50_000
    assert (min(found), max(found)) == (0, 300 * mixed.MIB)
    assert sum(1 for size in found if size > 10 * mixed.MIB) == pytest.approx(500, abs=2)
    assert sum(1 for size in found if size <= 64 * mixed.KIB) == pytest.approx(36_000, rel=0.01)
    assert sorted(mixed.sizes(2)) == [0, 300 * mixed.MIB]


def test_judge_sees_what_is_missing_other_or_more():
    server = S3Server(credentials=[Credential("key", "secret")])
    mixed.fill(server, 60)
    objects = {key: server.core.find(mixed.SOURCE, key) for key in server.core.keys(mixed.SOURCE)}
    with server:
        client = connect(server.url, "key", "secret")
        assert mixed.judge(client) == "60 objects differ"
        for key, version in objects.items():
            etag = f"{version.etag}-3" if version.size > 100 * mixed.MIB else version.etag
            server.core.put(mixed.DESTINATION, key, version.body, etag=etag)
        server.core.put(mixed.DESTINATION, "_bucketsync/state", b"ours")
        assert mixed.judge(client) == "all"
        key = mixed.key_of(5)
        server.core.put(mixed.DESTINATION, key, SyntheticBody(objects[key].size + 1))
        server.core.put(mixed.DESTINATION, "day=0000/more", b"")
        assert mixed.judge(client) == "2 objects differ"
        client.close()


def test_tasks_that_ran_are_counted_with_their_median_and_longest():
    def instance(task: str, seconds: float | None, state: str = "success") -> dict[str, object]:
        return {"task_id": task, "state": state, "try_number": 1, "duration": seconds}

    rows = task_rows(
        [
            instance("bucket_sync.prepare", 1.0),
            *(instance("bucket_sync.copy", seconds) for seconds in (10.0, 40.0, 20.0)),
            instance("bucket_sync.delete_extra", None, "skipped"),
            instance("next_round", 2.0),
        ]
    )
    assert rows == [
        ["prepare", "1", "1.0", "1.0"],
        ["copy", "3", "20.0", "40.0"],
        ["next_round", "1", "2.0", "2.0"],
        ["all mapped ones", "3", "20.0", "40.0"],
        ["all", "5", "10.0", "40.0"],
    ]


def test_cpu_of_what_the_scheduler_started_is_that_of_tasks():
    """Ended or not; of every other process it is its own."""
    # one that works itself, starts one that ends, and one that goes on
    text = f"import subprocess, sys\nstart = [sys.executable, '-c', {BUSY!r}]\nsubprocess.run(start, check=True)\n"
    text += f"subprocess.Popen([*start[:2], {BUSY!r} + '\\nimport time; time.sleep(60)'])\n{BUSY}\ntime.sleep(60)"
    started = [subprocess.Popen([sys.executable, "-c", text], env=dict(os.environ)) for _ in range(2)]
    try:
        processes = [
            SimpleNamespace(name=name, pid=item.pid) for name, item in zip(("scheduler", "other"), started, strict=True)
        ]
        server = SimpleNamespace(name="s3-server", pid=os.getpid())
        end = time.monotonic() + 60
        least = {"other": 1.4, "scheduler": 0.45, "tasks, their start and supervision": 0.9}
        found = dict.fromkeys(least, 0.0)
        while any(found[name] < figure for name, figure in least.items()) and time.monotonic() < end:
            time.sleep(0.2)
            found = cpu_split(SimpleNamespace(processes=processes[:2]), server)
        assert 1.4 <= found["other"] < 4
        assert 0.45 <= found["scheduler"] < 1.5
        assert 0.9 <= found["tasks, their start and supervision"] < 3
    finally:
        for item in started:
            for process in (*psutil.Process(item.pid).children(), item):
                process.kill()
            item.wait()
