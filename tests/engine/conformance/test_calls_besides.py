"""Does docs/calls.md name every request that analyses, clean-ups, undos and sweeps of the trash send to a bucket?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_bucketsync.engine.model.cleaning import CleanLimits
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps.analyse import analyse_store
from airflow_bucketsync.engine.steps.clean import clean
from airflow_bucketsync.engine.steps.sweep_trash import sweep_trash
from airflow_bucketsync.engine.steps.undo import undo_run
from airflow_bucketsync.engine.steps.undone import read_done
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate
from tests.engine.conformance.test_calls import OPERATIONS, PAGE
from tests.engine.steps.trashing import MOST, Ground, make, remote
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

TITLES = {"s3": "Amazon S3", "oss": "Alibaba OSS"}
BODY = b"x" * (MOST + 1)


def rows() -> dict[str, dict[str, set[str]]]:
    """By DAG and service, the operations of the page's last table."""
    (text,) = [part for part in re.split(r"^## ", PAGE.read_text(), flags=re.M) if part.startswith("The other DAGs")]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {
        cells[0].strip(" `"): {
            service: set(re.findall(r"`(\w+)`", cell)) for service, cell in zip(TITLES, cells[1:], strict=True)
        }
        for cells in lines
    }


@contextmanager
def sent(ground: Ground, into: set[str]) -> Iterator[None]:
    """Note what is sent to the destination."""
    before = ground.server.log.last_index
    yield
    bucket = ground.destination.location.bucket
    into |= {entry.operation for entry in ground.server.log.since(before) if entry.bucket == bucket}


@pytest.mark.parametrize("service", TITLES)
def test_what_the_other_dags_send(service: str, tmp_path: Path) -> None:
    found: dict[str, set[str]] = {
        "analyse_bucket": set(),
        "clean_bucket": set(),
        "undo_sync": set(),
        "sweep_trash": set(),
    }
    with S3Server(min_part_size=1) as s3, OSSServer(min_part_size=1) as oss, ExitStack() as stack:
        for special in ("", " versions", " parts"):
            ground = make(service + special, tmp_path, stack, {"s3": s3, "oss": oss})
            ground.seed({"deleted": BODY, "over": b"before", "tmp/1": b"1", "tmp/2": BODY}, there=True)
            ground.seed({"over": b"and after", "added": b"added"})
            with sent(ground, found["analyse_bucket"]):
                assert analyse_store(ground.destination).analysis.objects == 4
            with sent(ground, found["clean_bucket"]):
                report = clean(
                    ground.destination,
                    ground.workspace,
                    run="clean",
                    selection=Selection(include=("tmp/**",)),
                    limits=CleanLimits(max_delete_share=1.0),
                    dry_run=False,
                    gate=Gate(clock=ground.clock),
                )
            assert report.counts == {"trashed": 2}
            ground.sync(run="run")
            bucket = ground.destination.location.bucket  # a new store: another task asks anew what is asked once
            ground.destination = remote(ground.server, bucket, "data/", parts=special == " parts")
            stack.callback(ground.destination.close)
            run = ground.run("undo")
            with sent(ground, found["undo_sync"]):
                undone = undo_run(run, read_done(Workspace(run.workspace.store, pair="pair", run="run")), dry_run=False)
            assert undone.counts == {"removed": 1, "restored": 2}
            ground.server.core.clock.shift(40 * 86_400)
            holder = ground.run("holder").destination.below("_bucketsync/")
            holder.put("lock-0000000000000000.json", b"{}")
            with sent(ground, found["sweep_trash"]):
                sweep_trash(ground.destination, ground.workspace, run="held", dry_run=False)
            holder.delete("lock-0000000000000000.json")
            with sent(ground, found["sweep_trash"]):
                sweep_trash(
                    ground.destination, ground.workspace, run="sweep", dry_run=False, older_than=timedelta(days=30)
                )
            assert s3.failures == oss.failures == []
    said = {dag: cells[service] for dag, cells in rows().items()}
    words = "\n".join(f"{dag}: {', '.join(f'`{name}`' for name in sorted(names))}" for dag, names in found.items())
    assert said == found, f"write these for {service}:\n{words}"
    assert all(names <= OPERATIONS[service] for names in said.values())
