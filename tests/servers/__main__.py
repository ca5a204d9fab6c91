"""Run a strict server as a process: ``python -m tests.servers s3 --port 9000 --access-key K --secret-key S``."""

from __future__ import annotations

import argparse
import signal
import threading

from tests.servers.s3 import Credential, S3Server


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    dialects = made.add_subparsers(dest="dialect", required=True)
    s3 = dialects.add_parser("s3", help="Amazon S3")
    s3.add_argument("--host", default="127.0.0.1")
    s3.add_argument("--port", type=int, default=0)
    s3.add_argument("--access-key", default="test-access")
    s3.add_argument("--secret-key", default="test-secret")
    s3.add_argument("--region", default="us-east-1")
    s3.add_argument("--bucket", action="append", default=[], help="create this bucket at start; may be repeated")
    s3.add_argument("--tls", action="store_true", help="serve HTTPS with a fresh self-signed certificate")
    s3.add_argument("--latency-ms", type=float, default=0.0)
    s3.add_argument("--min-part-size", type=int, default=5 * 1024**2)
    s3.add_argument("--log-limit", type=int, default=200_000, help="request log entries kept; 0 keeps counts only")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = parser().parse_args(arguments)
    server = S3Server(
        credentials=[Credential(options.access_key, options.secret_key)],
        region=options.region,
        buckets=options.bucket,
        min_part_size=options.min_part_size,
        host=options.host,
        port=options.port,
        tls=options.tls,
        latency=options.latency_ms / 1000,
        log_limit=options.log_limit,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        ca_file = f" ca_file={server.ca_file}" if server.ca_file else ""
        print(f"ready {server.url}{ca_file}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
