"""Who takes part, and with which commands?

Every contender copies bucket to bucket inside the server, 16 requests at a time, metadata kept, and is asked for three
things: a first copy, a check of it, and a second run over the same buckets. Where a tool has no check of its own, the
nearest thing it has is its dry run, which compares both listings.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_bucketsync import __version__
from demo.servers import Server

CONCURRENCY = 16


@dataclass(frozen=True)
class Contender:
    """One tool and its commands.

    :param verifies: what its check looks at, in a few words
    :param check: None = the first command has verified already
    """

    name: str
    version: str
    verifies: str
    copy: tuple[str, ...]
    check: tuple[str, ...] | None
    environment: Mapping[str, str]


def version(command: list[str]) -> str:
    """What a program says of its version."""
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return (answer.stdout or answer.stderr).split("\n")[0].split(" Python")[0].strip()


def keys(server: Server) -> dict[str, str]:
    """The key pair as every tool reads it."""
    return {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }


def engine(server: Server, source: str, environment: Mapping[str, str], folder: Path, verify: str) -> Contender:
    """Our engine in a process of its own, all steps: list, plan, copy, verify, report."""
    name = f"bucketsync-{verify}"
    command = (sys.executable, "-m", "benchmarks.engine", server.endpoint, source, name, str(folder / name), verify)
    words = {"metadata": "size, ETag, checksum, metadata and tags by HEAD", "none": "nothing"}[verify]
    return Contender(name, f"airflow-bucketsync {__version__}", words, command, None, {**environment, **keys(server)})


def peers(programs: Path, server: Server, source: str, environment: Mapping[str, str]) -> list[Contender]:
    """The tools of others."""
    keyed = {**environment, **keys(server)}
    s5cmd, rclone, aws = (str(programs / name) for name in ("s5cmd", "rclone", "aws"))
    remote = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_STORE_TYPE": "s3",
        "RCLONE_CONFIG_STORE_PROVIDER": "Other",
        "RCLONE_CONFIG_STORE_ENDPOINT": server.endpoint,
        "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
        "RCLONE_CONFIG_STORE_REGION": "us-east-1",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
    }
    store = ("--endpoint-url", server.endpoint)
    s5cmd_sync = ("sync", "--metadata-directive", "COPY", f"s3://{source}/*", "s3://s5cmd/")
    rclone_flags = ("--checksum", "--transfers", str(CONCURRENCY), "--checkers", str(CONCURRENCY), "--fast-list", "-q")
    aws_sync = (aws, *store, "s3", "sync", f"s3://{source}", "s3://awscli", "--only-show-errors")
    return [
        Contender(
            "s5cmd",
            "s5cmd " + version([s5cmd, "version"]).partition("-")[0],
            "listings (size, time): its dry run",
            (s5cmd, *store, "--numworkers", str(CONCURRENCY), "--log", "error", *s5cmd_sync),
            (s5cmd, *store, "--numworkers", str(CONCURRENCY), "--dry-run", "--log", "error", *s5cmd_sync),
            keyed,
        ),
        Contender(
            "rclone",
            version([rclone, "version"]),
            "size, ETag as MD5: rclone check",
            (rclone, "copy", f"store:{source}", "store:rclone", "--metadata", *rclone_flags),
            (rclone, "check", f"store:{source}", "store:rclone", *rclone_flags[1:]),
            {**keyed, **remote},
        ),
        Contender(
            "awscli",
            version([aws, "--version"]),
            "listings (size, time): its dry run",
            aws_sync,
            (*aws_sync, "--dryrun"),
            {**keyed, "AWS_CONFIG_FILE": str(programs / "aws.config")},
        ),
    ]
