"""Can each operator stand alone in somebody's DAG: its fields, its documents, its folder, its place in a chain?"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from datetime import timedelta

import pytest
from airflow.sdk import DAG, BaseOperator, TaskGroup

import airflow_bucketsync
from airflow_bucketsync import operators
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.operators.clean import CleanBucketOperator
from airflow_bucketsync.operators.compare import ComparePairOperator
from airflow_bucketsync.operators.copy import CopyOperator
from airflow_bucketsync.operators.delete import DeleteExtraOperator
from airflow_bucketsync.operators.listing import ListOperator
from airflow_bucketsync.operators.multipart import BeginUploadsOperator, CompleteUploadsOperator, UploadPartsOperator
from airflow_bucketsync.operators.plan import PlanOperator
from airflow_bucketsync.operators.prepare import PrepareOperator
from airflow_bucketsync.operators.report import ReportOperator
from airflow_bucketsync.operators.sharing import running_beside
from airflow_bucketsync.operators.sweep import SweepUploadsOperator
from airflow_bucketsync.operators.sweep_trash import SweepTrashOperator
from airflow_bucketsync.operators.verify import VerifyOperator
from tests.house import ROOT
from tests.operators.fakes import FlowRun, Store
from tests.test_docs import cells

RUN = {"prepare_task_id": "open_run", "plan_task_id": "decide"}


def found() -> list[type[SyncOperator]]:
    """The operators that authors use: neither bases, nor those of our own DAGs by hand."""
    modules = [
        importlib.import_module(f"{operators.__name__}.{item.name}")
        for item in pkgutil.iter_modules(operators.__path__)
    ]
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, SyncOperator) and kind.__name__.endswith("Operator")
    }
    bases = {base for kind in kinds for base in kind.__bases__ if "ing" in base.__name__ or base is SyncOperator}
    return sorted((kind for kind in kinds - bases if "ByHand" not in kind.__name__), key=lambda kind: kind.__name__)


OPERATORS = found()


def test_what_people_import_is_there_and_on_the_page():
    text = (ROOT / "docs" / "pipelines.md").read_text()
    for name in airflow_bucketsync.__all__:
        assert getattr(airflow_bucketsync, name)
        assert name == "__version__" or f"`{name}`" in text, name


def test_the_page_names_every_operator_with_its_module_and_its_templates():
    rows = {row[0]: row for row in cells(ROOT / "docs" / "pipelines.md") if len(row) == 4}
    for kind in OPERATORS:
        module = kind.__module__.removeprefix("airflow_bucketsync.operators")
        own = [name for name in kind.template_fields if name != "workspace"]
        expected = [f"`{kind.__name__}`", f"`{module}`", ", ".join(f"`{name}`" for name in own)]
        assert [cell.strip() for cell in rows[f"`{kind.__name__}`"][:3]] == expected
    assert len(rows) == len(OPERATORS) + 1


@pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)
def test_every_argument_is_documented(kind):
    ours = kind.mro()[: kind.mro().index(BaseOperator)]
    documented = "\n".join(base.__doc__ or "" for base in ours)
    for base in ours:
        names = [
            name
            for name, item in inspect.signature(base.__init__).parameters.items()
            if item.kind is inspect.Parameter.KEYWORD_ONLY and name not in ("inlets", "outlets", "trigger_rule")
        ]
        assert [name for name in names if f":param {name}:" not in documented] == []


class Instance:
    dag_id = "dag"

    def __init__(self, task_id, map_index=-1):
        self.task_id, self.map_index = task_id, map_index


@pytest.mark.parametrize(
    ("task_id", "map_index", "name"),
    [
        ("prepare", -1, "dag__run"),
        ("bucket_sync.prepare", -1, "dag__bucket_sync__run"),
        ("outer.inner.prepare", -1, "dag__outer.inner__run"),
        ("open_run", -1, "dag__open_run__run"),
        ("bucket_sync.compare", -1, "dag__bucket_sync.compare__run"),
        ("clean", 0, "dag__clean__0__run"),
    ],
)
def test_a_run_is_named_after_its_group_or_its_task(task_id, map_index, name):
    assert run_name({"ti": Instance(task_id, map_index), "run_id": "run"}) == name


def test_two_of_a_kind_in_one_dag_keep_apart(folders):
    for name in ("a", "b"):
        (folders / name).mkdir()
        (folders / name / f"{name}.tmp").write_text(name)
    with DAG("dag", schedule=None) as dag:
        for name in ("a", "b"):
            CleanBucketOperator(
                task_id=f"clean_{name}",
                location=f"file://{folders}/{name}/",
                rules={"include": ["*"]},
                max_delete_share=1.0,
                dry_run=False,
            )
    run = FlowRun(dag, state=Store()).run()
    assert run.errors == {}
    places = [run.xcoms[f"clean_{name}", -1, "return_value"] for name in ("a", "b")]
    for name, place in zip(("a", "b"), places, strict=True):
        document = json.loads((folders / "work" / place["folder"] / "clean.json").read_text())
        assert document["location"] == f"file://{folders}/{name}/"


# templates ---------------------------------------------------------------------------------------------------------


def rendered(kind, native=False, **arguments):
    """A task with its fields rendered."""
    with DAG("dag", schedule=None, render_template_as_native_obj=native):
        task = kind(task_id="task", **arguments)
    task.render_template_fields({"age": "8 days", "name": "123", "nothing": "", "none": None})
    return task


def test_ages_may_be_templates(folders):
    (folders / "out").mkdir()
    place = {"location": f"file://{folders}/out/"}
    assert rendered(SweepUploadsOperator, older_than="{{ age }}", **place).asked({}).older_than == timedelta(days=8)
    assert rendered(SweepTrashOperator, older_than="{{ age }}", **place).asked({}).older_than == timedelta(days=8)
    asked = rendered(CleanBucketOperator, older_than="{{ age }}", rules={"include": ["*.tmp"]}, **place).asked({})
    assert (asked.rules.older_than, asked.rules.selection.include) == (timedelta(days=8), ("*.tmp",))


@pytest.mark.parametrize("kind", [SweepUploadsOperator, SweepTrashOperator, CleanBucketOperator])
@pytest.mark.parametrize("age", ["{{ nothing }}", "{{ none }}", "{{ name }}"])
@pytest.mark.parametrize("native", [False, True])
def test_an_age_that_a_template_does_not_give_deletes_nothing(kind, age, native):
    task = rendered(kind, native=native, location="file:///data/", older_than=age)
    with pytest.raises(InvalidConfiguration, match="is no age"):
        task.asked({})


def test_an_age_without_a_template_is_read_at_once():
    with pytest.raises(InvalidConfiguration, match="is no age"):
        CleanBucketOperator(task_id="clean", location="file:///data/", older_than="soon")
    with pytest.raises(InvalidConfiguration, match="leave one out"):
        CleanBucketOperator(
            task_id="clean", location="file:///data/", rules={"older_than": "1 day"}, older_than="2 days"
        )
    with pytest.raises(InvalidConfiguration):
        CleanBucketOperator(task_id="clean", location="file:///data/")


@pytest.mark.parametrize("native", [False, True])
def test_names_may_be_templates_and_stay_texts(native):
    sides = {"source": "file:///data/{{ name }}/", "destination": "file:///copy/"}
    task = rendered(ComparePairOperator, native=native, name="{{ name }}", **sides)
    assert task.asked({}).pair == "123"
    assert task.asked({}).source.url == "file:///data/123/"


@pytest.mark.parametrize("field", ["name", "source_list"])
@pytest.mark.parametrize("native", [False, True])
def test_a_template_that_gives_nothing_is_refused(field, native):
    sides = {"source": "file:///data/", "destination": "file:///copy/"}
    task = rendered(PrepareOperator, native=native, **{field: "{{ nothing }}"}, **sides)
    with pytest.raises(InvalidConfiguration, match=f"{field}: its template gave ''"):
        task.asked({})
    for absent in (None, ""):
        assert rendered(PrepareOperator, **{field: absent}, **sides).asked({}).selection.source_list == ""


# a chain drawn by hand -----------------------------------------------------------------------------------------------


def chain(folders, run=RUN, **options):
    """The steps of a sync without a task group, under ids of one's own, with the operators' own trigger rules."""
    source, destination = f"file://{folders}/in/", f"file://{folders}/out/"
    opened = PrepareOperator(task_id="open_run", source=source, destination=destination, name="mine", options=options)
    listed = ListOperator.partial(task_id="read_keys", **run).expand(unit=opened.output)
    plan = PlanOperator(task_id="decide", **run)
    copies = CopyOperator.partial(task_id="copy_batches", **run).expand(batch=plan.output)
    uploads = BeginUploadsOperator(task_id="open_uploads", **run)
    parts = UploadPartsOperator.partial(task_id="send_parts", **run).expand(group=uploads.output)
    whole = CompleteUploadsOperator(task_id="join", **run)
    looked = VerifyOperator.partial(task_id="look", **run).expand(unit=whole.output)
    extra = DeleteExtraOperator(task_id="take_away", **run)
    report = ReportOperator(task_id="say", **run)
    listed >> plan >> [copies, uploads]
    [plan, copies, parts, uploads] >> whole
    [plan, copies, parts, whole, looked] >> extra
    [opened, listed, plan, copies, uploads, parts, whole, looked, extra] >> report


@pytest.fixture
def by_hand(folders):
    state, count = Store(), iter(range(9))

    def run(before=None, **more):
        with DAG("dag", schedule=None) as dag:
            chain(folders, **more)
        return FlowRun(dag, state=state, run_id=f"run-{next(count)}").run(before)

    return run


def test_a_chain_by_hand_copies_deletes_and_remembers(by_hand, put, folders):
    put(a="1", b="2", c="3")
    first = by_hand(mode="auto")
    assert first.errors == {}
    report = first.xcoms["say", -1, "return_value"]
    assert report["counts"] == {"copied": 3}
    assert report["report"] == "mine/dag__open_run__run-0/report.json"
    (folders / "in" / "b").unlink()
    second = by_hand(delete=True, trash="none")
    assert second.errors == {}
    assert second.state_of("take_away") == "success"
    assert second.xcoms["say", -1, "return_value"]["counts"] == {"same": 2, "deleted": 1}
    third = by_hand(mode="auto")
    assert third.xcoms["say", -1, "return_value"]["changed_anything"] is False
    assert [third.state_of(name) for name in ("copy_batches", "open_uploads", "join", "take_away")] == ["skipped"] * 4


def test_a_failed_copy_is_red_in_a_chain_by_hand(by_hand, put, folders):
    put(a="1")

    def damage():
        (page,) = (folders / "work").rglob("batch-*.zst")
        page.write_bytes(b"?")

    run = by_hand(before={"copy_batches": damage})
    assert (run.state_of("copy_batches"), run.state_of("say")) == ("failed", "failed")
    assert "copy_batches" in str(run.summary_of("say")["incomplete"])


def test_who_names_no_task_is_told_which_to_name(by_hand, put):
    put(a="1")
    run = by_hand(run={"plan_task_id": "decide"})
    assert "prepare_task_id" in str(run.errors["decide", -1])
    assert isinstance(run.errors["decide", -1], InvalidConfiguration)


def test_row_D13_the_tasks_of_one_run_are_known_by_what_prepared_it(folders):
    with DAG("dag", schedule=None) as dag:
        chain(folders)
        with TaskGroup("group"):
            for name, kind in (("list", ListOperator), ("verify", VerifyOperator)):
                kind(task_id=name, unit=0)
        SweepUploadsOperator(task_id="sweep", location="file:///data/")
    mine = {"read_keys", "copy_batches", "open_uploads", "send_parts", "look", "take_away"}
    assert running_beside(dag.get_task("take_away"), dag.tasks) == mine - {"take_away"}
    assert running_beside(dag.get_task("group.list"), dag.tasks) == {"group.verify"}
