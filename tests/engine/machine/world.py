"""What is there to sync, who changed what when, and what did every request do?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.memory import MEMORY_CAPABILITIES, MemoryServer, MemoryStore
from airflow_bucketsync.engine.stores.memory.server import StoredObject
from tests.engine.clocks import START, FakeClock

SIDES = ("source", "destination", "pages")
URLS = {"source": "memory://source/in/", "destination": "memory://destination/out/", "pages": "memory://pages/"}
CHANGES = ("put", "copy", "complete_upload", "delete", "tamper")
"""Requests after which another object (or none) stands there, and what nobody can see."""
NEIGHBOURS = ("in2", "out2", "ou", "other/a")
"""Keys next to the prefixes of both sides, which nobody may touch."""


class WallClock(FakeClock):
    """A clock whose time of day may be set; the seconds since its start only ever grow."""

    def __init__(self, *, tick: float) -> None:
        super().__init__(tick=tick)
        self.offset = 0.0

    def now(self) -> datetime:
        """The time of day, as wrong as it was set."""
        return super().now() + timedelta(seconds=self.offset)


class ServerClock(WallClock):
    """The clock of a server: goes with the other, and is set by itself."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(tick=0.0)
        self.clock = clock

    def now(self) -> datetime:
        """The time of day there; no two looks at it tell the same."""
        return START + timedelta(seconds=self.offset + self.clock.advance(0.001))


@dataclass(frozen=True, slots=True)
class Content:
    """What makes one version: its bytes, its headers and user metadata, and its tags."""

    body: bytes
    content_type: str | None
    user_metadata: tuple[tuple[str, str], ...]
    tags: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, item: StoredObject) -> Content:
        """That of a stored object."""
        about = item.attributes
        return cls(
            item.body,
            about.content_type,
            tuple(sorted(about.user_metadata.items())),
            tuple(sorted((about.tags or {}).items())),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One request that was applied, or one change by somebody else.

    :param by: the task that sent it, None = somebody else
    :param run: number of the run (of its plan) that the task belongs to
    :param seen: the ETags that its answer told of, by key; None = not there
    """

    at: int
    side: str
    verb: str
    key: str
    by: str | None
    run: int
    seen: Mapping[str, str | None]


class World:
    """A source, a destination and a workspace, and all that happened there.

    :param shared: both sides on one server, which then copies by itself
    :param tick: seconds that pass whenever a task looks at the clock
    """

    def __init__(
        self,
        *,
        shared: bool = True,
        versions: bool = False,
        tick: float = 0.001,
        page_limit: int = 3,
        **destination: object,
    ) -> None:
        self.versioned = versions
        self.clock = WallClock(tick=tick)
        self.clocks = {"worker": self.clock, "source": ServerClock(self.clock)}
        self.clocks["destination"] = self.clocks["source"] if shared else ServerClock(self.clock)
        at_source = MemoryServer(versions=versions, clock=self.clocks["source"])
        there = at_source if shared else MemoryServer(versions=versions, clock=self.clocks["destination"])
        pages = MemoryServer(clock=self.clock)
        self.servers = {"source": at_source, "destination": there, "pages": pages}
        small = replace(MEMORY_CAPABILITIES, page_limit=page_limit)
        self.capabilities: dict[str, Capabilities] = {
            "source": small,
            "destination": replace(small, **destination),  # type: ignore[arg-type]
            "pages": MEMORY_CAPABILITIES,
        }
        self.locations = {side: Location.parse(url) for side, url in URLS.items()}
        self.hands = {
            side: MemoryStore(self.locations[side], server=self.servers[side], capabilities=self.capabilities[side])
            for side in SIDES
        }
        self.time = 0
        self.events: list[Event] = []
        self.versions: dict[tuple[str, str], list[tuple[int, StoredObject | None]]] = defaultdict(list)
        self.changed: dict[tuple[str, str], int] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        for side in ("source", "destination"):
            for name in NEIGHBOURS:
                MemoryStore(Location.parse(f"memory://{side}"), server=self.servers[side]).put(name, b"neighbour")
        self._neighbours = self._outside()

    # what is there ----------------------------------------------------------------------------------------------

    def objects(self, side: str) -> dict[str, StoredObject]:
        """The objects below the prefix of a side, our own state apart."""
        prefix = self.locations[side].prefix
        there = self.servers[side].bucket(self.locations[side].bucket).objects
        found = {key[len(prefix) :]: item for key, item in there.items() if key.startswith(prefix)}
        return {key: item for key, item in found.items() if not key.startswith(STATE_PREFIX)}

    def item(self, side: str, key: str) -> StoredObject | None:
        """One object below the prefix of a side."""
        location = self.locations[side]
        return self.servers[side].bucket(location.bucket).objects.get(location.full_key(key))

    def contents(self, side: str) -> dict[str, Content]:
        """The same without what the store made of them."""
        return {key: Content.of(item) for key, item in self.objects(side).items()}

    def page(self, name: str) -> bytes | None:
        """A page or document of the pair."""
        item = self.item("pages", f"pair/{name}")
        return None if item is None else item.body

    def uploads(self) -> dict[str, str]:
        """Open uploads at the destination: id and key."""
        location = self.locations["destination"]
        uploads = self.servers["destination"].bucket(location.bucket).uploads
        return {upload_id: location.relative_key(upload.key) for upload_id, upload in uploads.items()}

    def _outside(self) -> dict[str, object]:
        return {
            side + key: item
            for side in ("source", "destination")
            for key, item in self.servers[side].bucket(self.locations[side].bucket).objects.items()
            if not key.startswith(self.locations[side].prefix)
        }

    def assert_neighbours_untouched(self) -> None:
        """Nothing outside the two prefixes was changed."""
        assert self._outside() == self._neighbours, "invariant I3: something outside the prefix was written"

    # what somebody else does ------------------------------------------------------------------------------------

    def put(self, side: str, key: str, body: bytes, attributes: ObjectAttributes, *, parts: bool = False) -> None:
        """Somebody writes an object."""
        hands = self.hands[side]
        if parts and len(body) > 1:
            upload = hands.begin_upload(key, attributes=attributes)
            halves = (body[: len(body) // 2], body[len(body) // 2 :])
            receipts = [hands.upload_part(key, upload, number, half) for number, half in enumerate(halves, start=1)]
            hands.complete_upload(key, upload, receipts, size=len(body))
        else:
            hands.put(key, body, attributes=attributes)
        self.happened(side, "put", key)

    def delete(self, side: str, key: str) -> None:
        """Somebody deletes an object."""
        self.hands[side].delete(key)
        self.happened(side, "delete", key)

    def tamper(self, key: str, attributes: ObjectAttributes) -> None:
        """Attributes at the destination become other ones, and neither ETag nor time show it."""
        item = self.item("destination", key)
        if item is not None:
            bucket = self.servers["destination"].bucket(self.locations["destination"].bucket)
            bucket.place(replace(item, attributes=attributes))
            self.happened("destination", "tamper", key)

    # what happened ----------------------------------------------------------------------------------------------

    def happened(
        self,
        side: str,
        verb: str,
        key: str,
        *,
        by: str | None = None,
        run: int = 0,
        seen: Mapping[str, str | None] | None = None,
        late: bool = False,
    ) -> Event:
        """Take down one request or change.

        :param late: of a task whose plan is no longer the newest: to a newer run it is somebody else
        """
        self.time += 1
        event = Event(self.time, side, verb, key, by, run, {} if seen is None else seen)
        self.events.append(event)
        writes = verb in CHANGES
        if by is not None:
            self.requests[side, verb] += 1
        if side != "pages" and writes:
            if by is None or late:
                self.changed[side, key] = self.time
            self.versions[side, key].append((self.time, self.item(side, key)))
        return event

    def older(self, side: str, key: str) -> list[StoredObject]:
        """Every version that ever stood there, oldest first."""
        return [item for _, item in self.versions[side, key] if item is not None]

    def at(self, side: str, key: str, time: int) -> StoredObject | None:
        """What stood there at a point in time."""
        before = [item for at, item in self.versions[side, key] if at <= time]
        return before[-1] if before else None

    def since(self, time: int) -> Iterator[Event]:
        """Everything after a point in time."""
        return (event for event in self.events if event.at > time)
