"""Does the form of a run by hand propose the places of the pairs file that are allowed, and fail for none of it?"""

from __future__ import annotations

import runpy
import time

import pytest

from airflow_bucketsync.configuration.known_places import MOST, known_places
from airflow_bucketsync.engine.model.location import Location
from tests.house import ROOT

ALLOWED = (Location.parse("s3://store@incoming/"), Location.parse("file:///data/out/"))
FILE = """\
syncs:
  - {name: one, source: "s3://store@incoming/one", destination: "file:///data/out/one/"}
  - {name: elsewhere, source: "s3://other@incoming/one/", destination: "file:///data/other/"}
  - {name: broken, sorce: "s3://store@incoming/x/", destination: ["file:///data/out/x/"]}
  - {name: no_location, source: "incoming", destination: 5}
  - {name: template, source: "s3://store@incoming/{{ ds }}/", destination: "file:///data/out/one/"}
  - name: several
    source: s3://store@incoming/several/
    destinations: [{name: a, location: "file:///data/out/a/"}, {name: b, location: "oss://x@yyy/"}, text]
  - text
"""


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    path = tmp_path / "pairs.yaml"
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__PAIRS", str(path))
    path.write_text(FILE)
    return path


def test_J11_places_that_are_allowed(pairs):
    assert known_places(ALLOWED) == {
        "source": ("s3://store@incoming/one/", "s3://store@incoming/several/"),
        "destination": ("file:///data/out/one/", "file:///data/out/a/"),
    }
    assert known_places(()) == {"source": (), "destination": ()}


def test_J11_the_form_of_the_dag_proposes_them_first(pairs, monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", ",".join(place.url for place in ALLOWED))
    params = runpy.run_path(str(ROOT / "dags" / "bucket_sync.py"))["dag"].params
    assert params.get_param("source").schema["examples"] == [
        "s3://store@incoming/one/", "s3://store@incoming/several/", "s3://store@incoming/", "file:///data/out/",
    ]  # fmt: skip
    assert params.get_param("destination").schema["examples"][:2] == ["file:///data/out/one/", "file:///data/out/a/"]


@pytest.mark.parametrize("text", [None, "", "syncs: [", "syncs: 5", "x" * 600_000, "other: []"])
def test_J11_no_file_or_a_broken_one_proposes_nothing(pairs, text):
    pairs.unlink() if text is None else pairs.write_text(text)
    assert known_places(ALLOWED) == {"source": (), "destination": ()}


def test_J11_no_setting_proposes_nothing(monkeypatch):
    monkeypatch.delenv("AIRFLOW__BUCKETSYNC__PAIRS", raising=False)
    assert known_places(ALLOWED) == {"source": (), "destination": ()}


def test_J11_a_task_does_not_read_the_file(pairs, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "bucket_sync")
    assert known_places(ALLOWED) == {"source": (), "destination": ()}


def test_J11_many_pairs_are_read_quickly_and_proposed_some(pairs):
    line = '  - {{name: n{0}, source: "s3://store@incoming/{0}/", destination: "file:///data/out/{0}/"}}\n'
    pairs.write_text("syncs:\n" + "".join(line.format(number) for number in range(1000)))
    began = time.process_time()
    found = known_places(ALLOWED)
    assert time.process_time() - began < 1.5, "CPU seconds; 0.2 when this was written"
    assert [len(urls) for urls in found.values()] == [MOST, MOST]
