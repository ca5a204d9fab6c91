"""One sync with delete on, by the engine in a process of its own, as any tool is run.

Arguments: endpoint, source bucket, destination bucket, folder of the workspace. The key pair is in the environment.
Ends with 0 when the run is green, else with 1 and the reason. No cap stands in the way of a wrong delete, and nothing
is kept in a trash: an object is saved only by a listing that is not believed, or by a look at the source.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_bucketsync.engine import sync
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.retrying import Retries
from benchmarks.engine import bucket

POLICY = SyncPolicy(delete=True, trash="none", max_delete_share=1.0, max_deletes=10_000)
TRIES = 3


def main(endpoint: str, source: str, destination: str, folder: str) -> int:
    """Sync; returns the exit code."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    try:
        sync(
            bucket(source, endpoint),
            bucket(destination, endpoint),
            workspace=LocalStore(Location.parse(Path(folder).as_uri())),
            policy=POLICY,
            name="wrong-deletes",
            retries=Retries(gate=Gate(), attempts=TRIES),
        )
    except BucketsyncError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
