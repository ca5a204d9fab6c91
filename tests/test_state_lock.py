"""Does this Airflow know itself again, and what it says of other runs?"""

from __future__ import annotations

import pytest
from airflow.sdk import DagRunState
from airflow.sdk.types import RuntimeTaskInstanceProtocol

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.lock import LockDocument, Owner
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.state import AIRFLOW_KEY, STATE, airflow_id, owner, run_finished
from tests.engine.clocks import START
from tests.operators.fakes import Store


class TaskInstance:
    """Answers what Airflow would."""

    dag_id = "dag"

    def __init__(self, **states):
        self.states, self.asked = states, []

    def get_dagrun_state(self, dag_id, run_id):
        """The state of a run; an unknown one is an error."""
        self.asked.append((dag_id, run_id))
        return self.states[run_id]


def lock(dag_id="dag", run_id="old"):
    """A lock of this run."""
    return LockDocument(
        pair="p",
        run="r",
        owner=Owner(airflow="a", dag_id=dag_id, run_id=run_id),
        source="",
        destination="",
        acquired=START,
        renewed=START,
        lease=600,
        number=1,
    )


def context(store=None, **states):
    """What a task sees."""
    return {
        "asset_state_store": {STATE: Store() if store is None else store},
        "ti": TaskInstance(**states),
        "run_id": "manual",
    }


def test_the_id_is_made_once_and_kept():
    here, there = context(), context()
    first = airflow_id(here)
    assert first == airflow_id(here)
    assert len(first) == 32
    assert first != airflow_id(there)


@pytest.mark.parametrize("value", ["text", 7, [], {}, {"id": None}, {"id": "../x"}, {"id": "A" * 32}, {"id": "0" * 31}])
def test_what_somebody_made_of_it_is_replaced(value):
    here = context()
    store = here["asset_state_store"][STATE]
    store.set(AIRFLOW_KEY, value)
    made = airflow_id(here)
    assert store.get(AIRFLOW_KEY) == {"id": made}


def test_of_two_ids_made_at_once_one_stays():
    class Raced(Store):
        def set(self, key, value):
            super().set(key, {"id": "f" * 32})  # another task was a moment later

    assert airflow_id(context(Raced())) == "f" * 32


def test_no_pair_can_have_its_name():
    with pytest.raises(InvalidConfiguration):
        SyncSpec.of(Location.parse("s3://a@one/"), Location.parse("s3://a@two/"), name=AIRFLOW_KEY)


def test_the_owner_is_what_airflow_can_be_asked_by():
    assert owner(context(), "a") == Owner(airflow="a", dag_id="dag", run_id="manual")


@pytest.mark.parametrize(
    ("state", "finished"),
    [
        (DagRunState.SUCCESS, True), (DagRunState.FAILED, True), (DagRunState.RUNNING, False),
        (DagRunState.QUEUED, False), ("failed", True), (None, False),
    ],
)  # fmt: skip
def test_a_run_has_ended_when_airflow_says_so(state, finished):
    assert run_finished(context(old=state))(lock()) is finished


def test_a_run_airflow_does_not_know_has_not_ended():
    assert run_finished(context())(lock()) is False


@pytest.mark.parametrize(
    ("dag_id", "run_id"),
    [
        ("../../variables", "old"), ("dag", "../../variables/x"), ("dag", ".."), ("..", "old"), ("dag", "old?x=1"),
        ("dag", "old#"), ("", "old"), ("dag", ""), ("dag", "a b"), ("dag", "x" * 251), ("dag", "old\n"), ("dag", "%2e"),
    ],
)  # fmt: skip
def test_threat_S19_a_lock_leads_to_no_other_page_of_the_api(dag_id, run_id):
    """The client of Airflow makes a path of them as they are."""
    here = context(old="failed")
    assert run_finished(here)(lock(dag_id, run_id)) is False
    assert here["ti"].asked == []


@pytest.mark.parametrize(
    "run_id", ["scheduled__2026-01-01T00:00:00+00:00", "manual__2026-01-01T00:00:00.123456+00:00_aB3", "a~b"]
)
def test_names_that_airflow_gives_are_asked_for(run_id):
    here = context(**{run_id: "success"})
    assert run_finished(here)(lock("my.dag-1_x", run_id)) is True
    assert here["ti"].asked == [("my.dag-1_x", run_id)]


def test_airflow_has_what_is_asked():
    """The one function of its task instance that the lock stands on."""
    assert callable(RuntimeTaskInstanceProtocol.get_dagrun_state)
