"""Is the page of an analysis whole, free of anything from elsewhere, and safe whatever keys are called? (B11)"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from airflow_bucketsync.engine.model.analysis import Row, Table, Trouble
from airflow_bucketsync.engine.rules.advice import advise
from airflow_bucketsync.engine.rules.analysis_page import POLICY, analysis_page
from tests.engine.rules.test_advice import EVERYTHING, analysis

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'--><svg/onload=alert(1)>", "</style><b>", "&amp;",
    "\u202egnp.exe", "line\nbreak\x00", "</pre></title><a href='https://example.org'>", "\ud800", "javascript:x",
]  # fmt: skip
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "div", "h1", "h2", "h3",
    "p", "ul", "li", "b", "i", "span", "bdi", "code", "pre", "table", "caption", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
EMPTY = {"meta"}


class Reader(HTMLParser):
    """Tags, attributes and text; every tag must be closed in its order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page(found):
    return analysis_page(found, advise(found))


@pytest.mark.parametrize("text", HOSTILE)
def test_row_B11_no_key_leaves_its_place(text):
    found = analysis((1, 5, {"key": f"{text}/{text}.{text}", "storage_class": text}), (1, 7, {"key": text}),
                     location=f"s3://c@bucket/{text}/",
                     left_out={"include": 3},
                     troubles=(Trouble(kind="folder", objects=1, first=((text, text),)),))  # fmt: skip
    read = Reader(page(found))
    assert set(read.tags) <= TAGS
    names = {name for name, _ in read.attributes}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "class", "role", "aria-label", "aria-hidden",
                     "style", "scope", "tabindex"}  # fmt: skip
    assert not re.search("[\u202e\x00\ud800]", page(found))


def test_row_B11_nothing_is_loaded_and_nothing_runs():
    text = page(analysis(*EVERYTHING))
    read = Reader(text)
    assert ("content", POLICY) in read.attributes
    assert "default-src 'none'" in POLICY
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img|\son\w+=", text)


def test_row_B11_every_chart_has_its_words_and_a_table_below():
    text = page(analysis(*EVERYTHING))
    sections = re.findall(r"<section[^>]*>.*?</section>", text, re.S)
    charts = [section for section in sections if 'class="chart"' in section]
    assert len(charts) == 6
    for chart in charts:
        assert re.search(r'role="img" aria-label="[^"]{40,}"', chart)
        assert chart.index('class="chart"') < chart.index("<table>")
        assert re.search(r'<th scope="row">', chart)
    assert "400,000,000" in text
    assert "prefers-color-scheme: dark" in text


def test_row_B11_what_was_merged_is_said():
    others = Row(name="others", objects=1_234, bytes=5)
    rows = (Row(name="csv", objects=5, bytes=1, missed=7),)
    text = Reader(page(analysis((1, 1), extensions=Table(rows=rows, others=others, names=None)))).text
    assert "5 to 12" in text
    assert "1,234" in text


def test_row_B11_an_empty_place_has_a_page():
    assert "no object was found" in page(analysis())
