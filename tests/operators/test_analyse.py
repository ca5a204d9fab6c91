"""Do the operators analyse what they were asked to, and say where the pages are? (B11)"""

from __future__ import annotations

import json
import os

import pytest
from airflow.sdk import DAG

from airflow_bucketsync.configuration.analysing import ANALYSE_OPTIONS, analysis_form, read_analysis_configuration
from airflow_bucketsync.engine.errors import FinalError, InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.steps.analyse import analyse_store
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.operators.analyse import (
    AnalyseBucketByHandOperator,
    AnalyseBucketOperator,
    analysis_text,
)
from airflow_bucketsync.operators.base import MAX_XCOM
from tests.operators.fakes import FlowRun, Store

ALLOWED = (Location.parse("s3://store@incoming/"),)


@pytest.fixture
def source(folders, put):
    put(**{"a.csv": "12345", "b.csv": "1", "A.CSV": "1", "c.txt": ""})
    return f"file://{folders}/in/"


def analyse(operator=AnalyseBucketOperator, params=None, **arguments):
    with DAG("dag", schedule=None) as dag:
        task = operator(task_id="analyse", **arguments)
    run = FlowRun(dag, state=Store(), params=params)
    return task.execute(run.context(task.task_id)), run


def test_row_B11_sums_and_where_the_pages_are(folders, source):
    before = sorted(os.listdir(folders / "in"))
    value, run = analyse(source=source)
    assert (value["objects"], value["bytes"], value["listed"]) == (4, 7, 4)
    assert run.xcoms["analyse", -1, "summary"] == value
    assert value["folder"] == "analysis/dag__analyse__run-1/"
    document = json.loads((folders / "work" / value["document"]).read_text())
    assert (document["objects"], document["location"]) == (4, source)
    page = (folders / "work" / value["page"]).read_text()
    assert page.startswith("<!doctype html>")
    assert "c.txt" in page
    assert value["page"] == "analysis/dag__analyse__run-1/analysis.html"
    assert sorted(os.listdir(folders / "in")) == before, "nothing is written there"


def test_row_B11_options_choose(source):
    value, _ = analyse(source=source, options={"include": ["*.csv"], "min_size": "2 B"})
    assert (value["objects"], value["listed"]) == (1, 4)


def test_row_B11_by_hand_within_what_is_allowed(folders, source, monkeypatch):
    asked = {"source": source, "extensions": ["csv"], "recursive": True, "include": None}
    with pytest.raises(InvalidConfiguration, match="no location is allowed"):
        analyse(AnalyseBucketByHandOperator, params=asked)
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", source)
    value, _ = analyse(AnalyseBucketByHandOperator, params=asked)
    assert value["objects"] == 3
    with pytest.raises(InvalidConfiguration, match="below none of the allowed"):
        analyse(AnalyseBucketByHandOperator, params={**asked, "source": f"file://{folders}/"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": None}, "write a location"),
        ({"source": "s3://store@other/"}, "below none of the allowed"),
        ({"source": "{{ var.value.x }}"}, "names no scheme"),
        ({"include": ["regex:(a+)+$"]}, "no pattern for a run by hand"),
        ({"include": "*.csv"}, "list of texts"),
        ({"min_size": -1}, "min_size"),
        ({"destination": "s3://store@incoming/x/"}, "no field of an analysis"),
        ({"tags": {"a": "b"}}, "no field of an analysis"),
        ({"source_list": "s3://store@incoming/x.csv"}, "no field of an analysis"),
        ({"concurrency": 200}, "no field of an analysis"),
    ],
)
def test_row_B11_hostile_configurations(given, words):
    with pytest.raises((InvalidConfiguration, InvalidLocation), match=words):
        read_analysis_configuration({"source": "s3://store@incoming/a/", **given}, allowed=ALLOWED)


def test_row_B11_the_form_has_what_may_be_asked():
    fields = analysis_form(allowed=ALLOWED)
    assert set(fields) == {"source", *ANALYSE_OPTIONS}
    defaults = {name: field.value for name, field in fields.items() if name != "source"}
    asked = read_analysis_configuration({"source": "s3://store@incoming/a/", **defaults}, allowed=ALLOWED)
    assert asked.selection.to_json() == {}, "an untouched form leaves nothing out"


def test_row_B11_what_the_author_wrote_wrong_is_said_at_once(folders):
    for wrong in ({"concurrency": 3}, {"include": "*"}, {"tags": {"a": "b"}}):
        with DAG("dag", schedule=None), pytest.raises(InvalidConfiguration):
            AnalyseBucketOperator(task_id="analyse", source="file:///data/", options=wrong)
    with pytest.raises(FinalError, match="nowhere"):
        analyse(source=f"file://{folders}/nowhere/")


def test_row_B11_what_is_handed_over_fits_an_xcom_whatever_the_keys(folders, put):
    put(**{"\u202e" + "😀" * 50 + f"{number}": "x" for number in range(30)}, A="1", a="2")
    value, _ = analyse(source=f"file://{folders}/in/")
    assert len(json.dumps(value)) < MAX_XCOM


def test_row_B11_how_it_reads(source):
    text = analysis_text(analyse_store(LocalStore(Location.parse(source))))
    lines = text.splitlines()
    assert lines[0] == f"ANALYSED: {source}, 4 objects (7 B)"
    assert "  extension csv                       3         7 B" in lines
    assert "  warning   keys that are one name with another one where case does not count: 2" in lines
    assert "  trouble   same_name: 'A.CSV': one name with 'a.csv' where case does not count" in lines
    assert lines[lines.index("  for the pairs file:") + 2] == "syncs:"
