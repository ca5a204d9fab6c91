"""The strict server, and stores in fresh buckets of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.servers.oss import Credential, OSSServer

MakeStore = Callable[..., OSSStore]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
def one_server() -> Iterator[OSSServer]:
    """One server for all tests of the package."""
    with OSSServer() as running:
        yield running
        assert running.failures == []


@pytest.fixture(scope="package")
def secure() -> Iterator[OSSServer]:
    """A server behind TLS."""
    with OSSServer(tls=True) as running:
        yield running
        assert running.failures == []


@pytest.fixture
def server(one_server: OSSServer) -> Iterator[OSSServer]:
    """The server, without faults, log and additional credentials of other tests."""
    known = dict(one_server.credentials)
    one_server.log.clear()
    yield one_server
    one_server.faults.clear()
    one_server.clock_skew = 0.0
    one_server.credentials.clear()
    one_server.credentials.update(known)


@pytest.fixture
def bucket(server: OSSServer) -> str:
    """A fresh bucket."""
    name = f"bucket-{next(_NUMBERS):06d}"
    server.core.create_bucket(name, region=server.region)
    return name


def keys_of(credential: Credential) -> tuple[str, ...]:
    """A credential as `make_client` takes it."""
    keys = (credential.access_key, credential.secret_key)
    return (*keys, credential.session_token) if credential.session_token else keys


@pytest.fixture
def make_store(server: OSSServer, bucket: str) -> Iterator[MakeStore]:
    """Make a store with a client of its own: `make_store(prefix="p/", place=…, credential=…, **of_the_store)`."""
    made: list[OSSStore] = []

    def make(
        prefix: str = "",
        *,
        place: str = bucket,
        credential: Credential | None = None,
        at: OSSServer = server,
        client: Any = None,
        **kwargs: Any,
    ) -> OSSStore:
        client = client or make_client(
            at.url,
            place,
            keys_of(credential or next(iter(at.credentials.values()))),
            at.region,
            read_timeout=5,
            verify=at.ca_file or True,
        )
        made.append(OSSStore(Location(scheme="oss", conn_id="c", bucket=place, prefix=prefix), client, **kwargs))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> OSSStore:
    """A store in a fresh bucket."""
    return make_store()
