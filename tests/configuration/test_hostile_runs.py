"""Does a run by hand change nothing, or fail with the reason, whatever it is given? (J11; S01, S02, S03, S07)"""

from __future__ import annotations

import pytest
from airflow.sdk import DAG

from airflow_bucketsync import Pair, bucket_sync, by_hand_params
from airflow_bucketsync.configuration.by_hand import allowed_location, read_run_configuration
from airflow_bucketsync.configuration.hand_rules import SETTABLE
from airflow_bucketsync.configuration.section import DEFAULT_MANUAL_OPTIONS
from airflow_bucketsync.engine.errors import InvalidConfiguration, InvalidLocation
from airflow_bucketsync.engine.model.location import Location
from tests.configuration.hostile_runs import BY_HAND, OF_A_PAIR, PAIR

ALLOWED = tuple(
    Location.parse(url) for url in ("s3://store@incoming/", "s3://archive@backup/daily/", "file:///data/exports/")
)
GOOD = {"source": "s3://store@incoming/2026/", "destination": "s3://archive@backup/daily/x/"}
EVERYTHING = dict.fromkeys(SETTABLE, "any")


def prepare_of(native=False, **pair):
    """The first task of a DAG of somebody's own, with the form of its pair."""
    asked = Pair(**{"name": "pair", **PAIR, "by_hand": EVERYTHING, **pair})
    with DAG("dag", schedule=None, params=by_hand_params(asked), render_template_as_native_obj=native) as dag:
        bucket_sync(asked)
    return dag.get_task("bucket_sync.prepare")


def spec_of(task, conf):
    """What the task makes of a run's configuration, past the form: any key, any value."""
    own = {name: task.dag.params[name] for name in task.dag.params}
    return task.asked({"params": {**own, **conf}})


@pytest.fixture(scope="module")
def prepare():
    return prepare_of()


@pytest.mark.parametrize(("conf", "words"), OF_A_PAIR.values(), ids=OF_A_PAIR)
def test_J11_a_pair_is_not_widened(prepare, conf, words):
    author = spec_of(prepare, {})
    assert author.by_hand is None
    if words is None:
        assert spec_of(prepare, conf) == author
        return
    with pytest.raises((InvalidConfiguration, InvalidLocation)) as caught:
        spec_of(prepare, conf)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_J11_there_are_enough_of_them():
    assert len(OF_A_PAIR) >= 100
    assert len(BY_HAND) >= 30


@pytest.mark.parametrize(("conf", "words"), OF_A_PAIR.values(), ids=OF_A_PAIR)
def test_J11_the_form_is_the_first_gate(prepare, conf, words):
    """What it refuses is what the task would refuse, or would pass over."""
    form = prepare.dag.params
    for name in set(conf) & set(form):
        if words is None and conf[name] is not None:
            assert form.get_param(name).resolve(conf[name]) == conf[name]


def test_J11_nothing_is_read_where_nothing_is_allowed():
    task = prepare_of(by_hand=None)
    author = spec_of(task, {})
    for conf, _ in OF_A_PAIR.values():
        assert spec_of(task, conf) == author
    task = prepare_of(by_hand={})
    for name in ("dry_run", "prefixes", "source", "max_objects"):
        with pytest.raises(InvalidConfiguration, match=f"'{name}' may not be set by hand"):
            spec_of(task, {name: None})


@pytest.mark.parametrize("native", [False, True])
def test_J11_templates_and_literals_stay_texts(native):
    task = prepare_of(native)
    texts = ["{{ 7 * 7 }}.csv", "{% raw %}.csv", "['a'].csv", "None.csv"]
    task.render_template_fields({"params": {"include": texts}})
    spec = spec_of(task, {"include": texts, "start_after": "a/{{ 7 * 7 }}"})
    assert spec.selection.include == tuple(texts)
    assert spec.selection.within == ("*.csv", "*.gz")
    assert spec.selection.start_after == "a/{{ 7 * 7 }}"
    assert spec.source == Location.parse(PAIR["source"])


@pytest.mark.parametrize(("conf", "words"), BY_HAND.values(), ids=BY_HAND)
def test_J11_a_run_by_hand_stays_within_what_is_allowed(conf, words):
    def read():
        return read_run_configuration({**GOOD, **conf}, allowed=ALLOWED, manual=DEFAULT_MANUAL_OPTIONS)

    if words is None:  # two dots are a name like any other in a bucket, and lie below what is allowed
        assert read().source.below(ALLOWED[0])
        return
    with pytest.raises((InvalidConfiguration, InvalidLocation)) as caught:
        read()
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert "hush" not in str(caught.value)


def test_J11_S03_a_link_leads_nowhere_else(tmp_path):
    for name in ("allowed/inside", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "allowed" / "near").symlink_to(tmp_path / "allowed" / "inside")
    (tmp_path / "way").symlink_to(tmp_path / "allowed")
    allowed = (Location.parse(f"file://{tmp_path}/allowed/"),)
    for name in ("link", "link/deeper"):
        with pytest.raises(InvalidConfiguration, match=r"source: a link on the way of .* leads out"):
            allowed_location("source", f"file://{tmp_path}/allowed/{name}/", allowed)
    for name in ("inside", "near", "new"):
        assert allowed_location("source", f"file://{tmp_path}/allowed/{name}/", allowed)
    linked = (Location.parse(f"file://{tmp_path}/way/"),)
    assert allowed_location("source", f"file://{tmp_path}/way/inside/", linked), "the way to what is allowed is its own"
