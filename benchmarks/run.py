"""The benchmark from its start to its end: `make bench`, `make bench N=100000`, `make bench WRITE=1`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import sample
from benchmarks.contenders import CONCURRENCY, Contender, engine, peers
from benchmarks.measure import Cost, measure
from benchmarks.table import markdown
from demo.sample import connect
from demo.servers import Server, running_server
from tests.system.processes import clean_environment

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
MARK = "<!-- figures: written by make bench WRITE=1 -->\n"
SOURCE = "benchmark-source"


def added(one: Cost, other: Cost) -> Cost:
    """Both costs, one after the other."""
    requests = {
        name: one.requests.get(name, 0) + other.requests.get(name, 0) for name in {*one.requests, *other.requests}
    }
    return Cost(one.cpu + other.cpu, one.wall + other.wall, max(one.memory, other.memory), requests)


def compete(contender: Contender, server: Server, client: Any, objects: int, folder: Path) -> dict[str, Any]:
    """Let one contender copy and copy again; returns its figures."""
    client.create_bucket(Bucket=contender.name)
    log = folder / f"{contender.name}.log"
    first = measure(server, contender.copy, contender.environment, log)
    if contender.check is not None:
        first = added(first, measure(server, contender.check, contender.environment, log))
    arrived = sample.judge(client, SOURCE, contender.name, objects)
    second = measure(server, contender.copy, contender.environment, log)
    return {
        "name": contender.name,
        "version": contender.version,
        "verifies": contender.verifies,
        "arrived": arrived,
        "objects": objects + 1,
        "costs": {"first": first.to_json(), "second": second.to_json()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every contender; 0 when all of them ran and everything of ours arrived."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=512, help="MiB of the one large object")
    parser.add_argument("--peers", type=Path, help="folder with s5cmd, rclone and aws; without it only the engine runs")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    large = options.large * sample.MIB
    environment = clean_environment()
    with tempfile.TemporaryDirectory(prefix="bucketsync-bench-") as name, running_server(Path(name)) as server:
        folder = Path(name)
        client = connect(server.endpoint, server.access_key, server.secret_key)
        print(f"{options.objects:,} small objects and one of {options.large} MiB are made", flush=True)
        sample.fill(client, SOURCE, options.objects, large)
        contenders = [engine(server, SOURCE, environment, folder, verify) for verify in ("metadata", "none")]
        if options.peers is not None:
            config = options.peers.resolve() / "aws.config"
            config.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {CONCURRENCY}\n")
            contenders += peers(options.peers.resolve(), server, SOURCE, environment)
        figures = []
        for contender in contenders:
            print(f"{contender.name}: copies, checks, runs again", flush=True)
            figures.append(compete(contender, server, client, options.objects, folder))
    tables = markdown(figures, objects=options.objects, large=large)
    print("\n" + tables)
    if options.write:
        PAGE.write_text(PAGE.read_text().partition(MARK)[0] + MARK + "\n" + tables)
    return 0 if all(item["arrived"] == "all" for item in figures if item["name"].startswith("bucketsync")) else 1


if __name__ == "__main__":
    sys.exit(main())
