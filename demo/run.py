"""The demo from its start to its end: `make demo`, or `make demo EXIT=1` to end by itself."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from demo import sample, show
from demo.processes import nothing_left_behind
from demo.servers import Server, running_server
from tests.system.airflow import PASSWORD, USER, Airflow, Run, connection
from tests.system.processes import NotReady

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".demo"
DAG = "bucket_sync"
SOURCE, DESTINATION = "s3://demo_source@source/", "s3://demo_destination@destination/copy/"
BATCH = 1000  # objects per copy task, so that even a small bucket is copied by several


def settings(server: Server) -> dict[str, str]:
    """What the package and its connections need to know, as Airflow's environment."""
    extra = {"endpoint_url": server.endpoint, "region_name": "us-east-1"}
    store = connection("aws", login=server.access_key, password=server.secret_key, extra=extra)
    return {
        "AIRFLOW_CONN_DEMO_SOURCE": store,
        "AIRFLOW_CONN_DEMO_DESTINATION": store,
        "AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS": f"{SOURCE}, {DESTINATION}",
        "AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": "dry_run, include, exclude, verify, compare, batch_objects",
        "AIRFLOW__BUCKETSYNC__WORKSPACE": (HOME / "workspace").as_uri() + "/",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def make_sample(server: Server) -> int:
    """Fill the source bucket; returns how many objects it holds."""
    client = sample.connect(server.endpoint, server.access_key, server.secret_key)
    for bucket in ("source", "destination"):
        sample.make_bucket(client, bucket)
    return sample.fill(client, "source")


def sync(airflow: Airflow, server: Server, checks: show.Checks) -> dict[str, Any]:
    """One run by hand, shown as it goes; returns its report."""
    server.forget_log()
    run = airflow.trigger(DAG, {"source": SOURCE, "destination": DESTINATION, "batch_objects": BATCH})
    state, tasks = show.follow(airflow, DAG, run)
    reporter = next(task["task_id"] for task in tasks if task["task_id"].rpartition(".")[2] == "report")
    report: dict[str, Any] | None = Run(airflow, DAG, run, state, 0.0).xcom(reporter)
    if report is None:
        raise NotReady(f"the run ended ({state}) without a report; its logs are in {airflow.home / 'logs'}")
    show.summary(report)
    show.line(f"task instances executed: {sum(task['state'] in show.FINISHED for task in tasks)}")
    checks.that(state == "success" and report["green"], "the run is green")
    return report


def same(client: Any) -> bool:
    """Whether the destination holds what the source holds, by a listing of ours: sizes, and ETags of whole objects."""
    source, destination = sample.contents(client, "source"), sample.contents(client, "destination")
    large = source.pop(sample.LARGE_KEY)[0] == destination.pop(f"copy/{sample.LARGE_KEY}", (None,))[0]
    return large and all(destination.get(f"copy/{key}") == value for key, value in source.items())


def three_runs(airflow: Airflow, server: Server, checks: show.Checks, objects: int) -> None:
    """The story: everything, nothing, three differences."""
    client = sample.connect(server.endpoint, server.access_key, server.secret_key)
    show.step(f"First run: {SOURCE} -> {DESTINATION}")
    counts = sync(airflow, server, checks)["counts"]
    checks.that(counts == {"copied": objects}, f"all {objects} objects were copied")
    checks.that(same(client), "the destination holds every object of the source (listed by the demo itself)")

    show.step("Second run: nothing has changed")
    counts = sync(airflow, server, checks)["counts"]
    checks.that(counts == {"same": objects}, f"all {objects} objects are the same")
    checks.that(not server.writes("destination"), "the server saw no write to the destination")

    show.step("One object changed (same size), one added, one removed at the source. Third run")
    sample.change(client, "source")
    counts = sync(airflow, server, checks)["counts"]
    expected = {"copied": 2, "same": objects - 2, "extra": 1}
    checks.that(counts == expected, "2 copied, 1 reported as extra and kept, the rest the same")
    checks.that(same(client), "the destination holds every object of the source (listed by the demo itself)")
    kept = f"copy/{sample.REMOVED_KEY}" in sample.contents(client, "destination")
    checks.that(kept, "what was removed at the source is still at the destination: deleting is off unless asked for")


def stay(airflow: Airflow) -> None:
    """Say where the pages are, and wait for Ctrl-C."""
    show.line(f"Airflow: {airflow.url}/dags/{DAG}   user {USER}, password {PASSWORD}")
    show.line(f"logs and pages of the runs: {HOME.relative_to(ROOT)}/   Ctrl-C ends everything")
    while all(process.ended is None for process in airflow.processes):
        time.sleep(1)
    raise NotReady(f"a process of Airflow ended; see {airflow.home}")


def main() -> int:
    """Run the demo; 0 when every claim held."""
    parser = argparse.ArgumentParser(prog="python -m demo.run", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="end after the third run")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began, checks, told = time.monotonic(), show.Checks(), False
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    try:
        with nothing_left_behind(), ThreadPoolExecutor(1) as beside, running_server(HOME) as server:
            show.step("Starting an S3 server and Airflow (scheduler, DAG processor, API server; SQLite, LocalExecutor)")
            filled = beside.submit(make_sample, server)
            with Airflow(HOME / "airflow", dags=ROOT / "dags", env=settings(server)) as airflow:
                objects = filled.result()
                size = sample.LARGE_PARTS * sample.LARGE_PART // sample.MIB
                hostile = len(sample.HOSTILE_KEYS)
                show.line(f"sample bucket: {objects} objects, {hostile} with hostile names, one of {size} MiB")
                airflow.wait_for_dag(DAG)
                show.line(f"ready after {time.monotonic() - began:.0f} s")
                three_runs(airflow, server, checks, objects)
                told = True
                show.step(f"{len(checks.failed)} claims failed" if checks.failed else "Every claim held")
                show.line(f"{time.monotonic() - began:.0f} s in all")
                if not options.exit:
                    stay(airflow)
    except KeyboardInterrupt:
        show.step("Ended" if told else "Ended before the third run")
    except NotReady as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 1 if checks.failed or not told else 0


if __name__ == "__main__":
    sys.exit(main())
