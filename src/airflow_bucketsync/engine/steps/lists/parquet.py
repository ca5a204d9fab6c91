"""What are the rows of a Parquet file?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import SEEK_END
from typing import Any

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.rules.list_records import BrokenRule

_ENDS = b"PAR1PAR1"
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
    with open(path, "rb") as file:
        ends = file.read(4)
        file.seek(max(4, file.seek(0, SEEK_END) - 4))
        ends += file.read()
    if ends != _ENDS:
        raise _bad("it does not begin and end as one")
    with _own_errors():
        reader = read_parquet(path, batch_size=BATCH)
        names = list(reader.schema.names)
    return names, _rows(reader)


def _rows(reader: Any) -> Iterator[Sequence[Any]]:
    batches = iter(reader)
    while True:
        with _own_errors():
            batch = next(batches, None)
            if batch is None:
                return
            columns = [column.to_pylist() for column in batch.columns]
        yield from zip(*columns, strict=True)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Whatever the library says of a file that it can't read, as a broken rule.

    It raises types that it does not name, and where it did not expect an error one that is no `Exception`.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _bad(f"{error!s:.200}") from None


def _bad(words: str) -> BrokenRule:
    return BrokenRule("bad_parquet", f"it is no Parquet that can be read ({words}): have the inventory made again")
