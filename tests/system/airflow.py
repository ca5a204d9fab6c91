"""A real Airflow: scheduler with LocalExecutor, DAG processor and API server as processes of their own.

with Airflow(home, dags=folder, env={"AIRFLOW_CONN_STORE": "…"}) as airflow:
    run = airflow.run("bucket_sync", {"source": "…", "destination": "…"})
    run.state, run.states(), run.log("bucket_sync.report"), run.xcom("bucket_sync.report", "summary")
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from tests.system.processes import NotReady, Process, clean_environment, free_port, wait_until

USER = PASSWORD = "admin"
EXECUTED = {"success", "failed", "up_for_retry"}


class Refused(RuntimeError):
    """The API answered with an error.

    :param status: the HTTP status
    """

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(f"HTTP {status}: {words}")


@dataclass
class Run:
    """One DAG run that ended."""

    airflow: Airflow
    dag_id: str
    run_id: str
    state: str
    seconds: float
    instances: list[dict[str, Any]] = field(default_factory=list)

    def states(self) -> dict[str, str]:
        """The state of each task instance, `task` or `task[map index]`."""
        return {_label(item): item["state"] for item in self.instances}

    @property
    def executed(self) -> int:
        """Task instances that ran."""
        return sum(1 for item in self.instances if item["state"] in EXECUTED and item["try_number"])

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """A value that a task handed over; None = there is none."""
        path = f"{self._path(task_id)}/xcomEntries/{urllib.parse.quote(key)}?map_index={map_index}&deserialize=true"
        try:
            return self.airflow.get(path)["value"]
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def xcoms(self, task_id: str = "~") -> list[dict[str, Any]]:
        """Every XCom of the run (key, task, map index)."""
        return list(self.airflow.get(f"{self._path(task_id)}/xcomEntries?limit=1000")["xcom_entries"])

    def log(self, task_id: str, *, map_index: int = -1, attempt: int = 1) -> str:
        """The log of a try, one line per event: its words, then its fields."""
        path = f"{self._path(task_id)}/logs/{attempt}?map_index={map_index}&full_content=true"
        lines = []
        for item in self.airflow.get(path)["content"]:
            more = {name: value for name, value in item.items() if name not in ("event", "timestamp")}
            lines.append(f"{item.get('event')}  {json.dumps(more, default=str)}" if more else str(item.get("event")))
        return "\n".join(lines)

    def rendered(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """The rendered template fields of a task instance."""
        path = self._path(task_id) + ("" if map_index < 0 else f"/{map_index}")
        return dict(self.airflow.get(path)["rendered_fields"])

    def instance(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """A task instance as it is now; {} = there is none."""
        self.refresh()
        found = (item for item in self.instances if (item["task_id"], item["map_index"]) == (task_id, map_index))
        return next(found, {})

    def progress(self, task_id: str, map_index: int, key: str) -> Any:
        """What a task instance keeps in the task state store; None = nothing."""
        try:
            return self.airflow.get(f"{self._path(task_id)}/state-store/{key}?map_index={map_index}")["value"]
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def expire_progress(self, task_id: str, map_index: int) -> None:
        """Remove what a task instance keeps, as its expiry does."""
        self.airflow.delete(f"{self._path(task_id)}/state-store?map_index={map_index}")

    def wipe_xcoms(self, task_id: str) -> int:
        """Remove everything that a task handed over; returns how many entries there were."""
        found = self.xcoms(task_id)
        for entry in found:
            key, map_index = urllib.parse.quote(entry["key"]), entry["map_index"]
            self.airflow.delete(f"{self._path(task_id)}/xcomEntries/{key}?map_index={map_index}")
        return len(found)

    def clear(self, *task_ids: str | tuple[str, int], downstream: bool = True) -> None:
        """Have tasks run again, mapped instances as (task, map index), and by default all behind them."""
        body = {
            "dry_run": False,
            "only_failed": False,
            "dag_run_id": self.run_id,
            "task_ids": task_ids,
            "include_downstream": downstream,
        }
        self.airflow.post(f"/api/v2/dags/{self.dag_id}/clearTaskInstances", body)

    def refresh(self) -> None:
        """Read the task instances again."""
        self.instances = self.airflow.get(f"{self._path()}?limit=1000")["task_instances"]

    def _path(self, task_id: str | None = None) -> str:
        base = f"/api/v2/dags/{self.dag_id}/dagRuns/{urllib.parse.quote(self.run_id)}/taskInstances"
        return base if task_id is None else f"{base}/{task_id}"


class Airflow:
    """A whole Airflow in a folder.

    :param home: AIRFLOW_HOME; kept after the end, with every log
    :param dags: the DAG folder
    :param database: SQLAlchemy URL; None = SQLite below `home`
    :param env: connections and settings (`AIRFLOW_CONN_…`, `AIRFLOW__…`)
    :param slots: tasks that run at once
    """

    def __init__(
        self,
        home: Path,
        *,
        dags: Path,
        database: str | None = None,
        env: Mapping[str, str] | None = None,
        slots: int = 4,
    ) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[Process] = []
        self._token: str | None = None
        passwords = home / "passwords.json"
        secret = base64.urlsafe_b64encode(os.urandom(32)).decode()
        settings = {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": str(slots),
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "DATABASE__SQL_ALCHEMY_CONN": database or f"sqlite:///{home / 'airflow.db'}",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": secret,
            "API_AUTH__JWT_SECRET": secret,
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "LOGGING__COLORED_CONSOLE_LOG": "False",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        self.env = clean_environment(
            AIRFLOW_HOME=str(home),
            PATH=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            NO_PROXY="127.0.0.1,localhost",
            PYTHONUNBUFFERED="1",
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **(env or {}),
        )
        home.mkdir(parents=True, exist_ok=True)
        passwords.write_text(json.dumps({USER: PASSWORD}))

    # life ------------------------------------------------------------------------------------------------------

    def start(self, *, timeout: float = 90.0) -> Self:
        """Make the database, start every process, wait until the API and the scheduler answer.

        :raises NotReady: with the end of the output of what did not come up
        """
        try:
            migration = self._spawn("migrate", "db", "migrate")
            wait_until(lambda: migration.ended is not None, what="the migrated database", timeout=timeout)
            if migration.ended:
                raise NotReady(f"airflow db migrate ended with {migration.ended}:\n{migration.tail()}")
            self.processes.remove(migration)
            self._spawn("api-server", "api-server", "--host", "127.0.0.1", "--port", str(self.port))
            self._spawn("dag-processor", "dag-processor")
            self._spawn("scheduler", "scheduler", "--skip-serve-logs")
            wait_until(self._healthy, what="a healthy Airflow", timeout=timeout, watched=self.processes)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every process, and what they left behind."""
        for process in reversed(self.processes):
            process.ask()
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def process(self, name: str) -> Process:
        """A running process by its name: `api-server`, `dag-processor`, `scheduler`."""
        return next(process for process in self.processes if process.name == name)

    def restart(self, name: str, *, timeout: float = 90.0) -> None:
        """Start a process that ended (or was killed) again, and wait until all answer."""
        dead = self.process(name)
        dead.stop()
        self.processes.remove(dead)
        self._spawn(name, *dead.command[3:])  # behind `python -m airflow`
        wait_until(self._healthy, what="a healthy Airflow", timeout=timeout, watched=self.processes)

    def task_process(self, instance: Mapping[str, Any]) -> psutil.Process:
        """The process of a running task instance; its parent supervises it.

        :raises NotReady: it is no process of our scheduler
        """
        scheduler = self.process("scheduler")
        for process in scheduler.remember():
            if process.pid == instance["pid"]:
                return process
        raise NotReady(f"process {instance['pid']} of {_label(instance)} is none of the scheduler's")

    def _spawn(self, name: str, *words: str) -> Process:
        process = Process(
            name, [sys.executable, "-m", "airflow", *words], env=self.env, folder=self.home, cwd=self.home
        )
        self.processes.append(process)
        (self.home / "processes.json").write_text(json.dumps({item.name: item.pid for item in self.processes}))
        return process

    def _healthy(self) -> bool:
        for process in self.processes:
            process.remember()
        try:
            health = self.get("/api/v2/monitor/health", signed=False)
        except (OSError, Refused):
            return False
        return all(health[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor"))

    # API -------------------------------------------------------------------------------------------------------

    def get(self, path: str, *, signed: bool = True) -> Any:
        """The answer to a GET."""
        return self._ask("GET", path, None, signed=signed)

    def post(self, path: str, body: Any) -> Any:
        """The answer to a POST."""
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """The answer to a PATCH."""
        return self._ask("PATCH", path, body)

    def put(self, path: str, body: Any) -> Any:
        """The answer to a PUT."""
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> None:
        """DELETE what is there."""
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: Any, *, signed: bool = True) -> Any:
        request = urllib.request.Request(self.url + path, method=method)  # noqa: S310 - our own http address
        request.add_header("Accept", "application/json")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        if signed:
            request.add_header("Authorization", f"Bearer {self._signed_in()}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, error.read().decode(errors="replace")[:2000]) from None

    def _signed_in(self) -> str:
        if self._token is None:
            answer = self._ask("POST", "/auth/token", {"username": USER, "password": PASSWORD}, signed=False)
            self._token = answer["access_token"]
        return self._token

    # runs ------------------------------------------------------------------------------------------------------

    def wait_for_dag(self, dag_id: str, *, timeout: float = 60.0) -> dict[str, Any]:
        """The DAG, as soon as it was read.

        :raises NotReady: with the import errors there are
        """

        def asked() -> Any:
            try:
                return self.get(f"/api/v2/dags/{dag_id}")
            except Refused as refusal:
                if refusal.status != 404:
                    raise
                return None

        try:
            return dict(wait_until(asked, what=f"DAG {dag_id}", timeout=timeout))
        except NotReady as error:
            raise NotReady(f"{error}\nimport errors: {json.dumps(self.import_errors(), indent=1)}") from None

    def import_errors(self) -> list[dict[str, Any]]:
        """What the DAG processor could not import."""
        return list(self.get("/api/v2/importErrors")["import_errors"])

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run; returns its id."""
        self.wait_for_dag(dag_id)
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.post(f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, *, timeout: float = 120.0) -> Run:
        """The run, as soon as it ended.

        :raises NotReady: it did not
        """
        started = time.monotonic()
        path = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id)}"

        def asked() -> Any:
            for process in self.processes:
                process.remember()
            found = self.get(path)
            return found if found["state"] in ("success", "failed") else None

        try:
            ended = wait_until(asked, what=f"the end of {dag_id} {run_id}", timeout=timeout, watched=self.processes)
        except NotReady as error:
            run = Run(self, dag_id, run_id, "running", 0.0)
            run.refresh()
            raise NotReady(f"{error}\n{json.dumps(run.states(), indent=1)}") from None
        run = Run(self, dag_id, run_id, ended["state"], ended.get("duration") or time.monotonic() - started)
        run.refresh()
        return run

    def run(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, timeout: float = 120.0) -> Run:
        """Start a run and wait for its end."""
        return self.wait(dag_id, self.trigger(dag_id, conf), timeout=timeout)

    def wait_for_run(self, dag_id: str, *, timeout: float = 60.0) -> Run:
        """The newest run of a DAG that something else starts, as soon as it ended."""
        runs = wait_until(lambda: self.runs(dag_id), what=f"a run of {dag_id}", timeout=timeout)
        return self.wait(dag_id, runs[-1]["dag_run_id"], timeout=timeout)

    def running(self, dag_id: str, run_id: str) -> Run:
        """A run that goes on."""
        return Run(self, dag_id, run_id, "running", 0.0)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """All runs of a DAG."""
        return list(self.get(f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"])

    def question(self, dag_id: str, run_id: str, task_id: str, *, timeout: float = 120.0) -> dict[str, Any]:
        """What a task asks a person, once it waits for an answer."""
        ends = time.monotonic() + timeout
        run = self.running(dag_id, run_id)
        while time.monotonic() < ends:
            if run.instance(task_id).get("state") == "awaiting_input":
                time.sleep(5)  # an answer right after parking may be lost, and is asked for again
                return self.get(_question(dag_id, run_id, task_id))  # type: ignore[no-any-return]
            time.sleep(1)
        raise AssertionError(f"nobody was asked: {run.states()}")

    def answer(self, dag_id: str, run_id: str, task_id: str, chosen: str) -> None:
        """Say what a person chose."""
        self.patch(_question(dag_id, run_id, task_id), {"chosen_options": [chosen], "params_input": {}})

    def asset_events(self) -> list[dict[str, Any]]:
        """All asset events, newest first."""
        return list(self.get("/api/v2/assets/events?limit=100&order_by=-timestamp")["asset_events"])


def connection(conn_type: str, **fields: Any) -> str:
    """A connection as the text of an `AIRFLOW_CONN_…` variable."""
    return json.dumps({"conn_type": conn_type, **fields})


def _label(item: Mapping[str, Any]) -> str:
    return item["task_id"] if item["map_index"] < 0 else f"{item['task_id']}[{item['map_index']}]"


def _question(dag_id: str, run_id: str, task_id: str) -> str:
    """Where the API has what a task asks a person."""
    return f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances/{task_id}/-1/hitlDetails"
