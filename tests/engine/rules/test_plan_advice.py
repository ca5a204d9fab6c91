"""Does the advice on a plan follow from its figures and the options of its pair? (C15)"""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.engine.model.analysis import SIZES, Row
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.review import Deletions, PlanReview
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB
from airflow_bucketsync.engine.rules.advice_words import option_lines
from airflow_bucketsync.engine.rules.estimate import estimate
from airflow_bucketsync.engine.rules.plan_advice import Known, advise_plan
from tests.engine.rules.test_review_text import found

STREAM = Route(transport="stream", reason="the credentials differ", buffer=128 * MIB)
SERVER = Route(transport="server", reason="one service")


def advised(objects=0, size=0, *, tasks=1, large=(), groups=0, route=STREAM, known=None, deletes=None, **policy):
    """The review of a plan with so many objects of one size in batches, and these large ones in groups."""
    options = SyncPolicy(**policy)
    total = objects * size
    works = [(objects // tasks, total // tasks)] * tasks if objects else []
    parts = sum(-(-one // options.part_size) for one in large)
    works += [(parts // groups, sum(large) // groups)] * groups if groups else []
    at = max((number for number, (_, least) in enumerate(SIZES) if least <= size), default=0)
    sizes = [Row(name=name, objects=0, bytes=0) for name, _ in SIZES]
    sizes[at] = replace(sizes[at], objects=objects, bytes=total)
    sizes[-1] = replace(sizes[-1], objects=sizes[-1].objects + len(large), bytes=sizes[-1].bytes + sum(large))
    tiers = [Row(name="small", objects=objects, bytes=total)] if objects else []
    tiers += [Row(name="large", objects=len(large), bytes=sum(large))] if large else []
    everything = total + sum(large)
    review = PlanReview(
        pair="p", run="r", digest="d", source="s", destination="t", mode="full", dry=False, route=route,
        objects=objects + len(large), bytes=everything, decided={}, tiers=tuple(tiers), sizes=tuple(sizes),
        largest=tuple(found(f"k{one}", one) for one in sorted(large, reverse=True)) or (found("k", size),),
        deletes=deletes, through=everything if route is STREAM else 0,
        read_back=everything if options.verify == "content" else 0, batches=tasks if objects else 0, groups=groups,
        estimate=estimate(works, transport=route.transport, policy=options).to_json(),
    )  # fmt: skip
    about = Known(policy=options, destination=Capabilities(), same_service=False, listed=100)
    return advise_plan(review, replace(about, **(known or {})))


def options_of(review):
    """What is advised, as a pairs file has it; everything in it is a value that the option takes."""
    value = yaml.safe_load("\n".join(option_lines(review.advice))) or {}
    read_options(value)
    return value


def gone(**fields):
    values = {"objects": 40, "bytes": 400, "first": (), "guard": None, "words": "", "kept": True, "asks": False}
    return Deletions(**{**values, **fields})


def test_row_C15_little_work_needs_no_advice():
    assert options_of(advised(100, KIB)) == {}
    assert options_of(advised()) == {}


def test_row_C15_many_small_objects_want_more_at_once():
    assert options_of(advised(100_000, KIB, tasks=16))["concurrency"] == 32
    assert "concurrency" not in options_of(advised(100_000, KIB, tasks=16, concurrency=64))


def test_row_C15_what_is_advised_fits_the_other_options_of_the_pair():
    options = options_of(advised(3_000, 40 * MIB, tasks=16, small_threshold=MIB, large_threshold=5 * MIB))
    assert "small_threshold" not in options


def test_row_C15_a_small_buffer_keeps_a_stream_from_going_on():
    assert options_of(advised(3_000, 40 * MIB, tasks=16, buffer_size=64 * MIB)).keys() & {"part_size", "buffer_size"}
    assert not options_of(advised(3_000, 40 * MIB, tasks=16, route=SERVER, buffer_size=64 * MIB)).keys() & {
        "buffer_size"
    }


def test_row_C15_too_few_tasks_for_what_runs_at_once():
    review = advised(9_000, 4 * MIB, tasks=1, concurrency=32, batch_bytes=100 * GIB)
    assert 9_000 // 16 <= options_of(review)["batch_objects"] < 9_000
    assert "batch_objects" not in options_of(advised(9_000, 4 * MIB, tasks=16, concurrency=32))


def test_row_C15_tasks_that_are_too_short():
    review = advised(4_000, KIB, tasks=40, batch_objects=100)
    fewer = options_of(review)["batch_objects"]
    assert fewer >= 2_000
    assert "4" in next(one.reason for one in review.advice if one.option == "batch_objects")
    assert "batch_objects" not in options_of(advised(1_000, KIB, tasks=1, batch_objects=4_000))


def test_row_C15_large_objects_that_are_not_worth_tasks_of_their_own():
    threshold = options_of(advised(large=(300 * MIB,) * 3, groups=3, route=SERVER, large_threshold=100 * MIB))
    assert threshold["large_threshold"] == "512 MiB"
    assert "large_threshold" not in options_of(advised(large=(50 * GIB,) * 3, groups=15))


def test_row_C15_part_groups_that_are_too_few():
    assert "group_bytes" in options_of(advised(large=(60 * GIB,), groups=1, group_bytes=100 * GIB))
    assert "group_bytes" not in options_of(advised(large=(60 * GIB,), groups=16, group_bytes=4 * GIB))


def test_row_C15_parts_that_would_be_too_many():
    options = options_of(advised(large=(900 * GIB,), groups=90))
    size = int(options["part_size"].split()[0]) * MIB
    assert 900 * GIB / size <= 10_000


def test_row_C15_a_limit_that_makes_it_long():
    slow = options_of(advised(3_000, 10 * MIB, tasks=4, bandwidth=MIB))
    assert int(slow["bandwidth"].split()[0]) > 50
    assert options_of(advised(100_000, KIB, tasks=10, requests_per_second=10))["requests_per_second"] > 100
    assert "bandwidth" not in options_of(advised(30, MIB, bandwidth=GIB))


@pytest.mark.parametrize(
    ("deletes", "policy", "options"),
    [
        (gone(guard="too_many_deletes"), {"max_deletes": 10}, {"max_deletes": 40}),
        (gone(guard="too_many_deletes"), {"max_delete_share": 0.1}, {"max_delete_share": 0.4}),
        (gone(guard="too_many_deletes"), {"max_delete_bytes": 1}, {"max_delete_bytes": 400}),
        (gone(guard="empty_source", words="it is empty"), {}, {"allow_empty_source": True}),
        (gone(guard="no_lock", words="no lock"), {}, {"unsafe_deletes": True}),
        (gone(guard="names_unknown"), {}, {}),
        (gone(kept=False), {"trash": "none"}, {"trash": "deleted"}),
        (gone(), {}, {}),
    ],
)
def test_row_C15_deletions_that_are_withheld_or_for_good(deletes, policy, options):
    assert options_of(advised(deletes=deletes, delete=True, **policy)) == options


def test_row_C15_what_verifying_costs():
    assert options_of(advised(10, KIB, verify="content")) == {"verify": "metadata"}
    assert options_of(advised(200_000, 0, tasks=20))["verify"] == "listing"
    assert "verify" not in options_of(advised(200_000, 0, tasks=20, verify="none"))


def test_row_C15_a_store_that_could_copy_by_itself():
    notes = advised(10, KIB, known={"same_service": True}).notes
    assert any("the credentials differ" in note and "one connection for both sides" in note for note in notes)
    assert advised(10, KIB).notes == ()
    assert advised(10, KIB, route=SERVER, known={"same_service": True}).notes == ()
