"""Where do the demo's buckets live? In the strict S3 server of the tests, in a process of its own."""

from __future__ import annotations

import json
import secrets
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.processes import Process, clean_environment, free_port, wait_until

ROOT = Path(__file__).parent.parent
WRITES = ("Put", "Post", "Copy", "Delete", "Create", "Complete", "Abort", "Upload")


@dataclass(frozen=True)
class Server:
    """A running S3 server and the key pair it accepts."""

    port: int
    access_key: str
    secret_key: str

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str) -> bytes:
        """Ask the server's control path."""
        request = urllib.request.Request(f"{self.endpoint}/_control/{path}", method=method)  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own address
            body: bytes = answer.read()
            return body

    def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            self.stats()
        except OSError:
            return False
        return True

    def stats(self) -> dict[str, Any]:
        """Requests by operation since the log was cleared."""
        stats: dict[str, Any] = json.loads(self.ask("GET", "stats"))
        return stats

    def forget_log(self) -> None:
        """Start counting from here."""
        self.ask("DELETE", "log")

    def writes(self, bucket: str) -> Counter[str]:
        """Requests that asked for a change of a bucket since the log was cleared, by operation."""
        counts: Counter[str] = Counter()
        for line in self.ask("GET", "log").splitlines():
            entry = json.loads(line)
            if entry["bucket"] == bucket and entry["operation"].startswith(WRITES):
                counts[entry["operation"]] += 1
        return counts


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """An S3 server with fresh keys in a process of its own, its output in `folder`, until the end of the block."""
    server = Server(free_port(), "DEMO" + secrets.token_hex(8).upper(), secrets.token_hex(20))
    keys = ["--access-key", server.access_key, "--secret-key", server.secret_key]
    command = [sys.executable, "-m", "tests.servers", "s3", "--port", str(server.port), *keys]
    process = Process("s3-server", command, env=clean_environment(), folder=folder, cwd=ROOT)
    try:
        wait_until(server.answers, what="the S3 server", timeout=30, watched=[process])
        yield server
    finally:
        process.stop()
