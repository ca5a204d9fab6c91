"""One sync by the engine in a process of its own, so that its CPU and memory are the sync's.

Arguments: endpoint, source bucket, destination bucket, folder of the workspace, verify level. The key pair is in
the environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import cast

import boto3

from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.policy_words import Verify
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store
from benchmarks.contenders import CONCURRENCY


def bucket(name: str, endpoint: str) -> S3Store:
    """A bucket at the endpoint, by a client of its own."""
    config = client_config(path_style=True, max_pool_connections=CONCURRENCY + 4)
    return S3Store(Location.parse(f"s3://{name}/"), boto3.client("s3", endpoint_url=endpoint, config=config))


def main(endpoint: str, source: str, destination: str, folder: str, verify: str) -> None:
    """Sync and print the report."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    report = sync(
        bucket(source, endpoint),
        bucket(destination, endpoint),
        workspace=LocalStore(Location.parse(Path(folder).as_uri())),
        policy=SyncPolicy(verify=cast(Verify, verify), concurrency=CONCURRENCY),
        name="benchmark",
    )
    print(json.dumps(report.to_json(), indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
