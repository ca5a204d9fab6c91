"""Does a pair's DAG have a form of what its runs by hand may set? (J11)"""

from __future__ import annotations

import json

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from airflow_bucketsync import Pair, bucket_sync, by_hand_params, load_pairs
from airflow_bucketsync.configuration.hand_rules import SETTABLE
from airflow_bucketsync.configuration.options import OPTION_NAMES, read_options
from airflow_bucketsync.engine.errors import InvalidConfiguration

SYNCS = """\
defaults:
  by_hand: {dry_run: any, verify: {one_of: [metadata, content]}}
syncs:
  - name: one
    source: file:///in/a/
    destination: file:///out/a/
    schedule: "7 * * * *"
    options:
      {max_objects: 1000, exclude: ["*.tmp"], max_size: 1.5 MiB, delete: true, modified_after: 2026-01-31T00:00:00Z}
    by_hand:
      prefixes: {one_of: [a/, b/]}
      exclude: any
      max_objects: {at_least: 10, at_most: 100}
      max_size: {at_most: 1 MiB}
      modified_after: any
      delete: any
      move: any
      verify: never
  - name: several
    source: file:///in/b/
    options: {max_errors: 5}
    by_hand: {max_errors: any, dry_run: any, compare: any, mode: any}
    destinations:
      - {name: near, location: file:///out/b/}
      - {name: far, location: file:///far/b/, options: {max_errors: 2, dry_run: true, compare: size, verify: content}}
  - name: template
    source: "file:///in/{{ params.day }}/"
    destination: file:///out/c/
    by_hand: {dry_run: never, verify: never}
"""


@pytest.fixture
def dags(tmp_path):
    path = tmp_path / "pairs.yaml"
    path.write_text(SYNCS)
    return load_pairs(path, params={"day": "monday"})


def defaults(dag):
    return {name: dag.params.get_param(name).value for name in dag.params}


def refused(dag, **given):
    try:
        for name, value in given.items():
            dag.params.get_param(name).resolve(value)
    except ParamValidationError:
        return True
    return False


def test_J11_the_form_shows_what_will_happen(dags):
    one = dags["bucket_sync__one"]
    assert defaults(one) == {
        "day": "monday", "exclude": None, "prefixes": None, "modified_after": "2026-01-31T00:00:00+00:00",
        "max_size": "1536 KiB", "max_objects": 1000, "dry_run": False, "delete": True,
    }  # fmt: skip
    fields = {name: one.params.get_param(name).schema for name in one.params}
    assert fields["prefixes"]["examples"] == ["a/", "b/"]
    assert "The author's: `*.tmp`" in fields["exclude"]["description_md"]
    assert "At most 1.0 MiB" in fields["max_size"]["description_md"]
    assert (fields["max_objects"]["minimum"], fields["max_objects"]["maximum"]) == (10, 1000)
    assert {field.get("section") for name, field in fields.items() if name != "day"} == {"Which objects", "How"}
    assert refused(one, max_objects=1001)
    assert refused(one, max_objects=9)
    assert refused(one, dry_run="yes")
    assert not refused(one, max_objects=100, dry_run=True, prefixes=["a/"], max_size="5 KiB", delete=False)


def test_J11_what_destinations_say_differently_is_empty(dags):
    several = dags["bucket_sync__several"]
    assert defaults(several) == {
        "day": "monday", "mode": "full", "compare": None, "verify": None, "dry_run": None, "max_errors": None,
    }  # fmt: skip
    fields = {name: several.params.get_param(name).schema for name in several.params}
    assert "until_quiet" not in fields["mode"]["enum"]
    assert fields["verify"]["enum"] == [None, "content"], "what every one of them takes"
    tasks = [several.get_task(f"{name}.prepare") for name in ("near", "far")]
    nothing = [task.asked({"params": dict(several.params)}) for task in tasks]
    assert [spec.by_hand for spec in nothing] == [None, None]
    specs = [task.asked({"params": {**dict(several.params), "dry_run": True, "max_errors": 1}}) for task in tasks]
    assert [(spec.policy.dry_run, spec.policy.max_errors) for spec in specs] == [(True, 1), (True, 1)]
    assert [list(spec.by_hand.given) for spec in specs] == [["dry_run", "max_errors"], ["max_errors"]]


def test_J11_parameters_beside_those_of_the_pair(dags):
    task = dags["bucket_sync__template"].get_task("bucket_sync.prepare")
    task.render_template_fields({"params": {"day": "monday"}})
    assert task.asked({"params": {"day": "monday"}}).source.url == "file:///in/monday/"
    with pytest.raises(InvalidConfiguration, match=r"'dry_run' may not be set by hand: .* allows nothing"):
        task.asked({"params": {"day": "monday", "dry_run": True}})


def test_J11_a_pair_without_by_hand_reads_nothing_in_silence(tmp_path):
    path = tmp_path / "pairs.yaml"
    path.write_text("syncs: [{name: one, source: 'file:///in/{{ dag_run.conf.day }}/', destination: file:///out/}]")
    task = load_pairs(path)["bucket_sync__one"].get_task("bucket_sync.prepare")
    task.source = "file:///in/x/"
    assert task.asked({"params": {}}).by_hand is None
    assert task.asked({"params": {"day": "x"}}).by_hand is None, "its template speaks of it"
    with pytest.raises(InvalidConfiguration, match="'dry_run' may not be set by hand"):
        task.asked({"params": {"dry_run": True}})


def test_J11_the_dags_serialise_with_their_forms(dags):
    for dag in dags.values():
        again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
        assert again.params.dump() == dag.params.dump()


@pytest.mark.parametrize("name", SETTABLE)
@pytest.mark.parametrize("author", ["nothing", "something"])
def test_J11_every_field_holds_the_authors_value(name, author):
    options = {
        "include": ["a*"], "exclude": ["b*"], "extensions": ["c"], "prefixes": ["d/"], "start_after": "e",
        "modified_after": "2026-01-01T00:00:00Z", "modified_before": "2027-01-01T00:00:00Z", "min_size": 1001,
        "max_size": "1 GiB", "storage_classes": ["X"], "tags": {"a": "b"}, "max_expansion": 7, "mode": "auto",
        "max_objects": 7, "max_bytes": "7 MiB", "since_watermark": True, "compare": "size", "verify": "listing",
        "dry_run": True, "max_batches": 7, "concurrency": 7, "buffer_size": "7 MiB", "bandwidth": "7 KiB",
        "requests_per_second": 7, "max_errors": 7, "max_error_share": 0.7, "on_missing": "fail",
        "on_collision": "fail", "require_region": ["r"], "delete": True, "max_deletes": 7, "max_delete_share": 0.7,
        "max_delete_bytes": "7 KiB", "allow_empty_source": True, "delete_excluded": True, "unsafe_deletes": True,
        "trash": "all", "approve_above": 7, "approve_bytes_above": 7, "approval_hours": 7.5, "on_lock": "wait",
        "tolerate": ["gone"], "move": True, "recursive": False, "approve_plan": True, "max_drift": 0.7,
        "apply_plan": "0" * 64, "precheck": "always",
    }  # fmt: skip
    given = {name: options[name]} if author == "something" else {}
    pair = Pair(name="p", source="file:///a/", destination="file:///b/", options=given, by_hand={name: "any"})
    with DAG("dag", schedule="@daily", params=by_hand_params(pair)) as dag:
        bucket_sync(pair)
    dag.validate()
    spec = dag.get_task("bucket_sync.prepare").asked({"params": dict(dag.params)})
    assert spec.by_hand is None, "a form that was left alone sets nothing"
    assert spec.policy == read_options(given).policy()


def test_J11_a_named_pair_brings_its_own(tmp_path):
    (tmp_path / "pairs.yaml").write_text(SYNCS)
    with DAG("mine", schedule=None) as dag:
        bucket_sync("one", pairs_file=tmp_path / "pairs.yaml")
    assert dag.get_task("bucket_sync.prepare").by_hand["prefixes"] == {"one_of": ["a/", "b/"]}
    with pytest.raises(InvalidConfiguration, match="by_hand: stands beside a pair"):
        bucket_sync("one", pairs_file=tmp_path / "pairs.yaml", by_hand={})


def test_J11_a_mistake_of_the_author_is_told_when_the_file_is_read(tmp_path):
    with pytest.raises(InvalidConfiguration, match="by_hand: acl: is the author's alone"), DAG("dag", schedule=None):
        bucket_sync("file:///a/", "file:///b/", by_hand={"acl": "any"})
    path = tmp_path / "pairs.yaml"
    lines = ["by_hand:", "  verify: any", "  max_objects: {at_moost: 5}"]
    path.write_text(
        "syncs:\n  - name: one\n    source: file:///a/\n    destination: file:///b/\n"
        + "".join(f"    {line}\n" for line in lines)
    )
    dag = load_pairs(path)["bucket_sync__one"]
    assert dag.description == (
        "pairs.yaml, line 7, column 20: by_hand: max_objects: 'at_moost' is not known here: write one of "
        "at_least, at_most, one_of"
    )


def test_fields_stand_in_the_order_of_the_options():
    pair = Pair(
        name="p", source="file:///a/", destination="file:///b/", by_hand=dict.fromkeys(reversed(SETTABLE), "any")
    )
    fields = by_hand_params(pair)
    assert list(fields) == [name for name in OPTION_NAMES if name in fields]
    assert set(SETTABLE) - set(fields) == {
        "delete", "move", "allow_empty_source", "delete_excluded", "unsafe_deletes",
    }, "what is off can't be turned off"  # fmt: skip
    assert all(isinstance(field, Param) for field in fields.values())
