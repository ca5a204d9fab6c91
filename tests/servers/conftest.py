"""Strict servers, as good as new for each test: S3 with buckets ``b`` and ``d``, OSS with ``bkt`` and ``dst``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
from botocore.exceptions import ClientError

from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

TORTURE = json.loads((Path(__file__).parent / "torture.json").read_text())
TORTURE_KEYS: list[str] = [entry["key"] for entry in TORTURE["keys"]]


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[S3Server, Any]]:
    """Start one server and one client for all tests: a client takes longer to make than a test to run."""
    with S3Server(buckets=["b", "d"], min_part_size=5) as made:
        client = made.client()
        yield made, client
        client.close()


@pytest.fixture
def server(running: tuple[S3Server, Any]) -> Iterator[S3Server]:
    """Return an empty server with small parts allowed; bugs of the server fail the test."""
    running[0].reset()
    yield running[0]
    assert running[0].failures == []


@pytest.fixture
def client(server: S3Server, running: tuple[S3Server, Any]) -> Any:
    """Return a boto3 client that tries once."""
    return running[1]


def refused(call: Callable[..., Any], /, **arguments: Any) -> tuple[int, str]:
    """Return status and code of the error a call must end with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.fixture(scope="session")
def oss_running() -> Iterator[tuple[OSSServer, Any]]:
    """Start one OSS server and one oss2 bucket for all tests."""
    with OSSServer(buckets=["bkt", "dst"], min_part_size=5) as made:
        yield made, made.bucket("bkt")


@pytest.fixture
def oss(oss_running: tuple[OSSServer, Any]) -> Iterator[OSSServer]:
    """Return an empty OSS server with small parts allowed; bugs of the server fail the test."""
    oss_running[0].reset()
    yield oss_running[0]
    assert oss_running[0].failures == []


@pytest.fixture
def bucket(oss: OSSServer, oss_running: tuple[OSSServer, Any]) -> Any:
    """Return an oss2 bucket that signs version 4."""
    return oss_running[1]


def denied(call: Callable[..., Any], /, *arguments: Any, **named: Any) -> tuple[int, str]:
    """Return status and code of the OSS error a call must end with."""
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        call(*arguments, **named)
    return caught.value.status, caught.value.code
