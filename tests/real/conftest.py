"""One running server of each kind, stores in fresh buckets of it, and the declared deviations put in force."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.s3.client import client_config
from tests.real.capable import TRUST, PathStore
from tests.real.deviations import DEVIATIONS
from tests.real.knobs import PROBES
from tests.real.probes import answers
from tests.real.servers import Running, running_server

MakeStore = Callable[..., PathStore]
Start = Callable[[str], Running]
_NUMBERS = itertools.count(1)
BREAKS = (AssertionError, pytest.fail.Exception, BucketsyncError)
"""How a test of the contract fails when a server does otherwise; anything else is a mistake of ours."""
_MEASURED = pytest.StashKey[dict[str, dict[str, str]]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A declared deviation must fail: when a server learns it, the line in the table has to go."""
    for item in items:
        reason = DEVIATIONS.get(getattr(getattr(item, "cls", None), "server", ""), {}).get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True, raises=BREAKS))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show what was measured, and what was declared."""
    measured = config.stash.get(_MEASURED, {})
    if measured:
        terminalreporter.section("what the servers do")
        for knob in PROBES:
            words = "; ".join(f"{name}: {found[knob]}" for name, found in measured.items())
            terminalreporter.line(f"{knob}: {words}")
    terminalreporter.section("declared deviations from the contract")
    for server, declared in DEVIATIONS.items():
        for name, reason in declared.items():
            terminalreporter.line(f"{server}: {name}: {reason}")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a server by its name, once for all tests."""
    with ExitStack() as stack:
        started: dict[str, Running] = {}

        def start(name: str) -> Running:
            if name not in started:
                started[name] = stack.enter_context(running_server(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield start


@pytest.fixture(scope="session")
def measured(running: Start, request: pytest.FixtureRequest) -> Callable[[str], dict[str, str]]:
    """What the probes find on a server, asked once."""
    found = request.config.stash.setdefault(_MEASURED, {})

    def measure(name: str) -> dict[str, str]:
        if name not in found:
            found[name] = answers(running(name))
        return found[name]

    return measure


@pytest.fixture
def make_store(running: Start) -> Iterator[MakeStore]:
    """Make a store with a client of its own: `make_store("minio", "bucket", "prefix/")`; new buckets are made.

    With `any_key` it writes keys that are no paths too.
    """
    made: list[PathStore] = []
    buckets: set[tuple[str, str]] = set()

    def make(name: str, bucket: str, prefix: str = "", *, any_key: bool = False) -> PathStore:
        trust = TRUST[name]
        profile = replace(trust.profile, path_keys=False) if any_key else trust.profile
        client = running(name).client(client_config(trust.profile, path_style=True, read_timeout=20))
        if (name, bucket) not in buckets:
            buckets.add((name, bucket))
            client.create_bucket(Bucket=bucket)
        location = Location(scheme="s3", conn_id=name, bucket=bucket, prefix=prefix)
        store = PathStore(location, client, profile=profile, capabilities=trust.capabilities)
        store.trust = trust
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def bucket() -> str:
    """The name of a bucket that no server has."""
    return f"bucket-{next(_NUMBERS):06d}"
