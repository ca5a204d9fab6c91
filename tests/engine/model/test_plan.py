from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import Batch, Change, KnownObject, ListingIndex, ListUnit, Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.model.spec import Selection, SyncSpec
from tests.engine.model.nouns import (
    counts,
    fingerprints,
    infos,
    keys,
    page_refs,
    per_side,
    quick,
    sizes,
    specs,
    text,
    through_json,
    warnings,
    words,
)

units = st.builds(
    ListUnit,
    number=st.integers(0, 1000),
    side=st.sampled_from(["source", "destination"]),
    after=text,
    until=st.one_of(st.none(), text),
)
indexes = st.builds(
    ListingIndex,
    unit=units,
    pages=st.lists(page_refs, max_size=3).map(tuple),
    objects=sizes,
    bytes=sizes,
    requests=counts,
    refused=st.lists(st.tuples(text, words), max_size=3).map(tuple),
    refused_count=st.integers(0, 10**9),
)
changes = st.builds(
    Change,
    kind=st.sampled_from(["copy", "update"]),
    source=infos,
    destination=st.one_of(st.none(), infos),
    reason=words,
)
known = st.builds(
    KnownObject,
    key=keys,
    source=st.one_of(st.none(), fingerprints),
    destination=st.one_of(st.none(), fingerprints),
)
batches = st.builds(Batch, number=st.integers(0, 1023), page=page_refs, objects=sizes, bytes=sizes)
regions = st.one_of(st.none(), text)
routes = st.builds(
    Route,
    transport=st.sampled_from(["server", "stream"]),
    reason=text,
    source_region=regions,
    destination_region=regions,
    leaving=sizes,
    buffer=sizes,
)
plans = st.builds(
    Plan,
    spec=specs,
    run=text,
    batches=st.lists(batches, max_size=3).map(tuple),
    decided=st.one_of(st.none(), page_refs),
    delta=st.one_of(st.none(), page_refs),
    route=routes,
    blind=st.booleans(),
    counts=counts,
    reasons=counts,
    bytes=sizes,
    listed=per_side,
    requests=per_side,
    selected_out=counts,
    warnings=warnings,
)


@quick
@given(st.one_of(units, indexes, changes, known, batches))
def test_round_trip(noun):
    assert through_json(noun) == noun


@quick
@given(plans)
def test_plan_round_trip(plan):
    again = through_json(plan)
    assert again == plan
    assert again.digest == plan.digest == plan.to_json()["digest"]


def page(name, digest="0" * 64):
    return PageRef(name=name, count=1, size=1, digest=digest)


PLAN = Plan(
    spec=SyncSpec.of(Location.parse("s3://b1c/in/"), Location.parse("s3://b1c/out/"), name="p"),
    run="r1",
    batches=(Batch(number=0, page=page("a"), objects=1, bytes=1), Batch(number=1, page=page("b"), objects=1, bytes=1)),
    decided=page("c"),
    delta=page("d"),
    route=Route(transport="server", reason="one store"),
    counts={"copy": 2},
    reasons={"new": 2},
    bytes=2,
    listed={},
    requests={},
)


def test_the_digest_is_of_what_is_to_be_done():
    first, second = PLAN.batches
    changed = [
        replace(PLAN, batches=(second, first)),
        replace(PLAN, batches=(first,)),
        replace(PLAN, batches=(first, replace(second, page=page("b", "1" * 64)))),
        replace(PLAN, batches=(first, replace(second, number=2))),
        replace(PLAN, decided=None),
        replace(PLAN, delta=None),
        replace(PLAN, decided=PLAN.delta, delta=PLAN.decided),
        replace(PLAN, route=replace(PLAN.route, transport="stream")),
        replace(PLAN, blind=True),
        replace(PLAN, spec=replace(PLAN.spec, policy=SyncPolicy(verify="none"))),
        replace(PLAN, spec=replace(PLAN.spec, selection=Selection(min_size=0))),
        replace(PLAN, spec=replace(PLAN.spec, destination=Location.parse("s3://b1c/other/"))),
    ]
    digests = [PLAN.digest, *(plan.digest for plan in changed)]
    assert len(set(digests)) == len(digests)


def test_the_digest_is_not_of_how_it_came_about():
    for same in (
        replace(PLAN, run="r2"),
        replace(PLAN, requests={"source": {"ListObjectsV2": 3}}),
        replace(PLAN, listed={"source": {"objects": 3}}),
        replace(PLAN, warnings=("slow",)),
        replace(PLAN, route=replace(PLAN.route, reason="other words", leaving=7)),
    ):
        assert same.digest == PLAN.digest


def test_a_known_object_that_is_forgotten():
    forgotten = KnownObject(key="a", source=None, destination=None)
    assert forgotten.to_json() == {"key": "a"}
    assert through_json(forgotten) == forgotten
