"""Do the operators take their objects from a list?"""

from __future__ import annotations

import os

import pytest

from airflow_bucketsync.configuration.by_hand import read_run_configuration
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidList
from airflow_bucketsync.engine.model.location import Location


@pytest.fixture
def listed(folders):
    """Keeps a list and says where."""

    def keep(name, content):
        (folders / "lists").mkdir(exist_ok=True)
        (folders / "lists" / name).write_text(content)
        return f"file://{folders}/lists/{name}"

    return keep


def test_a_list_is_read_by_the_list_task(flow, put, folders, listed):
    put(a="1", b="2", c="3")
    run = flow(source_list=listed("one.csv", ",a\n,c\n")).run()
    assert run.errors == {}
    assert sorted(os.listdir(folders / "out")) == ["a", "c"]
    assert [run.state_of(name) for name in ("prepare", "list", "plan", "copy", "report")] == ["success"] * 5
    assert run.summary("list", 0)["objects"] == 2
    assert run.summary("report")["counts"] == {"copied": 2}
    assert flow.state.keys() <= {"-airflow"}, "the pair's checkpoint stays as it is"


def test_a_list_that_breaks_rules_ends_the_run_before_any_copy(flow, put, folders, listed):
    put(a="1")
    run = flow(source_list=listed("one.csv", ",a\nother,a\n")).run()
    (error,) = [error for (task, _), error in run.errors.items() if task.endswith(".list")]
    assert isinstance(error, InvalidList)
    assert "one.csv, line 2: [other_bucket]" in str(error)
    assert not (folders / "out").exists()


def test_delete_and_a_list_are_refused_when_the_dag_is_parsed(flow, listed):
    with pytest.raises(InvalidConfiguration, match="delete: a source_list is no complete listing"):
        flow(source_list=listed("one.csv", ""), delete=True)


ALLOWED = tuple(Location.parse(url) for url in ("s3://a@in/x/", "s3://a@out/", "s3://a@lists/daily/"))
ASKED = {"source": "s3://a@in/x/", "destination": "s3://a@out/"}


@pytest.mark.parametrize("url", ["s3://a@lists/daily/a.csv", "s3://a@lists/daily/in/all/2026/manifest.json"])
def test_a_list_by_hand_lies_below_an_allowed_location(url):
    spec = read_run_configuration({**ASKED, "source_list": url}, allowed=ALLOWED, manual=("source_list",))
    assert spec.selection.source_list == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://a@lists/a.csv", "lies below none of the allowed"),
        ("s3://b@lists/daily/a.csv", "lies below none of the allowed"),
        ("s3://a@lists/daily/manifest.json", "lies below none of the allowed"),
        ("file:///etc/passwd", "lies below none of the allowed"),
        (7, "write the URL of a file"),
        ("s3://a@lists/daily/" + "x" * 3000, "write the URL of a file"),
    ],
)
def test_row_S01_a_list_by_hand_does_not_lie_elsewhere(url, words):
    with pytest.raises(InvalidConfiguration, match=words):
        read_run_configuration({**ASKED, "source_list": url}, allowed=ALLOWED, manual=("source_list",))


def test_a_list_by_hand_has_to_be_offered():
    with pytest.raises(InvalidConfiguration, match="may not be set by hand"):
        read_run_configuration({**ASKED, "source_list": "s3://a@lists/daily/a.csv"}, allowed=ALLOWED, manual=())
