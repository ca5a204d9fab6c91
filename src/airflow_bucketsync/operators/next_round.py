"""Start the DAG's next run, when the report says that one is to follow (`mode: until_quiet`)."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context

SEPARATOR = "__round_"


class NextRoundOperator(TriggerDagRunOperator):
    """Starts another run of its own DAG with the same form. Stands behind `report`, which skips it when all is quiet.

    Tried again, it starts no second one: the next run's id is made of this one's.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trigger_dag_id="{{ dag.dag_id }}", skip_when_already_exists=True, **kwargs)

    def execute(self, context: Context) -> Any:
        """Start it."""
        self.conf = dict(context["params"])
        self.trigger_run_id = next_run_id(str(context["run_id"]))
        return super().execute(context)


def next_run_id(run_id: str) -> str:
    """The id of the run that follows: the first one's, and a number that counts up from 2."""
    first, _, number = run_id.rpartition(SEPARATOR)
    return f"{first}{SEPARATOR}{int(number) + 1}" if first and number.isdigit() else f"{run_id}{SEPARATOR}2"
