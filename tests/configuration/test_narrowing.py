"""What does a run by hand come to where it is allowed to set something? (J11)"""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from airflow_bucketsync.configuration.hand_limits import ANY, read_by_hand
from airflow_bucketsync.configuration.hand_rules import RULES, SETTABLE
from airflow_bucketsync.configuration.narrowing import narrowed
from airflow_bucketsync.configuration.options import OPTION_NAMES, read_options
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.objects import EPOCH, ObjectInfo
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.selection import Selector
from tests.house import ROOT

EVERYTHING = dict.fromkeys(SETTABLE, ANY)


def asked(author, conf, by_hand=None):
    return narrowed(read_options(author), read_by_hand(EVERYTHING if by_hand is None else by_hand), conf)


def test_every_option_has_a_rule():
    assert tuple(RULES) == OPTION_NAMES, "say in hand_rules.py how a run by hand may set the new one"


@pytest.mark.parametrize("name", sorted(SETTABLE))
def test_what_takes_a_part_chooses_objects(name):
    chooses = name in {item.name for item in fields(Selection)} - {"max_expansion"}
    assert RULES[name].takes_part == (chooses or name in ("max_objects", "max_bytes"))


@pytest.mark.parametrize(
    ("author", "conf", "holds"),
    [
        ({}, {"dry_run": True}, {"dry_run": True}),
        ({}, {"prefixes": ["a/"]}, {"prefixes": ("a/",)}),
        ({"prefixes": ["a/"]}, {"prefixes": ["a/b/", "a/c/"]}, {"prefixes": ("a/b/", "a/c/")}),
        ({}, {"include": ["*.a"]}, {"include": ("*.a",), "within": ()}),
        ({"include": ["*.b"]}, {"include": ["x*"]}, {"include": ("x*",), "within": ("*.b",)}),
        ({"exclude": ["*.b"]}, {"exclude": ["x*"]}, {"exclude": ("*.b", "x*")}),
        ({"extensions": ["gz"]}, {"extensions": ["tar.GZ"]}, {"extensions": ("tar.GZ",)}),
        ({"tags": {"a": "*"}}, {"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1", "b": "2"}}),
        ({"min_size": "1 KiB"}, {"min_size": "1 MiB"}, {"min_size": 2**20}),
        ({"max_size": "1 MiB"}, {"max_size": 5}, {"max_size": 5}),
        ({"max_objects": 10}, {"max_objects": 9}, {"max_objects": 9}),
        ({}, {"max_objects": 10**9}, {"max_objects": 10**9}),
        ({"start_after": "a"}, {"start_after": "b"}, {"start_after": "b"}),
        ({}, {"recursive": False}, {"recursive": False}),
        ({"delete": True}, {"delete": False}, {"delete": False}),
        ({"move": True}, {"move": False}, {"move": False}),
        ({"verify": "none"}, {"verify": "content"}, {"verify": "content"}),
        ({}, {"compare": "always"}, {"compare": "always"}),
        ({"mode": "auto"}, {"mode": "full"}, {"mode": "full"}),
        ({"tolerate": ["gone", "failed"]}, {"tolerate": []}, {"tolerate": ()}),
        ({"tolerate": ["gone", "failed"]}, {"tolerate": ["failed"]}, {"tolerate": ("failed",)}),
        ({"approve_above": None}, {"approve_above": 0}, {"approve_above": 0}),
        ({"trash": "none"}, {"trash": "all"}, {"trash": "all"}),
        ({}, {"on_lock": "skip"}, {"on_lock": "skip"}),
    ],
)
def test_what_is_narrower_holds(author, conf, holds):
    found = asked(author, conf)
    for name, value in holds.items():
        assert getattr(found.selection if hasattr(found.selection, name) else found.policy, name) == value
    assert found.by_hand is not None
    assert list(found.by_hand.given) == list(conf)
    assert found.by_hand.selection == read_options(author).selection()


@pytest.mark.parametrize("conf", [{"prefixes": ["a/"]}, {"include": ["x"]}, {"max_objects": 5}, {"min_size": 1}])
def test_a_part_never_deletes(conf):
    """In parts, each below the caps, a run could delete what they forbid of the whole."""
    found = asked({"delete": True}, conf)
    assert not found.policy.delete
    assert found.by_hand.given["delete"] is False
    assert found.by_hand.aside
    assert asked({"delete": True}, {"verify": "content"}).policy.delete


@pytest.mark.parametrize(
    ("by_hand", "conf", "words"),
    [
        ({"max_objects": {"at_most": 5}}, {"max_objects": 6}, "max_objects: only 5 or less may be set by hand"),
        ({"max_objects": {"at_least": 5}}, {"max_objects": 4}, "max_objects: only 5 or more"),
        ({"max_bytes": {"at_most": "1 KiB"}}, {"max_bytes": "2 KiB"}, "max_bytes: only 1024 or less"),
        ({"verify": {"one_of": ["content"]}}, {"verify": "listing"}, "verify: only content may be set by hand"),
        ({"prefixes": {"one_of": ["a/", "b/"]}}, {"prefixes": ["a/", "c/"]}, "prefixes: only a/, b/"),
        ({"compare": {"one_of": ["size"]}}, {"compare": "always"}, "compare: only size"),
    ],
)
def test_what_the_author_does_not_allow(by_hand, conf, words):
    with pytest.raises(InvalidConfiguration, match=re.escape(words)):
        asked({"verify": "none"}, conf, by_hand)


def test_what_the_author_allows():
    by_hand = {
        "max_objects": {"at_least": 5, "at_most": 9},
        "prefixes": {"one_of": ["a/"]},
        "verify": "never",
        "mode": None,
    }
    assert asked({}, {"max_objects": 9, "prefixes": ["a/"]}, by_hand).policy.max_objects == 9
    assert list(read_by_hand(by_hand)) == ["max_objects", "prefixes"], "never takes away"


def test_options_that_do_not_fit_together_are_named():
    with pytest.raises(InvalidConfiguration, match="prefixes with recursive: false"):
        asked({"prefixes": ["a/"]}, {"recursive": False})
    with pytest.raises(InvalidConfiguration, match="mode incremental lists the source only"):
        asked({"delete": True}, {"mode": "incremental"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("any", "write a block of options"),
        ({"dryrun": "any"}, "did you mean 'dry_run'?"),
        ({"acl": "any"}, "acl: is the author's alone"),
        ({"source": "any"}, "'source' is no option"),
        ({"dry_run": True}, "dry_run: write `any`, a block"),
        ({"dry_run": {}}, "dry_run: write `any`"),
        ({"dry_run": {"one_of": [True]}}, "dry_run: one_of is for words"),
        ({"verify": {"at_most": "content"}}, "verify: at_most is for numbers"),
        ({"verify": {"one_of": []}}, "verify: one_of is a list"),
        ({"verify": {"one_of": "content"}}, "verify: one_of is a list"),
        ({"verify": {"one_of": ["contnt"]}}, "verify: "),
        ({"max_objects": {"at_moost": 5}}, "max_objects: 'at_moost' is not known here"),
        ({"max_objects": {"at_most": "5"}}, "max_objects: "),
        ({"max_objects": {"at_most": None}}, "max_objects: a bound is a value"),
        ({"max_objects": {"at_least": 5, "at_most": 4}}, "max_objects: at_least is above at_most"),
        ({"max_bytes": {"at_most": "5 gigs"}}, "max_bytes: "),
    ],
)
def test_mistakes_of_the_author(given, words):
    with pytest.raises(InvalidConfiguration, match=re.escape(words)):
        read_by_hand(given)


KEYS = ["a", "b.csv", "a/b.csv", "a/b.tar.gz", "a/b/c", "b/c.gz", "c/d.csv"]
INFOS = [ObjectInfo(key=key, size=size, last_modified=EPOCH) for key in KEYS for size in (0, 10, 1000)]
RULES_OF_OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "include": st.lists(st.sampled_from(["*.csv", "a/**", "*"]), min_size=1, max_size=2),
        "exclude": st.lists(st.sampled_from(["*.gz", "b/**", "a"]), max_size=2),
        "extensions": st.lists(st.sampled_from(["csv", "gz", "tar.gz", ""]), min_size=1, max_size=2),
        "prefixes": st.lists(st.sampled_from(["a/", "a/b/", "b/"]), min_size=1, max_size=2),
        "start_after": st.sampled_from(["", "a", "a/b", "b"]),
        "min_size": st.sampled_from([0, 5, 10]),
        "max_size": st.sampled_from([10, 100, 1000]),
    },
)


@settings(deadline=None, max_examples=300)
@generated(author=RULES_OF_OBJECTS, conf=RULES_OF_OBJECTS)
def test_no_object_takes_part_that_the_author_leaves_out(author, conf):
    """Whatever both write: a run by hand takes some of the author's objects, or is refused."""
    try:
        found = asked(author, conf)
    except InvalidConfiguration:
        return
    wide, narrow = Selector(read_options(author).selection()), Selector(found.selection)
    alone = Selector(read_options(conf).selection())
    for info in INFOS:
        if narrow.admits(info) is None:
            assert wide.admits(info) is None
            assert alone.admits(info) is None
        elif wide.admits(info) is None:
            assert alone.admits(info) is not None, "and none is left out that both take"


def test_the_page_has_every_rule():
    text = (ROOT / "docs" / "by-hand.md").read_text()
    rows = {}
    for name, rule in RULES.items():
        rows.setdefault(rule.words, []).append(f"`{name}`")
    expected = [f"| {words} | {', '.join(names)} |" for words, names in rows.items()]
    table = text.partition("## Every option")[2].partition("\n## ")[0]
    assert [line for line in table.splitlines() if line.startswith("| ") and "`" in line] == expected, "\n".join(
        expected
    )


def test_nothing_given_is_the_authors():
    found = asked({"verify": "content"}, {})
    assert (found.by_hand, found.selection, found.policy) == (None, Selection(), SyncPolicy(verify="content"))
