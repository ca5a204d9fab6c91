"""Does docs/connections.md say what is so: fields, examples, rights?"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from airflow_bucketsync.configuration.places import DEFAULT_CONNECTIONS
from airflow_bucketsync.engine.in_process import sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.units import MIB
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import unwrapped
from airflow_bucketsync.hooks.access import connection_of
from airflow_bucketsync.hooks.oss_connection import NEEDED, TAKEN, TYPES, oss_connection
from airflow_bucketsync.hooks.oss_credentials import EXTRA, VARIABLES
from airflow_bucketsync.hooks.s3_extra import KEYS, s3_extra
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.provider_info import OSS_FIELDS
from tests.servers import oss, s3
from tests.servers.oss.credentials import action_of as oss_action
from tests.servers.s3.credentials import action_of as s3_action

PAGE = (Path(__file__).parent.parent.parent / "docs" / "connections.md").read_text()
EXAMPLES = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S) for line in re.split(r"\n\n", block.strip())
]


def table(head):
    """The rows of the table with this head, as lists of cells."""
    rows = PAGE.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))] for row in rows]


def words(cell):
    """The words in a cell that stand in `code`."""
    return re.findall(r"`([^`]+)`", cell)


def test_fields_of_oss_are_those_of_the_form():
    expected = [[f"`{name}`", field["description"]] for name, field in OSS_FIELDS.items()]
    assert table("field | meaning")[1:] == expected


def test_kinds_of_credentials_are_those_of_the_code():
    expected = {}
    for row in table("credential | needs | takes besides"):
        needs = [word for word in re.findall(r"\w+", row[1]) if word != "nothing"]
        expected[words(row[0])[0]] = (tuple(needs), tuple(words(row[2])))
    assert expected == {name: (needed, TAKEN.get(name, ())) for name, needed in NEEDED.items()}


def test_keys_of_s3_are_those_of_the_code():
    rows = {words(row[0])[0]: row[1] for row in table("key in the extra | type | meaning")}
    assert rows == {key: "`true`, `false`" if kind is bool else "text" for key, kind in KEYS.items()}


def test_default_connections_and_types_are_those_of_the_code():
    rows = table("scheme | connection type | without a connection in the location")
    defaults = {words(row[0])[0].partition(":")[0]: words(row[2]) for row in rows}
    assert defaults == {**{scheme: [name] for scheme, name in DEFAULT_CONNECTIONS.items()}, "file": []}
    assert words(rows[1][1]) == list(TYPES)


def test_variables_and_the_extra_to_install_are_those_of_the_code():
    for name in (EXTRA, *(name for names in VARIABLES for name in names)):
        assert name in PAGE


@pytest.mark.parametrize("line", EXAMPLES, ids=lambda line: line.split()[3])
def test_examples_are_connections_that_are_taken(line, monkeypatch):
    line = line.replace("\\\n", " ")
    command, _, _ = line.partition("  #")
    command = re.sub(r"'\"\$(\w+)\"'|\"\$(\w+)\"", "a-secret", command)
    _, _, verb, name, *rest = shlex.split(command)
    assert verb == "add"
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    value = {
        "conn_type": options.pop("--conn-type"),
        "login": options.pop("--conn-login", None),
        "password": options.pop("--conn-password", None),
        "extra": json.loads(options.pop("--conn-extra", "{}")),
    }
    assert options == {}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
    if value["conn_type"] == "aws":
        location = Location.parse(f"s3://{name}@bucket/")
        s3_extra(connection_of(location, ("aws",)), location)
    else:
        location = Location.parse(f"oss://{name}@bucket/")
        assert oss_connection(connection_of(location, TYPES), location.url).endpoint.startswith("https://")


def test_every_kind_of_credential_has_an_example():
    shown = set(re.findall(r'"credential": "(\w+)"', PAGE))
    assert shown | {"ak"} == set(NEEDED)


@pytest.mark.parametrize("scheme", ["s3", "oss"])
def test_least_rights_are_enough_and_none_is_too_much(scheme, monkeypatch):
    """A sync of small, tagged and large objects by keys that may do just what the page says, each in its own bucket."""
    column = {"s3": 1, "oss": 2}[scheme]
    rights = {row[0]: words(row[column]) for row in table("role | Amazon S3 (`s3:…`) | Alibaba OSS (`oss:…`)")}
    dialect, action = (s3, s3_action) if scheme == "s3" else (oss, oss_action)
    server_of = s3.S3Server if scheme == "s3" else oss.OSSServer
    keys = [
        dialect.Credential(f"KEY-{role}", "a-secret-of-tests", allow=(dialect.Allow(may, bucket=role),))
        for role, may in rights.items()
    ]
    admin = dialect.Credential("KEY-admin", "a-secret-of-tests")
    with server_of(credentials=[*keys, admin], buckets=list(rights)) as server:

        def store(role, bucket):
            extra = {"endpoint_url": server.url, "region_name": server.region}
            if scheme == "oss":
                extra = {"endpoint_kind": "custom", "endpoint": server.url, "region": server.region}
            kind = {"s3": "aws", "oss": "bucketsync_oss"}[scheme]
            value = {"conn_type": kind, "login": f"KEY-{role}", "password": "a-secret-of-tests", "extra": extra}
            monkeypatch.setenv(f"AIRFLOW_CONN_{role.upper()}", json.dumps(value))
            return unwrapped(open_store(Location.parse(f"{scheme}://{role}@{bucket}/"), gate=Gate()))

        before = store("admin", "source")
        before.put("plain", b"x")
        before.put("tagged", b"x", attributes=ObjectAttributes(tags={"a": "b"}))
        server.core.put("source", "large", b"y" * (11 * MIB))
        server.log.clear()
        sides = [store(role, role) for role in ("source", "destination")]
        policy = SyncPolicy(small_threshold=5 * MIB, large_threshold=5 * MIB, part_size=5 * MIB)
        report = sync(*sides, workspace=store("workspace", "workspace"), policy=policy)
        assert report.verified
        assert report.counts == {"copied": 3}
        assert server.core.find("destination", "tagged").attributes.tags == {"a": "b"}
        refused = {(entry.operation, entry.bucket) for entry in server.log.entries if entry.status == 403}
        # The destination's key is tried at the source, for a copy by the server: it may not.
        assert refused == {("HeadObject", "source")}
        for role, may in rights.items():
            used = {action(entry.operation) for entry in server.log.entries if entry.bucket == role}
            assert used | ({"PutObjectTagging"} & set(may)) == set(may), role
