"""What are the rows of a Parquet file?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.rules.list_records import BrokenRule

BATCH = 4096
"""Rows that are taken out of the file at a time."""


def parquet_rows(path: str) -> tuple[Sequence[str], Iterator[Sequence[Any]]]:
    """The names of the columns, and the rows as plain values.

    :raises InvalidConfiguration: the library is not installed
    :raises BrokenRule: `bad_parquet`, also by the rows as they are read
    """
    try:
        from arro3.io import read_parquet
    except ImportError:
        raise InvalidConfiguration(
            "an inventory in Parquet is read by a library of its own: install airflow-bucketsync[parquet] on the "
            "workers, or let the inventory be made as CSV"
        ) from None
    try:
        reader = read_parquet(path, batch_size=BATCH)
        names = list(reader.schema.names)
    except Exception as error:  # the library raises types of its own that it does not name
        raise _bad(error) from None
    return names, _rows(reader)


def _rows(reader: Any) -> Iterator[Sequence[Any]]:
    try:
        for batch in reader:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except BrokenRule:
        raise
    except Exception as error:  # as above
        raise _bad(error) from None


def _bad(error: Exception) -> BrokenRule:
    return BrokenRule(
        "bad_parquet", f"it is no Parquet that can be read ({error!s:.200}): have the inventory made again"
    )
