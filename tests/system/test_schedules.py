"""Do pairs start by cron, by an asset and by hand, one run at a time, and is somebody told when a run is red or late?

`dags/example_schedules.py` as it stands, with a minute for its hour, in a real Airflow without a triggerer (SQLite).
"""

from __future__ import annotations

import email
import email.policy
import itertools
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system.airflow import Run, connection
from tests.system.processes import wait_until
from tests.system.world import DAGS, World, states, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

EXAMPLE = (DAGS / "example_schedules.py").read_text()
HOURLY, FOLLOWING, RESTORING = "example_hourly_sync", "example_following_sync", "example_restoring_sync"
LATE = "late_hourly_sync"


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail for anybody, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailSession)
        self.mails: list[dict[str, str]] = []

    def subjects(self, dag_id: str) -> list[str]:
        """Of the mails about a DAG, in the order they came."""
        return [mail["subject"] for mail in self.mails if f" {dag_id} " in mail["subject"]]

    def about(self, run: Run, word: str) -> dict[str, str]:
        """The mail of this word about a run; {} = there is none."""
        subject = f"{word}: {run.dag_id} {run.run_id}"
        return next((mail for mail in self.mails if mail["subject"] == subject), {})


class _MailSession(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            verb = line.strip().upper()
            if verb == b"DATA":
                self._say("354 go on")
                self._keep(b"".join(iter(self.rfile.readline, b".\r\n")))
            self._say("250 fine" if verb != b"QUIT" else "221 bye")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())

    def _keep(self, data: bytes) -> None:
        mail = email.message_from_bytes(data, policy=email.policy.default)
        text = "".join(part.get_content() for part in mail.walk() if part.get_content_maintype() == "text")
        self.server.mails.append({"to": mail["to"], "subject": mail["subject"], "text": text})  # type: ignore[attr-defined]


@dataclass
class Schedules:
    """The world, its mail, and the places of the example."""

    world: World
    mail: MailServer

    def export(self, name: str, **files: str) -> None:
        """Write files where the example looks for them."""
        folder = self.world.folder / "data" / name / "exports"
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text)

    def unpause(self, dag_id: str, *, paused: bool = False) -> None:
        """Have a DAG start by its schedule, or no longer."""
        self.world.airflow.wait_for_dag(dag_id)
        self.world.airflow.patch(f"/api/v2/dags/{dag_id}", {"is_paused": paused})

    def ended(self, dag_id: str, count: int, *, timeout: float = 90.0) -> list[Run]:
        """The runs of a DAG in the order they began, as soon as there are so many and all have ended."""
        airflow = self.world.airflow
        wait_until(lambda: len(airflow.runs(dag_id)) >= count, what=f"{count} runs of {dag_id}", timeout=timeout)
        found = sorted(airflow.runs(dag_id), key=lambda run: run["queued_at"])
        return [airflow.wait(dag_id, run["dag_run_id"]) for run in found]

    def record(self, run: Run) -> dict[str, Any]:
        """A run as Airflow has it now."""
        return next(item for item in self.world.airflow.runs(run.dag_id) if item["dag_run_id"] == run.run_id)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schedules]:
    folder, mail = tmp_path_factory.mktemp("schedules"), MailServer()
    dags = folder / "dags"
    dags.mkdir()
    (dags / "schedules.py").write_text(_changed(EXAMPLE, '"7 * * * *"', '"* * * * *"'))
    late = EXAMPLE.replace('"example_', '"late_').replace("BUCKETSYNC_EXAMPLE_", "BUCKETSYNC_LATE_")
    (dags / "late.py").write_text(_changed(late, "minutes=50", "seconds=1"))
    environment = {
        **_places("BUCKETSYNC_EXAMPLE", folder, "on-time"),
        **_places("BUCKETSYNC_LATE", folder, "late"),
        "AIRFLOW_CONN_SMTP_DEFAULT": connection(
            "smtp",
            host="127.0.0.1",
            port=mail.server_address[1],
            extra={"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"},
        ),
    }
    threading.Thread(target=mail.serve_forever, daemon=True).start()
    try:
        with world(folder, postgres=False, dags=dags, **environment) as made:
            yield Schedules(made, mail)
    finally:
        mail.shutdown()
        mail.server_close()


def _changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def _places(variable: str, folder: Path, name: str) -> dict[str, str]:
    return {
        f"{variable}_EXPORTS": f"file://{folder}/data/{name}/exports/",
        f"{variable}_BACKUP": f"s3://store@destination/{name}/backup/",
        f"{variable}_SECOND": f"s3://store@destination/{name}/second/",
        f"{variable}_RESTORED": f"file://{folder}/data/{name}/restored/",
        f"{variable}_MAIL_TO": f"{name}@example.com",
    }


def _counts(run: Run) -> dict[str, int]:
    return dict(run.xcom("bucket_sync.report", "summary")["counts"])


def test_row_F12_cron_starts_by_itself_catches_nothing_up_and_an_asset_starts_what_follows(here: Schedules) -> None:
    here.export("on-time", a="1", b="2")
    before = datetime.now(UTC)
    here.unpause(FOLLOWING)
    here.unpause(HOURLY)
    (first, *_) = here.ended(HOURLY, 1)
    assert first.state == "success", first.log("bucket_sync.report")
    (followed,) = here.ended(FOLLOWING, 1)
    assert followed.state == "success", followed.log("bucket_sync.report")
    assert here.world.keys("destination", "on-time/second/") == {"a": b"1", "b": b"2"}

    first, second, *_ = here.ended(HOURLY, 2)  # nothing new: at its minute all the same
    assert second.state == "success"
    here.export("on-time", c="3")
    asked = here.world.airflow.run(HOURLY)  # by hand besides its schedule
    here.ended(FOLLOWING, 2)
    here.unpause(HOURLY, paused=True)
    runs = here.ended(HOURLY, 3)
    records = [here.record(run) for run in runs]
    scheduled = [item for item in records if item["run_type"] == "scheduled"]
    ticks = sorted(datetime.fromisoformat(item["logical_date"]) for item in scheduled)
    assert ticks[0] > before - timedelta(minutes=1), "not one of the minutes since January"
    assert len(set(ticks)) == len(ticks) >= 2
    assert asked.run_id not in {item["dag_run_id"] for item in scheduled}
    assert _apart(records)

    wrote = {run.run_id for run in runs if "copied" in _counts(run)}
    assert wrote < {run.run_id for run in runs}, "some had nothing to do"
    events = [item for item in here.world.airflow.asset_events() if item["source_dag_id"] == HOURLY]
    assert {item["source_run_id"] for item in events} == wrote
    assert {item["name"] for item in events} == {"example_exports_backed_up"}
    followed_runs = here.ended(FOLLOWING, 2)
    assert [_counts(run) for run in followed_runs] == [{"copied": 2}, {"copied": 1, "same": 2}]
    assert {here.record(run)["run_type"] for run in followed_runs} == {"asset_triggered"}
    assert here.world.keys("destination", "on-time/second/") == {"a": b"1", "b": b"2", "c": b"3"}
    listed = [set(run.xcom("bucket_sync.report", "summary")["requests"]["destination"]) for run in (first, second)]
    assert ["ListObjectsV2" in kinds for kinds in listed] == [True, False], "auto: full once, then incremental"


def test_row_F12_a_run_waits_for_the_one_before_it(here: Schedules) -> None:
    airflow = here.world.airflow
    here.world.put({"on-time/backup/kept": "since long"}, bucket="destination")
    here.unpause(RESTORING)
    with here.world.fault("delay", operation="GetObject", key_regex="on-time/backup/", seconds=6, times=1):
        first = airflow.trigger(RESTORING)
        wait_until(lambda: "running" in _states(here, RESTORING), what="a run", timeout=60)
        second = airflow.trigger(RESTORING)
        seen = [_states(here, RESTORING)]
        while len(seen[-1]) < 2 or set(seen[-1]) - {"success"}:
            time.sleep(0.25)
            seen.append(_states(here, RESTORING))
    assert ("queued", "running") in seen
    assert ("running", "running") not in seen
    runs = [airflow.wait(RESTORING, run_id) for run_id in (first, second)]
    assert _apart([here.record(run) for run in runs])
    assert [set(_counts(run)) for run in runs] == [{"copied"}, {"same"}]
    assert (here.world.folder / "data/on-time/restored/kept").read_text() == "since long"


def test_row_F12_somebody_is_told_when_a_run_is_late_and_when_it_is_red(here: Schedules) -> None:
    here.export("late", a="1", b="2")
    airflow = here.world.airflow
    with here.world.fault("delay", operation="PutObject", key_regex="late/backup/a", seconds=8, times=1):
        here.unpause(LATE)  # starts the run of the last tick
        wait_until(lambda: here.mail.subjects(LATE), what="a mail", timeout=60)
        (late,) = airflow.runs(LATE)
        assert late["state"] == "running", "told while it can still be helped"
        (run,) = here.ended(LATE, 1)
    assert run.state == "success", "late is not red"
    assert here.mail.subjects(LATE) == [f"LATE: {LATE} {run.run_id}"]
    assert here.mail.mails[-1]["to"] == "late@example.com"

    here.export("late", c="3")
    denied = {"status": 403, "code": "AccessDenied", "message": "no"}
    with here.world.fault(operation="PutObject", key="late/backup/c", **denied):
        run = airflow.run(LATE)
    assert run.state == "failed"
    wait_until(lambda: len(here.mail.subjects(LATE)) >= 3, what="two mails more", timeout=60)
    assert sorted(here.mail.subjects(LATE)[1:]) == [f"LATE: {LATE} {run.run_id}", f"RED: {LATE} {run.run_id}"]
    assert f"Objects: {_counts(run)}." in here.mail.about(run, "RED")["text"]
    assert _counts(run) == {"failed": 1, "same": 2}

    with here.world.fault(operation="PutObject", bucket="workspace", **denied):
        run = airflow.run(LATE)
    assert states(run)["prepare"] == "failed"
    wait_until(lambda: here.mail.about(run, "RED"), what="a mail", timeout=60)
    assert "Objects: no report was made." in here.mail.about(run, "RED")["text"]


def test_nobody_is_told_of_runs_that_were_in_time_and_green(here: Schedules) -> None:
    """Last in the file: it looks at what all the runs before it left."""
    assert here.world.airflow.runs(HOURLY)
    for dag_id in (HOURLY, FOLLOWING, RESTORING):
        assert not here.mail.subjects(dag_id)


def _states(here: Schedules, dag_id: str) -> tuple[str, ...]:
    return tuple(sorted(item["state"] for item in here.world.airflow.runs(dag_id)))


def _apart(records: list[dict[str, Any]]) -> bool:
    """Whether no run began before the one before it had ended."""
    times = sorted((item["start_date"], item["end_date"]) for item in records)
    return all(ended <= began for (_, ended), (began, _) in itertools.pairwise(times))
