"""Which listed objects take part in a sync? How patterns are read stands in `patterns`."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.model.policy_words import FolderMarkers
from airflow_bucketsync.engine.model.prefixes import outermost
from airflow_bucketsync.engine.model.selection import Selection, rules_only
from airflow_bucketsync.engine.rules.extensions import Extensions
from airflow_bucketsync.engine.rules.patterns import EachOf, Patterns
from airflow_bucketsync.engine.rules.routing import Router

STANDARD = "STANDARD"
"""What a store means that names no storage class."""
OTHER_DESTINATION = "other_destination"
"""The rule that leaves out what the routing table gives to another destination."""
UNMATCHED = "unmatched"
"""The rule that leaves out what no line of the routing table takes."""


class Selector:
    """A selection made ready to be asked once per object.

    :param everything: no rule leaves anything out; the caller need not ask
    :param tags: what an object's tags must hold; asked of the store by the caller, of what `admits` lets through
    :raises InvalidConfiguration: a pattern that can't be read, with the place and what to write instead
    """

    __slots__ = (
        "_exclude",
        "_extensions",
        "_include",
        "_prefixes",
        "_router",
        "_selection",
        "_skip_markers",
        "_storage_classes",
        "everything",
        "tags",
    )

    def __init__(self, selection: Selection, *, folder_markers: FolderMarkers = "copy") -> None:
        self._selection = selection
        self._exclude = Patterns("exclude", selection.exclude) if selection.exclude else None
        includes = [Patterns("include", given) for given in (selection.include, selection.within) if given]
        self._include = EachOf(includes) if len(includes) > 1 else next(iter(includes), None)
        self._extensions = Extensions(selection.extensions) if selection.extensions else None
        self._prefixes = outermost(selection.prefixes)
        self._storage_classes = frozenset(selection.storage_classes)
        self._skip_markers = folder_markers == "skip"
        self._router = None if selection.routed is None else Router(selection.routed.table)
        self.tags: Mapping[str, str] = selection.tags
        self.everything = rules_only(selection) == Selection() and not self._skip_markers

    def admits(self, info: ObjectInfo) -> str | None:
        """None when the object takes part as far as a listing tells, else the name of the first rule that leaves it
        out."""
        if self.everything:
            return None
        rules, key = self._selection, info.key
        if not self.lies_below(key):
            return "prefixes"
        if rules.start_after and key <= rules.start_after:  # code points sort as UTF-8 does
            return "start_after"
        if not rules.recursive and "/" in key:
            return "recursive"
        if self._exclude is not None and self._exclude.fit(key):
            return "exclude"
        if self._include is not None and not self._include.fit(key):
            return "include"
        if self._extensions is not None and not self._extensions.fit(key):
            return "extensions"
        if rules.min_size is not None and info.size < rules.min_size:
            return "min_size"
        if rules.max_size is not None and info.size > rules.max_size:
            return "max_size"
        if rules.modified_after is not None and info.last_modified < rules.modified_after:
            return "modified_after"
        if rules.modified_before is not None and info.last_modified >= rules.modified_before:
            return "modified_before"
        if self._storage_classes and (info.storage_class or STANDARD) not in self._storage_classes:
            return "storage_class"
        if self._skip_markers and key.endswith("/"):
            return "folder_marker"
        return None if self._router is None else self._routed(self._router, info)

    def _routed(self, router: Router, info: ObjectInfo) -> str | None:
        if self._selection.routed is None:
            return None
        to = router.destination_of(info)
        if to is None:
            return UNMATCHED
        return None if to == self._selection.routed.to else OTHER_DESTINATION

    def reaches(self, key: str) -> bool:
        """Whether a key lies where this selection looks at all, whatever its other rules say."""
        rules = self._selection
        return self.lies_below(key) and key > rules.start_after and (rules.recursive or "/" not in key)

    def lies_below(self, key: str) -> bool:
        """Whether a key lies below one of the selection's folders, or there are none."""
        return not self._prefixes or key.startswith(self._prefixes)

    def has_tags(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags takes part; `*` stands for any value."""
        return all(name in tags and value in ("*", tags[name]) for name, value in self.tags.items())

    def first_key_after(self) -> str:
        """The key after which a listing may begin; "" = at the start."""
        return self._selection.start_after
