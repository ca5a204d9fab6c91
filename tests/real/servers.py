"""How is each real server run? On the loopback interface, on free ports, in a temporary folder, until it is stopped."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.real.programs import MINIO, RCLONE, VERSITYGW, Program
from tests.system.processes import NotReady, Process, clean_environment, free_port, wait_until

REGION = "us-east-1"
_SESSION = boto3.session.Session()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that takes requests, and the key pair it accepts."""

    program: Program
    port: int
    access_key: str
    secret_key: str

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, config: Config | None = None) -> Any:
        """A client of its own for whoever asks."""
        return _SESSION.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=config,
        )

    def answers(self) -> bool:
        """Whether it takes connections, and knows our key pair."""
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        try:
            self.client(Config(retries={"total_max_attempts": 1}, read_timeout=5)).list_buckets()
        except Exception:  # it listens before it is ready: whatever it says then, it is not
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a program is started.

    :param command: its words, from what is to run and the folder for its data
    :param environment: what it is told by variables, from what is to run
    """

    program: Program
    command: Callable[[Running, Path], list[str]]
    environment: Callable[[Running], Mapping[str, str]] = field(default=lambda running: {})


def _versitygw(running: Running, data: Path) -> list[str]:
    return ["--quiet", "--port", f"127.0.0.1:{running.port}", "--region", REGION, "--keep-alive", "posix", str(data)]


def _minio(running: Running, data: Path) -> list[str]:
    console = f"127.0.0.1:{free_port()}"
    return ["server", "--quiet", "--address", f"127.0.0.1:{running.port}", "--console-address", console, str(data)]


def _rclone(running: Running, data: Path) -> list[str]:
    keys = f"{running.access_key},{running.secret_key}"
    return ["serve", "s3", "--addr", f"127.0.0.1:{running.port}", "--auth-key", keys, str(data)]


WAYS = {
    way.program.name: way
    for way in (
        Way(
            program=VERSITYGW,
            command=_versitygw,
            environment=lambda running: {
                "ROOT_ACCESS_KEY_ID": running.access_key,
                "ROOT_SECRET_ACCESS_KEY": running.secret_key,
            },
        ),
        Way(
            program=MINIO,
            command=_minio,
            environment=lambda running: {
                "MINIO_ROOT_USER": running.access_key,
                "MINIO_ROOT_PASSWORD": running.secret_key,
                "MINIO_BROWSER": "off",
                "MINIO_UPDATE": "off",
                "MINIO_REGION_NAME": REGION,
            },
        ),
        Way(program=RCLONE, command=_rclone, environment=lambda running: {"RCLONE_CONFIG": "/dev/null"}),
    )
}


@contextmanager
def running_server(name: str, folder: Path) -> Iterator[Running]:
    """The server `name` with fresh keys and no buckets, its data and output in `folder`, until the end of the block."""
    way = WAYS[name]
    if not way.program.path.exists():
        raise NotReady(f"{name} {way.program.version} is not installed: run make test-real")
    data = folder / "data"
    data.mkdir()
    running = Running(
        program=way.program,
        port=free_port(),
        access_key="REAL" + secrets.token_hex(8).upper(),
        secret_key=secrets.token_hex(20),
    )
    process = Process(
        name,
        [str(way.program.path), *way.command(running, data)],
        env=clean_environment(**way.environment(running)),
        folder=folder,
        cwd=folder,
    )
    try:
        wait_until(running.answers, what=name, timeout=60, watched=[process])
        yield running
    finally:
        process.stop()
