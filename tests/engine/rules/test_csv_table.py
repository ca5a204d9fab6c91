"""Is the table of findings one record per row, and no cell of it a formula (threat S12)?"""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.comparison import ComparedObject, Difference
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.rules.csv_table import COLUMNS, csv_line, csv_rows, key_cell, text_cell

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://x")', "'=1"]
TURNED = ["007", "1e5", "1E-5", "3.14", "2026-01-01", "2026/01/01", "1:30", "1:30 PM", "12%", "TRUE", "false", "MAR1",
    "1-mar", "sept2", "Dec-25", "$5"]  # fmt: skip
PLAIN = ["a", "folder/001", "2026/01/01/a.csv", "march-report", "v1.2.3", "x=1", "ü", "1e5x", "may/", "truth"]


@pytest.mark.parametrize("text", FORMULAS)
def test_threat_S12_no_cell_is_a_formula(text):
    assert text_cell(text) == key_cell(text) == f"'{text}"


@pytest.mark.parametrize("key", TURNED)
def test_no_key_becomes_a_number_or_a_date(key):
    assert key_cell(key) == f"'{key}"


@pytest.mark.parametrize("key", PLAIN)
def test_other_keys_stay_as_they_are(key):
    assert key_cell(key) == key


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_one_apostrophe_less_is_the_key_again(key):
    cell = key_cell(key)
    assert (cell[1:] if cell.startswith("'") else cell) == key


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=5))
def test_a_record_is_read_back_whatever_stands_in_it(cells):
    text = csv_line(cells)
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [cells]


def test_an_object_has_a_row_for_each_way_in_which_it_differs():
    outcome = Outcome(key="=k", source_key="s/=k", status="unverified", reason="size, user_metadata")
    size = Difference(what="size", position=7, source="9 bytes", destination="7 bytes", follows="the destination ends")
    names = Difference(what="user_metadata", names=("-a", "b"))
    rows = list(csv_rows(ComparedObject(found="differ", outcome=outcome, differences=(size, names))))
    assert [dict(zip(COLUMNS, row, strict=True)) for row in rows] == [
        {
            "key": "'=k",
            "source_key": "s/=k",
            "finding": "size",
            "names": "",
            "position": "7",
            "source": "9 bytes",
            "destination": "7 bytes",
            "message": "size: 9 bytes at the source, 7 bytes at the destination; first difference at byte 7, where "
            "the destination ends",
        },
        {
            "key": "'=k",
            "source_key": "s/=k",
            "finding": "user_metadata",
            "names": "'-a, b",
            "position": "",
            "source": "",
            "destination": "",
            "message": "user_metadata: -a, b",
        },
    ]


def test_an_object_without_differences_has_one_row():
    outcome = Outcome(key="k", status="extra", reason="not_at_source")
    assert list(csv_rows(ComparedObject(found="extra", outcome=outcome))) == [
        ("k", "", "extra", "", "", "", "", "not_at_source")
    ]
