"""A real Airflow with strict S3 and OSS servers beside it: what system tests run against."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.oss import Credential as OSSCredential
from tests.servers.oss import OSSServer
from tests.servers.s3 import Credential, S3Server
from tests.servers.web.faults import Fault
from tests.system.airflow import Airflow, Run, connection
from tests.system.postgres import Postgres

DAGS = Path(__file__).parent.parent.parent / "dags"
ACCESS_KEY = "CANARYACCESSKEY00001"
SECRET_KEY = "canary+secret/key/that/no/log/may/hold00"
SESSION_TOKEN = "canary-session-token-that-no-log-may-hold"
SECRETS = (ACCESS_KEY, SECRET_KEY, SESSION_TOKEN)
BUCKETS = ("source", "destination", "workspace")
GROUP = "bucket_sync"


@dataclass
class World:
    """One Airflow and one server of each kind for many tests; each test takes folders and prefixes of its own."""

    airflow: Airflow
    server: S3Server
    oss: OSSServer
    folder: Path

    def sync(self, source: str, destination: str, *, timeout: float = 120.0, **options: Any) -> Run:
        """Run the DAG `bucket_sync` by hand."""
        conf = {"source": source, "destination": destination, **options}
        return self.airflow.run("bucket_sync", conf, timeout=timeout)

    def put(self, keys: Mapping[str, str], *, bucket: str = "source") -> None:
        """Seed objects."""
        for key, body in keys.items():
            self.server.core.put(bucket, key, body)

    def keys(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """What stands in a bucket below a prefix, relative to it."""
        client = self.server.client()
        try:
            found, pages = {}, client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                for item in page.get("Contents", ()):
                    body = client.get_object(Bucket=bucket, Key=item["Key"])["Body"]
                    with body:
                        found[item["Key"].removeprefix(prefix)] = body.read()
            return found
        finally:
            client.close()

    @contextmanager
    def fault(self, action: str = "status", **rule: Any) -> Iterator[Fault]:
        """A fault for the time of a test; it must strike."""
        fault = self.server.faults.add(Fault(action, **rule))
        try:
            yield fault
            assert fault.occurred, "the fault never struck"
        finally:
            self.server.faults.remove(fault)

    def outcomes(self, run: Run) -> dict[str, dict[str, Any]]:
        """The record of every object that is not `same`, by key."""
        report = run.xcom(f"{GROUP}.report")
        key = f"pages/{report['report'].removesuffix('report.json')}{report['objects']}"
        text = unpacked(key, self.server.core.body("workspace", key))
        return {line["key"]: line for line in map(json.loads, text.splitlines()[1:])}

    def texts(self) -> Iterator[tuple[str, str]]:
        """Everything that was written down where people or tools may read it, with its place."""
        for path in sorted(self.airflow.home.rglob("*")):
            if path.is_file() and path.name not in ("passwords.json",):
                yield str(path), path.read_bytes().decode("utf-8", "replace")
        for key, body in self.keys("workspace").items():
            yield f"workspace {key}", unpacked(key, body)


def states(run: Run) -> dict[str, str]:
    """The states of tasks by their short names, `next_round` apart; those of a mapped task sorted and joined."""
    found: dict[str, list[str]] = {}
    for item in run.instances:
        if item["task_id"] != "next_round":
            found.setdefault(item["task_id"].removeprefix(f"{GROUP}."), []).append(item["state"])
    return {name: " ".join(sorted(values)) for name, values in found.items()}


@contextmanager
def world(
    folder: Path,
    *,
    postgres: bool,
    slots: int = 4,
    dags: Path = DAGS,
    more: Callable[[S3Server, OSSServer], Mapping[str, str]] | None = None,
    **env: str,
) -> Iterator[World]:
    """Start everything; stop everything.

    :param more: the environment that needs to know the servers: connections, say
    """
    with ExitStack() as stack:
        credential = Credential(ACCESS_KEY, SECRET_KEY, session_token=SESSION_TOKEN)
        server = stack.enter_context(S3Server(credentials=[credential], buckets=BUCKETS))
        store = connection(
            "aws",
            login=ACCESS_KEY,
            password=SECRET_KEY,
            extra={"endpoint_url": server.url, "region_name": "us-east-1", "aws_session_token": SESSION_TOKEN},
        )
        oss = stack.enter_context(OSSServer(credentials=[OSSCredential(ACCESS_KEY, SECRET_KEY)], buckets=BUCKETS))
        ali = connection(
            "bucketsync_oss",
            login=ACCESS_KEY,
            password=SECRET_KEY,
            extra={"endpoint_kind": "custom", "endpoint": oss.url, "region": oss.region, "addressing": "path"},
        )
        settings = {
            "AIRFLOW_CONN_STORE": store,
            "AIRFLOW_CONN_ALI": ali,
            "AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS": (
                f"s3://store@source/, s3://store@destination/, s3://store@missing-bucket/, file://{folder}/data/, "
                "oss://ali@source/, oss://ali@destination/"
            ),
            "AIRFLOW__BUCKETSYNC__WORKSPACE": "s3://store@workspace/pages/",
            "AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": "dry_run, include, exclude, verify, compare, batch_objects",
            "BUCKETSYNC_EXAMPLE_SOURCE": f"file://{folder}/data/example-in/",
            "BUCKETSYNC_EXAMPLE_DESTINATION": "s3://store@destination/example/",
        }
        env = {**env, **(more(server, oss) if more is not None else {})}
        (folder / "data").mkdir(parents=True)
        database = stack.enter_context(Postgres()).url if postgres else None
        airflow = Airflow(folder / "airflow", dags=dags, database=database, env=settings | env, slots=slots)
        yield World(stack.enter_context(airflow), server, oss, folder)


def unpacked(key: str, body: bytes) -> str:
    """The text of a stored page or document."""
    if not key.endswith(".zst"):
        return body.decode("utf-8", "replace")
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
        return reader.read().decode("utf-8", "replace")


def size_of(value: Any) -> int:
    """Bytes of an XCom."""
    return len(json.dumps(value))
