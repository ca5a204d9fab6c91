"""Which objects does a folder entry of a list (`a/b/*`) stand for?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from airflow_bucketsync.engine.errors import ObjectNotFound
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_records import BrokenRule
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.run import Run


def expanded(run: Run, entry: ListEntry) -> Iterator[ListEntry]:
    """Everything below the folder, its marker apart, as it stands at the source now.

    :raises BrokenRule: `nothing_found`, or `too_many` where it is more than `max_expansion`
    """
    most = run.spec.selection.max_expansion
    count = 0
    for info in _below(run, entry.key):
        count += 1
        if count > most:
            raise BrokenRule(
                "too_many",
                f"more than {most} objects lie below {entry.key!r:.200}: raise max_expansion, or name narrower folders",
            )
        below = ListEntry.of(info, file=entry.file, line=entry.line)
        if entry.destination_key is not None:
            below = replace(below, destination_key=entry.destination_key + info.key[len(entry.key) :])
        yield below
    if not count:
        raise BrokenRule(
            "nothing_found", f"nothing lies below {entry.key!r:.200} at the source: look at its name, or leave it out"
        )


def _below(run: Run, folder: str) -> Iterator[ObjectInfo]:
    """The objects below a folder; none where there is no such folder."""
    with suppress(ObjectNotFound):
        for info in Listing(run.source, "source", prefixes=(folder,)):
            run.gate.check()
            if info.key != folder and not is_state_name(info.key):
                yield info
