"""What does Airflow know between tries and between runs: progress of a task, checkpoint of a pair, who it is."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from airflow.sdk import Asset, Context

from airflow_bucketsync.engine.errors import CheckpointMismatch
from airflow_bucketsync.engine.model.checkpoint import Checkpoint
from airflow_bucketsync.engine.model.lock import LockDocument, Owner
from airflow_bucketsync.engine.model.spec import SyncSpec

STATE = Asset("bucketsync_state", uri="x-bucketsync://state")
"""Carries the checkpoint of every pair; stands in the `inlets` of `prepare` and `report`, and never has an event.

Airflow leaves `x-` schemes as they are; for another one it would load every provider's URI handlers, boto3 among them,
whenever a DAG file is read: 0.6 CPU-seconds of every task.
"""

MAX_VALUE = 32 * 1024
"""Bytes of one value; Airflow's API refuses values above 64 KiB."""

PROGRESS_KEY = "bucketsync_progress"

AIRFLOW_KEY = "-airflow"
"""Where the id of this Airflow is kept, beside the checkpoints; no pair has such a name."""

_ID = re.compile(r"[0-9a-f]{32}")
_DAG_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.-]{1,250}")
_RUN_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.~:+-]{1,250}")
"""As Airflow allows them: the API's path is made of them."""

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
    if value is None or spec.selection.source_list:  # a list has no checkpoint, and leaves the pair's alone
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


def airflow_id(context: Context) -> str:
    """The id of this Airflow, made when it is asked for first.

    For tasks with `STATE` in their inlets: `prepare` asks, and hands it over to the others of its run.
    """
    store = context["asset_state_store"][STATE]
    found = _id_in(store.get(AIRFLOW_KEY))
    if found is None:
        made = secrets.token_hex(16)
        store.set(AIRFLOW_KEY, {"id": made})
        found = _id_in(store.get(AIRFLOW_KEY)) or made  # of two that were made at once, one stays
    return found


def owner(context: Context, airflow: str) -> Owner:
    """Whose run this is, for the lock of its pair.

    :param airflow: as `airflow_id` said it
    """
    return Owner(airflow=airflow, dag_id=context["ti"].dag_id, run_id=context["run_id"])


def run_finished(context: Context) -> Callable[[LockDocument], bool]:
    """Asks Airflow whether the run that a lock names has ended; False = it has not, or that can't be told.

    Anybody may have written the lock: what is no id of a DAG or a run is not asked for.
    """
    ti = context["ti"]

    def finished(document: LockDocument) -> bool:
        dag_id, run_id = document.owner.dag_id, document.owner.run_id
        if not _DAG_ID.fullmatch(dag_id) or not _RUN_ID.fullmatch(run_id):
            return False
        try:
            return ti.get_dagrun_state(dag_id, run_id) in ("success", "failed")
        except Exception:  # it was deleted, or the API is away: then its lease counts
            return False

    return finished


class TaskProgress:
    """How far one task instance came, kept for its next try, and said in its log.

    :param key: under which it is kept
    :param log: gets the text of a saved value's `progress`, at most every `SPOKEN` seconds; None = nobody is told
    :param clock: monotonic seconds
    """

    def __init__(
        self,
        context: Context,
        *,
        key: str = PROGRESS_KEY,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = context["task_state_store"]
        self._key = key
        self._log = log
        self._clock = clock
        self._spoken: float | None = None

    def load(self) -> Mapping[str, Any] | None:
        """What the last try saved; None = nothing, or something else."""
        value = self._store.get(self._key)
        return value if isinstance(value, Mapping) else None

    def save(self, value: Mapping[str, Any]) -> None:
        """Keep this for the next try."""
        plain = dict(value)
        _refuse_large(plain, "the progress of a task")
        self._store.set(self._key, plain)
        self._speak(plain.get("progress"))

    def _speak(self, progress: Any) -> None:
        text = progress.get("text") if isinstance(progress, Mapping) else None
        if self._log is None or not isinstance(text, str):
            return
        now = self._clock()
        if self._spoken is None or now - self._spoken >= SPOKEN:
            self._spoken = now
            self._log.info("%s", text)  # a share in it has a percent sign


def _id_in(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _refuse_large(value: Mapping[str, Any], what: str) -> None:
    size = len(json.dumps(value, allow_nan=False))
    if size > MAX_VALUE:
        raise StateTooLarge(f"{what} has {size} bytes, more than {MAX_VALUE}")
