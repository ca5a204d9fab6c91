"""The task of a sync that could not be built: it fails with what is wrong, so that the run is red and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, Context

from airflow_bucketsync.engine.errors import InvalidConfiguration


class BrokenSyncOperator(BaseOperator):
    """Stands for a sync whose entry in the pairs file is broken.

    :param message: what is wrong, where, and what to do
    """

    template_fields: Sequence[str] = ()
    ui_color = "#f4cccc"

    def __init__(self, *, message: str, retries: int = 0, **kwargs: Any) -> None:
        super().__init__(retries=retries, **kwargs)
        self.message = message

    def execute(self, context: Context) -> NoReturn:
        """Fail.

        :raises InvalidConfiguration: always
        """
        raise InvalidConfiguration(self.message)
