"""Both sides of one pair in the world of the system tests, on any kind of store."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from typing import Any

from tests.servers.core.store import ObjectStore
from tests.system.world import World

KINDS = ("s3", "oss", "file")
CONNECTIONS = {"s3": "store", "oss": "ali"}
TIME = 1_700_000_000
"""When files were written, so that equal ones are seen to be equal; seconds since 1970."""
_NUMBERS = itertools.count()


class Places:
    """One kind of store at both sides of a pair, with its own prefix."""

    def __init__(self, here: World, kind: str, *, connection: str = "") -> None:
        self.here, self.kind, self.name = here, kind, f"{kind}-{next(_NUMBERS)}"
        self.connection = connection or CONNECTIONS.get(kind, "")
        self.folder = here.folder / "data" / self.name

    def url(self, side: str) -> str:
        if self.kind == "file":
            (self.folder / side).mkdir(parents=True, exist_ok=True)
            return f"file://{self.folder / side}/"
        return f"{self.kind}://{self.connection}@{side}/{self.name}/"

    def put(self, side: str, objects: Mapping[str, str]) -> None:
        self.url(side)
        for key, body in objects.items():
            if self.kind == "file":
                path = self.folder / side / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(body)
                os.utime(path, (TIME, TIME))
            else:
                self.core.put(side, f"{self.name}/{key}", body)

    def keys(self, side: str, *, state: bool = False) -> dict[str, str]:
        """What stands there; what is our own only if `state`."""
        if self.kind == "file":
            root = self.folder / side
            found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
        else:
            prefix = f"{self.name}/"
            found = {
                key.removeprefix(prefix): self.core.body(side, key).decode()
                for key in self.core.keys(side)
                if key.startswith(prefix)
            }
        return {key: body for key, body in found.items() if state or not key.startswith("_bucketsync/")}

    def drop(self, side: str, *keys: str) -> None:
        """Delete what stands there."""
        for key in keys:
            if self.kind == "file":
                (self.folder / side / key).unlink()
            else:
                self.core.delete(side, f"{self.name}/{key}")

    @property
    def core(self) -> ObjectStore:
        """What the server holds; not of a folder."""
        return (self.here.server if self.kind == "s3" else self.here.oss).core

    def conf(self, **options: Any) -> dict[str, Any]:
        return {"source": self.url("source"), "destination": self.url("destination"), **options}
