"""The stand that every test here runs on, and prechecks on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.precheck import Precheck
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.precheck.asked import ask_all
from airflow_bucketsync.engine.steps.precheck.asking import Asking, Surroundings
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import RetryingStore
from tests.engine.stand import QuickClock, Stand, one_server, other, quick_retries, server, stand, two_oss, two_servers
from tests.engine.stores.s3.conftest import moto_store, moto_url

__all__ = ["moto_store", "moto_url", "one_server", "other", "server", "stand", "two_oss", "two_servers"]

Ask = Callable[..., Precheck]
MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(stand: Stand) -> MakeRun:
    """A run of two stores: `make_run(source, destination, delete=True)`."""

    def make(
        source: ObjectStore,
        destination: ObjectStore,
        *,
        selection: Selection | None = None,
        workspace: ObjectStore | None = None,
        run: str = "run",
        **policy: Any,
    ) -> Run:
        options = SyncPolicy(**policy)
        spec = SyncSpec.of(source.location, destination.location, name="pair", selection=selection, policy=options)
        tries = quick_retries()
        pages = Workspace(RetryingStore(workspace or stand.workspace, tries), pair="pair", run=run)
        return Run(
            spec=spec,
            run=run,
            source=RetryingStore(source, tries),
            destination=RetryingStore(destination, tries),
            workspace=pages,
            gate=Gate(clock=QuickClock()),
            clock=QuickClock(),
        )

    return make


@pytest.fixture
def ask(make_run: MakeRun) -> Ask:
    """The whole list of two stores, asked now: `ask(source, destination, machines="CeleryExecutor", delete=True)`."""

    def asked(source: ObjectStore, destination: ObjectStore, *, machines: str = "", **given: Any) -> Precheck:
        run = make_run(source, destination, **given)
        return ask_all(Asking(run, Surroundings(several_machines=machines), None), "fingerprint")

    return asked
