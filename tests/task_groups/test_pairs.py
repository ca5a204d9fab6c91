"""Does a pairs file become DAGs: one per sync, a broken one visible, a task's own only, and nothing touched?"""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset
from airflow.sdk.definitions.connection import Connection
from airflow.sdk.definitions.variable import Variable
from airflow.serialization.serialized_objects import DagSerialization

from airflow_bucketsync import Pair, bucket_sync, load_pairs
from airflow_bucketsync.configuration import pairs_file
from airflow_bucketsync.configuration.pair import Sync
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.task_groups import pairs
from airflow_bucketsync.task_groups.sync import TASKS
from tests.house import ROOT

TEMPLATES = sorted((ROOT / "templates").glob("*.yaml"))
KINDS = {
    "s3-to-s3", "s3-to-oss", "oss-to-s3", "oss-to-oss", "local-to-s3", "s3-to-local", "local-to-oss", "oss-to-local",
    "local-to-local", "cut-over", "back-to-source", "mirror", "several-destinations", "routes",
}  # fmt: skip
SYNCS = """\
defaults: {pool: transfers}
syncs:
  - name: one
    source: file:///in/a/
    destination: file:///out/a/
    schedule: "7 * * * *"
    options: {mode: auto, exclude: ["*.tmp"]}
    dag: {timezone: Europe/Zurich, start_date: 2026-01-31, owner: storage, tags: [mine], paused: true}
  - name: broken
    source: file:///in/b/
    destinaton: file:///out/b/
    schedule: "@daily"
  - name: two
    description: Two ways
    source: file:///in/c/
    schedule: [ready, "file:///out/a/"]
    destinations:
      - {name: near, location: file:///out/c/, asset: near_ready}
      - {name: far, location: file:///far/c/}
  - name: three
    source: "file:///in/{{ ds }}/"
    destination: file:///out/d/
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pairs.yaml"
    path.write_text(SYNCS)
    return path


@pytest.fixture
def in_task(monkeypatch):
    """Parse as a task of this DAG does."""
    return lambda dag_id: monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)


def test_J1_one_dag_for_each_sync(file):
    dags = load_pairs(file)
    assert list(dags) == ["bucket_sync__one", "bucket_sync__broken", "bucket_sync__two", "bucket_sync__three"]
    one, _, two, three = dags.values()
    assert set(one.task_ids) == {f"bucket_sync.{task}" for task in TASKS}
    assert (one.schedule, str(one.timezone)) == ("7 * * * *", "Europe/Zurich")
    assert one.start_date == datetime(2026, 1, 30, 23, tzinfo=UTC)
    assert (one.is_paused_upon_creation, one.tags) == (True, {"bucketsync", "mine"})
    assert one.dagrun_timeout == timedelta(days=2)
    prepare = one.get_task("bucket_sync.prepare")
    assert (prepare.name, prepare.owner, prepare.options) == ("one", "storage", {"mode": "auto", "exclude": ["*.tmp"]})
    assert one.get_task("bucket_sync.copy").pool == "transfers"
    assert set(two.task_ids) == {"list_source", *(f"{group}.{task}" for group in ("near", "far") for task in TASKS)}
    assert two.get_task("list_source").downstream_task_ids == {"near.prepare", "far.prepare"}
    assert {two.get_task(f"{group}.prepare").name for group in ("near", "far")} == {"two.near", "two.far"}
    assert two.get_task("far.prepare").upstream_task_ids == {"list_source"}, "one destination waits for no other"
    assert two.get_task("near.report").asset == Asset("near_ready")
    assert [asset.name for asset in two.schedule] == ["ready", "file:///out/a"]
    assert two.description == "Two ways"
    assert three.get_task("bucket_sync.prepare").source == "file:///in/{{ ds }}/"
    for dag in dags.values():
        assert (dag.catchup, dag.max_active_runs) == (False, 1), dag.dag_id


def test_J1_a_broken_entry_is_a_dag_that_says_so(file):
    broken = load_pairs(file)["bucket_sync__broken"]
    words = "pairs.yaml, line 11, column 5: 'destinaton' is not known here: did you mean `destination`?"
    (task,) = broken.tasks
    assert (broken.dag_display_name, broken.tags) == ("bucket_sync__broken (broken)", {"bucketsync", "broken"})
    assert broken.schedule == "@daily", "somebody is told when it should have run"
    assert words in broken.doc_md
    assert broken.description == words
    assert task.retries == 0
    with pytest.raises(InvalidConfiguration) as caught:
        task.execute({})
    assert caught.value.message == words


def imported(tmp_path, text):
    """What Airflow finds in a DAG file that loads a pairs file."""
    (tmp_path / "pairs.yaml").write_text(text)
    (tmp_path / "pairs.py").write_text(
        "from pathlib import Path\n"
        "from airflow_bucketsync import load_pairs\n"
        'load_pairs(Path(__file__).with_name("pairs.yaml"))  # one DAG each\n'
    )
    return DagBag(dag_folder=str(tmp_path), load_op_links=False)


def test_J1_three_lines_are_enough_for_airflow(tmp_path):
    bag = imported(tmp_path, SYNCS)
    assert set(bag.dags) == {f"bucket_sync__{name}" for name in ("one", "broken", "two", "three")}
    assert not bag.import_errors


def test_J1_a_file_that_is_no_yaml_is_an_import_error_with_its_line(tmp_path):
    bag = imported(tmp_path, SYNCS.replace('"7 * * * *"', "*/5 * * * *"))
    (words,) = bag.import_errors.values()
    assert not bag.dags
    assert "pairs.yaml, line 6, column 16: a text that begins with `*` is taken for an alias: put it in quotes" in words


def test_what_airflow_would_refuse_for_the_whole_file_is_refused_for_one(tmp_path):
    """An executor that is not configured is found by Airflow only after the file, and stops all its DAGs."""
    bag = imported(
        tmp_path, SYNCS.replace("file:///out/d/", "file:///out/d/\n    resources: {copy: {executor: Nowhere}}")
    )
    assert not bag.import_errors
    assert "'Nowhere' is not configured" in bag.dags["bucket_sync__three"].doc_md
    assert set(bag.dags["bucket_sync__one"].task_ids) > {"bucket_sync.prepare"}


def test_what_fails_only_when_it_is_drawn_breaks_its_own_dag(tmp_path, monkeypatch):
    real = pairs.bucket_sync

    def drawn(pair, **more):
        if pair.name == "three":
            raise ValueError("nobody thought of that")
        return real(pair, **more)

    monkeypatch.setattr(pairs, "bucket_sync", drawn)
    bag = imported(tmp_path, SYNCS)
    assert not bag.import_errors
    assert list(bag.dags["bucket_sync__three"].task_ids) == ["broken"]
    assert "pairs.yaml, line 20, column 5: ValueError: nobody thought of that" in bag.dags["bucket_sync__three"].doc_md
    assert len(bag.dags["bucket_sync__two"].task_ids) == 2 * len(TASKS) + 1


@pytest.mark.parametrize("name", ["one", "broken", "two"])
def test_a_task_builds_its_own_dag_only(file, in_task, monkeypatch, name):
    drawn, checked = [], []
    real_draw, real_check = pairs.bucket_sync, pairs_file.checked_sync
    monkeypatch.setattr(pairs, "bucket_sync", lambda pair, **more: drawn.append(pair.name) or real_draw(pair, **more))
    monkeypatch.setattr(pairs_file, "checked_sync", lambda name, node: checked.append(name) or real_check(name, node))
    in_task(f"bucket_sync__{name}")
    assert list(load_pairs(file)) == [f"bucket_sync__{name}"]
    assert checked == [name]
    assert drawn == {"one": ["one"], "broken": [], "two": ["two.near", "two.far"]}[name]


def test_a_task_of_another_dag_builds_none(file, in_task):
    in_task("nightly")
    assert load_pairs(file) == {}


def test_a_task_sees_the_dag_that_the_scheduler_saw(file, in_task):
    whole = {dag_id: DagSerialization.to_dict(dag)["dag"] for dag_id, dag in load_pairs(file).items()}
    for dag_id, seen in whole.items():
        in_task(dag_id)
        own = DagSerialization.to_dict(load_pairs(file)[dag_id])["dag"]
        assert json.dumps(own, sort_keys=True, default=str) == json.dumps(seen, sort_keys=True, default=str)


def test_nothing_is_touched_while_a_file_is_read(monkeypatch):
    def refused(*args, **more):
        raise RuntimeError("touched while parsing")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(Connection, "get", refused)
    monkeypatch.setattr(Variable, "get", refused)
    for path in TEMPLATES:
        for dag in load_pairs(path).values():
            assert "broken" not in dag.tags, path


def test_J4_a_template_for_every_kind():
    assert {path.stem for path in TEMPLATES} == KINDS


@pytest.mark.parametrize("path", [*TEMPLATES, ROOT / "dags" / "pairs.yaml"], ids=lambda path: path.stem)
def test_J4_each_template_becomes_dags(path):
    first = path.read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).is_file()
    dags = load_pairs(path)
    assert dags
    for dag in dags.values():
        assert "broken" not in dag.tags, dag.doc_md
        assert len(json.dumps(DagSerialization.to_dict(dag), default=str)) < 150_000
        text = path.stem
        ends = {"s3": "s3", "oss": "oss", "local": "file"}
        if "-to-" in text and text.partition("-to-")[0] in ends:
            prepare = dag.get_task("bucket_sync.prepare")
            found = tuple(url.partition("://")[0] for url in (prepare.source, prepare.destination))
            assert found == tuple(ends[side] for side in text.split("-to-"))


def test_what_yaml_can_not_say_goes_along(file):
    def told(context): ...

    for dag in load_pairs(file, on_failure_callback=told, tags=["ours"]).values():
        if "broken" not in dag.tags:
            assert dag.on_failure_callback is told
            assert "ours" in dag.tags
    with pytest.raises(InvalidConfiguration, match="schedule: is what the pairs file says"):
        load_pairs(file, schedule="@daily")
    with pytest.raises(TypeError):
        load_pairs(file, on_failure="x")


def test_a_broken_sync_tells_whom_the_others_tell(file):
    def told(context): ...

    assert load_pairs(file, on_failure_callback=told)["bucket_sync__broken"].on_failure_callback is told


def test_the_file_of_the_settings(file, monkeypatch):
    with pytest.raises(InvalidConfiguration, match=r"set \[bucketsync\] pairs"):
        load_pairs()
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__PAIRS", str(file))
    assert "bucket_sync__one" in load_pairs()
    with DAG("mine", schedule=None) as dag:
        bucket_sync("one")
    assert dag.get_task("bucket_sync.prepare").name == "one"


@pytest.mark.parametrize("by", ["name", "name alone", "object", "object alone", "arguments"])
def test_J5_a_pair_by_name_by_object_and_by_arguments(file, by):
    places = {"source": "file:///in/a/", "destination": "file:///out/a/"}
    options = {"mode": "auto", "exclude": ["*.tmp"]}
    pair = Pair(name="one", **places, options=options, pool="transfers")
    with DAG("mine", schedule=None) as dag:
        match by:
            case "name":
                bucket_sync(pair="one", pairs_file=file, group_id="group")
            case "name alone":
                bucket_sync("one", pairs_file=str(file), group_id="group")
            case "object":
                bucket_sync(pair=pair, group_id="group")
            case "object alone":
                bucket_sync(pair, group_id="group")
            case "arguments":
                bucket_sync(**places, name="one", pool="transfers", group_id="group", **options)
    prepare, copy = dag.get_task("group.prepare"), dag.get_task("group.copy")
    found = (prepare.source, prepare.destination, prepare.name, prepare.options, copy.pool, copy.retries)
    assert found == (*places.values(), "one", options, "transfers", 3)


def test_J5_of_several_destinations_one(file):
    with DAG("mine", schedule=None) as dag:
        bucket_sync("two.near", pairs_file=file)
        bucket_sync("two.near", pairs_file=file, group_id="other", asset=Asset("mine"))
    assert dag.get_task("bucket_sync.report").asset == Asset("near_ready")
    assert dag.get_task("other.report").asset == Asset("mine")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pair": "one", "exclude": ["*"]}, "exclude: stands beside a pair, whose own it would replace"),
        ({"pair": "one", "retries": 0}, "retries: stands beside a pair"),
        ({"pair": "one", "source": "file:///x/"}, "source: stands beside a pair"),
        ({"pair": "ones"}, "did you mean `one`?"),
        ({"pair": "broken"}, "did you mean `destination`?"),
        ({"pair": "two"}, "write one of 'two.near', 'two.far'"),
        ({"pair": 7}, "write a name of a pairs file, or a Pair"),
        ({"source": "file:///x/"}, "destination: is missing beside the source"),
        ({"pair": Pair(name="x", source="file:///x/", destination="file:///y/")}, "pairs_file: stands beside a Pair"),
        ({}, "write a name of a pairs file"),
    ],
)
def test_J5_what_is_no_pair(file, arguments, words):
    with DAG("mine", schedule=None), pytest.raises(InvalidConfiguration) as caught:
        bucket_sync(**arguments, pairs_file=file)
    assert words in caught.value.message


@pytest.mark.timeout(600)
def test_J1_reading_and_checking_costs_little_beside_drawing(tmp_path):
    """100 entries read and checked, against the same 100 DAGs drawn in Python: a sixth when this was written."""
    path = tmp_path / "pairs.yaml"
    entry = "  - {name: s%d, source: 's3://a@incoming/%d/', destination: 's3://b@backup/%d/', schedule: '%d * * * *'}\n"
    path.write_text("syncs:\n" + "".join(entry % (i, i, i, i % 60) for i in range(100)))

    def checked():
        file = pairs_file.read_pairs_file(path)
        assert all(isinstance(file.sync(name), Sync) for name in file.entries)

    def drawn():
        for i in range(100):
            with DAG(f"s{i}", schedule=f"{i % 60} * * * *", catchup=False, max_active_runs=1, tags=["bucketsync"]):
                bucket_sync(f"s3://a@incoming/{i}/", f"s3://b@backup/{i}/", name=f"s{i}")

    def least(work):
        seconds = []
        for _ in range(3):
            began = time.process_time()
            work()
            seconds.append(time.process_time() - began)
        return min(seconds)

    assert least(checked) < 0.5 * least(drawn)
