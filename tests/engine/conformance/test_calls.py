"""Does docs/calls.md name every request that the stores send, by verb, with the right that it needs?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_bucketsync.engine.conformance.run import conform, scratch_location
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.oss import session as oss_session
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from airflow_bucketsync.engine.stores.s3 import session as s3_session
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from airflow_bucketsync.engine.stores.telling import Telling
from tests.servers.oss import OSSServer
from tests.servers.oss import credentials as oss_credentials
from tests.servers.s3 import S3Server
from tests.servers.s3 import credentials as s3_credentials

PAGE = Path(__file__).parents[3] / "docs" / "calls.md"
OPERATIONS: Mapping[str, frozenset[str]] = {
    "s3": frozenset(s3_session._METHODS),
    "oss": frozenset(oss_session._OPERATIONS),
}
ACTIONS = {"s3": s3_credentials.action_of, "oss": oss_credentials.action_of}
ALSO = {
    ("s3", "GetBucketLocation"): {"region"},
    ("s3", "ListObjects"): {"list_page"},
    ("s3", "HeadBucket"): {"server_time"},
    ("s3", "HeadObject"): {"encryption_key"},
    ("s3", "GetBucketVersioning"): {"versioning"},
    ("s3", "GetBucketOwnershipControls"): {"ownership"},
    ("s3", "GetBucketAcl"): {"ownership"},
    ("s3", "GetObjectAcl"): {"ownership"},
    ("oss", "GetBucketVersioning"): {"copy", "complete_upload", "versioning"},
    ("oss", "HeadObject"): {"encryption_key"},
    ("oss", "ListObjectsV2"): {"server_time"},
    ("oss", "GetSymlink"): {"copy", "copy_part", "set_attributes"},
}
"""Verbs that send what no check on an honest server makes them send: other profiles, other buckets, asked once; and
those that only a precheck knows."""
VERBS = frozenset(name for kind in (ObjectStore, Telling) for name in vars(kind) if not name.startswith("_"))


def rows(service: str) -> dict[str, list[str]]:
    """Cells of the page's table about one service, by operation: verbs, steps, right."""
    title = {"s3": "Amazon S3", "oss": "Alibaba OSS"}[service]
    (text,) = [part for part in re.split(r"^## ", PAGE.read_text(), flags=re.M) if part.startswith(title)]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines}


def words(cell: str) -> set[str]:
    """What stands in a cell as code."""
    return set(re.findall(r"`(\w+)`", cell))


class Recording:
    """A store that notes which verb sent which request."""

    def __init__(self, inner: Any, sent: dict[str, set[str]]) -> None:
        self.inner = inner
        self.sent = sent

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in VERBS or not callable(found):
            return found

        def called(*arguments: Any, **named: Any) -> Any:
            before = Counter(self.inner.requests)
            bare = [item.inner if isinstance(item, Recording) else item for item in arguments]
            named = {key: item.inner if isinstance(item, Recording) else item for key, item in named.items()}
            try:
                answer = found(*bare, **named)
                if isinstance(answer, Iterator):
                    return iter(list(answer))
                if name == "open":
                    body = answer.__enter__()
                    return Opened(answer, body)
                return answer
            finally:
                for operation in Counter(self.inner.requests) - before:
                    self.sent[operation].add(name)

        return called


class Opened:
    """A body that was opened already, so that its request was counted."""

    def __init__(self, manager: Any, body: Any) -> None:
        self.manager = manager
        self.body = body

    def __enter__(self) -> Any:
        return self.body

    def __exit__(self, *error: Any) -> Any:
        return self.manager.__exit__(*error)


@pytest.fixture(scope="module")
def observed() -> dict[str, dict[str, set[str]]]:
    """By service and operation, the verbs that sent it while everything was tried."""
    found: dict[str, dict[str, set[str]]] = {"s3": defaultdict(set), "oss": defaultdict(set)}
    with S3Server(buckets=["bucket"]) as s3, OSSServer(buckets=["bucket"]) as oss:
        known = next(iter(oss.credentials.values()))
        client = make_client(oss.url, "bucket", (known.access_key, known.secret_key), oss.region)
        for service, make in {
            "s3": lambda at: S3Store(at, s3.client(config=client_config(AWS, path_style=True)), profile=AWS),
            "oss": lambda at: OSSStore(at, client),
        }.items():
            store = make(scratch_location(Location.parse(f"{service}://c@bucket/p/"), "x"))
            recording: Any = Recording(store, found[service])
            assert conform(recording).conforms
            store.close()
    return found


@pytest.mark.parametrize("service", ["s3", "oss"])
def test_every_operation_has_its_row(service):
    assert set(rows(service)) == OPERATIONS[service]


@pytest.mark.parametrize("service", ["s3", "oss"])
def test_rights_are_those_of_the_strict_server(service):
    for operation, (_, _, right) in rows(service).items():
        assert right.startswith(f"`{service}:{ACTIONS[service](operation)}`"), operation


@pytest.mark.parametrize("service", ["s3", "oss"])
def test_verbs_are_those_that_send_it(service, observed):
    """Whatever a verb sends is in its row; the operations that no check sends say when they are sent."""
    said = {operation: words(verbs) for operation, (verbs, _, _) in rows(service).items()}
    assert all(verbs and verbs <= VERBS for verbs in said.values())
    expected = {
        operation: observed[service].get(operation, set()) | ALSO.get((service, operation), set()) for operation in said
    }
    assert said == expected
