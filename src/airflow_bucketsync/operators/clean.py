"""Delete what a selection takes below one place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.cleaning import CleanAsked, Rules, flag, read_clean_configuration, read_rules
from airflow_bucketsync.configuration.places import is_template, refuse_workspace_inside
from airflow_bucketsync.configuration.section import allowed_locations
from airflow_bucketsync.configuration.sweeping import read_age
from airflow_bucketsync.engine.errors import InvalidConfiguration, SyncIncomplete
from airflow_bucketsync.engine.model.cleaning import CleanLimits, CleanReport, CleanTrash
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.units import format_size
from airflow_bucketsync.engine.steps.clean import CLEANS, clean
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.operators.report_text import first_that_fit

LIMITS = CleanLimits()
LATER = timedelta(days=1)
"""Stands for an age that is known when the task runs."""


class CleaningOperator(SyncOperator):
    """One clean-up. Returns its counts; red when something that was selected stays.

    :param max_deletes: objects; where more are selected, nothing is deleted
    :param max_delete_share: the same as a share of the objects below the location, 0.0 to 1.0
    :param max_delete_bytes: the same in bytes; None = no limit
    :param trash: `deleted` = kept below `_bucketsync/trash/` of the location first; `none` = gone
    """

    def __init__(
        self,
        *,
        max_deletes: int = LIMITS.max_deletes,
        max_delete_share: float = LIMITS.max_delete_share,
        max_delete_bytes: int | None = None,
        trash: CleanTrash = "deleted",
        execution_timeout: timedelta | None = timedelta(hours=12),
        **kwargs: Any,
    ) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.limits = CleanLimits(
            max_deletes=max_deletes, max_delete_share=max_delete_share, max_delete_bytes=max_delete_bytes
        )
        self.trash = trash

    @abstractmethod
    def asked(self, context: Context) -> CleanAsked:
        """What is to be deleted, checked."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Clean up, say what was found and done, and hand over the counts."""
        asked, name, pages = self.asked(context), run_name(context), self.workspace_of_run()
        refuse_workspace_inside(pages, asked.location, asked.location)
        gate = self.new_gate()
        with (
            self.open_workspace(pages, pair=CLEANS, run=name) as workspace,
            closing(open_store(asked.location, gate=gate, accesses=self.accesses(name))) as store,
        ):
            report = clean(
                store,
                workspace.store,
                run=name,
                selection=asked.rules.selection,
                older_than=asked.rules.older_than,
                everything=asked.rules.everything,
                limits=asked.limits,
                trash=self.trash,
                dry_run=asked.dry_run,
                gate=gate,
            )
        self.log.info(clean_text(report))
        summary = for_xcom(report) | {"folder": workspace.run_folder}
        self.hand_over(context, summary)
        if not report.green:
            why = report.withheld or "see the log above"
            raise SyncIncomplete(f"{report.counts['withheld']} objects that were selected stay: {why}")
        return summary


class CleanBucketOperator(CleaningOperator):
    """Clean up the place that the DAG's author wrote down. Run configuration is not read.

    :param location: location URL (templated); a bucket, a prefix or a folder
    :param rules: which objects: `older_than`, and options of a selection by their names
    :param older_than: the rule of this name, such as `30 days` (templated)
    :param everything: take every object, without any rule
    :param dry_run: only say what would be deleted
    """

    template_fields = (*CleaningOperator.template_fields, "location", "older_than")

    def __init__(
        self,
        *,
        location: str,
        rules: Mapping[str, Any] | None = None,
        older_than: timedelta | str | None = None,
        everything: bool = False,
        dry_run: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.rules = rules
        self.older_than = older_than
        self.everything = everything
        self.only_look = dry_run  # `dry_run` is a method of Airflow's operators
        self._by_age = older_than is not None
        if self._by_age and "older_than" in (rules or {}):
            raise InvalidConfiguration("older_than: stands beside the rules, which name another one: leave one out")
        self._read_rules(LATER if is_template(older_than) else older_than)
        flag("dry_run", dry_run)

    def asked(self, context: Context) -> CleanAsked:
        """What the author asks for."""
        return CleanAsked(
            location=Location.parse(self.location),
            rules=self._read_rules(self.older_than),
            limits=self.limits,
            dry_run=flag("dry_run", self.only_look),
        )

    def _read_rules(self, older_than: timedelta | str | None) -> Rules:
        age = {"older_than": read_age(older_than or "")} if self._by_age else {}  # nothing, by a template, is no age
        return read_rules({**(self.rules or {}), **age}, everything=self.everything)


class CleanBucketByHandOperator(CleaningOperator):
    """Clean up the place that a run's configuration names, within `[bucketsync] allowed_locations`.

    A run chooses place and rules. Limits and trash are the author's, and a run that deletes repeats the number of
    objects that a dry run found.

    :param locations: below which runs may clean up; None = `[bucketsync] allowed_locations`
    :param everything: let runs go without any rule
    """

    def __init__(self, *, locations: Sequence[str] | None = None, everything: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.locations = locations
        self.everything = everything

    def asked(self, context: Context) -> CleanAsked:
        """What the run configuration asks for, where it is allowed."""
        return read_clean_configuration(
            dict(context["params"]),
            allowed=cleanable(self.locations),
            limits=self.limits,
            everything=flag("everything", self.everything),
        )


def cleanable(locations: Sequence[str] | None) -> tuple[Location, ...]:
    """Below which locations runs by hand may clean up.

    :param locations: what the author wrote; None = `[bucketsync] allowed_locations`
    """
    return allowed_locations() if locations is None else tuple(Location.parse(url) for url in locations)


def for_xcom(report: CleanReport) -> dict[str, Any]:
    """The clean-up as JSON that fits an XCom: of the first objects, as many as there is room for."""
    value = report.to_json()
    value["warnings"] = [shown(text) for text in value["warnings"]]
    value.pop("selection")  # a list of patterns can have any size; it stands in the clean-up's document
    return first_that_fit(value)


def clean_text(report: CleanReport) -> str:
    """The clean-up in some lines."""
    head = "DRY RUN" if report.dry_run else "CLEANED" if report.green else "NOT CLEANED"
    size = format_size(report.bytes)
    lines = [f"{head}: {report.location}, {report.selected:,} of {report.listed:,} objects selected ({size})"]
    if report.dry_run:
        lines.append(f"  to delete them, run again with dry_run false and expected_objects {report.selected}")
    else:
        lines += [f"  {count:>9,} {word} ({format_size(report.sizes[word])})" for word, count in report.counts.items()]
    if report.withheld:
        lines.append(f"  withheld  {shown(report.withheld)}")
    if report.unguarded:
        lines.append(f"  unguarded {report.unguarded:,}: this store can't make a delete depend on what stands there")
    if report.trash and report.counts.get("trashed"):
        lines.append(f"  kept in   _bucketsync/{report.trash}, or as versions where the bucket keeps them")
    lines += [f"  warning   {shown(warning)}" for warning in report.warnings]
    lines += [f"  {_line(line, said=report.withheld)}" for line in report.first]
    if report.objects:
        lines.append(f"  all of them stand in {report.objects} of the clean-up's folder")
    return "\n".join(lines)


def _line(line: Mapping[str, Any], *, said: str | None) -> str:
    message = line.get("message")
    words = [line.get("reason"), None if message == said else message]
    return f"{line['status']:<10}{shown(repr(line['key']))}: {shown(': '.join(word for word in words if word))}"
