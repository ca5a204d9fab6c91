"""Through what does every request of a task go? Through the scheduler, the armed faults, and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, Self

from airflow_bucketsync.engine.errors import ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectDetails, Page, PartReceipt, PutResult
from airflow_bucketsync.engine.stores.base import Body, ObjectBody
from airflow_bucketsync.engine.stores.memory import MemoryStore
from airflow_bucketsync.engine.stores.memory.server import StoredObject
from tests.engine.machine.faults import Armory, Damaged, Fault, flipped
from tests.engine.machine.fibers import Atom
from tests.engine.machine.world import Event, World

Judge = Callable[[Event], None]


class WatchedStore(MemoryStore):
    """A side as one task of one run sees it.

    :param late: whether the task belongs to a plan that is no longer the newest
    :param judge: told of every request that was applied
    """

    def __init__(
        self,
        world: World,
        side: str,
        atom: Atom,
        *,
        run: int,
        armory: Armory,
        late: Callable[[], bool],
        judge: Judge,
    ) -> None:
        super().__init__(world.locations[side], server=world.servers[side], capabilities=world.capabilities[side])
        self.world, self.side, self.atom, self.run = world, side, atom, run
        self.armory, self.late, self.judge = armory, late, judge
        self.hooks.append(self._hook)
        self._struck: list[Fault] = []
        self._stale = False
        self._seen: dict[str, str | None] = {}

    def _whole(self, key: str) -> str:
        """A key relative to the side, also where this store stands below it."""
        return self.location.prefix[len(self.world.locations[self.side].prefix) :] + key

    def _hook(self, when: Literal["before", "after"], verb: str, key: str) -> None:
        key = self._whole(key)
        if when == "before":
            self.atom.before_request(f"{self.side} {verb} {key}")
            self._seen = {}
            # Nobody else runs until this request is applied and its answer is on its way.
            self._struck = self.armory.strikes(self.side, verb)
            self._stale = bool(self._faults("stale"))
            for fault in self._struck:
                if fault.before is not None:
                    raise fault.before(f"fault {fault.code}", location=self.location.url, key=key)
            return
        event = self.world.happened(
            self.side, verb, key, by=self.atom.name, run=self.run, seen=self._seen, late=self.late()
        )
        self.judge(event)
        self.atom.after_request()
        for fault in self._struck:
            if fault.after is not None:
                raise fault.after(f"fault {fault.code}", location=self.location.url, key=key)

    def below(self, folder: str) -> Self:
        other = super().below(folder)
        other.hooks = [*self.hooks[:-1], other._hook]
        return other

    def _faults(self, name: str) -> list[Any]:
        return [value for fault in self._struck if (value := getattr(fault, name))]

    # what answers tell ------------------------------------------------------------------------------------------

    def list_page(self, *, after: str = "", until: str | None = None, limit: int = 1000) -> Page:
        page = super().list_page(after=after, until=until, limit=limit)
        self._seen.update((self._whole(info.key), info.etag) for info in page.items)
        for change in self._faults("page"):
            page = change(page)
        return page

    def head(self, key: str, *, version_id: str | None = None, checksum: bool = True) -> ObjectDetails:
        try:
            return super().head(key, version_id=version_id, checksum=checksum)
        except ObjectNotFound:
            self._told_of_nothing(key)
            raise

    def _told_of_nothing(self, key: str) -> None:
        """That an object is not there is an answer like any other."""
        whole = self._whole(key)
        event = self.world.happened(
            self.side, "head", whole, by=self.atom.name, run=self.run, seen={whole: None}, late=self.late()
        )
        self.judge(event)
        self.atom.after_request()

    def _find(self, key: str, version_id: str | None = None) -> StoredObject:
        whole = self._whole(key)
        self._seen[whole] = None
        stale, self._stale = self._stale, False  # the request that was struck; not a copy that reads here after it
        found = super()._find(key, version_id)
        if stale:
            # What the answer tells is what was seen: whoever believes it has looked, at a store that lied.
            older = [item for item in self.world.older(self.side, whole) if item.info.etag != found.info.etag]
            found = older[-1] if older else found
        self._seen[whole] = found.info.etag
        return found

    @contextmanager
    def open(
        self, key: str, *, start: int = 0, length: int | None = None, source: Condition = Condition.ANY
    ) -> Iterator[ObjectBody]:  # type: ignore[override]
        with super().open(key, start=start, length=length, source=source) as body:
            how = self._faults("body")
            yield Damaged(body, how[0]) if how else body

    # what is sent -----------------------------------------------------------------------------------------------

    def _check_bytes(self, key: str, data: bytes, checksum: Any) -> None:
        super()._check_bytes(key, flipped(data) if self._faults("body") else data, checksum)

    def _place(self, key: str, data: bytes, *more: Any, **settings: Any) -> PutResult:
        if self.side != "pages":
            whole = self._whole(key)
            before = self.world.item(self.side, whole)
            self._seen[whole] = None if before is None else before.info.etag
        return super()._place(key, data, *more, **settings)

    def upload_part(self, key: str, upload_id: str, number: int, body: Body, **settings: Any) -> PartReceipt:
        return self._receipt(super().upload_part(key, upload_id, number, body, **settings))

    def copy_part(self, key: str, upload_id: str, number: int, **settings: Any) -> PartReceipt:
        return self._receipt(super().copy_part(key, upload_id, number, **settings))

    def _receipt(self, receipt: PartReceipt) -> PartReceipt:
        return replace(receipt, etag="another") if self._faults("wrong") else receipt
