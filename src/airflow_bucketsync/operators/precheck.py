"""Try a pair before its first run: is everything there that it needs?"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.places import refuse_workspace_inside
from airflow_bucketsync.configuration.section import several_machines
from airflow_bucketsync.operators.base import run_name
from airflow_bucketsync.operators.prepare import PreparingPairOperator


class PrecheckOperator(PreparingPairOperator):
    """Ask both sides and the workspace for everything that a run of this pair needs; red when something is missing.

    Asks now, whatever is remembered, and whatever the option `precheck` says; what it finds is remembered for runs of
    the pair. With `dry_run` only what needs no write is asked. Parameters are those of `PreparingPairOperator`. Returns
    how many lines ended how, and where all of them are: `folder` in `workspace`, with `document` (JSON).
    """

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Ask, show the list, hand over the counts."""
        from airflow_bucketsync.engine.steps.checks import check_sync
        from airflow_bucketsync.engine.steps.precheck.asked import precheck
        from airflow_bucketsync.engine.steps.precheck.asking import Surroundings
        from airflow_bucketsync.engine.steps.precheck.remembered import DOCUMENT

        spec, name, location = self.asked(context), run_name(context), self.workspace_of_run()
        refuse_workspace_inside(location, spec.source, spec.destination)
        surroundings = Surroundings(several_machines=several_machines(), say=self.log.info, always=True)
        with (
            self.open_workspace(location, pair=spec.pair, run=name) as workspace,
            self.open_sides(spec, name, workspace) as run,
        ):
            check_sync(run)
            found = precheck(run, surroundings)
        summary: dict[str, Any] = {"pair": spec.pair, "counts": {} if found is None else found.counts}
        summary |= {"workspace": location.url, "folder": workspace.run_folder, "document": DOCUMENT}
        self.hand_over(context, summary)
        return summary
