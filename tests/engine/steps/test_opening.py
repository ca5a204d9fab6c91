"""Is an open upload gone on with when, and only when, it is ours and fits; and is none of ours ever unknown?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, ServerError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.upload import OpenEntry
from airflow_bucketsync.engine.steps.assembling import Pinned, pin
from airflow_bucketsync.engine.steps.opening import Opened, OpenUploads
from airflow_bucketsync.engine.stores.base import Transfer
from tests.engine.steps.pairs import PART, Pair
from tests.engine.steps.test_kills import Killed
from tests.engine.steps.uploading import Trouble, body

KEY = "k"


@pytest.fixture
def pair() -> Pair:
    """One object at the source."""
    pair = Pair()
    pair.put({KEY: body(3 * PART)}, user_metadata={"colour": "red"}, tags={"team": "blue"})
    return pair


def opening(pair: Pair, *, run: str = "run", look: bool = True, **policy: Any) -> OpenUploads:
    return OpenUploads(pair.run(run, prepared=False, **policy), look=look)


def pinned(pair: Pair) -> Pinned:
    run = pair.run("run", prepared=False)
    transfer = Transfer(
        source_store=run.source,
        source=pair.source.head(KEY).info,
        key=KEY,
        destination=Condition.ABSENT,
        mode="stream",
        preserve=run.spec.policy.preserved,
    )
    return pin(run, transfer)


def opened(pair: Pair, uploads: OpenUploads, found: Pinned | None = None, **cut: Any) -> Opened:
    return uploads.open(KEY, found or pinned(pair), **{"mode": "part_copy", "part_size": PART, **cut})


def open_ids(pair: Pair) -> set[str]:
    return {upload.upload_id for upload in pair.destination.list_uploads()}


def entries(pair: Pair) -> list[OpenEntry]:
    return opening(pair).journal.of(KEY)


def test_a_new_upload_is_known_to_the_journal(pair):
    found = opened(pair, opening(pair))
    assert not found.resumed
    assert found.arrived == {}
    assert open_ids(pair) == {found.upload_id}
    (entry,) = entries(pair)
    assert entry == found.entry
    assert (entry.upload_id, entry.key, entry.run) == (found.upload_id, KEY, "run")


@pytest.mark.parametrize("run", ["run", "a later one"])
def test_one_that_fits_is_gone_on_with(pair, run):
    first = opened(pair, opening(pair))
    receipt = pair.destination.upload_part(KEY, first.upload_id, 2, body(PART))
    found = opened(pair, opening(pair, run=run))
    assert (found.upload_id, found.resumed, found.arrived) == (first.upload_id, True, {2: receipt})
    assert open_ids(pair) == {first.upload_id}
    (entry,) = entries(pair)
    assert entry.run == run, "which keeps the join of that run from aborting it"
    assert pair.writes()["begin_upload"] == 1


def test_the_first_try_of_a_run_without_open_uploads_does_not_look(pair):
    first = opened(pair, opening(pair))
    second = opened(pair, opening(pair, look=False))
    assert open_ids(pair) == {first.upload_id, second.upload_id}
    assert pair.destination.requests["list_parts"] == 0


def of_another_version(found: Pinned) -> Pinned:
    return replace(found, details=replace(found.details, info=replace(found.details.info, etag="another")))


def of_another_size(found: Pinned) -> Pinned:
    return replace(found, details=replace(found.details, info=replace(found.details.info, size=PART)))


def of_another_version_id(found: Pinned) -> Pinned:
    return replace(found, details=replace(found.details, info=replace(found.details.info, version_id="v2")))


def with_other_attributes(found: Pinned) -> Pinned:
    return replace(found, attributes=replace(found.attributes, user_metadata={"colour": "green"}))


def with_another_class(found: Pinned) -> Pinned:
    return replace(found, attributes=replace(found.attributes, storage_class="GLACIER"))


def with_something_lost(found: Pinned) -> Pinned:
    return replace(found, lost=("tags",))


CHANGES = [
    of_another_version,
    of_another_size,
    of_another_version_id,
    with_other_attributes,
    with_another_class,
    with_something_lost,
]


@pytest.mark.parametrize("change", CHANGES)
def test_one_of_something_else_is_aborted(pair, change):
    first = opened(pair, opening(pair))
    found = opened(pair, opening(pair), change(pinned(pair)))
    assert not found.resumed
    assert open_ids(pair) == {found.upload_id} != {first.upload_id}
    assert [entry.upload_id for entry in entries(pair)] == [found.upload_id]


@pytest.mark.parametrize("cut", [{"part_size": PART + 1}, {"mode": "stream_parts"}])
def test_one_cut_or_brought_in_another_way_is_aborted(pair, cut):
    opened(pair, opening(pair))
    found = opened(pair, opening(pair), **cut)
    assert not found.resumed
    assert open_ids(pair) == {found.upload_id}


def test_one_begun_with_other_write_settings_is_aborted(pair, monkeypatch):
    opened(pair, opening(pair))
    settings = replace(pair.destination.settings, encryption="AES256")
    monkeypatch.setattr(type(pair.destination), "settings", property(lambda _: settings))
    found = opened(pair, opening(pair))
    assert not found.resumed
    assert open_ids(pair) == {found.upload_id}


def test_a_version_that_nothing_tells_apart_is_begun_anew(pair):
    found = pinned(pair)
    nameless = replace(found, details=replace(found.details, info=replace(found.details.info, etag=None)))
    opened(pair, opening(pair), nameless)
    second = opened(pair, opening(pair), nameless)
    assert not second.resumed
    assert open_ids(pair) == {second.upload_id}


def test_of_two_the_later_one_is_gone_on_with(pair):
    opened(pair, opening(pair, look=False))
    later = opened(pair, opening(pair, look=False))
    found = opened(pair, opening(pair))
    assert found.upload_id == later.upload_id
    assert open_ids(pair) == {later.upload_id}
    assert [entry.upload_id for entry in entries(pair)] == [later.upload_id]


def test_D8_uploads_of_strangers_and_of_other_places_are_left_alone(pair):
    theirs = pair.destination.begin_upload(KEY)
    ours = opened(pair, opening(pair))
    elsewhere = replace(ours.entry, name="uploads/x-y.json", destination="memory://elsewhere/")
    of_key = replace(elsewhere, name=ours.entry.name.replace(".json", "f.json"))
    opening(pair).journal.keep(of_key)
    found = opened(pair, opening(pair), part_size=PART + 1)
    assert open_ids(pair) == {theirs, found.upload_id}
    assert of_key in entries(pair), "what it names may be open there"


def test_one_that_is_gone_is_forgotten(pair):
    first = opened(pair, opening(pair))
    pair.destination.abort_upload(KEY, first.upload_id)
    found = opened(pair, opening(pair))
    assert not found.resumed
    assert [entry.upload_id for entry in entries(pair)] == [found.upload_id]


def test_one_whose_parts_may_not_be_listed_is_aborted(pair):
    opened(pair, opening(pair))
    pair.at_destination(Trouble(lambda: AccessDenied("no"), "list_parts"))
    found = opened(pair, opening(pair))
    assert not found.resumed
    assert open_ids(pair) == {found.upload_id}


def test_one_that_can_not_be_looked_at_now_stays(pair):
    first = opened(pair, opening(pair))
    pair.at_destination(Trouble(lambda: ServerError("out of order"), "list_parts"))
    with pytest.raises(ServerError):
        opened(pair, opening(pair))
    assert open_ids(pair) == {first.upload_id}
    assert entries(pair) == [first.entry]


def test_one_that_can_not_be_aborted_now_stays_in_the_journal(pair):
    first = opened(pair, opening(pair))
    pair.at_destination(Trouble(lambda: ServerError("out of order"), "abort_upload"))
    second = opened(pair, opening(pair), part_size=PART + 1)
    assert open_ids(pair) == {first.upload_id, second.upload_id}
    assert {entry.upload_id for entry in entries(pair)} == {first.upload_id, second.upload_id}


@pytest.mark.parametrize("when", ["before", "after"])
def test_D8_an_intent_outlives_a_kill(pair, when):
    """Whether it was begun nobody knows; `sweep_uploads` finds it by its time."""
    trouble = Trouble(Killed, "begin_upload", when=when)
    pair.at_destination(trouble)
    with pytest.raises(Killed):
        opened(pair, opening(pair))
    (intent,) = entries(pair)
    assert intent.upload_id is None
    assert len(open_ids(pair)) == (when == "after")
    pair.destination.hooks.remove(trouble)
    found = opened(pair, opening(pair))
    assert not found.resumed
    assert intent in entries(pair)
    assert found.entry in entries(pair)


@pytest.mark.parametrize("applied", ["before", "after"])
def test_an_id_that_can_not_be_kept_is_aborted(pair, applied):
    """Nothing would ever name it."""
    pair.pages.hooks.append(Trouble(lambda: AccessDenied("no"), "put", first=2, when=applied))
    with pytest.raises(BucketsyncError):
        opened(pair, opening(pair))
    assert open_ids(pair) == set()


def test_nothing_is_begun_where_the_intent_can_not_be_kept(pair):
    pair.pages.hooks.append(Trouble(lambda: AccessDenied("no"), "put"))
    with pytest.raises(AccessDenied):
        opened(pair, opening(pair))
    assert pair.writes()["begin_upload"] == 0


def test_tags_that_may_not_be_written_are_lost_and_remembered(pair):
    found = pinned(pair)
    assert found.attributes.tags
    begin = pair.destination.begin_upload

    def without_tags(key: str, *, attributes: ObjectAttributes | None = None) -> str:
        if attributes is not None and attributes.tags:
            raise AccessDenied("no tags", location=pair.destination.location.url)
        return begin(key, attributes=attributes)

    pair.destination.begin_upload = without_tags  # type: ignore[method-assign]
    first = opened(pair, opening(pair), found)
    assert first.entry.lost == (*found.lost, "tags")
    again = opened(pair, opening(pair), found)
    assert again.resumed
    assert again.entry.lost == first.entry.lost, "the report of whoever completes it says so"


@pytest.mark.parametrize("look", [False, True])
def test_what_is_open_of_a_version_that_is_no_more_is_dropped(pair, look):
    theirs = pair.destination.begin_upload(KEY)
    ours = opened(pair, opening(pair))
    opening(pair, look=look).drop(KEY)
    assert open_ids(pair) == ({theirs} if look else {theirs, ours.upload_id})
    assert entries(pair) == ([] if look else [ours.entry])
