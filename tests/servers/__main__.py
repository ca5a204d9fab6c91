"""Run a strict server as a process: ``python -m tests.servers s3 --port 9000 --access-key K --secret-key S``."""

from __future__ import annotations

import argparse
import signal
import threading

from tests.servers.oss import Credential as OSSCredential
from tests.servers.oss import OSSServer
from tests.servers.s3 import Credential, S3Server
from tests.servers.web.host import StoreServer

DIALECTS = {"s3": ("Amazon S3", "us-east-1", 5 * 1024**2), "oss": ("Alibaba Cloud OSS", "cn-hangzhou", 100 * 1024)}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    dialects = made.add_subparsers(dest="dialect", required=True)
    for name, (title, region, min_part_size) in DIALECTS.items():
        chosen = dialects.add_parser(name, help=title)
        chosen.add_argument("--host", default="127.0.0.1")
        chosen.add_argument("--port", type=int, default=0)
        chosen.add_argument("--access-key", default="test-access")
        chosen.add_argument("--secret-key", default="test-secret")
        chosen.add_argument("--region", default=region)
        chosen.add_argument("--bucket", action="append", default=[], help="create this bucket at start; repeatable")
        chosen.add_argument("--tls", action="store_true", help="serve HTTPS with a fresh self-signed certificate")
        chosen.add_argument("--latency-ms", type=float, default=0.0)
        chosen.add_argument("--min-part-size", type=int, default=min_part_size)
        chosen.add_argument("--log-limit", type=int, default=200_000, help="log entries kept; 0 keeps counts only")
        if name == "oss":
            chosen.add_argument("--allow-v1", action="store_true", help="let signature version 1 in")
    return made


def make_server(options: argparse.Namespace) -> StoreServer:
    """Return the server the command line asks for."""
    common = {
        "region": options.region,
        "buckets": options.bucket,
        "min_part_size": options.min_part_size,
        "host": options.host,
        "port": options.port,
        "tls": options.tls,
        "latency": options.latency_ms / 1000,
        "log_limit": options.log_limit,
    }
    if options.dialect == "s3":
        return S3Server(credentials=[Credential(options.access_key, options.secret_key)], **common)
    credential = OSSCredential(options.access_key, options.secret_key)
    return OSSServer(credentials=[credential], allow_v1=options.allow_v1, **common)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    server = make_server(parser().parse_args(arguments))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        ca_file = f" ca_file={server.ca_file}" if server.ca_file else ""
        print(f"ready {server.url}{ca_file}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
