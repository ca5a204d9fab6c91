"""Which places does the form of a run by hand propose? Those of the pairs file, where a run by hand may touch them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from airflow.sdk import get_parsing_context

from airflow_bucketsync.configuration.pairs_file import PairsFile, read_pairs_file
from airflow_bucketsync.configuration.places import is_template
from airflow_bucketsync.configuration.section import pairs_setting
from airflow_bucketsync.configuration.yaml_tree import Block, Items, Node, Scalar
from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location

MOST = 100
"""Places of a side that are proposed."""


def known_places(allowed: Sequence[Location]) -> Mapping[str, Sequence[str]]:
    """Of each side the places in the file of `[bucketsync] pairs` that lie below an allowed location, the first `MOST`.

    A file that is missing or broken has none, and is not read by a task, which needs no proposals.
    """
    found: dict[str, dict[str, None]] = {"source": {}, "destination": {}}
    if allowed and get_parsing_context().dag_id is None:
        with suppress(BucketsyncError):
            for side, url in _written(read_pairs_file(pairs_setting())):
                with suppress(BucketsyncError):
                    place = Location.parse(url)
                    if len(found[side]) < MOST and any(place.below(entry) for entry in allowed):
                        found[side][place.url] = None
    return {side: tuple(urls) for side, urls in found.items()}


def _written(file: PairsFile) -> Iterator[tuple[str, str]]:
    for node in (node for nodes in file.entries.values() for node in nodes if isinstance(node, Block)):
        listed = node.values.get("destinations")
        entries = listed.values if isinstance(listed, Items) else ()
        places: list[tuple[str, Node | None]] = [(side, node.values.get(side)) for side in ("source", "destination")]
        places += [("destination", entry.values.get("location")) for entry in entries if isinstance(entry, Block)]
        for side, place in places:
            if isinstance(place, Scalar) and isinstance(place.value, str) and not is_template(place.value):
                yield side, place.value
