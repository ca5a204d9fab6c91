"""Do the DAGs of docs/pipelines.md do what the page says, in a real Airflow (SQLite)? Only their places are others."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.house import ROOT
from tests.system.airflow import Run
from tests.system.world import World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
PAGE = BLOCK.findall((ROOT / "docs" / "pipelines.md").read_text())
MIB = 1024 * 1024
DAGS = {
    "export_sync_load", "orders_sync", "orders_load", "customer_acme", "customer_bolt", "customer_cargo",
    "after_success", "chosen_objects", "divided", "copy_before", "copy_now", "nightly_compare", "nightly_tidy",
    "within_budget",
}  # fmt: skip


def elsewhere(text: str, folder: object) -> str:
    """A DAG of the page, with the places of this test."""
    for theirs, ours in (
        ("@incoming/", "@source/"),
        ("@archive/", "@destination/"),
        ("s3://incoming/", "s3://source/"),
        ("@{bucket}/", "@{dict(incoming='source', archive='destination')[bucket]}/"),
        ("\\nincoming,", "\\nsource,"),
        ('bucket_name="incoming"', 'bucket_name="source"'),
        ('bucket_name="archive"', 'bucket_name="destination"'),
        ("/data/", f"{folder}/data/"),
        ('"@daily"', "None"),
        ('"@hourly"', "None"),
    ):
        text = text.replace(theirs, ours)
    return text


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    dags, folder = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("pipelines")
    for number, text in enumerate(PAGE):
        (dags / f"page_{number}.py").write_text(elsewhere(text, folder))
    chain = next(text for text in PAGE if '"within_budget"' in text)
    small = dict.fromkeys(("small_threshold", "large_threshold", "part_size", "group_bytes"), "5 MiB")
    large = _changed(elsewhere(chain, folder), '{"mode": "auto"}', f"{small | {'mode': 'auto'}}")
    (dags / "large.py").write_text(_changed(large, "by-hand", "by-hand-large").replace('"within_budget"', '"in_parts"'))
    poor = _changed(elsewhere(chain, folder), "by-hand", "by-hand-poor").replace('"within_budget"', '"over_budget"')
    (dags / "poor.py").write_text(_changed(poor, "10 * 1024**4", "3"))
    with world(folder, postgres=False, dags=dags, AIRFLOW_VAR_KEEP_REPORTS="90 days") as made:
        for name in ("exports", "lists", "rest"):
            (folder / "data" / name).mkdir()
        yield made


def _changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def ran(here: World, *names: str) -> list[Run]:
    """A run of each DAG; they run at once."""
    begun = [(name, here.airflow.trigger(name)) for name in names]
    return [here.airflow.wait(name, run, timeout=300) for name, run in begun]


def test_row_J5_every_dag_of_the_page_is_there(here: World) -> None:
    for dag_id in sorted(DAGS | {"in_parts", "over_budget"}):
        here.airflow.wait_for_dag(dag_id)
    assert here.airflow.import_errors() == []


def test_row_J5_an_export_is_synchronised_and_loaded_and_the_load_is_skipped_when_nothing_is_new(here: World) -> None:
    for number in range(3):
        (here.folder / "data" / "exports" / f"{number}.csv").write_text(f"{number}")
    here.put({"orders/1.csv": "1"})
    first, orders = ran(here, "export_sync_load", "orders_sync")
    assert (first.state, first.states()["load"]) == ("success", "success")
    assert "3 objects in s3://store@destination/exports/" in first.log("load")
    assert here.keys("destination", "exports/") == {f"{number}.csv": b"%d" % number for number in range(3)}
    assert orders.state == "success"
    loaded = here.airflow.wait_for_run("orders_load")
    assert "1 objects, 1 bytes" in loaded.log("load")

    (again,) = ran(here, "export_sync_load")
    assert again.state == "success"
    assert again.states()["load"] == "skipped"
    assert again.xcom("bucket_sync.report")["changed_anything"] is False
    assert len(here.airflow.asset_events()) == 2, "what found nothing to do has no event"


def test_row_J5_a_pair_per_customer_an_arrived_key_a_list_and_two_places(here: World) -> None:
    customers = ("acme", "cargo")
    here.put({f"customers/{name}/{file}": name for name in customers for file in ("1", "half.tmp")})
    here.put({"batch/_SUCCESS": "", "batch/1": "1", "mixed/a.csv": "a", "mixed/b.txt": "b"})
    here.put({f"chosen/{name}.csv": name for name in "abc"})
    runs = ran(here, *(f"customer_{name}" for name in customers), "after_success", "chosen_objects", "divided")
    assert {run.dag_id: run.state for run in runs} == {run.dag_id: "success" for run in runs}
    assert here.keys("destination", "customers/") == {f"{name}/1": name.encode() for name in customers}
    assert here.keys("destination", "batch/") == {"1": b"1"}
    assert here.keys("destination", "chosen/") == {"chosen/a.csv": b"a", "chosen/b.csv": b"b"}
    assert here.keys("destination", "tables/") == {"a.csv": b"a"}
    assert [path.name for path in (here.folder / "data" / "rest").iterdir() if path.is_file()] == ["b.txt"]


def test_row_J5_what_came_from_the_other_provider(here: World) -> None:
    here.put({"sales/1": "1", "sales/2": "2"})
    (before,) = ran(here, "copy_before")
    assert before.state == "success"
    copied = here.keys("destination", "sales/")
    here.put({"sales/2": "two"})
    (now,) = ran(here, "copy_now")
    assert now.xcom("bucket_sync.report")["counts"] == {"copied": 1, "same": 1}, (
        "what the operator copied is not copied again"
    )
    assert here.keys("destination", "sales/") == copied | {"2": b"two"}


def test_row_J5_operators_alone(here: World) -> None:
    here.put({"compared/1": "1", "compared/2": "2"})
    here.put({"compared/1": "1", "tidy/reports/1": "new"}, bucket="destination")
    compared, tidied = ran(here, "nightly_compare", "nightly_tidy")
    assert compared.state == "failed"
    assert "1 missing" in compared.log("compare")
    assert compared.xcom("compare", "summary")["in_step"] is False
    assert tidied.state == "success"
    assert tidied.xcom("reports")["counts"] == {}, "younger than 90 days"
    assert tidied.rendered("reports")["older_than"] == "90 days"
    folders = {tidied.xcom(task)["folder"] for task in ("uploads_incoming", "uploads_archive", "trash", "reports")}
    assert len(folders) == 4
    here.put({"compared/2": "2"}, bucket="destination")
    (compared,) = ran(here, "nightly_compare")
    assert compared.state == "success"
    assert here.keys("destination", "compared/") == {"1": b"1", "2": b"2"}


def test_row_J5_a_chain_by_hand(here: World) -> None:
    here.put({"by-hand/1": "1", "by-hand/2": "22", "by-hand-large/small": "1", "by-hand-poor/1": "1234"})
    here.put({"by-hand-large/large": "x" * (11 * MIB)})
    plain, large, poor = ran(here, "within_budget", "in_parts", "over_budget")
    assert plain.state == "success", plain.states()
    assert plain.xcom("say")["counts"] == {"copied": 2}
    assert here.keys("destination", "by-hand/") == {"1": b"1", "2": b"22"}
    assert large.state == "success", large.states()
    assert large.xcom("say")["counts"] == {"copied": 2}
    assert here.keys("destination", "by-hand-large/")["large"] == b"x" * (11 * MIB)
    assert sum(name.startswith("send_parts[") for name in large.states()) == 3

    assert poor.state == "failed"
    assert poor.states()["budget"] == "failed"
    assert poor.states()["say"] == "failed"
    assert here.keys("destination", "by-hand-poor/") == {}, "nothing was copied, and the lock is given back"
