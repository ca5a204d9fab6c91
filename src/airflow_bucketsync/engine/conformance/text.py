"""How are findings shown to people?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.conformance.findings import Conformance, Finding


def table(result: Conformance) -> str:
    """The findings as a table with a summary below; no control character of a key gets through."""
    return "\n".join(_lines(result))


def _lines(result: Conformance) -> Iterator[str]:
    yield result.location
    width = max((len(finding.check) for finding in result.findings), default=0)
    width = min(width, 48)
    for finding in result.findings:
        yield f"{finding.verdict:<9}  {finding.group:<10}  {finding.check:<{width}}  {_words(finding)}".rstrip()
    yield ""
    counts = result.counts
    yield f"{counts['holds']} hold, {counts['differs']} differ, {counts['not tried']} were not tried" + (
        " (stopped before the end)" if result.stopped else ""
    )
    asked = ", ".join(f"{name} {count}" for name, count in sorted(result.requests.items()))
    yield f"{sum(result.requests.values())} requests in {result.seconds:.1f} s: {asked}"
    if result.left:
        yield "Left behind:"
        yield from (f"  {words}" for words in result.left)


def _words(finding: Finding) -> str:
    if finding.verdict != "differs":
        return finding.found
    return finding.found + (f" (but {finding.claim})" if finding.claim else " (every store must)")
