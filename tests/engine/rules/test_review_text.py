"""Does the review of a plan read well, and can no key, name or warning be anything but text in it? (C13, C15)"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml
from markdown_it import MarkdownIt

from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.engine.model.advice import Advice
from airflow_bucketsync.engine.model.analysis import Found, Row
from airflow_bucketsync.engine.model.review import Deletions, PlanReview, Requests, Way
from airflow_bucketsync.engine.model.route import Route
from airflow_bucketsync.engine.model.units import GIB, MIB
from airflow_bucketsync.engine.rules.estimate import Estimate
from airflow_bucketsync.engine.rules.review_text import review_markdown, review_text


def found(key, size=3):
    return Found(key=key, size=size, modified="2026-01-01T00:00:00+00:00")


REVIEW = PlanReview(
    pair="orders",
    run="run-7",
    digest="d" * 64,
    source="s3://here@bucket/in/",
    destination="oss://there@archive/out/",
    mode="full",
    dry=True,
    route=Route(transport="stream", reason="it is another service", source_region="eu-west-1", leaving=GIB, buffer=MIB),
    objects=1_203,
    bytes=GIB,
    decided={"same": 40_000, "failed": 2},
    tiers=(Row(name="small", objects=1_202, bytes=MIB), Row(name="large", objects=1, bytes=GIB - MIB)),
    reasons=(Row(name="new", objects=1_200, bytes=GIB - 9), Row(name="metadata: user_metadata", objects=3, bytes=9)),
    ways=(
        Way(name="stream", objects=1_202, bytes=MIB, parts=0),
        Way(name="stream_parts", objects=1, bytes=9, parts=21),
    ),
    sizes=(Row(name="0–1K", objects=1_202, bytes=MIB), Row(name="1K–8K", objects=0, bytes=0)),
    classes=(Row(name="STANDARD", objects=1_203, bytes=GIB),),
    archived=(Row(name="GLACIER", objects=2, bytes=5 * MIB),),
    largest=(found("big.bin", GIB - MIB), found("a b")),
    deletes=Deletions(
        objects=22, bytes=66, first=(found("old/1"), found("old/2")), guard=None, words="", kept=True, asks=True
    ),
    moves=Row(name="moves", objects=3, bytes=9),
    requests=(
        Requests(side="source", kind="read", at_least=1_223, at_most=1_223),
        Requests(side="source", kind="tags", at_least=0, at_most=1_203),
        Requests(side="destination", kind="put", at_least=1_202, at_most=1_202),
    ),
    through=GIB,
    batches=2,
    groups=1,
    estimate=Estimate(tasks=3, seconds=90.0, longest=40.0).to_json(),
    resume="z/9",
    warnings=("the destination keeps no checksums",),
    advice=(Advice(option="concurrency", value=32, reason="small objects wait"),),
    notes=("2 objects are archived",),
)

HOSTILE = [
    "`code`", "``` \n~~~\n# Title", "~~~", "a | b | c", "<img src=x onerror=alert(1)>", "<!-- ", "[x](https://e.org)",
    "![x](https://e.org/x.png)", "https://e.org/x", "www.e.org", "me@e.org", "\u202egnp.exe", "\u200f\u2067rtl", "a\nb",
    "\x1b[31mred\x00", "*bold* _it_ ~~gone~~", "&lt;b&gt;", "\\", "\\`x\\`", "    indented", "- [ ] task", "---",
    "\u2028 x", "javascript:alert(1)", "{{ 7 * 7 }}", "| --- | --- |", "$x$", "GREEN: all is well",
]  # fmt: skip


def hostile(text):
    """The same review with this text wherever something comes from outside."""
    return replace(
        REVIEW,
        pair=text,
        run=text,
        source=f"s3://c@b/{text}/",
        destination=f"oss://c@b/{text}/",
        route=replace(REVIEW.route, reason=text, source_region=text, destination_region=text),
        reasons=(Row(name=text, objects=1, bytes=1),),
        classes=(Row(name=text, objects=1, bytes=1),),
        archived=(Row(name=text, objects=1, bytes=1),),
        largest=(found(text), found(f"x\n~~~\n{text}")),
        deletes=replace(REVIEW.deletes, first=(found(text),), guard="too_many_deletes", words=text),
        resume=text,
        warnings=(text, f"{'long ' * 40}~~~ {text}"),
        notes=(text,),
        advice=(Advice(option="concurrency", value=32, reason=text),),
    )


def shape(markdown):
    """What a reader makes of it, the texts apart."""
    parser = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])
    found = []
    for token in parser.parse(markdown):
        found.append(token.type)
        found += [child.type for child in token.children or () if child.type not in ("text", "text_special")]
    return found


def test_an_ordinary_review_has_the_shape_that_is_meant():
    kinds = set(shape(review_markdown(REVIEW)))
    assert {"table_open", "fence", "heading_open", "bullet_list_open", "code_inline"} <= kinds
    assert not kinds & {
        "link_open",
        "image",
        "html_inline",
        "html_block",
        "em_open",
        "strong_open",
        "s_open",
        "code_block",
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_row_C13_no_text_from_outside_changes_the_shape_of_the_markdown(text):
    assert shape(review_markdown(hostile(text))) == shape(review_markdown(hostile("plain")))


@pytest.mark.parametrize("text", HOSTILE)
def test_row_C13_nothing_unseen_is_in_either_and_nothing_becomes_a_link(text):
    plain = hostile("plain")
    for made, ordinary in (
        (review_markdown(hostile(text)), review_markdown(plain)),
        (review_text(hostile(text)), review_text(plain)),
    ):
        assert made.replace("\n", "").isprintable()
        assert made.count("\n") - ordinary.count("\n") in range(3)  # a long one is wrapped
    for line in outside_of_fences(review_markdown(hostile(text))):
        assert not re.search(r"(?<!\\)://|www\.|(?<!\\)@", re.sub(r"(`+).*?\1", "", line)), line


def outside_of_fences(markdown):
    fenced = False
    for line in markdown.splitlines():
        if line.startswith("~~~"):
            fenced = not fenced
        elif not fenced:
            yield line


@pytest.mark.parametrize("room", range(100, 112))
def test_row_C13_a_wrapped_warning_ends_no_fence(room):
    def made(mark):
        return shape(review_markdown(replace(REVIEW, warnings=(f"{'x' * room} {mark} {'y' * 110}",))))

    assert made("~~~") == made("abc")


def test_row_C13_the_text_of_a_dry_run_is_whole_and_of_another_run_short():
    whole = review_text(REVIEW, folder="orders/run-7/").splitlines()
    assert whole[0] == "DRY RUN: s3://here@bucket/in/ -> oss://there@archive/out/"
    assert "  to do     1,203 objects, 1.0 GiB (small: 1,202 objects, 1.0 MiB; large: 1 object, 1023.0 MiB)" in whole
    assert "  requests  source: 1,223 read, 0 to 1,203 tags" in whole
    assert "  deletes   22 objects, 66 B, kept in the trash, after a person was asked" in whole
    assert "  advice    concurrency: 32 (small objects wait)" in whole
    assert "  see       orders/run-7/plan/review.md and plan/review.json" in whole
    assert any("'big.bin'" in line for line in whole)
    many = replace(REVIEW, dry=False, warnings=tuple("abcdefgh"), largest=tuple(found(f"k{n}") for n in range(20)))
    short = review_text(many).splitlines()
    assert short[0].startswith("PLAN: ")
    assert len(short) < 25
    assert sum("  warning " in line for line in short) == 3


def test_row_C15_the_advice_is_ready_for_a_pairs_file():
    inside = review_markdown(REVIEW).split("~~~yaml\n")[1].split("\n~~~")[0]
    assert read_options(yaml.safe_load(inside)).concurrency == 32


def test_what_is_not_there_is_not_spoken_of():
    bare = PlanReview(
        pair="p", run="r", digest="d", source="s", destination="t", mode="full", dry=False, route=REVIEW.route,
        objects=0, bytes=0, decided={"same": 3}, estimate=Estimate(tasks=0, seconds=0.0, longest=0.0).to_json(),
    )  # fmt: skip
    assert "## " not in review_markdown(bare)
    assert [line.split()[0] for line in review_text(bare).splitlines()] == ["PLAN:", "pair", "to", "decided"]
