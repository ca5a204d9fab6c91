"""How does the review of a plan read: in a log, and as Markdown?

In the Markdown whatever comes from outside stands in fenced lines that can't end their fence, or has every punctuation
mark escaped that could mean something: a key is text and nothing else.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from airflow_bucketsync.engine.model.analysis import Found, Row
from airflow_bucketsync.engine.model.review import Deletions, PlanReview, Requests
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.engine.rules.advice_words import option_lines
from airflow_bucketsync.engine.rules.estimate import Estimate

TIERS: Mapping[str, str] = {
    "attributes": "attributes only",
    "small": "small: one request each",
    "medium": "medium: inside one task each",
    "large": "large: parts in tasks of their own",
    "too_large": "too large for the destination",
}
FENCE = "~~~"
_SHORT = 3
"""Keys and warnings in the log of a plan that is carried out right away."""
_WIDTH = 110
T = TypeVar("T")
_MARKS = re.compile(r"([\\`*_\[\]<>|~&@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
"""What can mean something in the middle of a line, or make a link of it."""


# in a log -----------------------------------------------------------------------------------------------------


def review_text(review: PlanReview, *, folder: str = "", whole: bool | None = None) -> str:
    """The review in some lines.

    :param folder: the run's folder in the workspace
    :param whole: everything, not only what fits some lines; None = of a dry run
    """
    return "\n".join(_lines(review, folder, review.dry if whole is None else whole))


def _lines(review: PlanReview, folder: str, whole: bool) -> Iterator[str]:
    head = "DRY RUN" if review.dry else "PLAN"
    yield f"{head}: {shown(review.source)} -> {shown(review.destination)}"
    yield f"  pair      {shown(review.pair)}, run {shown(review.run)} ({review.mode})"
    yield f"  to do     {_sum(review.objects, review.bytes)}{_listed(review.tiers)}"
    if review.reasons:
        yield f"  because   {_rows(review.reasons)}"
    if review.decided:
        yield f"  decided   {', '.join(f'{count:,} {word}' for word, count in sorted(review.decided.items()))}"
    if review.objects:
        yield f"  route     {shown(str(review.route))}"
        yield f"  tasks     {_tasks(review)}; {Estimate.from_json(review.estimate)}"
    for side, words in _requests(review.requests):
        yield f"  requests  {side}: {words}"
    if review.deletes is not None:
        yield f"  deletes   {_deletes(review.deletes)}"
        yield from (f"            {line}" for line in _keys(review.deletes.first, None if whole else _SHORT))
    if review.moves is not None:
        yield f"  moves     {_moves(review.moves)}"
    if review.archived:
        yield f"  archived  {_rows(review.archived)}"
    if review.resume is not None:
        yield f"  bounded   the next run goes on after {shown(repr(review.resume))}"
    if whole:
        for name, rows in (("ways", _ways(review)), ("classes", [_rows(review.classes)]), ("sizes", _sizes(review))):
            yield from (f"  {name:<9} {row}" for row in rows if row)
        yield from (f"  {'largest' if not at else '':<9} {line}" for at, line in enumerate(_keys(review.largest)))
    yield from (f"  warning   {shown(warning, 500)}" for warning in _some(review.warnings, whole))
    yield from (f"  note      {shown(note, 500)}" for note in _some(review.notes, whole))
    for one in _some(review.advice, whole):
        yield f"  advice    {one.option}: {one.written} ({shown(one.reason, 500)})"
    if folder:
        yield f"  see       {shown(folder)}plan/review.md and plan/review.json"


# as Markdown --------------------------------------------------------------------------------------------------


def review_markdown(review: PlanReview) -> str:
    """The whole review as Markdown in which no key, name or warning can be anything but text."""
    return "\n".join(_page(review)) + "\n"


def _page(review: PlanReview) -> Iterator[str]:
    yield "# What a run would do" if review.dry else "# What this run does"
    yield ""
    yield f"From {_code(review.source)} to {_code(review.destination)}: {_sum(review.objects, review.bytes)}."
    yield ""
    yield from _table(["", "!objects", "!bytes"], ([TIERS[row.name], *_figures(row)] for row in review.tiers))
    yield from _table(["reason", "!objects", "!bytes"], ([_text(row.name), *_figures(row)] for row in review.reasons))
    if review.objects:
        yield f"- Route: {_text(shown(str(review.route)))}"
        yield f"- Tasks: {_tasks(review)}; {Estimate.from_json(review.estimate)}"
        left = format_size(review.route.leaving)
        yield f"- Through the workers: {format_size(review.through)}; out of a region: {left}"
    if review.decided:
        words = ", ".join(f"{count:,} {word}" for word, count in sorted(review.decided.items()))
        yield f"- Nothing to do, or nothing that can be done: {words}"
    if review.resume is not None:
        yield f"- The next run goes on after {_code(repr(review.resume))}"
    yield ""
    yield from _of_removal(review)
    yield from _of_archived(review)
    if review.warnings or review.notes:
        yield from ("## Worth knowing", "", *_fenced(_wrapped((*review.warnings, *review.notes))))
    if review.advice:
        yield from ("## Advice", "", "Options of the pair that the figures speak for:", "")
        yield from _fenced(option_lines(review.advice), "yaml")
    if review.requests:
        yield from ("## Requests", "", "When nothing fails, without the pair's lock:", "")
        rows = ([row.side, row.kind, _range(row)] for row in review.requests)
        yield from _table(["side", "for", "!requests"], rows)
    if review.objects:
        yield from ("## What is moved", "")
        filled = [row for row in review.sizes if row.objects]
        yield from _table(["size", "!objects", "!bytes"], ([row.name, *_figures(row)] for row in filled))
        ways = ([way.name, f"{way.objects:,}", format_size(way.bytes), f"{way.parts:,}"] for way in review.ways)
        yield from _table(["way", "!objects", "!bytes", "!parts"], ways)
        classes = ([_text(row.name), *_figures(row)] for row in review.classes)
        yield from _table(["storage class", "!objects", "!bytes"], classes)
    if review.largest:
        yield from ("## Largest objects", "", *_fenced(_keys(review.largest)))
    yield f"Plan `{review.digest}` of pair {_text(review.pair)}, run {_text(review.run)}."
    if review.dry:
        yield ""
        yield f"To carry out exactly this: the same options without `dry_run`, and `apply_plan: {review.digest}`."


def _of_removal(review: PlanReview) -> Iterator[str]:
    if review.deletes is not None:
        more = review.deletes.objects - len(review.deletes.first)
        yield from ("## Deleted at the destination", "", f"{_text(_deletes(review.deletes))}.", "")
        yield from _fenced((*_keys(review.deletes.first), *([f"and {more:,} more"] if more else [])))
    if review.moves is not None:
        yield from ("## Deleted at the source", "", f"{_moves(review.moves)}.", "")


def _of_archived(review: PlanReview) -> Iterator[str]:
    if review.archived:
        yield from ("## Archived", "", "These can't be read before they are restored:", "")
        rows = ([_text(row.name), *_figures(row)] for row in review.archived)
        yield from _table(["storage class", "!objects", "!bytes"], rows)


def _fenced(lines: Iterable[str], language: str = "") -> Iterator[str]:
    """Lines that nothing in them can end: each begins with something else than the fence, which stands at the left."""
    yield FENCE + language
    yield from lines
    yield from (FENCE, "")


def _wrapped(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        lines = textwrap.wrap(shown(text, 1000), _WIDTH, break_on_hyphens=False)
        # Four spaces: a fence that ends a block has three at most before it.
        yield from (f"{'- ' if not at else '    '}{line}" for at, line in enumerate(lines))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of cells that are safe already; a title that begins with `!` is one of numbers."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield f"| {' | '.join(title.lstrip('!') for title in head)} |"
        yield f"|{'|'.join('---:' if title[:1] == '!' else '---' for title in head)}|"
        yield from lines
        yield ""


def _text(text: str) -> str:
    """A text from outside in which no mark means anything."""
    return _MARKS.sub(r"\\\1", shown(text, 500))


def _code(text: str) -> str:
    """A text from outside as code, between more backticks than it has in a row."""
    line = shown(text, 500)
    ticks = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    return f"{ticks} {line} {ticks}" if "`" in line else f"`{line}`"


# in both ------------------------------------------------------------------------------------------------------


def _sum(objects: int, size: int) -> str:
    return f"{objects:,} object{'' if objects == 1 else 's'}, {format_size(size)}"


def _figures(row: Row) -> list[str]:
    return [f"{row.objects:,}", format_size(row.bytes)]


def _rows(rows: Sequence[Row]) -> str:
    return "; ".join(f"{shown(row.name, 80)}: {_sum(row.objects, row.bytes)}" for row in rows)


def _listed(tiers: Sequence[Row]) -> str:
    return f" ({_rows(tiers)})" if tiers else ""


def _tasks(review: PlanReview) -> str:
    counts = ((review.batches, "batch", "batches"), (review.groups, "part group", "part groups"))
    return ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count) or "none"


def _ways(review: PlanReview) -> list[str]:
    parts = ((way, f" in {way.parts:,} parts" if way.parts else "") for way in review.ways)
    return ["; ".join(f"{way.name}: {_sum(way.objects, way.bytes)}{words}" for way, words in parts)]


def _sizes(review: PlanReview) -> list[str]:
    return [_rows([row for row in review.sizes if row.objects])]


def _keys(found: Sequence[Found], limit: int | None = None) -> list[str]:
    """A line per object, which begins with a size."""
    return [f"{format_size(one.size):>10}  {shown(repr(one.key))}" for one in found[:limit]]


def _deletes(deletes: Deletions) -> str:
    words = _sum(deletes.objects, deletes.bytes)
    if deletes.guard is not None:
        return f"{words}: withheld, {shown(deletes.words)}"
    kept = "kept in the trash" if deletes.kept else "not kept in a trash"
    return f"{words}, {kept}{', after a person was asked' if deletes.asks else ''}"


def _moves(moves: Row) -> str:
    return f"{_sum(moves.objects, moves.bytes)}, each once it is proven to be at the destination"


def _range(row: Requests) -> str:
    return f"{row.at_most:,}" if row.at_least == row.at_most else f"{row.at_least:,} to {row.at_most:,}"


def _requests(rows: Sequence[Requests]) -> Iterator[tuple[str, str]]:
    for side in dict.fromkeys(row.side for row in rows):
        yield side, ", ".join(f"{_range(row)} {row.kind}" for row in rows if row.side == side)


def _some(items: Sequence[T], whole: bool) -> Sequence[T]:
    return items if whole else items[:_SHORT]
