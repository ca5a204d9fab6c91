"""What do the questions of a precheck share, and what did one find out for the next?"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from airflow_bucketsync.engine.errors import BucketsyncError, FinalError
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.model.storage_classes import MAYBE_ARCHIVED
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.retrying import RetryingStore, unwrapped
from airflow_bucketsync.engine.stores.telling import Telling, telling

T = TypeVar("T")

PROBE = "precheck-probe"
"""The one object that a precheck writes, below our own state at the destination."""
DRY = "a dry run writes nothing"
RIGHTS = "docs/permissions.md has the least rights"
_SAMPLES = 5


def _quiet(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a precheck has to know of the place that it runs in.

    :param several_machines: what runs tasks on several machines, by its name; "" = nothing known of that kind
    :param say: shows the list to people
    :param always: ask, whatever is remembered and whatever `precheck` says
    """

    several_machines: str = ""
    say: Callable[[str], None] = _quiet
    always: bool = False


class Asking:
    """One precheck under way.

    :param listed: what another task listed of the source; None = it is not listed yet
    """

    def __init__(self, run: Run, surroundings: Surroundings, listed: Iterator[ObjectInfo] | None) -> None:
        self.run = run
        self.policy = run.spec.policy
        self.surroundings = surroundings
        self.listed = listed
        self.state = run.destination.below(STATE_PREFIX)
        self.body = f"bucketsync precheck {secrets.token_hex(16)}\n".encode()
        self.first: Sequence[ObjectInfo] = ()
        """The first page of the source."""
        self.more = False
        """Whether the source holds more than that."""
        self.stands = False
        """Whether the probe stands at the destination, with `body` or other bytes."""
        self.unasked = DRY if self.policy.dry_run else "the probe could not be written"
        """Why what needs the probe is not asked, where it does not stand."""
        self.writable = False
        """Whether the probe may be written again."""
        self.reads_back = False
        """Whether what is sent to the destination must be read back."""
        self.honours_conditions = True
        self.closed: set[str] = set()
        """Sides that can't be asked anything, for want of credentials or a region."""
        self.unlisted = "the first page of the listing shows no object that can be read"
        """Why there are no samples, where there are none."""
        self.made: tuple[str, ...] = ()
        """Folders that the probe made."""

    @property
    def sides(self) -> tuple[tuple[str, ObjectStore], tuple[str, ObjectStore]]:
        """Both stores by their names."""
        return ("source", self.run.source), ("destination", self.run.destination)

    @property
    def samples(self) -> Sequence[ObjectInfo]:
        """A few objects of the source that can be read, from all over its first page."""
        readable = [info for info in self.first if info.size and info.storage_class not in MAYBE_ARCHIVED]
        return readable[:: max(1, -(-len(readable) // _SAMPLES))][:_SAMPLES]

    @cached_property
    def copies(self) -> bool:
        """Whether the destination copies from the source by itself; asked once."""
        key = self.samples[0].key if self.samples else None
        return self.run.destination.can_copy_from(self.run.source, key) is None

    @property
    def keeps_tags(self) -> bool:
        """Whether tags are to be brought along, and both sides have them."""
        sides = (self.run.source.capabilities, self.run.destination.capabilities)
        return self.policy.preserved.keeps("tags") and all(side.tags for side in sides)

    @property
    def must_read_back(self) -> bool:
        """Whether the destination is read by this run: to verify, or for the lock without which it may not go on."""
        return self.policy.verify != "none" or self.policy.removes or self.policy.keeps

    def told(self, store: ObjectStore, ask: Callable[[Telling], T | None]) -> T | None:
        """What a bucket tells of itself; None = it does not, or is none."""
        tells = telling(store)
        with suppress(FinalError):
            return None if tells is None else again(store, lambda _: ask(tells))
        return None


Question = Callable[[Asking], Iterator[Check]]


def again(store: ObjectStore, ask: Callable[[ObjectStore], T]) -> T:
    """Ask the store without its retries, and try again as they do where it could not be asked."""
    bare = unwrapped(store)
    if isinstance(store, RetryingStore):
        return store.retries.call(lambda: ask(bare), place=store.location.url)
    return ask(bare)


def refused(store: ObjectStore, kind: type[BucketsyncError], call: Callable[[ObjectStore], object]) -> bool:
    """Whether the store refuses a call in this way; other errors go on."""

    def ask(bare: ObjectStore) -> bool:
        try:
            call(bare)
        except kind:
            return True
        return False

    return again(store, ask)


def done(name: str, found: str = "") -> Check:
    """It is as the run needs it."""
    return Check(name=name, status="done", found=found)


def warned(name: str, found: str, remedy: str) -> Check:
    """It is not, and the run can do without."""
    return Check(name=name, status="warned", found=found, remedy=remedy)


def failed(name: str, found: str, remedy: str) -> Check:
    """It is not, and the run can't do without."""
    return Check(name=name, status="failed", found=found, remedy=remedy)


def not_asked(name: str, why: str) -> Check:
    """It is unknown."""
    return Check(name=name, status="not_asked", found=why)


def judged(name: str, error: FinalError, remedy: str, *, needed: bool) -> Check:
    """The line of a refusal."""
    return (failed if needed else warned)(name, error.message, remedy)
