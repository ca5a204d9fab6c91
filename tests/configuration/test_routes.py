"""Is a table of routes read as people write it, and does it make one sync per destination?"""

from __future__ import annotations

import json

import pytest

from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.configuration.routes import read_routes, routed_syncs
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KeyMapping

ROUTES = {
    "rules": [
        {"to": "tables", "extensions": ["csv", "parquet"]},
        {"to": "big", "min_size": "1 GiB"},
    ],
    "unmatched": "default",
    "default": "rest",
}
PLACES = {"tables": "s3://a@tables/", "big": "oss://b@big/in/", "rest": "file:///data/rest/"}


def test_one_sync_per_destination():
    syncs = routed_syncs(ROUTES, PLACES, {"exclude": ["*.tmp"], "key_mapping": "flatten"})
    assert [(sync.name, sync.destination) for sync in syncs] == list(PLACES.items())
    for sync in syncs:
        assert json.loads(json.dumps(sync.options)) == sync.options
        selection = read_options(sync.options).selection()
        assert selection.routed is not None
        assert selection.routed.to == sync.name
        assert selection.routed.table == read_routes(ROUTES)
        assert selection.exclude == ("*.tmp",)
        assert selection.key_mapping == KeyMapping(kind="flatten")
    assert read_routes(ROUTES).rules[1].min_size == 2**30


@pytest.mark.parametrize(
    ("routes", "places", "options", "words"),
    [
        ({}, PLACES, {}, "routes: rules: Field required"),
        ({"rules": []}, PLACES, {}, "routes: rules: List should have at least 1 item"),
        ({"rules": [{"match": ["*"]}]}, PLACES, {}, "routes: rules.1.to: Field required"),
        ({"rules": [{"to": "a", "min_size": "a lot"}]}, PLACES, {}, "routes: rules.1.min_size: "),
        ({"rules": [{"to": "a", "match": "*.csv"}]}, PLACES, {}, "routes: rules.1.match: write a list of texts"),
        ({"rules": [{"to": "a", "glob": ["*"]}]}, PLACES, {}, "routes: rules.1.glob: Extra inputs"),
        ({**ROUTES, "default": "nowhere"}, PLACES, {}, "'nowhere' stand in the table"),
        (ROUTES, {**PLACES, "rest": "s3://a@tables/rest/"}, {}, "overlap"),
        (ROUTES, PLACES, {"verfy": "none"}, "did you mean 'verify'?"),
        (ROUTES, PLACES, {"routed": {}}, "routed: a table of routes makes it"),
    ],
)
def test_what_is_wrong_is_named(routes, places, options, words):
    with pytest.raises(InvalidConfiguration) as raised:
        routed_syncs(routes, places, options)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key_mapping": {"relative_root": "a"}}, "key_mapping: 'a' is no folder of a location; write 'a/'"),
        ({"key_mapping": "flat"}, "key_mapping: 'flat' is none of keep"),
        ({"key_mapping": "flatten", "move": True}, "move with key_mapping flatten"),
        ({"tags": ["a"]}, "tags"),
        ({"tags": {"a": 1}}, "tags.a"),
        ({"extensions": "csv"}, "extensions: write a list of texts"),
        ({"extensions": ["*.csv"]}, "'*.csv' is no extension"),
        ({"recursive": "no"}, "recursive"),
        ({"on_collision": "last"}, "on_collision"),
        ({"routed": {"to": "x"}}, "routed: write what `routed_syncs` makes"),
    ],
)
def test_options_of_names_say_what_is_wrong(options, words):
    with pytest.raises(InvalidConfiguration) as raised:
        read_options(options)
    assert words in str(raised.value)


def test_options_of_names_are_read():
    selection = read_options(
        {
            "key_mapping": {"prefix_map": {"a/": "b/"}},
            "extensions": ["csv", ""],
            "recursive": False,
            "tags": {"team": "*"},
        }
    ).selection()
    assert selection.key_mapping == KeyMapping(kind="prefix_map", prefixes={"a/": "b/"})
    assert (selection.extensions, selection.recursive, selection.tags) == (("csv", ""), False, {"team": "*"})
