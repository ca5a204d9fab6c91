"""Does every mistake of `docs/mistakes.md` give the message that stands there, with its place and its remedy?"""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import BucketsyncError, ConnectionLost, InvalidLocation, ObjectNotFound
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.retrying import RetryingStore, unwrapped
from tests.hooks.mistakes import MISTAKES, closed_port, world_of
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server

PAGE = Path(__file__).parent.parent.parent / "docs" / "mistakes.md"
TASK_FAILS_IN = 120.0
"""Seconds in which a task fails whose endpoint can't be reached."""


def documented():
    """Message and remedy by the mistake and the kind of store, from the tables of the page."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if len(cells) == 4 and cells[0] != "mistake" and not set(line) <= set("|- "):
            for kind in cells[1].split(", "):
                assert (cells[0], kind) not in found, cells
                found[cells[0], kind] = (cells[2], cells[3])
    return found


def pattern(text):
    """The words as they must come, with anything where `…` stands."""
    return ".+".join(re.escape(part) for part in text.split("…"))


@pytest.fixture(scope="module")
def servers():
    with S3Server(buckets=()) as s3, OSSServer(buckets=()) as oss:
        yield s3, oss


@pytest.fixture
def world(servers, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="mistakes-") as name:  # pytest's own folders are closed to others
        Path(name).chmod(0o755)
        with world_of(*servers, Path(name), monkeypatch) as made:
            yield made


def test_every_mistake_has_its_row_and_every_row_its_mistake():
    assert documented().keys() == MISTAKES.keys()


@pytest.mark.parametrize(("words", "kind"), MISTAKES, ids=lambda value: value.replace(" ", "-"))
def test_message_of_a_mistake(world, words, kind):
    with pytest.raises(BucketsyncError) as caught:
        MISTAKES[words, kind](world, kind)
    error, text = caught.value, str(caught.value)
    message, remedy = documented()[words, kind]
    assert re.fullmatch(f"{pattern(message)}[;:,?]? {pattern(remedy)}", error.message), text
    assert text.isprintable(), "one line"
    assert "canary" not in text.lower(), "no secret, and no access key id"
    assert len(text) < 700
    if isinstance(error, InvalidLocation):  # it may hold a secret: only what is safe of it is shown
        assert world.places[-1].partition("://")[0] in text
        return
    assert any(place in text for place in world.places), "the location"
    if kind != "folder":
        assert "my_store" in text, "the connection"
        sent = {operation for store in world.stores for operation in store.requests}
        assert not sent or any(operation in text for operation in (*sent, "the listing")), "the call"


@pytest.mark.parametrize("kind", ["S3", "OSS"])
def test_connection_that_was_not_named_is(world, kind):
    world.connect(kind)
    name = "aws_default" if kind == "S3" else "oss_default"
    world.patch.setenv(f"AIRFLOW_CONN_{name.upper()}", os.environ["AIRFLOW_CONN_MY_STORE"])
    with pytest.raises(ObjectNotFound) as caught:
        world.opened(f"{kind.lower()}://missing/in/").list_page()
    assert f"[{kind.lower()}://{name}@missing/in/]" in str(caught.value)


@pytest.mark.parametrize("kind", ["S3", "OSS"])
def test_fault_F36_task_whose_endpoint_is_not_there_fails_in_two_minutes(world, kind):
    """With the longest waits that can be drawn, and were every try to end by the time-out of connecting."""
    with pytest.raises(ConnectionLost):
        closed_port(world, kind)
    store = unwrapped(world.stores[-1])
    client = store._session.client
    timeout = client.meta.config.connect_timeout if kind == "S3" else client.timeout[0]
    world.clock.waits.clear()
    retries = Retries(gate=Gate(clock=world.clock), draw=lambda longest: longest)
    started = time.monotonic()
    with pytest.raises(ConnectionLost):
        RetryingStore(store, retries).list_page()
    passed = time.monotonic() - started
    assert len(world.clock.waits) == retries.attempts - 1
    assert passed + sum(world.clock.waits) < 30.0
    assert retries.attempts * timeout + sum(world.clock.waits) < TASK_FAILS_IN
