"""How are lists in CSV and JSON Lines read?"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

import orjson

from airflow_bucketsync.engine.model.source_list import ListEncoding, ListEntry
from airflow_bucketsync.engine.rules.list_instructions import read_instruction
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named, decoded
from airflow_bucketsync.engine.steps.lists.files import ListFiles, lines, text_lines, unpacked
from airflow_bucketsync.engine.steps.lists.violations import Violations

HEADER = frozenset({"bucket", "key"})


def csv_rows(pieces: Iterator[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each begins at; empty lines are passed over.

    :raises BrokenRule: `bad_csv`, `not_utf8` or `long_line`
    """
    reader = csv.reader(text_lines(pieces), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise BrokenRule(
                "bad_csv",
                f"line {line} is no CSV ({error}): put keys with a comma or a quote into quotes, and double those",
            ) from None
        if row is None:
            return
        if row:
            yield line, row


def read_csv(
    files: ListFiles, name: str, named: Named, violations: Violations, *, encoding: ListEncoding
) -> Iterator[ListEntry]:
    """The entries of a list in CSV: `bucket,key`, with a header or without."""
    file = files.number(name)
    order: Sequence[int] = (0, 1)
    first = True
    for line, row in csv_rows(unpacked(name, files.chunks(name))):
        if first:
            first = False
            titles = [text.strip().lower() for text in row]
            if set(titles) == HEADER and len(titles) == 2:
                order = (titles.index("bucket"), titles.index("key"))
                continue
        try:
            if len(row) != 2:
                raise BrokenRule(
                    "wrong_columns",
                    f"{len(row)} columns: write `bucket,key`, with quotes around a key that holds a comma",
                )
            bucket, key = (row[index] for index in order)
            # A folder entry's `*` stands as it is; one that is encoded is a character of a name.
            folders = "*" in key
            text = decoded(key) if encoding == "url" else key
            yield named.entry(bucket, text, file=file, line=line, folders=folders)
        except BrokenRule as broken:
            violations.add(files.place(file, line), broken)


def read_jsonl(
    files: ListFiles, name: str, named: Named, violations: Violations, *, anonymous: bool
) -> Iterator[ListEntry]:
    """The entries of a list in JSON Lines, one instruction per line.

    :param anonymous: whether the source's connection signs nothing
    """
    file = files.number(name)
    for line, data in enumerate(lines(unpacked(name, files.chunks(name))), start=1):
        if not data.strip():
            continue
        try:
            try:
                value = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                raise BrokenRule("bad_json", f"no JSON ({error}): write one object per line") from None
            yield read_instruction(value, named, file=file, line=line, anonymous=anonymous)
        except BrokenRule as broken:
            violations.add(files.place(file, line), broken)
