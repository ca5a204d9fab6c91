"""What boto3 client do tests talk through?"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from tests.servers.s3.credentials import Credential
    from tests.servers.s3.server import S3Server

_MAKING = threading.Lock()  # boto3 sessions are not thread-safe while they make clients
ONE_ATTEMPT = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=32,
)


@lru_cache(maxsize=1)
def _session() -> boto3.session.Session:
    """Return one session: it keeps the service model, which takes longer to load than any test."""
    return boto3.session.Session()


def make_client(
    server: S3Server, *, credential: Credential | None = None, config: Config | None = None, **kwargs: Any
) -> Any:
    """Return a client; ``config`` is merged over one attempt, path style and s3v4."""
    chosen = credential or next(iter(server.credentials.values()))
    settings: dict[str, Any] = {
        "endpoint_url": server.url,
        "region_name": server.region,
        "aws_access_key_id": chosen.access_key,
        "aws_secret_access_key": chosen.secret_key,
        "aws_session_token": chosen.session_token,
        "config": ONE_ATTEMPT if config is None else ONE_ATTEMPT.merge(config),
    }
    if server.ca_file is not None:
        settings["verify"] = server.ca_file
    with _MAKING:
        return _session().client("s3", **(settings | kwargs))
