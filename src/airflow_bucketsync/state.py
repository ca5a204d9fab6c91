"""What is kept in Airflow between tries and between runs: progress of a task, checkpoint of a pair."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from airflow.sdk import Asset, Context

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.spec import SyncSpec

STATE = Asset("bucketsync_state", uri="x-bucketsync://state")
"""Carries the checkpoint of every pair; stands in the `inlets` of `prepare` and `report`, and never has an event.

Airflow leaves `x-` schemes as they are; for another one it would load every provider's URI handlers, boto3 among them,
whenever a DAG file is read: 0.6 CPU-seconds of every task.
"""

MAX_VALUE = 32 * 1024
"""Bytes of one value; Airflow's API refuses values above 64 KiB."""

PROGRESS_KEY = "bucketsync_progress"

SPOKEN = 30.0
"""Seconds between two lines about progress in a task's log."""


class Log(Protocol):
    """What lines are written to."""

    def info(self, event: str, /, *args: Any) -> Any:
        """Write a line."""


class StateTooLarge(ValueError):
    """A value that does not belong into Airflow's metadata database."""


def load_checkpoint(context: Context, spec: SyncSpec) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The checkpoint of the pair's last run if it fits, and what a person should know if it does not.

    Anybody may have edited it: it is checked like any other input, and at worst ignored.
    """
    value = context["asset_state_store"][STATE].get(spec.pair)
    if value is None:
        return None, ()
    try:
        return Checkpoint.fitting(value, pair=spec.pair, fingerprint=spec.fingerprint()), ()
    except CheckpointMismatch as error:
        return None, (f"the state of the last run is ignored, everything is compared: {error.message}",)


def save_checkpoint(context: Context, checkpoint: Checkpoint) -> None:
    """Keep the checkpoint for the pair's next run. One task of a run writes it: `report`."""
    value = checkpoint.to_json()
    _refuse_large(value, f"the checkpoint of {checkpoint.pair}")
    context["asset_state_store"][STATE].set(checkpoint.pair, value)


class TaskProgress:
    """How far one task instance came, kept for its next try, and said in its log.

    :param log: gets the text of a saved value's `progress`, at most every `SPOKEN` seconds; None = nobody is told
    :param clock: monotonic seconds
    """

    def __init__(
        self, context: Context, *, log: Log | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = context["task_state_store"]
        self._log = log
        self._clock = clock
        self._spoken: float | None = None

    def load(self) -> Mapping[str, Any] | None:
        """What the last try saved; None = nothing, or something else."""
        value = self._store.get(PROGRESS_KEY)
        return value if isinstance(value, Mapping) else None

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep this for the next try."""
        plain = dict(value)
        _refuse_large(plain, "the progress of a task")
        self._store.set(PROGRESS_KEY, plain)
        self._speak(plain.get("progress"))

    def _speak(self, progress: Any) -> None:
        text = progress.get("text") if isinstance(progress, Mapping) else None
        if self._log is None or not isinstance(text, str):
            return
        now = self._clock()
        if self._spoken is None or now - self._spoken >= SPOKEN:
            self._spoken = now
            self._log.info("%s", text)  # a share in it has a percent sign


def _refuse_large(value: Mapping[str, Any], what: str) -> None:
    size = len(json.dumps(value, allow_nan=False))
    if size > MAX_VALUE:
        raise StateTooLarge(f"{what} has {size} bytes, more than {MAX_VALUE}")
