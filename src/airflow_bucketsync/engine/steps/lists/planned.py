"""What does a plan take from the list of its run, in place of listings?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.steps.listing import Listed
from airflow_bucketsync.engine.steps.lists.listed import read_source_list
from airflow_bucketsync.engine.steps.lists.lookups import Sought
from airflow_bucketsync.engine.steps.prepare import RunDocument
from airflow_bucketsync.engine.steps.run import Run


def sought(run: Run, document: RunDocument, admits: Callable[[ObjectInfo], bool]) -> Sought:
    """The destination's objects under the keys of the list that the selection admits."""
    source = (info for info in Listed(run, document, "source") if admits(info))
    return Sought(run.destination, source, gate=run.gate, blind=document.blind)


def missing(run: Run, *, warn: Callable[[str], None]) -> Iterator[Outcome]:
    """What the list names and is not at the source; nothing where the run has no list.

    :param warn: told what a person should know of the list
    """
    if not run.spec.selection.source_list:
        return
    found = read_source_list(run.workspace)
    for words in found.warnings:
        warn(words)
    for page in found.missing:
        yield from run.workspace.read_page(page, "outcomes", Outcome.from_json)
