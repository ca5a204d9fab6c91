from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.selection import Selector

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
quick = settings(deadline=None, max_examples=200)


def info(key, *, size=10, modified=NOON, storage_class=None):
    return ObjectInfo(key=key, size=size, last_modified=modified, storage_class=storage_class)


def taken(pattern, key):
    """Whether one include takes the key, checked against the same pattern as an exclude."""
    included = Selector(Selection(include=(pattern,))).admits(info(key))
    excluded = Selector(Selection(exclude=(pattern,))).admits(info(key))
    assert (included, excluded) in ((None, "exclude"), ("include", None))
    return included is None


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*.csv", ["a.csv", "x/y/a.csv", ".csv", "x/.csv", "a.csv/", "a\nb.csv"], ["a.CSV", "a.csv.gz", "a.csv\n"]),
        ("a", ["a", "x/a", "x/a/", "a//"], ["A", "ab", "ba", "a/b"]),
        ("/a", ["a"], ["x/a", "/a", "a/"]),
        ("//a", ["/a"], ["a", "//a"]),
        ("/*", ["a", "a.txt"], ["a/b", "a/"]),
        ("a/*", ["a/b", "a/"], ["a", "a/b/c", "x/a/b"]),
        ("a/**", ["a/b", "a/", "a/b/c", "a/\n"], ["a", "x/a/b"]),
        ("a/", ["a/"], ["a", "a/b"]),
        ("**", ["a", "a/b", "a/b/"], []),
        ("**/a", ["a", "x/a", "x/y/a", "/a"], ["xa", "a/b", "x/xa"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a//b"], ["ab", "a/xb", "xa/b", "a/b/c"]),
        ("a/**/**/b", ["a/b", "a/x/b"], ["a/xb"]),
        ("a**/b", ["a/b", "ax/b", "a/x/b"], ["ab", "b"]),
        ("a/**b", ["a/b", "a/xb", "a/x/b"], ["ab", "a/bc"]),
        ("a/***/b", ["a/b", "a/x/y/b"], ["ab"]),
        ("/a*b**b", ["abb", "ab/b", "axbxb/b"], ["ab", "a/bb"]),
        ("/*ab*ab", ["abab", "aabxaab"], ["ab", "aab", "ab/ab"]),
        ("**/*.gz", ["x.gz", "a/b/x.gz"], ["x.gz/a"]),
        ("*/*", ["a/b", "/b", "a/"], ["a", "a/b/c"]),
        ("?", ["a", "é", "😀", "\n", "x/a"], ["", "ab"]),
        ("/??", ["ab"], ["a/", "/a", "abc"]),
        ("[ab]x", ["ax", "bx"], ["cx", "x", "[ab]x"]),
        ("[!ab]x", ["cx", "\nx"], ["ax", "x"]),
        ("[^ab]x", ["cx", "^x"], ["ax"]),
        ("a[!b]c/d", ["axc/d"], ["abc/d", "a/c/d"]),
        ("a[.-0]c/d", ["a.c/d", "a0c/d"], ["a/c/d"]),
        ("[]]", ["]"], ["[]]"]),
        ("[]-a]", ["]", "^", "a"], ["-", "b"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[!]]", ["a"], ["]"]),
        ("[*?]", ["*", "?"], ["a"]),
        ("[&&||~[-]", ["&", "|", "~", "-", "["], ["a"]),
        ("[а-я]", ["ж"], ["z"]),
        (r"[\]]", ["]"], ["\\"]),
        (r"[\!a]", ["!", "a"], ["b"]),
        (r"\*", ["*"], ["a", "\\*"]),
        (r"\[a\]", ["[a]"], ["a"]),
        (r"back\\slash", ["back\\slash"], ["backslash"]),
        (r"\a", ["a"], ["\x07"]),
        (r"x\/y", ["x/y"], ["z/x/y"]),
        ("a]b", ["a]b"], ["ab"]),
        ("a.b+c$^(d)|{e}", ["a.b+c$^(d)|{e}"], ["aXb+c$^(d)|{e}"]),
        ("{a,b}", ["{a,b}"], ["a"]),
        ("{{ conn.aws_default.password }}", ["{{ conn.aws_default.password }}"], [""]),
        ("# \t~&-", ["# \t~&-"], ["#"]),
        ("trailing-newline\n", ["trailing-newline\n"], ["trailing-newline"]),
        ("café", ["caf\u00e9"], ["cafe\u0301"]),
        ("*中文*", ["x/a中文b"], ["中/文"]),
        ("..%2f*", ["..%2fetc"], ["../etc"]),
        ("regex:b", ["abc", "x/b/y"], ["ac"]),
        ("regex:^a.b$", ["a\nb", "axb"], ["xaxb"]),
        (r"regex:\.(csv|json)\Z", ["a.csv", "x/a.json"], ["a.csv\n", "a.txt"]),
        (r"regex:(?i)^LOGS/", ["logs/x", "LOGS/x"], ["x/logs/"]),
        (r"regex:^(.)\1", ["aab"], ["aba"]),
    ],
)
def test_patterns(pattern, fits, fits_not):
    assert [key for key in fits if not taken(pattern, key)] == []
    assert [key for key in fits_not if taken(pattern, key)] == []


# What a glob means, said a second time without regular expressions.

PIECES = st.one_of(
    st.sampled_from(["a", "b", "/", "é", "\n", "*", "**", "?"]),
    st.sampled_from(["a", "b", "*", "[", "\\", "!", "]"]).map(lambda char: ("escaped", char)),
    st.tuples(st.just("class"), st.booleans(), st.sets(st.sampled_from("ab!]-^*"), min_size=1)),
)


def written(piece):
    if isinstance(piece, str):
        return piece
    if piece[0] == "escaped":
        return "\\" + piece[1]
    return "[" + "!" * piece[1] + "".join("\\" + char for char in sorted(piece[2])) + "]"


def reading(pieces):
    """The pieces with neighbouring stars joined and `**/` at the start of a segment as one."""
    joined: list = []
    for piece in pieces:
        if joined and piece in ("*", "**") and joined[-1] in ("*", "**"):
            joined[-1] = "**"
        elif piece == "/" and joined and joined[-1] == "**" and (len(joined) == 1 or joined[-2] in ("/", "**/")):
            joined[-1] = "**/"
        else:
            joined.append(piece)
    return joined


def means(pieces, text):
    @cache
    def fits(piece, at):
        if piece == len(pieces):
            return at == len(text)
        what = pieces[piece]
        if what == "*":
            return fits(piece + 1, at) or (at < len(text) and text[at] != "/" and fits(piece, at + 1))
        if what == "**":
            return fits(piece + 1, at) or (at < len(text) and fits(piece, at + 1))
        if what == "**/":
            ends = [end for end in range(at + 1, len(text) + 1) if text[end - 1] == "/"]
            return any(fits(piece + 1, end) for end in [at, *ends])
        if at == len(text):
            return False
        if what == "?":
            one = text[at] != "/"
        elif isinstance(what, str):
            one = text[at] == what
        elif what[0] == "escaped":
            one = text[at] == what[1]
        else:
            one = text[at] != "/" and (text[at] in what[2]) != what[1]
        return one and fits(piece + 1, at + 1)

    return fits(0, 0)


@settings(deadline=None, max_examples=1500)
@given(st.lists(PIECES, min_size=1, max_size=9), st.text("ab/é\n*[\\!]", max_size=10))
def test_globs_mean_what_they_say(pieces, key):
    glob = "".join(map(written, pieces))
    if "/" in glob:
        assert taken("/" + glob, key) == means(reading(pieces), key)
    else:
        segments = [segment for segment in key.split("/") if segment] or [""]
        assert taken(glob, key) == means(reading(pieces), segments[-1])


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.sampled_from(["a", "b", "/", "*", "**", "/**/"]), min_size=2, max_size=12), st.text("ab/", max_size=14)
)
def test_many_stars_mean_what_they_say(texts, key):
    pieces = [piece for text in texts for piece in (["/", "**", "/"] if text == "/**/" else [text])]
    pieces.append("/")
    assert taken("/" + "".join(pieces), key) == means(reading(pieces), key)


@quick
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_an_escaped_key_fits_itself_and_no_other(key):
    glob = "/" + re.sub(r"([*?/\[\]\\])", r"\\\1", key)
    assert taken(glob, key)
    assert not taken(glob, key + "x")
    assert not taken(glob, "x" + key)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("/" + "*a" * 400 + "*b", "a" * 1024),
        ("*a" * 400 + "*b", "a" * 1024),
        ("**a" * 300 + "**b/", "a" * 1024),
        ("**/a" * 200 + "/b", "a/" * 512),
        ("**/*a*b" * 100 + "/c", "ab/" * 341),
    ],
)
def test_hostile_globs_are_quick(pattern, key):
    selector = Selector(Selection(include=(pattern,)))
    begin = time.process_time()
    assert selector.admits(info(key)) == "include"
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("pattern", "character", "words"),
    [
        ("", 1, "empty"),
        ("/", 1, "empty"),
        ("regex:", 1, "empty"),
        ("a[bc", 2, "add `]`"),
        ("a[]", 2, "never closed"),
        ("a[!]", 2, "never closed"),
        ("a[", 2, "never closed"),
        (r"a[b\]", 2, "never closed"),
        ("a[b-", 2, "never closed"),
        ("[z-a]", 3, "write a-z"),
        ("x[a/b]", 4, "one segment"),
        ("x[.-/]", 5, "one segment"),
        ("[[:alpha:]]", 2, "[a-z]"),
        ("a\\", 2, "nothing stands after"),
        ("a[b\\", 4, "nothing stands after"),
        ("regex:a(b", 8, "missing )"),
        ("regex:*", 7, "nothing to repeat"),
        ("regex:" + "(" * 490 + ")" * 490, 7, "nested too deep"),
        ("regex:a{99999999999999}", 7, "repeated too often"),
        ("a" * 1001, 1001, "longer than 1,000"),
    ],
)
@pytest.mark.parametrize("rule", ["include", "exclude"])
def test_bad_patterns_are_named(rule, pattern, character, words):
    with pytest.raises(InvalidConfiguration) as caught:
        Selector(Selection(**{rule: ("fine", pattern)}))
    message = str(caught.value)
    assert message.startswith(f"{rule} pattern {pattern[:70]!r}"[:60])
    assert f"character {character}: " in message
    assert words in message
    assert "; " in message  # what to do
    assert len(message) < 400


def test_as_many_patterns_as_allowed_and_one_more():
    many = tuple(f"*{number}?x*/y" for number in range(1000))
    selector = Selector(Selection(include=many))
    assert selector.admits(info("a999_x/y")) is None
    assert selector.admits(info("a999_x/z")) == "include"
    with pytest.raises(InvalidConfiguration, match=r"include: 1001 patterns are more than 1,000"):
        Selector(Selection(include=(*many, "z")))


@quick
@given(st.text(st.sampled_from("ab*?[]!^-\\/.regx:(){}|+\n"), max_size=20))
def test_a_pattern_is_taken_or_refused_by_name(pattern):
    try:
        selector = Selector(Selection(exclude=(pattern,)))
    except InvalidConfiguration as error:
        assert str(error).startswith("exclude pattern ")  # noqa: PT017 (both ways are right)
    else:
        assert selector.admits(info("a/b")) in (None, "exclude")


@pytest.mark.parametrize(
    ("include", "exclude", "key", "answer"),
    [
        ((), (), "a.csv", None),
        (("*.csv",), (), "a.csv", None),
        (("*.csv",), (), "a.txt", "include"),
        ((), ("*.csv",), "a.csv", "exclude"),
        ((), ("*.csv",), "a.txt", None),
        (("*.csv",), ("a*",), "a.csv", "exclude"),
        (("*.csv",), ("a*",), "b.csv", None),
        (("*.csv",), ("a*",), "b.txt", "include"),
        (("*.csv",), ("a*",), "a.txt", "exclude"),
        (("*.csv", "*.txt"), (), "a.txt", None),
        (("x/**", "*.txt", "regex:^y", "exact"), (), "y", None),
        (("x/**", "*.txt", "regex:^y", "exact"), (), "d/exact", None),
        (("x/**", "*.txt", "regex:^y", "exact"), (), "z", "include"),
        ((), ("x/**", "*.txt"), "x/a", "exclude"),
    ],
)
def test_excludes_are_asked_first_and_then_one_include_must_fit(include, exclude, key, answer):
    assert Selector(Selection(include=include, exclude=exclude)).admits(info(key)) == answer


EARLIER, LATER = timedelta(microseconds=-1), timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("rules", "given_info", "answer"),
    [
        ({"start_after": "b"}, info("a"), "start_after"),
        ({"start_after": "b"}, info("b"), "start_after"),
        ({"start_after": "b"}, info("b\x00"), None),
        ({"start_after": "\uffee"}, info("\U0001f600"), None),  # UTF-8 order, not UTF-16
        ({"start_after": "\U0001f600"}, info("\uffee"), "start_after"),
        ({"min_size": 10}, info("a", size=9), "min_size"),
        ({"min_size": 10}, info("a", size=10), None),
        ({"min_size": 0}, info("a", size=0), None),
        ({"max_size": 10}, info("a", size=10), None),
        ({"max_size": 10}, info("a", size=11), "max_size"),
        ({"max_size": 0}, info("a", size=1), "max_size"),
        ({"max_size": 2**53}, info("a", size=2**53 + 1), "max_size"),
        ({"modified_after": NOON}, info("a", modified=NOON + EARLIER), "modified_after"),
        ({"modified_after": NOON}, info("a", modified=NOON), None),
        ({"modified_before": NOON}, info("a", modified=NOON), "modified_before"),
        ({"modified_before": NOON}, info("a", modified=NOON + EARLIER), None),
        ({"modified_after": NOON.astimezone(timezone(timedelta(hours=8)))}, info("a", modified=NOON), None),
        ({"modified_after": NOON + LATER, "modified_before": NOON + LATER}, info("a"), "modified_after"),
        ({"storage_classes": ("STANDARD",)}, info("a"), None),
        ({"storage_classes": ("STANDARD",)}, info("a", storage_class="STANDARD"), None),
        ({"storage_classes": ("STANDARD",)}, info("a", storage_class="GLACIER"), "storage_class"),
        ({"storage_classes": ("GLACIER", "DEEP_ARCHIVE")}, info("a"), "storage_class"),
        ({"storage_classes": ("GLACIER", "DEEP_ARCHIVE")}, info("a", storage_class="DEEP_ARCHIVE"), None),
    ],
)
def test_bounds(rules, given_info, answer):
    assert Selector(Selection(**rules)).admits(given_info) == answer


def test_the_first_rule_that_leaves_it_out_is_named():
    rules = {
        "start_after": "b/",
        "exclude": ("b",),
        "include": ("c",),
        "min_size": 20,
        "modified_after": NOON + LATER,
        "storage_classes": ("GLACIER",),
    }
    named = []
    for rule in list(rules):
        named.append(Selector(Selection(**rules), folder_markers="skip").admits(info("b/")))
        del rules[rule]
    named.append(Selector(Selection(**rules), folder_markers="skip").admits(info("b/")))
    assert named == [
        "start_after", "exclude", "include", "min_size", "modified_after", "storage_class", "folder_marker"
    ]  # fmt: skip


def test_folder_markers():
    skip = Selector(Selection(), folder_markers="skip")
    assert [skip.admits(info(key)) for key in ("a/", "a/b/", "/", "a", "a/b")] == ["folder_marker"] * 3 + [None] * 2
    assert Selector(Selection(), folder_markers="copy").admits(info("a/")) is None


@pytest.mark.parametrize(
    "rules",
    [
        {"include": ("a",)},
        {"exclude": ("a",)},
        {"start_after": "a"},
        {"modified_after": NOON},
        {"modified_before": NOON},
        {"min_size": 0},
        {"max_size": 1},
        {"storage_classes": ("STANDARD",)},
    ],
)
def test_everything_is_said_only_without_rules(rules):
    assert not Selector(Selection(**rules)).everything
    assert Selector(Selection()).everything
    assert not Selector(Selection(), folder_markers="skip").everything


def test_the_lister_begins_after_the_same_key():
    assert Selector(Selection(start_after="a/b")).first_key_after() == "a/b"
    assert Selector(Selection()).first_key_after() == ""
