from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.listing import ListingIndex, ListUnit
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.plan import Batch, PartGroup, Plan
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec
from tests.engine.model.nouns import (
    counts,
    drifts,
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
places = st.tuples(st.integers(0, 10**6), st.integers(1, 10_000))
groups = st.builds(
    PartGroup, number=st.integers(0, 1023), first=places, last=places, parts=st.integers(1, 10**7), bytes=sizes
)
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
    mode=st.sampled_from(["full", "incremental"]),
    resume=st.one_of(st.none(), keys),
    splits=st.lists(keys, max_size=3).map(tuple),
    uploads=st.one_of(st.none(), page_refs),
    groups=st.lists(groups, max_size=3).map(tuple),
    open_uploads=st.booleans(),
    estimate=counts,
    withheld=st.sampled_from(["", "rejected"]),
    drift=st.one_of(st.none(), drifts),
)


@quick
@given(st.one_of(units, indexes, changes, known, batches, groups))
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
    uploads=page("u"),
    groups=(
        PartGroup(number=0, first=(0, 1), last=(1, 2), parts=5, bytes=50),
        PartGroup(number=1, first=(1, 3), last=(1, 3), parts=1, bytes=9),
    ),
)


def test_the_digest_is_of_what_is_to_be_done():
    first, second = PLAN.batches
    changed = [
        replace(PLAN, batches=(second, first)),
        replace(PLAN, batches=(first,)),
        replace(PLAN, batches=(first, replace(second, page=page("b", "1" * 64)))),
        replace(PLAN, batches=(first, replace(second, number=2))),
        replace(PLAN, uploads=None),
        replace(PLAN, uploads=page("u", "1" * 64)),
        replace(PLAN, groups=PLAN.groups[:1]),
        replace(PLAN, groups=(replace(PLAN.groups[0], last=(1, 1)), replace(PLAN.groups[1], first=(1, 2)))),
        replace(PLAN, resume="k"),
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
        replace(PLAN, open_uploads=True),
        replace(PLAN, estimate={"seconds": 7}),
        replace(PLAN, splits=("k",)),
        replace(PLAN, route=replace(PLAN.route, reason="other words", leaving=7)),
    ):
        assert same.digest == PLAN.digest


def test_a_known_object_that_is_forgotten():
    forgotten = KnownObject(key="a", source=None, destination=None)
    assert forgotten.to_json() == {"key": "a"}
    assert through_json(forgotten) == forgotten


def test_the_large_objects_have_a_result_page_of_their_own():
    assert PLAN.uploads_unit == 2
    assert PLAN.results == ((0, 1, "copy 0"), (1, 1, "copy 1"), (2, 1, "complete_uploads"))
    alone = replace(PLAN, batches=())
    assert (alone.uploads_unit, alone.results) == (0, ((0, 1, "complete_uploads"),))
    assert replace(PLAN, uploads=None, groups=()).results == PLAN.results[:2]


def test_the_parts_of_an_upload_that_are_in_a_group():
    group = PartGroup(number=3, first=(2, 4), last=(5, 6), parts=30, bytes=300)
    assert [group.within(upload, 10) for upload in range(1, 7)] == [None, (4, 10), (1, 10), (1, 10), (1, 6), None]
    assert PartGroup(number=0, first=(2, 4), last=(2, 6), parts=3, bytes=30).within(2, 10) == (4, 6)


def test_row_C16_a_plan_that_nobody_approved_is_the_same_plan_and_does_nothing():
    withheld = replace(PLAN, withheld="rejected")
    assert withheld.digest == PLAN.digest
    assert PLAN.writes
    assert PLAN.results
    assert (withheld.dry, withheld.writes, withheld.results) == (True, False, ())
    assert not PLAN.asks
    asking = replace(PLAN, spec=replace(PLAN.spec, policy=SyncPolicy(approve_plan=True)))
    assert asking.asks
    assert not replace(asking, batches=(), groups=(), open_uploads=True).asks, "only what earlier runs left"
    dry = replace(PLAN, spec=replace(PLAN.spec, policy=SyncPolicy(approve_plan=True, dry_run=True)))
    assert not dry.asks
