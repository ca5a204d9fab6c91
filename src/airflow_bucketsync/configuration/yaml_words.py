"""What does an error of the YAML parser mean to somebody who wrote a file by hand?"""

from __future__ import annotations

import re
from typing import Any

_INDENT = "mend the indentation"
_SAYINGS: tuple[tuple[str, str, str], ...] = (
    # what the parser was at, what it met, what to do
    ("", r"found character '\\t'", "a tab: indent with spaces"),
    ("", r"found character '(.)'", "a text can't begin with `{0}`: put it in quotes"),
    ("scanning an alias", r".*", "a text that begins with `*` is taken for an alias: put it in quotes"),
    ("scanning an anchor", r".*", "a text that begins with `&` is taken for an anchor: put it in quotes"),
    ("tag|parsing a node", r".*tag.*|expected .*", "a text that begins with `!` is taken for a tag: put it in quotes"),
    ("", r"mapping values are not allowed", f"a `:` can't stand here: put the text in quotes, or {_INDENT}"),
    ("", r"could not find expected ':'", f"a line without `name:`: add the `:` and a space, or {_INDENT}"),
    ("quoted scalar", r"found unexpected end of stream", "the quote that opens in line {line} is never closed"),
    ("double-quoted", r".*escape.*", "`\\` in double quotes begins an escape: use single quotes"),
    ("flow sequence", r"expected ',' or '\]'", "the list that opens with `[` in line {line} lacks a comma or its `]`"),
    ("flow mapping", r"expected ',' or '}'", "the block that opens with `{{` in line {line} lacks a comma or its `}}`"),
    ("flow node", r".*", "a value is missing here: put a text that begins with `{{`, `[` or `,` in quotes"),
    ("block mapping", r"expected <block end>", f"does not line up with the block of line {{line}}: {_INDENT}"),
    ("block collection", r"expected <block end>", f"does not line up with the list of line {{line}}: {_INDENT}"),
    ("", r"(block )?sequence entries are not allowed", "a `-` can't stand here: put the list on lines of its own"),
    ("block scalar", r".*", "behind `|` or `>` the line must end: put a text that begins with one in quotes"),
    ("node", r"expected the node content, but found '(.+)'", "a value can't begin with `{0}`: put it in quotes"),
    ("", r"expected '<document start>'", f"this stands outside of the document: {_INDENT}"),
)  # fmt: skip


_BEGINS_BEFORE = re.compile("could not find expected ':'|found unexpected end of stream")


def place_of(error: Any) -> tuple[int, int]:
    """Line and column, from 1, of what has to be mended."""
    problem = str(getattr(error, "problem", None) or "")
    marks = [getattr(error, name, None) for name in ("problem_mark", "context_mark")]
    if _BEGINS_BEFORE.match(problem):
        marks.reverse()
    mark = next((mark for mark in marks if mark is not None), None)
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def words_of(error: Any) -> str:
    """What was wrong and what to do, without the place."""
    context, problem = str(getattr(error, "context", None) or ""), str(getattr(error, "problem", None) or error)
    mark = getattr(error, "context_mark", None)
    for at, met, words in _SAYINGS:
        if re.search(at, context) and (found := re.match(met, problem)):
            return words.format(*found.groups(), line=mark.line + 1 if mark is not None else "?")
    return f"this is no YAML: {problem}"
