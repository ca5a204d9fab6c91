"""Is the flow drawn as it was decided, and is what an author writes checked when the DAG is parsed?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk import DAG, Asset, task, task_group
from airflow.serialization.serialized_objects import DagSerialization

from airflow_bucketsync import bucket_sync
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.retry import RETRY_POLICY
from airflow_bucketsync.task_groups.sync import TASKS, bucket_sync_by_hand

SOURCE, DESTINATION = "s3://store@source/in/", "s3://store@destination/out/"
UPSTREAM = {
    "prepare": set(),
    "list": {"prepare"},
    "plan": {"list"},
    "copy": {"plan"},
    "begin_uploads": {"plan"},
    "upload_parts": {"begin_uploads"},
    "complete_uploads": {"plan", "copy", "begin_uploads", "upload_parts"},
    "verify": {"complete_uploads"},
    "delete_extra": {"plan", "copy", "upload_parts", "complete_uploads", "verify"},
    "report": set(TASKS) - {"report"},
}
RULES = {
    "plan": "none_failed",
    "complete_uploads": "all_done",
    "delete_extra": "none_failed",
    "report": "all_done",
}
MAPPED = {"list", "copy", "upload_parts", "verify"}


def drawn(source=SOURCE, destination=DESTINATION, **options):
    with DAG("dag", schedule=None) as dag:
        bucket_sync(source, destination, **options)
    return {item.task_id.removeprefix("bucket_sync."): item for item in dag.tasks}


def test_edges_and_trigger_rules():
    tasks = drawn()
    assert set(tasks) == set(TASKS)
    for name, item in tasks.items():
        assert {up.removeprefix("bucket_sync.") for up in item.upstream_task_ids} == UPSTREAM[name], name
        assert getattr(item.trigger_rule, "value", item.trigger_rule) == RULES.get(name, "all_success"), name
        assert item.is_mapped == (name in MAPPED), name


def test_state_and_event():
    tasks = drawn()
    for name, item in tasks.items():
        inlets = [asset.name for asset in item.inlets]
        assert inlets == (["bucketsync_state"] if name in ("prepare", "report") else []), name
        assert [alias.name for alias in item.outlets] == (["bucketsync"] if name == "report" else []), name


def test_tries_and_time_outs():
    for name, item in drawn(retries=5, timeouts={"copy": timedelta(minutes=7)}).items():
        assert item.retries == 5, name
        assert item.retry_policy is RETRY_POLICY, name
        assert item.execution_timeout is not None, name
    assert drawn(timeouts={"copy": timedelta(minutes=7)})["copy"].execution_timeout == timedelta(minutes=7)
    assert drawn()["prepare"].execution_timeout == timedelta(minutes=15)


def test_limits_are_for_what_moves_data():
    for name, item in drawn(pool="narrow", max_active_copies=3).items():
        moves = name in ("copy", "upload_parts", "verify")
        assert item.pool == ("narrow" if moves else "default_pool"), name
        assert item.max_active_tis_per_dagrun == (3 if moves else None), name


WIDE = {
    "pool": "wide",
    "pool_slots": 2,
    "queue": "big_machines",
    "priority_weight": 5,
    "weight_rule": "absolute",
    "executor": "LocalExecutor",
    "executor_config": {"pod_override": "a pod with more memory"},
}


@pytest.mark.parametrize("name", TASKS)
def test_D19_resources_per_task(name):
    """Mapped or not: the named task has all of them, no other task has any."""
    for other, item in drawn(pool="narrow", resources={name: WIDE}).items():
        rule = getattr(item.weight_rule, "value", item.weight_rule)
        found = {field: getattr(item, field) for field in WIDE}
        if other == name:
            assert found == {**WIDE, "weight_rule": found["weight_rule"]}
            assert "absolute" in str(rule).lower()
        else:
            assert not [field for field in WIDE if found[field] == WIDE[field]], other


def test_D19_one_field_leaves_the_others_as_they_are():
    task = drawn(pool="narrow", resources={"upload_parts": {"queue": "big_machines"}})["upload_parts"]
    assert (task.queue, task.pool, task.pool_slots) == ("big_machines", "narrow", 1)


def test_D19_resources_of_a_run_by_hand():
    with DAG("dag", schedule=None) as dag:
        bucket_sync_by_hand(resources={"prepare": {"queue": "near"}, "copy": {"pool": "wide", "pool_slots": 3}})
    assert dag.get_task("bucket_sync.prepare").queue == "near"
    assert (dag.get_task("bucket_sync.copy").pool, dag.get_task("bucket_sync.copy").pool_slots) == ("wide", 3)


def test_D19_resources_survive_what_the_scheduler_reads():
    """The scheduler sees the DAG serialized: an executor configuration is pickled by Airflow, the rest is JSON."""
    with DAG("dag", schedule=None) as dag:
        bucket_sync(SOURCE, DESTINATION, resources={"upload_parts": WIDE})
    task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("bucket_sync.upload_parts")
    assert {field: getattr(task, field) for field in WIDE if field != "weight_rule"} == {
        field: value for field, value in WIDE.items() if field != "weight_rule"
    }


def test_report_is_the_only_leaf_between_other_tasks():
    with DAG("dag", schedule=None) as dag:

        @task
        def before(): ...

        @task
        def after(): ...

        one = bucket_sync(SOURCE, DESTINATION, group_id="one")
        two = bucket_sync(SOURCE, "s3://store@destination/two/", group_id="two", asset=Asset("mine"))
        before() >> one >> two >> after()
    assert dag.get_task("one.prepare").upstream_task_ids == {"before"}
    assert dag.get_task("two.prepare").upstream_task_ids == {"one.report"}
    assert dag.get_task("after").upstream_task_ids == {"two.report"}
    assert dag.get_task("two.report").asset == Asset("mine")


def test_mapping_over_the_group_is_refused():
    @task_group
    def many(url):
        bucket_sync(url, DESTINATION)

    with DAG("dag", schedule=None), pytest.raises(Exception, match=r"(?i)mapped|expand|nested|location"):
        many.expand(url=[SOURCE])


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"source": "bucket"}, InvalidLocation, "names no scheme"),
        ({"source": "s3://key:secret@bucket/"}, InvalidLocation, "connection id"),
        ({"source": None}, InvalidLocation, "text"),
        ({"destination": "file:///"}, InvalidLocation, "absolute folder"),
        ({"destination": SOURCE + "copy/"}, InvalidConfiguration, "overlap"),
        ({"source": "file:///data/", "destination": "file://other@/data/x/"}, InvalidConfiguration, "overlap"),
        ({"source": "s3://source/", "destination": "s3://aws_default@source/x/"}, InvalidConfiguration, "overlap"),
        ({"exlude": ["*.tmp"]}, InvalidConfiguration, "did you mean 'exclude'"),
        ({"part_size": "big"}, InvalidConfiguration, "part_size"),
        ({"concurrency": 1000}, InvalidConfiguration, "concurrency"),
        ({"timeouts": {"copies": timedelta(1)}}, InvalidConfiguration, "did you mean copy"),
        ({"timeouts": {"copy": 60}}, InvalidConfiguration, "timedelta"),
        ({"resources": {"upload_part": {}}}, InvalidConfiguration, "'upload_part' is no task of a sync: did you mean"),
        ({"resources": {"copy": {"que": "x"}}}, InvalidConfiguration, "copy: 'que' can't be said of a task: did you"),
        ({"resources": {"copy": {"retries": 9}}}, InvalidConfiguration, "'retries' can't be said of a task"),
        ({"resources": {"copy": {"queue": ""}}}, InvalidConfiguration, "queue must be a name"),
        ({"resources": {"copy": {"pool": 7}}}, InvalidConfiguration, "pool must be a name"),
        ({"resources": {"copy": {"executor": None}}}, InvalidConfiguration, "executor must be a name"),
        ({"resources": {"copy": {"pool_slots": 0}}}, InvalidConfiguration, "a whole number from 1"),
        ({"resources": {"copy": {"pool_slots": True}}}, InvalidConfiguration, "a whole number from 1"),
        ({"resources": {"copy": {"priority_weight": "high"}}}, InvalidConfiguration, "a whole number"),
        ({"resources": {"copy": {"executor_config": "big"}}}, InvalidConfiguration, "must be a dict"),
        ({"resources": {"copy": "big"}}, InvalidConfiguration, "copy: expected"),
        ({"resources": "big"}, InvalidConfiguration, "resources: expected"),
    ],
)
def test_refused_when_parsed(arguments, kind, words):
    with pytest.raises(kind) as caught:
        drawn(**{"source": SOURCE, "destination": DESTINATION, **arguments})
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_same_bucket_name_on_two_connections_and_templates_pass():
    drawn("s3://one@bucket/x/", "s3://two@bucket/x/")
    prepare = drawn("s3://store@source/{{ ds }}/", DESTINATION)["prepare"]
    assert {"source", "destination"} <= set(prepare.template_fields)
    assert "options" not in prepare.template_fields
