"""Several syncs of one source in a DAG: one task lists it for all of them."""

from __future__ import annotations

import os

import pytest
from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.operators.listing import ListSourceOperator
from tests.operators.fakes import FlowRun, Store


@pytest.fixture
def flow(folders):
    """A DAG with two destinations of one source."""

    def run(**options):
        with DAG("dag", schedule=None) as dag:
            listing = ListSourceOperator(task_id="list_source", source=f"file://{folders}/in/")
            for name in ("one", "two"):
                destination = f"file://{folders}/{name}/"
                bucket_sync(listing.source, destination, listing=listing, group_id=name, **options)
        return FlowRun(dag, state=Store())

    return run


def test_row_A10_one_listing_serves_both(flow, put, folders):
    put(a="1", b="2")
    run = flow()
    assert run.dag.get_task("one.prepare").upstream_task_ids == {"list_source"}
    run.run()
    assert run.errors == {}
    assert run.xcoms["list_source", -1, "summary"]["objects"] == 2
    assert run.xcoms["list_source", -1, "summary"]["requests"] == {"list": 1}
    for name in ("one", "two"):
        assert sorted(os.listdir(folders / name)) == ["a", "b"]
        assert run.xcoms[f"{name}.report", -1, "summary"]["requests"]["source"].get("list", 0) == 0


def test_row_A10_one_that_is_down_leaves_the_other_alone(flow, put, folders):
    put(a="1")
    (folders / "one").write_text("no folder")
    run = flow().run()
    assert os.listdir(folders / "two") == ["a"]
    assert run.states["two.report", -1] == "success"
    assert run.states["one.report", -1] == "failed"


def test_a_source_that_is_not_there_ends_all_of_them(flow, folders):
    (folders / "in").rmdir()
    run = flow().run()
    assert run.states["list_source", -1] == "failed"
    assert run.states["one.report", -1] == run.states["two.report", -1] == "failed"
    assert not (folders / "one").exists()


def test_a_list_in_its_place_is_refused(flow):
    with pytest.raises(InvalidConfiguration, match="listing: a source_list stands in its place"):
        flow(source_list="file:///lists/a.csv")


def test_an_unnamed_listing_has_a_folder_of_its_own(flow, put, folders):
    put(a="1")
    run = flow().run()
    summary = run.xcoms["list_source", -1, "summary"]
    assert os.path.isfile(folders / "work" / summary["folder"] / "list" / "shared.json")
    assert summary["folder"].split("/")[0] not in {
        run.xcoms[f"{name}.prepare", -1, "summary"]["pair"] for name in ("one", "two")
    }
