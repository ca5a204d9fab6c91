"""Does every object go where the first line that fits says, and does each destination get exactly that?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.routed_pairs import routed_pairs
from airflow_bucketsync.engine.model.routing import Routed, RouteRule, RoutingTable
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.routing import Router
from airflow_bucketsync.engine.rules.selection import OTHER_DESTINATION, UNMATCHED, Selector

PLACES = {
    "tables": Location.parse("s3://a@tables/"),
    "pictures": Location.parse("oss://b@pictures/in/"),
    "plain": Location.parse("file:///data/plain/"),
    "big": Location.parse("s3://a@big/"),
}
TABLE = RoutingTable(
    rules=(
        RouteRule(to="big", min_size=1000),
        RouteRule(to="tables", extensions=("csv", "tar.gz")),
        RouteRule(to="pictures", match=("pictures/**", "*.png", "regex:^old/.*jpe?g$")),
        RouteRule(to="tables", match=("*.png",)),
        RouteRule(to="plain", extensions=("",), max_size=10),
    )
)


def info(key, size=5):
    return ObjectInfo(key=key, size=size, last_modified=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("key", "size", "to"),
    [
        ("a.csv", 5, "tables"),
        ("a.CSV", 5, "tables"),
        ("x/y.Tar.GZ", 5, "tables"),
        ("x/y.gz", 5, None),
        ("a.csv", 999, "tables"),
        ("a.csv", 1000, "big"),
        ("pictures/a.csv", 5, "tables"),
        ("pictures/a", 5, "pictures"),
        ("a.png", 5, "pictures"),
        ("a.PNG", 5, None),
        ("old/x.jpg", 5, "pictures"),
        ("older/x.jpg", 5, None),
        ("README", 5, "plain"),
        ("README", 11, None),
        ("a.csv/README", 5, "plain"),
        ("a.csv/", 5, "plain"),
        (".csv", 5, "plain"),
        ("a.", 5, "plain"),
        ("v1.2/data", 5, "plain"),
        ("v1.2/data.bin", 5, None),
    ],
)
def test_first_line_that_fits(key, size, to):
    assert Router(TABLE).destination_of(info(key, size)) == to
    default = Router(replace(TABLE, unmatched="default", default="plain"))
    assert default.destination_of(info(key, size)) == (to or "plain")


def test_each_destination_gets_what_the_table_gives_it():
    pairs = routed_pairs(TABLE, PLACES, selection=Selection(exclude=("secret/**",)))
    assert [pair.name for pair in pairs] == ["big", "tables", "pictures", "plain"]
    assert [pair.destination for pair in pairs] == [PLACES[pair.name] for pair in pairs]
    rules = {pair.name: Selector(pair.selection).admits(info("a.csv")) for pair in pairs}
    assert rules == {
        "big": OTHER_DESTINATION,
        "tables": None,
        "pictures": OTHER_DESTINATION,
        "plain": OTHER_DESTINATION,
    }
    assert {Selector(pair.selection).admits(info("a.xyz")) for pair in pairs} == {UNMATCHED}
    assert {Selector(pair.selection).admits(info("secret/a.csv")) for pair in pairs} == {"exclude"}
    for pair in pairs:
        assert Selection.from_json(pair.selection.to_json()) == pair.selection


keys = st.builds(
    lambda folder, name, ending: folder + name + ending,
    st.sampled_from(["", "pictures/", "old/", "a.csv/"]),
    st.sampled_from(["x", "README", ".x"]),
    st.sampled_from(["", ".csv", ".CSV", ".png", ".tar.gz", ".jpg", "/"]),
)


@settings(deadline=None, max_examples=100)
@given(keys, st.integers(0, 2000), st.sampled_from(["ignore", "fail", "default"]))
def test_every_object_is_taken_once_or_unmatched(key, size, unmatched):
    table = replace(TABLE, unmatched=unmatched, default="plain" if unmatched == "default" else None)
    rules = [Selector(pair.selection).admits(info(key, size)) for pair in routed_pairs(table, PLACES)]
    if rules.count(None):
        assert rules.count(None) == 1
        assert rules.count(OTHER_DESTINATION) == len(rules) - 1
    else:
        assert unmatched != "default"
        assert set(rules) == {UNMATCHED}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RouteRule(to="a"), "takes everything"),
        (lambda: RouteRule(to="", match=("*",)), "names no destination"),
        (lambda: RouteRule(to="a", extensions=("*.csv",)), "'*.csv' is no extension; write csv"),
        (lambda: RouteRule(to="a", match="*.csv"), "lists of texts"),
        (lambda: RouteRule(to="a", min_size=2, max_size=1), "min_size (2) is above max_size (1)"),
        (lambda: RoutingTable(rules=()), "1 to 1,000 lines"),
        (lambda: replace(TABLE, unmatched="drop"), "'drop' is none of ignore, fail, default"),
        (lambda: replace(TABLE, unmatched="default"), "needs the name of a destination"),
        (lambda: replace(TABLE, default="plain"), "needs the name of a destination"),
        (lambda: Routed(table=TABLE, to="elsewhere"), "names big, tables, pictures, plain"),
        (lambda: routed_pairs(TABLE, {"tables": PLACES["tables"]}), "'big', 'pictures', 'plain' stand in the table"),
        (lambda: routed_pairs(TABLE, {**PLACES, "more": Location.parse("s3://a@more/")}), "no line leads to 'more'"),
        (
            lambda: routed_pairs(TABLE, {**PLACES, "big": Location.parse("s3://a@tables/big/")}),
            "the destinations 'tables' (s3://a@tables/) and 'big' (s3://a@tables/big/) overlap",
        ),
        (
            lambda: Router(replace(TABLE, rules=(*TABLE.rules, RouteRule(to="big", match=("[",))))),
            "route 6 (to big): match pattern '[', character 1: the `[` is never closed",
        ),
    ],
)
def test_what_is_refused_says_what_to_do(make, words):
    with pytest.raises(InvalidConfiguration) as raised:
        make()
    assert words in str(raised.value)
