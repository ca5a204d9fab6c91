"""How many tasks does a run of all sizes take in a real Airflow, how long do they last, and who uses the CPU?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks import mixed
from benchmarks.table import table
from demo.sample import connect
from demo.servers import Server
from tests.system.airflow import EXECUTED, Airflow, Run, connection
from tests.system.processes import Process

DAGS = Path(__file__).resolve().parent.parent / "dags"
IDLE = 20.0
"""Seconds over which an Airflow without a run is measured."""
MAPPED = ("list", "copy", "upload_parts", "verify")
TASKS_HEADER = ["task", "instances", "median s", "longest s"]
CPU_HEADER = ["processes", "CPU s during the run", "of it without a run too"]


def cpu_split(airflow: Airflow, server: Process) -> dict[str, float]:
    """Seconds of CPU so far by who used them; a task's are those of its supervisor and of what it started too."""
    found = {"tasks, their start and supervision": 0.0}
    for process in (*airflow.processes, server):
        own = psutil.Process(process.pid)
        below = sum(map(_cpu, own.children(recursive=True))) + _ended(own)
        if process.name == "scheduler":
            found["tasks, their start and supervision"] += below
            below = 0.0
        found[process.name] = _cpu(own, with_ended=False) + below
    return found


def _cpu(process: psutil.Process, *, with_ended: bool = True) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system) + (_ended(process) if with_ended else 0.0)
    return 0.0


def _ended(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.children_user + times.children_system)
    return 0.0


def task_rows(instances: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """A row per task, one for all mapped task instances, one for all: how many ran, the median, the longest."""
    seconds: dict[str, list[float]] = {}
    for item in instances:
        if item["state"] in EXECUTED and item["try_number"]:
            seconds.setdefault(item["task_id"].removeprefix("bucket_sync."), []).append(item["duration"] or 0.0)
    every = [value for values in seconds.values() for value in values]
    of_mapped = [value for name, values in seconds.items() if name in MAPPED for value in values]
    groups = [*seconds.items(), ("all mapped ones", of_mapped), ("all", every)]
    return [
        [name, str(len(values)), f"{median(values):.1f}", f"{max(values):.1f}"] for name, values in groups if values
    ]


def measure_tasks(folder: Path, *, objects: int, slots: int, options: Mapping[str, Any]) -> str:
    """Run the sync once; what it took, as text.

    :param options: of the sync, by their names
    """
    with mixed.running(folder, objects) as (server, process):
        text = process.tail().split()[-2]
        run, report, wall, used, idle = _run(server, process, folder, slots=slots, options=options)
        memory = psutil.Process(process.pid).memory_info().rss
        arrived = mixed.judge(connect(server.endpoint, server.access_key, server.secret_key))
        requests = ", ".join(f"{count:,} {name}" for name, count in _counted(server).items())
    again = sum(item["try_number"] - 1 for item in run.instances if item["try_number"] > 1)
    given = "".join(f", {name} {value}" for name, value in options.items())
    lines = [
        f"{objects:,} objects of 0 bytes to 300 MiB, {int(text) / 2**30:.1f} GiB, bucket to bucket, {slots} slots, "
        f"SQLite{given}",
        f"{run.executed} task instances, {again} tried again, {wall:.1f} s from start to end; {report['counts']}, "
        f"verified: {report['verified']}; arrived: {arrived}",
        f"requests: {requests}; the server holds {memory / 2**20:.0f} MiB",
        "",
        table(TASKS_HEADER, task_rows(run.instances)),
        "",
        table(CPU_HEADER, [[name, f"{seconds:.1f}", f"{idle[name] * wall:.1f}"] for name, seconds in used.items()]),
    ]
    return "\n".join(lines)


def _counted(server: Server) -> dict[str, int]:
    counts = {name: count for name, count in server.stats()["operations"].items() if name != "Control"}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _run(
    server: Server, process: Process, folder: Path, *, slots: int, options: Mapping[str, Any]
) -> tuple[Run, Mapping[str, Any], float, dict[str, float], dict[str, float]]:
    """The run, its report, its seconds, the CPU by who used it, and what they use in a second without a run."""
    extra = {"endpoint_url": server.endpoint, "region_name": "us-east-1"}
    source, destination = (f"s3://store@{name}/" for name in (mixed.SOURCE, mixed.DESTINATION))
    settings = {
        "AIRFLOW_CONN_STORE": connection("aws", login=server.access_key, password=server.secret_key, extra=extra),
        "AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS": f"{source}, {destination}",
        "AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": ", ".join(options),
    }
    with Airflow(folder / "airflow", dags=DAGS, env=settings, slots=slots) as airflow:
        airflow.wait_for_dag("bucket_sync")
        time.sleep(IDLE / 2)
        before = cpu_split(airflow, process)
        time.sleep(IDLE)
        idle = {name: (value - before[name]) / IDLE for name, value in cpu_split(airflow, process).items()}
        server.forget_log()
        before, began = cpu_split(airflow, process), time.monotonic()
        run = airflow.run("bucket_sync", {"source": source, "destination": destination, **options}, timeout=3600)
        wall = time.monotonic() - began
        after = cpu_split(airflow, process)
        if run.state != "success":
            raise SystemExit(run.log("bucket_sync.report"))
        report = run.xcom("bucket_sync.report")
    return run, report, wall, {name: value - before[name] for name, value in after.items()}, idle
