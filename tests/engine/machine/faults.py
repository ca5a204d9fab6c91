"""Which faults can strike, as data, and what does a request become when one does?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    ConnectionLost,
    ListingUntrusted,
    ObjectArchived,
    ServerError,
    StoreFull,
    Throttled,
)
from airflow_bucketsync.engine.model.objects import Page
from airflow_bucketsync.engine.stores.base import ObjectBody

WRITES = ("put", "copy", "begin_upload", "upload_part", "copy_part", "complete_upload")
VISIBLE = ("put", "copy", "complete_upload")
"""Requests that make an object visible."""
READS = ("list", "head", "get", "tags")
ANY = (*READS, *WRITES, "list_parts", "abort_upload", "delete")

PageChange = Callable[[Page], Page]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    :param code: its row in the catalogue of faults
    :param side: the side it strikes
    :param verbs: the requests it strikes
    :param before: raised instead of applying the request
    :param after: raised once it was applied
    :param body: `flip` or `cut`: what becomes of the bytes read, or sent
    :param page: what becomes of a listing page
    :param stale: a HEAD tells of the version before
    :param wrong: an answer names another part than was sent
    :param lies: the store says what is not so and nothing shows it; what a run then does is not judged by the result
    """

    code: str
    side: str
    verbs: tuple[str, ...]
    before: type[BucketsyncError] | None = None
    after: type[BucketsyncError] | None = None
    body: str | None = None
    page: PageChange | None = None
    stale: bool = False
    wrong: bool = False
    lies: bool = False

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"<{self.code} {self.side} {'/'.join(self.verbs)}>")


def _ends(page: Page) -> Page:
    return replace(page, items=page.items[:-1], next_after=None)


def _short(page: Page) -> Page:
    """One key only, and more to come; of a page in disorder its smallest, or keys would be left out unseen."""
    first = tuple(sorted(page.items, key=lambda info: info.key)[:1])
    return replace(page, items=first, next_after=first[0].key) if len(page.items) > 1 else page


def _disordered(page: Page) -> Page:
    return replace(page, items=page.items[::-1])


def _repeats(page: Page) -> Page:
    return replace(page, items=page.items + page.items[-1:])


FAULTS: tuple[Fault, ...] = (
    Fault("F01", "source", ("list",), before=ServerError),
    Fault("F02", "destination", ("list",), before=ServerError),
    Fault("F03", "source", ("list",), before=AccessDenied),
    Fault("F03", "destination", ("list",), before=AccessDenied),
    Fault("F04-F06", "source", ("list",), before=ListingUntrusted),
    Fault("F04-F06", "destination", ("list",), before=ListingUntrusted),
    Fault("F07", "source", ("list",), page=_ends, lies=True),
    Fault("F07", "destination", ("list",), page=_ends, lies=True),
    Fault("F08", "source", ("list",), page=_short),
    Fault("F08", "destination", ("list",), page=_short),
    Fault("F09", "source", ("list",), page=_disordered),
    Fault("F09", "destination", ("list",), page=_repeats),
    Fault("F23", "source", ("get",), before=ObjectArchived),
    Fault("F23", "destination", ("copy",), before=ObjectArchived),
    Fault("F28", "source", ("get",), body="flip"),
    Fault("F29", "source", ("get",), body="cut"),
    Fault("F30", "destination", ("put", "upload_part"), body="flip"),
    Fault("F32", "destination", ("copy", "complete_upload"), before=ServerError),
    Fault("F33", "destination", ("put", "copy"), after=ConnectionLost),
    Fault("F34", "source", ANY, before=Throttled),
    Fault("F34", "destination", ANY, before=Throttled),
    Fault("F35", "destination", ("put", "copy", "upload_part", "copy_part"), before=ConnectionLost),
    Fault("F36", "source", ANY, before=ConnectionLost),
    Fault("F36", "destination", ANY, before=ConnectionLost),
    Fault("F37", "source", ANY, before=AccessDenied),
    Fault("F37", "destination", ANY, before=AccessDenied),
    Fault("F38", "destination", ("upload_part", "copy_part"), wrong=True),
    Fault("F39", "destination", ("complete_upload",), after=ConnectionLost),
    Fault("F40", "destination", ("begin_upload", "abort_upload"), after=ConnectionLost),
    Fault("F42", "source", ("get", "head"), before=AccessDenied),
    Fault("F47", "destination", WRITES, before=StoreFull),
    Fault("F50", "destination", ("head", "tags"), before=AccessDenied),
    Fault("F50", "destination", ("head",), before=ServerError),
    Fault("F51", "destination", ("head",), stale=True, lies=True),
    Fault("F58", "pages", ("put",), before=ServerError),
    Fault("F58", "pages", ("put",), after=ConnectionLost),
    Fault("F58", "pages", ("get", "list", "delete"), before=ConnectionLost),
    Fault("F58", "pages", ("put",), before=AccessDenied),
)


@dataclass(slots=True)
class Armed:
    """A fault that strikes: after `skip` requests of its kind, `times` times."""

    fault: Fault
    skip: int
    times: int


@dataclass(slots=True)
class Armory:
    """The faults that are armed."""

    armed: list[Armed] = field(default_factory=list)
    struck: int = 0
    lied: bool = False

    def strikes(self, side: str, verb: str) -> list[Fault]:
        """The faults that strike this request."""
        found = []
        for item in self.armed.copy():
            if item.fault.side == side and verb in item.fault.verbs:
                if item.skip:
                    item.skip -= 1
                    continue
                item.times -= 1
                if not item.times:
                    self.armed.remove(item)
                found.append(item.fault)
        self.struck += len(found)
        self.lied = self.lied or any(fault.lies for fault in found)
        return found


class Damaged:
    """A body whose bytes don't come as they were sent."""

    def __init__(self, body: ObjectBody, how: str) -> None:
        self.details = body.details
        self._body = body
        self._how = how

    def readinto(self, buffer: memoryview, /) -> int:
        """Other bytes, or none any more."""
        if self._how == "cut":
            raise ConnectionLost("the body ended early")
        count = self._body.readinto(buffer)
        if count:
            buffer[0] ^= 1
        return count


def flipped(data: bytes) -> bytes:
    """The same with its first bit changed."""
    return bytes([data[0] ^ 1]) + data[1:] if data else data
