"""Which pair does an author mean who gives a name or an object instead of arguments?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow_bucketsync.configuration.pair import Pair
from airflow_bucketsync.configuration.pairs_file import read_pairs_file
from airflow_bucketsync.configuration.section import pairs_setting
from airflow_bucketsync.engine.errors import InvalidConfiguration


def named_pair(pair: str | Pair | None, pairs_file: str | os.PathLike[str] | None, more: Mapping[str, Any]) -> Pair:
    """The pair.

    :param more: what else was given: it would not be that pair any more
    :raises InvalidConfiguration: there is none of this name, its entry is broken, or more was given
    """
    given = [name for name, value in more.items() if value is not None]
    if given:
        raise InvalidConfiguration(
            f"{', '.join(given)}: stands beside a pair, whose own it would replace: write it into the pair"
        )
    if isinstance(pair, Pair):
        if pairs_file is not None:
            raise InvalidConfiguration("pairs_file: stands beside a Pair, which is looked up nowhere: leave it out")
        return pair
    if not isinstance(pair, str) or not pair:
        raise InvalidConfiguration(f"pair: write a name of a pairs file, or a Pair, got {pair!r:.40}")
    if "://" in pair:
        raise InvalidConfiguration("destination: is missing beside the source: write both locations, or a pair's name")
    return read_pairs_file(pairs_setting() if pairs_file is None else pairs_file).pair(pair)
