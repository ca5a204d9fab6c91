"""Are folders that a sync may not be limited to refused, with what to write instead?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.prefixes import MAX_PREFIXES, outermost
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec

FLAT = KeyMapping(kind="flatten")
SOURCE, DESTINATION = Location.parse("s3://c@from/in/"), Location.parse("s3://c@to/out/")


@pytest.mark.parametrize(
    ("prefixes", "words"),
    [
        (("a",), "'a' is no folder of a location; write 'a/'"),
        (("x/", "a/b"), "'a/b' is no folder of a location; write 'a/b/'"),
        (("/a/",), "'/a/' is no folder of a location; write 'a/'"),
        (("//a//",), "'//a//' is no folder of a location; write 'a/'"),
        (("",), "leave `prefixes` out to take everything"),
        (("/",), "leave `prefixes` out to take everything"),
        (("a" * 1024 + "/",), "1,025 bytes"),
        (("é" * 512 + "/",), "1,025 bytes"),
        (("\ud800/",), "can't be written as UTF-8"),
        ((1,), "1 is no text"),
        ("a/", "prefixes is a list of texts"),
        (tuple(f"{number}/" for number in range(MAX_PREFIXES + 1)), "101 folders are more than 100"),
    ],
)
def test_what_is_no_folder_is_refused(prefixes, words):
    with pytest.raises(InvalidConfiguration) as caught:
        Selection(prefixes=prefixes)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "prefixes",
    [
        ("a/",),
        ("b/", "a/", "a/", "a/b/"),
        ("a//",),
        ("é" * 511 + "x/",),
        tuple(f"{number}/" for number in range(MAX_PREFIXES)),
    ],
)
def test_folders_are_kept_as_they_were_written(prefixes):
    selection = Selection(prefixes=prefixes)
    assert selection.to_json() == {"prefixes": list(prefixes)}
    assert Selection.from_json(selection.to_json()) == selection


def test_keys_below_a_folder_are_never_without_one():
    with pytest.raises(InvalidConfiguration, match=r"prefixes with recursive: false leave nothing.*'a/\*'"):
        Selection(prefixes=("a/",), recursive=False)


def test_deletes_are_refused_where_a_name_does_not_say_which_folder_it_came_from():
    with pytest.raises(InvalidConfiguration, match="flatten and prefixes"):
        SyncSpec.of(
            SOURCE,
            DESTINATION,
            selection=Selection(prefixes=("a/",), key_mapping=FLAT),
            policy=SyncPolicy(delete=True, delete_excluded=True),
        )
    SyncSpec.of(SOURCE, DESTINATION, selection=Selection(prefixes=("a/",), key_mapping=FLAT))


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ((), ()),
        (("b/", "a/"), ("a/", "b/")),
        (("a/", "a/b/", "a/", "a/b/c/"), ("a/",)),
        (("a-b/", "a/", "a.b/", "a0/", "a/x/"), ("a-b/", "a.b/", "a/", "a0/")),
    ],
)
def test_nested_and_repeated_folders_count_once(given, left):
    assert outermost(given) == left


def test_where_names_lie_anywhere_the_destination_is_listed_whole():
    kept, listed = Selection(prefixes=("a/",)), Selection(prefixes=("a/",), source_list="s3://lists/a.csv")
    mapped = Selection(prefixes=("a/",), key_mapping=FLAT)
    assert [kept.listed_below("source"), kept.listed_below("destination")] == [("a/",), ("a/",)]
    assert [mapped.listed_below("source"), mapped.listed_below("destination")] == [("a/",), ()]
    assert [listed.listed_below("source"), listed.listed_below("destination")] == [(), ()]
