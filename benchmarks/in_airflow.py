"""What does a sync cost in a real Airflow, and how much of it is Airflow's own? (`make bench-airflow N=10000`)

One run by hand that copies everything, and one that finds nothing to do, on SQLite with LocalExecutor. CPU is that of
every process of Airflow, ended tasks included, less what the same processes use in as much time without a run. The
engine's CPU is that of the same sync in one process, so the rest is what Airflow adds.

With `--mixed` the objects have 0 bytes to 300 MiB, they are copied once, and what is measured are the tasks: how many
there are, and how long they last.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks import sample
from benchmarks.contenders import engine
from benchmarks.measure import measure
from benchmarks.table import table
from benchmarks.tasks import measure_tasks
from demo.sample import connect
from demo.servers import Server, running_server
from tests.system.airflow import Airflow, connection
from tests.system.processes import clean_environment

DAGS = Path(__file__).resolve().parent.parent / "dags"
SOURCE = "benchmark-source"
IDLE = 20.0
"""Seconds over which an Airflow without a run is measured."""
HEADER = [
    "run",
    "task instances executed",
    "wall s",
    "CPU s of Airflow and tasks",
    "CPU s of the engine alone",
    "share",
]


def cpu_of(airflow: Airflow) -> float:
    """Seconds of CPU of all processes of an Airflow so far, those included that ended and were waited for."""
    total = 0.0
    for process in airflow.processes:
        for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def engine_cpu(server: Server, folder: Path) -> list[float]:
    """Seconds of CPU of the same sync in one process: the run that copies, and the one that finds nothing to do."""
    contender = engine(server, SOURCE, clean_environment(), folder, "metadata")
    connect(server.endpoint, server.access_key, server.secret_key).create_bucket(Bucket=contender.name)
    log = folder / "engine.log"
    return [measure(server, contender.copy, contender.environment, log).cpu for _ in range(2)]


def airflow_rows(server: Server, folder: Path, slots: int, alone: Sequence[float]) -> list[list[str]]:
    """Both runs in a real Airflow, as rows of the table."""
    connect(server.endpoint, server.access_key, server.secret_key).create_bucket(Bucket="destination")
    extra = {"endpoint_url": server.endpoint, "region_name": "us-east-1"}
    settings = {
        "AIRFLOW_CONN_STORE": connection("aws", login=server.access_key, password=server.secret_key, extra=extra),
        "AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS": f"s3://store@{SOURCE}/, s3://store@destination/",
    }
    rows = []
    with Airflow(folder / "airflow", dags=DAGS, env=settings, slots=slots) as airflow:
        airflow.wait_for_dag("bucket_sync")
        time.sleep(IDLE / 2)
        before = cpu_of(airflow)
        time.sleep(IDLE)
        idle = (cpu_of(airflow) - before) / IDLE
        for name, engine_alone in zip(("copies everything", "finds nothing to do"), alone, strict=True):
            before, began = cpu_of(airflow), time.monotonic()
            conf = {"source": f"s3://store@{SOURCE}/", "destination": "s3://store@destination/"}
            run = airflow.run("bucket_sync", conf, timeout=3600)
            wall = time.monotonic() - began
            used = cpu_of(airflow) - before - idle * wall
            if run.state != "success":
                raise SystemExit(run.log("bucket_sync.report"))
            share = f"{1 - engine_alone / used:.0%}"
            rows.append([name, str(run.executed), f"{wall:.1f}", f"{used:.1f}", f"{engine_alone:.1f}", share])
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.in_airflow", description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=2, help="tasks that run at once")
    parser.add_argument("--mixed", action="store_true", help="objects of 0 bytes to 300 MiB; count and time the tasks")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the sync, with --mixed")
    options = parser.parse_args(arguments)
    if options.mixed:
        pairs = (item.split("=", 1) for item in options.option)
        given = {name: int(value) if value.isdecimal() else value for name, value in pairs}
        with tempfile.TemporaryDirectory(prefix="bucketsync-bench-") as name:
            print(measure_tasks(Path(name), objects=options.objects, slots=options.slots, options=given))
        return 0
    with tempfile.TemporaryDirectory(prefix="bucketsync-bench-") as name, running_server(Path(name)) as server:
        folder = Path(name)
        client = connect(server.endpoint, server.access_key, server.secret_key)
        sample.fill(client, SOURCE, options.objects - 1, sample.MIB)
        rows = airflow_rows(server, folder, options.slots, engine_cpu(server, folder))
    print(f"{options.objects:,} objects, {options.slots} slots, SQLite, verify: metadata; share = what Airflow adds\n")
    print(table(HEADER, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
