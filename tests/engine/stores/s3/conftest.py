"""The strict server, and stores in fresh buckets of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import OTHER, Profile
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.servers.s3 import Credential, Quirks, S3Server

MakeStore = Callable[..., S3Store]
_NUMBERS = itertools.count(1)
_SESSION = boto3.session.Session()
"""It keeps the service model, which takes longer to load than any test."""


@pytest.fixture(scope="package")
def one_server() -> Iterator[S3Server]:
    """One server for all tests of the package."""
    with S3Server(min_part_size=1) as running:
        yield running
        assert running.failures == []


@pytest.fixture
def server(one_server: S3Server) -> Iterator[S3Server]:
    """The server, without faults, log and additional credentials of other tests."""
    known = dict(one_server.credentials)
    one_server.log.clear()
    yield one_server
    one_server.faults.clear()
    one_server.quirks = Quirks()
    one_server.credentials.clear()
    one_server.credentials.update(known)


@pytest.fixture
def bucket(server: S3Server) -> str:
    """A fresh bucket."""
    name = f"bucket-{next(_NUMBERS):06d}"
    server.core.create_bucket(name, region=server.region)
    return name


@pytest.fixture
def make_store(server: S3Server, bucket: str) -> Iterator[MakeStore]:
    """Make a store with a client of its own: `make_store("p/", place=bucket, credential=…, **of_the_store)`."""
    made: list[S3Store] = []

    def make(
        prefix: str = "",
        *,
        place: str = bucket,
        credential: Credential | None = None,
        at: Any = server,
        profile: Profile | None = None,
        anonymous: bool = False,
        **kwargs: Any,
    ) -> S3Store:
        config = client_config(profile or OTHER, path_style=True, read_timeout=5, anonymous=anonymous)
        client = at.client(config=config, credential=credential)
        kwargs["profile"] = profile
        made.append(S3Store(Location(scheme="s3", conn_id="c", bucket=place, prefix=prefix), client, **kwargs))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> S3Store:
    """A store in a fresh bucket."""
    return make_store()


@pytest.fixture(scope="package")
def moto_url() -> Iterator[str]:
    """moto's server, a second opinion."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


class MotoStore(S3Store):
    """moto can't hold a line feed, and its listings can't go on after other control characters (invalid XML)."""

    def refusal(self, key: str) -> str | None:
        return "moto can't hold or list it" if set(key) & MOTO_CAN_NOT else super().refusal(key)


MOTO_CAN_NOT = frozenset(map(chr, range(32))) - {"\t"}
MOTO = Capabilities(checksums=(), conditional_delete=False)
"""moto neither checks nor returns checksums, and ignores conditions on bulk deletes."""


@pytest.fixture
def moto_store(moto_url: str) -> Iterator[MakeStore]:
    """Make a store in a fresh bucket of moto: `moto_store("prefix/")`."""
    name = f"moto-{next(_NUMBERS):06d}"
    made: list[S3Store] = []

    def make(prefix: str = "", **kwargs: Any) -> S3Store:
        client = _SESSION.client(
            "s3",
            endpoint_url=moto_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=client_config(path_style=True),
        )
        if not made:
            client.create_bucket(Bucket=name)
        location = Location(scheme="s3", conn_id="c", bucket=name, prefix=prefix)
        made.append(MotoStore(location, client, **{"capabilities": MOTO, **kwargs}))
        return made[-1]

    yield make
    for store in made:
        store.close()
