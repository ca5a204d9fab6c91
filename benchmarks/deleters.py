"""With which commands does each tool bring a bucket in step, delete what is too much there, and try again only briefly?

Nothing is switched off that protects. Fewer tries only shorten the wait for the same end: these faults never pass.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_bucketsync import __version__
from benchmarks.contenders import keys, version
from benchmarks.deleting import TRIES
from demo.servers import Server

OURS = "bucketsync"


@dataclass(frozen=True)
class Deleter:
    """One tool.

    :param command: the words that sync a source bucket to a destination bucket
    :param shown: the same for people
    """

    name: str
    version: str
    shown: str
    command: Callable[[str, str], tuple[str, ...]]
    environment: Mapping[str, str]


def engine(server: Server, environment: Mapping[str, str], folder: Path) -> Deleter:
    """Our engine."""

    def command(source: str, destination: str) -> tuple[str, ...]:
        words = (sys.executable, "-m", "benchmarks.deleting", server.endpoint)
        return (*words, source, destination, str(folder / destination))

    shown = '`sync(…, policy=SyncPolicy(delete=True, trash="none", max_delete_share=1.0, max_deletes=10_000))`'
    return Deleter(OURS, f"airflow-bucketsync {__version__}", shown, command, {**environment, **keys(server)})


def peers(programs: Path, server: Server, environment: Mapping[str, str]) -> list[Deleter]:
    """The tools of others."""
    s5cmd, rclone, aws = (str(programs / name) for name in ("s5cmd", "rclone", "aws"))
    store = ("--endpoint-url", server.endpoint)
    remote = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_STORE_TYPE": "s3",
        "RCLONE_CONFIG_STORE_PROVIDER": "Other",
        "RCLONE_CONFIG_STORE_ENDPOINT": server.endpoint,
        "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
        "RCLONE_CONFIG_STORE_REGION": "us-east-1",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
    }
    few = {"AWS_MAX_ATTEMPTS": str(TRIES), "AWS_RETRY_MODE": "standard", "AWS_CONFIG_FILE": "/dev/null"}
    tries = ("--retries", "1", "--low-level-retries", str(TRIES))
    keyed = {**environment, **keys(server)}

    def s5cmd_sync(source: str, destination: str) -> tuple[str, ...]:
        words = ("sync", "--delete", f"s3://{source}/*", f"s3://{destination}/")
        return (s5cmd, *store, "--retry-count", str(TRIES - 1), "--log", "error", *words)

    def rclone_sync(source: str, destination: str) -> tuple[str, ...]:
        return (rclone, "sync", f"store:{source}", f"store:{destination}", "--checksum", *tries, "-q")

    def aws_sync(source: str, destination: str) -> tuple[str, ...]:
        words = ("s3", "sync", f"s3://{source}", f"s3://{destination}", "--delete", "--only-show-errors")
        return (aws, *store, *words)

    return [
        Deleter(
            "s5cmd",
            "s5cmd " + version([s5cmd, "version"]).partition("-")[0],
            "`s5cmd sync --delete`",
            s5cmd_sync,
            keyed,
        ),
        Deleter("rclone", version([rclone, "version"]), "`rclone sync --checksum`", rclone_sync, keyed | remote),
        Deleter("awscli", version([aws, "--version"]), "`aws s3 sync --delete`", aws_sync, keyed | few),
    ]
