"""What of a destination is a sync's own: what it would have brought there, were it still at the source?"""

from __future__ import annotations

from dataclasses import replace

from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.renaming import Renaming
from airflow_bucketsync.engine.rules.selection import Selector


class Scope:
    """The part of a destination that a selection speaks of.

    Where names are mapped, an object is held against the selection under the keys that may stand behind it; what no
    key of the source can be named like is nobody's business here.
    """

    __slots__ = ("_renaming", "_selection", "_selector")

    def __init__(self, selection: Selection, selector: Selector) -> None:
        self._selection = selection
        self._selector = selector
        self._renaming = Renaming(selection.key_mapping)

    def covers(self, there: ObjectInfo) -> bool:
        """Whether the selection would take what stands there."""
        if self._selection.key_mapping.keeps:
            return self._selector.everything or self._selector.admits(there) is None
        return any(self._selector.admits(replace(there, key=key)) is None for key in self._keys(there.key))

    def reaches(self, there: ObjectInfo) -> bool:
        """Whether it lies where the sync looks at all, whatever the other rules say: below `prefixes`, after
        `start_after`, and at the top where it does not go into folders."""
        return any(self._selector.reaches(key) for key in self._keys(there.key))

    def tells_of(self, name: str) -> bool:
        """Whether the listings of this sync tell if something stands behind a name, or may."""
        if self._selection.flat and not self._selection.source_list and "/" in name:
            return False  # folders are jumped over
        if not self._selection.prefixes or self._selection.source_list:
            return True
        keys = self._renaming.sources(name)
        return keys is None or any(self._selector.lies_below(key) for key in keys)

    def _keys(self, name: str) -> tuple[str, ...]:
        keys = self._renaming.sources(name)
        if keys is not None:
            return keys
        stand_in = self._renaming.stand_in(name)
        return () if stand_in is None else (stand_in,)
