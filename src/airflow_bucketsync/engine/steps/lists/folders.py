"""Which objects does a folder entry of a list (`a/b/*`) stand for?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from airflow_bucketsync.engine.errors import ListingUntrusted, ObjectNotFound
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_records import BrokenRule
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
    """The objects below a folder. `bb/` is followed by `bb0`, before which every key below it stands."""
    last = folder
    end = folder[:-1] + "0"
    while True:
        run.gate.check()
        try:
            page = run.source.list_page(after=last, until=end, limit=run.source.capabilities.page_limit)
        except ObjectNotFound:
            return
        for info in page.items:
            if info.key <= last:
                raise ListingUntrusted(
                    f"the listing is out of order: after {last!r}", location=run.source.location.url, key=info.key
                )
            last = info.key
            if info.key.startswith(folder) and not is_state_name(info.key):
                yield info
        if page.next_after is None:
            return
        if page.next_after < last or (not page.items and page.next_after == last and not page.refused):
            raise ListingUntrusted("the listing does not get on", location=run.source.location.url, key=last)
        last = page.next_after
