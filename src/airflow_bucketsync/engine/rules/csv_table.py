"""How do findings read in a spreadsheet? CSV of RFC 4180, of which no cell is a formula and no key a number.

What stands in a bucket is named by whoever may write there. A cell that begins like a formula gets an apostrophe, and
so does one that begins with an apostrophe: whoever reads the file by a program takes one away from where one is. A key
that a spreadsheet would turn into a number, a date or a truth value gets one too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from airflow_bucketsync.engine.model.comparison import ComparedObject

COLUMNS = ("key", "source_key", "finding", "names", "position", "source", "destination", "message")
"""One row per finding: an object that differs in two ways has two."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[\s\d.,:/+\-%$€£()]*\d[\s\d.,:/+\-%$€£()]*([eE][+\-]?\d+)?\s*([aApP]\.?[mM]\.?)?")
_WORD = re.compile(r"(true|false)", re.IGNORECASE)
_DATE = re.compile(
    r"(?=.*\d)\d{0,4}[\s./\-]?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[\s./,\-]*\d{0,4}([\s./,\-]+\d{1,4})?",
    re.IGNORECASE,
)


def text_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def key_cell(key: str) -> str:
    """A key that every spreadsheet takes for a text."""
    turned = any(shape.fullmatch(key) for shape in (_NUMBER, _WORD, _DATE))
    return f"'{key}" if turned else text_cell(key)


def csv_line(cells: Iterable[str]) -> str:
    """One record: every cell in quotes, ended as RFC 4180 has it."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(list(cells))
    return line.getvalue()


def csv_rows(compared: ComparedObject) -> Iterator[tuple[str, ...]]:
    """The findings of one object, as rows of `COLUMNS`."""
    outcome = compared.outcome
    key = key_cell(outcome.key), key_cell(outcome.source_key or outcome.key)
    for item in compared.differences:
        names = text_cell(", ".join(item.names))
        position = "" if item.position is None else str(item.position)
        sides = text_cell(item.source or ""), text_cell(item.destination or "")
        yield (*key, item.what, names, position, *sides, text_cell(item.words))
    if not compared.differences:
        words = ": ".join(filter(None, (outcome.reason if outcome.reason != compared.found else "", outcome.message)))
        source = "" if compared.found == "extra" else key[1]
        yield (key[0], source, compared.found, "", "", "", "", text_cell(words))
