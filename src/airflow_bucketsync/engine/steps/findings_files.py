"""Where are the findings of a comparison written down? A page of records, and a table for spreadsheets."""

from __future__ import annotations

import tempfile
import weakref

from airflow_bucketsync.engine.model.comparison import ComparedObject
from airflow_bucketsync.engine.rules.csv_table import COLUMNS, csv_line, csv_rows
from airflow_bucketsync.engine.steps.workspace import Workspace, write_file

OBJECTS = "compare/objects"
TABLE = "compare/findings.csv"
REPORT = "compare/report.json"
_IN_MEMORY = 256 * 1024


class FindingsFiles:
    """Takes what is not `same`, in any order; memory stays the same however much it is."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._page = workspace.page_writer(OBJECTS, "findings")
        self._table: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - see finish
            max_size=_IN_MEMORY
        )
        # A comparison that an error ends takes its temporary file with it.
        weakref.finalize(self, self._table.close)
        # Without the mark, spreadsheets take the file for one of the machine's own encoding.
        self._table.write(csv_line(COLUMNS).encode("utf-8-sig"))

    def write(self, compared: ComparedObject) -> None:
        """One more object."""
        self._page.write(compared.to_json())
        for row in csv_rows(compared):
            self._table.write(csv_line(row).encode(errors="backslashreplace"))

    def finish(self) -> tuple[str, str] | None:
        """Store both; their names in the run's folder, None = there was nothing to write down."""
        if not self._page.count:
            self._page.discard()
            self._table.close()
            return None
        name = self._page.finish().name
        size = self._table.tell()
        self._table.seek(0)
        write_file(self._workspace.store, self._workspace.run_folder + TABLE, self._table, size)
        self._table.close()
        return name, TABLE
