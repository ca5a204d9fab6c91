"""Who deletes good objects when a source's listing is broken? `make peers`, `make peers WRITE=1`.

Every contender has a source of many pages, a destination in step with it but for a few objects that are too much
there, and the order to delete those. First the store is sound: who does not delete them then has shown nothing by
deleting nothing later. Then the source's listing breaks, in eight ways, and at last the source is empty. A good object
is one that was at the source when the run began (with the empty source: all that the destination holds); to lose one is
a wrong delete, whatever the exit code.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.deleters import OURS, Deleter, engine, peers
from benchmarks.listings import KINDS, PAGE, Kind
from benchmarks.table import table
from demo.servers import Server
from tests.servers.s3 import Credential, S3Server
from tests.system.processes import clean_environment

ROOT = Path(__file__).parent.parent
PAGE_FILE = ROOT / "docs" / "wrong-deletes.md"
MARK = "<!-- figures: written by make peers WRITE=1 -->\n"
KEY_PAIR = ("PEERS", "secret-of-the-peers")
SOUND, EMPTY = "sound", "empty-source"
OBJECTS, EXTRA = 5 * PAGE, 5
PATIENCE = 60.0
"""Seconds for one run."""


@dataclass(frozen=True)
class Verdict:
    """What one run did.

    :param lost: good objects that are no longer at the destination
    :param extra: objects deleted that were too much there
    :param status: exit code; None = it did not end in time
    :param output: the end of what it said
    """

    lost: int
    extra: int
    status: int | None
    output: str = ""

    @property
    def green(self) -> bool:
        """Whether it said that all is well."""
        return self.status == 0

    @property
    def text(self) -> str:
        """For a cell of the table."""
        end = "no end" if self.status is None else "green" if self.green else f"red ({self.status})"
        return f"{f'**{self.lost} lost**' if self.lost else 'none lost'}, {end}"


def good_keys() -> list[str]:
    """Keys that are at the source."""
    return [f"object-{number:04}" for number in range(OBJECTS)]


def extra_keys() -> list[str]:
    """Keys that are only at the destination, among the others."""
    return [f"object-{number * PAGE:04}-extra" for number in range(EXTRA)]


def ended(deleter: Deleter, source: str, destination: str, log: Path) -> int | None:
    """Run a contender to its end; returns its exit code, None = it was stopped."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            deleter.command(source, destination),
            env=dict(deleter.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,  # some of them are a script that starts the program: both are stopped
        )
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def judge(deleter: Deleter, server: S3Server, case: str, kind: Kind | None, folder: Path) -> Verdict:
    """Let one contender sync two fresh buckets."""
    source, destination = f"{deleter.name}-{case}", f"{deleter.name}-{case}-copy"
    core = server.core
    hour_ago = core.now() - 3600
    core.create_bucket(source, listing_oddity=f"page_cap={PAGE}")
    core.create_bucket(destination)
    for key in good_keys():
        if case != EMPTY:
            core.put(source, key, key.encode(), modified=hour_ago)
        core.put(destination, key, key.encode())
    for key in extra_keys():
        core.put(destination, key, key.encode())
    if kind is not None:
        if kind.hidden_key is not None:
            core.put(source, kind.hidden_key, b"new", modified=hour_ago)
        kind.strike(server, source)
    log = folder / f"{destination}.log"
    try:
        status = ended(deleter, source, destination, log)
    finally:
        server.faults.clear()
    left = {key: core.bucket(destination).latest(key) for key in (*good_keys(), *extra_keys())}
    gone = {key for key, version in left.items() if version is None}
    output = "\n".join(log.read_text(errors="replace").splitlines()[-3:])
    return Verdict(len(gone.intersection(good_keys())), len(gone.intersection(extra_keys())), status, output)


def compete(deleter: Deleter, server: S3Server, folder: Path) -> dict[str, Verdict]:
    """Every case, by its name."""
    cases: list[tuple[str, Kind | None]] = [(SOUND, None), *((kind.name, kind) for kind in KINDS), (EMPTY, None)]
    return {name: judge(deleter, server, name, kind, folder) for name, kind in cases}


def right(verdicts: Mapping[str, Verdict]) -> int:
    """Of the broken listings, those that cost no good object."""
    return sum(verdicts[kind.name].lost == 0 for kind in KINDS)


def deletes(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether it deletes what is too much, and nothing else, at a sound store."""
    sound = verdicts[SOUND]
    return sound.green and sound.lost == 0 and sound.extra == EXTRA


def refuses_empty(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether an empty source is refused: nothing is deleted, and it is said."""
    empty = verdicts[EMPTY]
    return not empty.green and empty.lost == 0 and empty.extra == 0


def markdown(deleters: Sequence[Deleter], results: Mapping[str, Mapping[str, Verdict]]) -> str:
    """The page's figures."""
    names = [deleter.name for deleter in deleters]
    rows = [["sound", *("deletes what is too much" if deletes(results[name]) else "**does not**" for name in names)]]
    rows += [[kind.words, *(results[name][kind.name].text for name in names)] for kind in KINDS]
    rows.append(["no good object lost", *(f"**{right(results[name])} of {len(KINDS)}**" for name in names)])
    empty = [
        f"refused, {results[name][EMPTY].text}" if refuses_empty(results[name]) else results[name][EMPTY].text
        for name in names
    ]
    rows.append(["the source is empty", *empty])
    took_part = [[deleter.name, deleter.version, deleter.shown] for deleter in deleters]
    words = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {OBJECTS} good objects, {EXTRA} too many at the destination, pages of "
        f"{PAGE} keys, bucket to bucket on the strict S3 server of the tests; the fault strikes from page 2 on."
    )
    parts = [words, table(["source's listing", *names], rows), table(["contender", "version", "command"], took_part)]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every contender; 0 when ours lost nothing in all cases, refused the empty source, and deletes at all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wrong_deletes", description=__doc__)
    parser.add_argument("--peers", type=Path, help="folder with s5cmd, rclone and aws; without it only the engine runs")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE_FILE.relative_to(ROOT)}")
    parser.add_argument("--explain", action="store_true", help="print how each run of a contender ended")
    options = parser.parse_args(arguments)
    environment = clean_environment()
    with (
        tempfile.TemporaryDirectory(prefix="bucketsync-peers-") as name,
        S3Server(credentials=[Credential(*KEY_PAIR)]) as server,
    ):
        folder, at = Path(name), Server(server.port, *KEY_PAIR)
        deleters = [engine(at, environment, folder)]
        if options.peers is not None:
            deleters += peers(options.peers.resolve(), at, environment)
        results = {}
        for deleter in deleters:
            print(f"{deleter.name}: {len(KINDS) + 2} runs", flush=True)
            results[deleter.name] = compete(deleter, server, folder)
            for case, verdict in results[deleter.name].items():
                if options.explain:
                    print(f"  {case}: {verdict.text}, {verdict.extra} extra deleted: {verdict.output}", flush=True)
    tables = markdown(deleters, results)
    print("\n" + tables)
    if options.write:
        PAGE_FILE.write_text(PAGE_FILE.read_text().partition(MARK)[0] + MARK + "\n" + tables)
    ours = results[OURS]
    safe = right(ours) == len(KINDS) and refuses_empty(ours) and deletes(ours)
    print(f"ours: {right(ours)} of {len(KINDS)}" + (", empty source refused" if refuses_empty(ours) else ""))
    return 0 if safe else 1


if __name__ == "__main__":
    sys.exit(main())
