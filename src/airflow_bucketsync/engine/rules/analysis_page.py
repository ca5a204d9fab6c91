"""How does an analysis look as one HTML page, which needs nothing besides itself and runs nothing?

Every text from outside is shown escaped, on one line, in a direction of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from airflow_bucketsync.engine.model.advice import Advised
from airflow_bucketsync.engine.model.analysis import Analysis, ClassRow, Found, Row
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_seconds, format_size
from airflow_bucketsync.engine.rules.advice_words import READABLE, TROUBLES
from airflow_bucketsync.engine.rules.page_style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do for the page: draw it."""
_Row = Row | ClassRow


def analysis_page(analysis: Analysis, advised: Advised) -> str:
    """The page, as text in UTF-8."""
    return "\n".join(_page(analysis, advised)) + "\n"


def _page(analysis: Analysis, advised: Advised) -> Iterator[str]:
    place = escape(shown(analysis.location, 500))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>What is in {place}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>"
    yield f"<h1>What is in <bdi>{place}</bdi></h1>"
    yield f'<p class="soft">{_listed(analysis)}</p>\n</header>\n<main>'
    yield from _tiles(analysis)
    if advised.warnings:
        items = "".join(f"<li>{escape(warning)}</li>" for warning in advised.warnings)
        yield f'<section class="warn"><h2>Worth knowing</h2><ul>{items}</ul></section>'
    yield '<div class="cards">'
    yield from _chart("Size", analysis.sizes, "K, M and G are 1,024 of the one before; a bound begins a class")
    yield from _chart("Age", analysis.ages, "by the time of last modification, counted from the analysis")
    yield from _chart("Storage class", analysis.classes, "as the store names it")
    yield from _chart("Depth", analysis.depths, "slashes in the key, below the location")
    many = "the 25 with the most objects; `to` = up to so many, some may be among the others"
    yield from _chart("Extension", analysis.extensions.named("no extension"), many)
    yield from _chart("First folder", analysis.folders.named("in no folder"), "the 25 with the most bytes")
    yield from _objects(analysis)
    yield from _troubles(analysis)
    yield from _advice(advised)
    yield "</div>\n</main>\n<footer>Made by airflow-bucketsync from one listing; sizes are in units of 1,024.</footer>"
    yield "</body>\n</html>"


def _listed(analysis: Analysis) -> str:
    left = sum(analysis.left_out.values())
    words = f"{analysis.started:%Y-%m-%d %H:%M} UTC, listed with {analysis.requests:,} requests"
    words += f" in {format_seconds(analysis.seconds)}"
    if left:
        rules = ", ".join(f"{count:,} by {rule}" for rule, count in analysis.left_out.items())
        words += f"; {left:,} of {analysis.listed:,} objects are left out by the selection ({rules})"
    return escape(words)


def _tiles(analysis: Analysis) -> Iterator[str]:
    mean = analysis.bytes // analysis.objects if analysis.objects else 0
    tiles = (
        (f"{analysis.objects:,}", "objects"),
        (format_size(analysis.bytes), "in all"),
        (format_size(mean), "on average"),
        (format_size(analysis.largest[0].size) if analysis.largest else "–", "the largest"),
        (f"{analysis.empty:,}", "empty objects"),
        (f"{analysis.markers:,}", "folder markers"),
    )
    items = "".join(f"<li><b>{value}</b><span>{words}</span></li>" for value, words in tiles)
    yield f'<ul class="tiles">{items}</ul>'


def _chart(title: str, rows: Sequence[_Row], words: str) -> Iterator[str]:
    objects, size = sum(row.objects for row in rows), sum(row.bytes for row in rows)
    yield f"<section><h2>{title}</h2>"
    if not rows:
        yield '<p class="soft">nothing</p></section>'
        return
    most = max(rows, key=lambda row: row.objects)
    heavy = max(rows, key=lambda row: row.bytes)
    told = f"{title}: most objects {_text(most.name)} ({_share(most.objects, objects)}), "
    told += f"most bytes {_text(heavy.name)} ({_share(heavy.bytes, size)}); the table below has all figures"
    yield '<p class="key soft" aria-hidden="true"><span><i class="one"></i>objects</span>'
    yield '<span><i class="two"></i>bytes</span></p>'
    yield f'<div class="chart" role="img" aria-label="{told}">'
    tallest = max((row.objects for row in rows), default=0), max((row.bytes for row in rows), default=0)
    for row in rows:
        bars = _bar("one", row.objects, tallest[0]) + _bar("two", row.bytes, tallest[1])
        yield f'<span class="name">{_name(row.name, 60)}</span><span class="bars">{bars}</span>'
    yield "</div>"
    classes = any(isinstance(row, ClassRow) for row in rows)
    head = [title, "!objects", "!share", "!bytes", "!share", *(["readable"] if classes else [])]
    yield from _table(head, (_figures(row, objects, size) for row in rows), caption=words)
    yield "</section>"


def _figures(row: _Row, objects: int, size: int) -> list[str]:
    missed = row.missed if isinstance(row, Row) else 0
    count = f"{row.objects:,}" + (f" to {row.objects + missed:,}" if missed else "")
    cells = [_name(row.name), count, _share(row.objects, objects), format_size(row.bytes), _share(row.bytes, size)]
    return [*cells, READABLE[row.readable]] if isinstance(row, ClassRow) else cells


def _bar(kind: str, value: int, most: int) -> str:
    width = 100 * value / most if most else 0
    return f'<span><i class="{kind}{" some" if value else ""}" style="width:{width:.1f}%"></i></span>'


def _objects(analysis: Analysis) -> Iterator[str]:
    yield '<section class="wide"><h2>Largest objects</h2>'
    yield from _table(["key", "!size", "modified", "storage class"], map(_found, analysis.largest))
    ends = [(words, one) for words, one in (("oldest", analysis.oldest), ("newest", analysis.newest)) if one]
    yield "<h3>Oldest and newest</h3>"
    yield from _table(["", "key", "!size", "modified", "storage class"], ([words, *_found(one)] for words, one in ends))
    yield "</section>"


def _found(one: Found) -> list[str]:
    modified = escape(one.modified.partition(".")[0].partition("+")[0].replace("T", " "))
    return [_name(one.key), format_size(one.size), modified, _name(one.storage_class or "STANDARD")]


def _troubles(analysis: Analysis) -> Iterator[str]:
    yield '<section class="wide"><h2>Keys that are trouble elsewhere</h2>'
    if not analysis.troubles:
        yield '<p class="soft">none, as they stand below the location</p>'
    for one in analysis.troubles:
        yield f"<h3>{escape(TROUBLES[one.kind])}: {one.objects:,}</h3>"
        yield from _table(["some of them", "why"], ([_name(key, 120), escape(shown(why))] for key, why in one.first))
    yield "</section>"


def _advice(advised: Advised) -> Iterator[str]:
    yield '<section class="wide"><h2>For a sync that reads this</h2>'
    costs = advised.costs
    words = f"listing it took {costs.list_requests:,} requests and {format_seconds(costs.list_seconds)}"
    if costs.tasks:
        words = (
            f"Copying everything is about {format_seconds(costs.streamed)} of work where bytes pass through the "
            f"worker, {format_seconds(costs.copied)} where the store copies by itself, divided among {costs.tasks:,} "
            f"task{'' if costs.tasks == 1 else 's'}; {words}. Estimates may be off by a factor of 3."
        )
    yield f"<p>{words[0].upper()}{words[1:]}</p>"
    rows = ([f"<code>{one.option}</code>", escape(one.written), escape(one.reason)] for one in advised.options)
    if advised.options:
        yield from _table(["option", "value", "why"], rows)
    yield f'<h3>For the pairs file</h3><pre tabindex="0">{escape(advised.snippet)}</pre></section>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> Iterator[str]:
    """A table of cells that are escaped already; a title that begins with `!` is one of numbers."""
    numbers = [' class="number"' if title[:1] == "!" else "" for title in head]
    cells = zip(numbers, head, strict=True)
    titles = "".join(f'<th scope="col"{number}>{escape(title.lstrip("!"))}</th>' for number, title in cells)
    yield f'<div class="scroll"><table>{f"<caption>{escape(caption)}</caption>" if caption else ""}'
    yield f"<thead><tr>{titles}</tr></thead><tbody>"
    for first, *row in rows:
        others = zip(numbers[1:], row, strict=True)
        cells_of = "".join(f"<td{number or ' class=text'}>{cell}</td>" for number, cell in others)
        yield f'<tr><th scope="row">{first}</th>{cells_of}</tr>'
    yield "</tbody></table></div>"


def _share(part: int, whole: int) -> str:
    if not part or not whole:
        return "0 %"
    return "under 1 %" if part * 100 < whole else f"{part * 100 // whole} %"


def _name(text: str, limit: int = 300) -> str:
    return f"<bdi>{_text(text, limit)}</bdi>"


def _text(text: str, limit: int = 300) -> str:
    return escape(shown(text, limit))
