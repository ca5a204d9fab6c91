"""What follows from the figures of a bucket, or of a plan, for a sync?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from airflow_bucketsync.engine.model.units import MIB

_BYTES = (
    "small_threshold", "large_threshold", "part_size", "group_bytes", "batch_bytes", "buffer_size", "bandwidth",
    "max_delete_bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One option that the figures speak for.

    :param option: its name, as in `Selection` or `SyncPolicy`
    :param reason: the figures and the constants that it follows from
    """

    option: str
    value: int | str
    reason: str

    @property
    def written(self) -> str:
        """The value as people write it in a pairs file."""
        if self.option in _BYTES and isinstance(self.value, int) and self.value % MIB == 0:
            return f"{self.value // MIB} MiB"
        return str(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What runs of a sync with the advised options cost, roughly.

    :param streamed: seconds of work of a run that copies everything, bytes passing through the worker
    :param copied: the same where the store copies by itself
    :param tasks: among which the copying is divided
    :param list_requests: to list this side once
    :param list_seconds: as long as the analysis took to list it
    """

    streamed: float
    copied: float
    tasks: int
    list_requests: int
    list_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """Everything that follows from an analysis.

    :param warnings: what a person should know before a sync
    :param snippet: an entry of a pairs file, ready but for the destination
    """

    options: tuple[Advice, ...]
    warnings: tuple[str, ...]
    costs: Costs
    snippet: str

    def to_json(self) -> dict[str, Any]:
        """As a part of a document."""
        return asdict(self)
