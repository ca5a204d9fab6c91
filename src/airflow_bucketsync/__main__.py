"""What can be asked for on the command line? `python -m airflow_bucketsync conformance s3://conn_id@bucket/scratch/`"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from airflow_bucketsync.engine.conformance.findings import Conformance
from airflow_bucketsync.engine.conformance.run import conform, conform_reading, scratch_location
from airflow_bucketsync.engine.conformance.text import table
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.hooks.store import open_store

HOLDS, DIFFERS, UNUSABLE, INTERRUPTED = 0, 1, 2, 130

_CONFORMANCE = """Find out whether a store does what it is trusted with.

Writes below LOCATION/_conformance-…/ only, some 800 small requests and about 40 MiB (less where parts may be small),
and removes everything at the end, also after Ctrl-C. The connection is looked up as Airflow does: in AIRFLOW_CONN_…,
the secrets backend, or the metadata database."""
_EXIT = "Exit code: 0 what was tried holds, 1 something differs, 2 the command or the connection can't be used."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = command_line()
    asked = parser.parse_args(arguments)
    try:
        with redirect_stdout(sys.stderr):  # hooks log, and the answer stands alone
            result = find_out(Location.parse(asked.location), read_only=asked.read_only)
    except BucketsyncError as error:
        print(f"{parser.prog} {asked.command}: {error}", file=sys.stderr)
        return UNUSABLE
    print(json.dumps(result.to_json(), indent=2) if asked.json else table(result))
    if result.stopped:
        return INTERRUPTED
    return HOLDS if result.conforms else DIFFERS


def command_line() -> argparse.ArgumentParser:
    """What can be written behind `python -m airflow_bucketsync`."""
    parser = argparse.ArgumentParser(prog="python -m airflow_bucketsync")
    commands = parser.add_subparsers(dest="command", required=True)
    conformance = commands.add_parser(
        "conformance",
        help="find out whether a store does what it is trusted with",
        description=_CONFORMANCE,
        epilog=_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    conformance.add_argument("location", help="scheme://conn_id@bucket/prefix/ or file:///folder/")
    conformance.add_argument(
        "--read-only", action="store_true", help="write nothing: look at the objects that are there"
    )
    conformance.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def find_out(location: Location, *, read_only: bool) -> Conformance:
    """What is found at a location; SIGTERM ends it as Ctrl-C does, with everything removed.

    :raises BucketsyncError: the connection or the place can't be used
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # As `airflow connections test` does: outside of a task, connections in the metadata database are seen only so.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    gate = Gate()
    if read_only:
        store = open_store(location, gate=gate)
        try:
            return conform_reading(store, gate=gate)
        finally:
            store.close()
    if location.scheme == "file":
        # Only the scratch folder is made and removed: the folder it stands in must be there.
        open_store(location, gate=gate).list_page(limit=1)
    store = open_store(scratch_location(location, secrets.token_hex(8)), gate=gate, may_be_missing=True)
    try:
        return conform(store, gate=gate)
    finally:
        store.close()


if __name__ == "__main__":
    sys.exit(main())
