"""Who holds the lock of a pair, since when, and until when is that believed?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

Strength = Literal["lease", "no_take_over", "none"]
"""Of a lock at a store: taken over when its lease is over; only when its run is known to have ended; there is none."""

LONGEST = timedelta(hours=24)
"""What a lock is believed at most: its lease, and how far ahead of our clock it says that it was renewed."""
SKEW = timedelta(minutes=10)
"""How far clocks may be apart, however short a lease is."""
_TEXT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose run it is, in words that Airflow can be asked by.

    :param airflow: id of the Airflow; "" = none, a run inside one process
    :param dag_id: its DAG
    :param run_id: the DAG's run
    """

    airflow: str = ""
    dag_id: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockDocument:
    """What stands in the lock of a pair. Anybody who may write there can have written it.

    :param run: the run's id, unique in its Airflow
    :param source: for people, as is `destination`
    :param acquired: when the run took it, by its clock
    :param renewed: when a task of the run said last that it is at work, by that task's clock
    :param lease: seconds after which it may be renewed no more
    :param number: grows with each take-over
    """

    pair: str
    run: str
    owner: Owner
    source: str
    destination: str
    acquired: datetime
    renewed: datetime
    lease: float
    number: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pair": self.pair,
            "run": self.run,
            "airflow": self.owner.airflow,
            "dag_id": self.owner.dag_id,
            "run_id": self.owner.run_id,
            "source": self.source,
            "destination": self.destination,
            "acquired": self.acquired.isoformat(),
            "renewed": self.renewed.isoformat(),
            "lease": self.lease,
            "number": self.number,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON, every field checked.

        :raises KeyError: a field is missing
        :raises TypeError: a field of another kind
        :raises ValueError: a value that none of ours has
        """
        lease, number = value["lease"], value["number"]
        if isinstance(lease, bool) or not isinstance(lease, int | float) or not math.isfinite(lease) or lease <= 0:
            raise ValueError(f"lease is {lease!r:.40}")
        if type(number) is not int or number < 1:
            raise ValueError(f"number is {number!r:.40}")
        texts = {name: _text(value[name]) for name in ("pair", "run", "source", "destination")}
        owner = Owner(**{name: _text(value[name]) for name in ("airflow", "dag_id", "run_id")})
        acquired, renewed = _time(value["acquired"]), _time(value["renewed"])
        return cls(**texts, owner=owner, acquired=acquired, renewed=renewed, lease=lease, number=number)

    def is_of(self, run: str, owner: Owner) -> bool:
        """Whether this run holds it: runs of two Airflows may have the same name."""
        return (self.run, self.owner.airflow) == (run, owner.airflow)


def believed_lease(document: LockDocument | None) -> timedelta:
    """How long a lock stands without being renewed; one that can't be read says nothing of it.

    :param document: None = what stands there can't be read
    """
    return LONGEST if document is None else min(timedelta(seconds=min(document.lease, 1e6)), LONGEST)


def is_over(document: LockDocument | None, *, written: datetime, now: datetime) -> bool:
    """Whether a lock that stands there was not renewed for its lease and one more, whichever clock is asked.

    Clocks differ: by minutes where they are looked after, by anything where they are not. So of its own time and the
    store's the later one counts, unless it lies so far ahead that it can only be wrong.

    :param written: when the store says that it was written
    :param now: by our clock
    """
    times = [written] if document is None else [written, document.renewed]
    credible = [time for time in times if time - now <= LONGEST]
    lease = believed_lease(document)
    return bool(credible) and now - max(credible) > lease + max(lease, SKEW)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _TEXT:
        raise TypeError(f"expected a text of at most {_TEXT} characters, got {type(value).__name__}")
    return value


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"expected a time with its zone, got {value!r:.40}")
    return time
