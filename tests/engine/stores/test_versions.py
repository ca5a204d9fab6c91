"""Is a version read by its id where that may be, and by its ETag where not? (row B14)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    NotSupported,
    ObjectArchived,
    ObjectChanged,
    ObjectNotFound,
    Throttled,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.remote.versions import read_version

SOURCE = Condition(etag="e", version_id="v", size=1)
UNNAMED = Condition(etag="e", size=1)


class Asked:
    """Reads that were asked for, each answered by its version id unless that is refused."""

    def __init__(self, refused: dict[str | None, BucketsyncError]) -> None:
        self.names_versions = True
        self.refused = refused
        self.sources: list[Condition] = []

    def __call__(self, source: Condition) -> str | None:
        self.sources.append(source)
        if source.version_id in self.refused:
            raise self.refused[source.version_id]
        return source.version_id


def test_a_version_is_read_by_its_id():
    asked = Asked({})
    assert read_version(asked, SOURCE, asked) == "v"
    assert asked.sources == [SOURCE]


@pytest.mark.parametrize("source", [UNNAMED, Condition.ANY, Condition(version_id="v")])
def test_what_names_no_version_or_no_etag_is_asked_as_it_is(source):
    asked = Asked({"v": AccessDenied("no")})
    if source.version_id is None:
        assert read_version(asked, source, asked) is None
    else:
        with pytest.raises(AccessDenied):
            read_version(asked, source, asked)
    assert asked.sources == [source]


@pytest.mark.parametrize("error", [AccessDenied("no right"), NotSupported("unknown parameter")])
def test_where_naming_is_refused_the_etag_is_the_pin_from_then_on(error):
    asked = Asked({"v": error})
    assert read_version(asked, SOURCE, asked) is None
    assert read_version(asked, replace(SOURCE, version_id="w"), asked) is None
    assert asked.sources == [SOURCE, UNNAMED, UNNAMED]


def test_a_version_that_was_removed_is_what_is_current_if_that_has_its_etag():
    asked = Asked({"v": ObjectNotFound("no such version")})
    assert read_version(asked, SOURCE, asked) is None
    assert read_version(asked, replace(SOURCE, version_id="w"), asked) == "w"


@pytest.mark.parametrize("about_current", [ObjectChanged("another"), ObjectNotFound("gone"), AccessDenied("nor this")])
@pytest.mark.parametrize("about_version", [AccessDenied("no"), NotSupported("no"), ObjectNotFound("no")])
def test_the_error_is_what_is_said_of_the_current_version(about_version, about_current):
    asked = Asked({"v": about_version, None: about_current})
    with pytest.raises(BucketsyncError) as caught:
        read_version(asked, SOURCE, asked)
    assert caught.value is about_current
    assert asked.names_versions, "that naming versions was the reason is not shown"


@pytest.mark.parametrize("make", [ObjectChanged, ObjectArchived, Throttled])
def test_other_errors_are_of_the_version(make: Callable[[str], BucketsyncError]):
    error = make("of this version")
    asked = Asked({"v": error})
    with pytest.raises(BucketsyncError) as caught:
        read_version(asked, SOURCE, asked)
    assert caught.value is error
    assert asked.sources == [SOURCE]
