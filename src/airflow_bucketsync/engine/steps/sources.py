"""The source's objects as a plan goes through them: which take part, and under which key at the destination.

Keys that are kept come as they were listed. Where keys are mapped, names don't ascend as the keys do: they are sorted
on the disk of this worker, by name and then by key, so that what would get one name stands side by side. What is left
out is named too: its name is taken, so nothing there is for anybody to delete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from typing import Any

import orjson

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.policy_words import OnCollision
from airflow_bucketsync.engine.rules.mapping import SAME_NAME
from airflow_bucketsync.engine.rules.renaming import Renaming, Unnamed
from airflow_bucketsync.engine.rules.selection import UNMATCHED, Selector
from airflow_bucketsync.engine.rules.splits import SplitPoints
from airflow_bucketsync.engine.steps.decided import refused
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.spool import sorted_lines
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.bulk import in_threads

FIRST = 3
"""Keys that are named of each rule that leaves something out."""
LONGEST_NAMED = 200
"""Characters of a key that is named."""
TOGETHER = 1_000
"""Objects that are asked for their tags together."""
IN_MEMORY = 20_000
"""Objects that are sorted in memory at a time: some 12 MB."""
SHOWN = 5
"""Keys of one name that an error or a record tells."""
OTHER_TAGS = "tags"
NOT_SINCE = "since_watermark"
"""The rule that leaves out what an earlier run took; it keeps its name from all others."""
_TAKES_PART, _NOT_NOW, _LEFT_OUT = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the source has under one name of the destination.

    :param source: None = it has something, and none of it takes part
    """

    key: str
    source: ObjectInfo | None


Item = ObjectInfo | Named
"""An object that takes part under its own key, or a name and what stands behind it."""


class LeftOut:
    """Source objects that no rule takes, counted by the rule, the first of each named."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, tuple[str, ...]] = {}

    def add(self, key: str, rule: str) -> None:
        """One more."""
        self.counts[rule] += 1
        named = self.first.get(rule, ())
        if len(named) < FIRST:
            self.first[rule] = (*named, key[:LONGEST_NAMED])


class Sources:
    """The objects of a source, by the names they have at the destination, ascending, each name once.

    :param selector: the selection of the spec
    :param after: names up to this one were gone through by earlier runs
    :param since: only what was modified at or after this time takes part
    :param again: names that take part whatever `after` and `since` say: they failed before
    :param decide: takes the outcomes of objects that can't have a name, or would share one
    :param names: keys that have a name of their own, whatever the mapping says, ascending; None = none has
    """

    def __init__(
        self,
        run: Run,
        selector: Selector,
        *,
        decide: Callable[[Outcome], None],
        after: str = "",
        since: datetime | None = None,
        again: Container[str] = (),
        names: Iterator[tuple[str, str]] | None = None,
    ) -> None:
        self._run = run
        self._store: ObjectStore = run.source
        self._selector = selector
        self._after = after
        self._since = since
        self._again = again
        self._decide = decide
        self._selection = run.spec.selection
        self._collides: OnCollision = run.spec.policy.on_collision
        self.renaming = Renaming(self._selection.key_mapping)
        self._own_names = names
        self._own = None if names is None else next(names, None)
        self.left_out = LeftOut()
        self.splits = SplitPoints()

    def of(self, objects: Iterable[ObjectInfo]) -> Iterator[Item]:
        """These objects, which ascend by key.

        :raises InvalidConfiguration: two of them would get one name, with `on_collision` at `fail`; one that no route
            takes, with `unmatched: fail`
        """
        if self._own_names is not None or not self._selection.key_mapping.keeps:
            return self._named(objects)
        if self._selector.everything and self._since is None:
            return self._seen(objects)
        return self._kept(objects)

    def _seen(self, objects: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
        for info in objects:
            self.splits.see(info.key)
            yield info

    def _kept(self, objects: Iterable[ObjectInfo]) -> Iterator[Item]:
        for info, rule in self._judged(self._seen(objects)):
            if rule is None:
                yield info
            else:
                self._leave_out(info.key, rule)
                yield Named(key=info.key, source=None)

    # which take part ------------------------------------------------------------------------------------------

    def _judged(self, objects: Iterable[ObjectInfo]) -> Iterator[tuple[ObjectInfo, str | None]]:
        """Each object in its order, with the rule that leaves it out."""
        if not self._selector.tags:
            for info in objects:
                yield info, self._rule(info)
            return
        source = iter(objects)
        while chunk := [(info, self._rule(info)) for info in islice(source, TOGETHER)]:
            found = dict(
                in_threads(self._has_tags, [info.key for info, rule in chunk if rule is None], gate=self._run.gate)
            )
            self._run.gate.check()
            for info, rule in chunk:
                yield info, OTHER_TAGS if rule is None and not found[info.key] else rule

    def _rule(self, info: ObjectInfo) -> str | None:
        rule = self._selector.admits(info)
        if rule is None and self._since is not None and info.last_modified < self._since:
            name = self.renaming.name(info.key)
            return None if isinstance(name, str) and name in self._again else NOT_SINCE
        return rule

    def _has_tags(self, key: str) -> tuple[str, bool]:
        """Whether an object has the tags that are asked for; one that is gone by now is for the copy to tell."""
        try:
            return key, self._selector.has_tags(self._store.tags(key))
        except ObjectNotFound:
            return key, True

    def _leave_out(self, key: str, rule: str) -> None:
        routed = self._selection.routed
        if rule == UNMATCHED and routed is not None and routed.table.unmatched == "fail":
            raise InvalidConfiguration(
                f"no route takes {key!r:.200}, and `unmatched` is fail: add a line that does, leave it out with "
                "`exclude`, or set `unmatched` to ignore or default",
                location=self._store.location.url,
            )
        self.left_out.add(key, rule)

    # under which name -----------------------------------------------------------------------------------------

    def _named(self, objects: Iterable[ObjectInfo]) -> Iterator[Named]:
        lines = self._lines(objects)
        if self._own_names is not None or not self.renaming.keeps_order:
            lines = sorted_lines(lines, key=_place, chunk=IN_MEMORY)
        with closing(lines):
            for name, group in groupby(lines, key=lambda line: str(line[0])):
                if name > self._after or name in self._again:
                    yield Named(key=name, source=self._one_of(name, group))

    def _lines(self, objects: Iterable[ObjectInfo]) -> Generator[list[Any], None, None]:
        """Of each object its name, whether it takes part, its key, and the object or the rule that leaves it out."""
        for info, rule in self._judged(self._seen(objects)):
            name = self._name(info.key)
            if isinstance(name, str):
                state = {None: _TAKES_PART, NOT_SINCE: _NOT_NOW}.get(rule, _LEFT_OUT)
                yield [name, state, info.key, rule if state == _LEFT_OUT else orjson.dumps(info.to_json()).decode()]
            elif rule is None:
                self._decide(replace(refused(info, name.reason, name.words), source_key=info.key))
            else:
                self._leave_out(info.key, rule)

    def _name(self, key: str) -> str | Unnamed:
        """The name of a key; asked of ascending keys."""
        while self._own_names is not None and self._own is not None and self._own[0] < key:
            self._own = next(self._own_names, None)
        return self._own[1] if self._own is not None and self._own[0] == key else self.renaming.name(key)

    def _one_of(self, name: str, group: Iterator[list[Any]]) -> ObjectInfo | None:
        """The object that gets a name; None = none of those that would."""
        sharing: list[ObjectInfo] = []
        now: set[str] = set()
        for _, state, key, text in group:
            if state == _LEFT_OUT:
                self._leave_out(key, text)
                continue
            if state == _TAKES_PART and len(now) < SHOWN:
                now.add(key)
            info = ObjectInfo.from_json(orjson.loads(text))
            if len(sharing) < SHOWN:
                sharing.append(info)
                if len(sharing) == SHOWN:
                    self._shared(name, sharing, sharing)
            else:
                self._shared(name, sharing, [info])
        if 1 < len(sharing) < SHOWN:
            self._shared(name, sharing, sharing)
        if not sharing or (len(sharing) > 1 and self._collides != "first"):
            return None
        if sharing[0].key not in now:
            self._leave_out(sharing[0].key, NOT_SINCE)
            return None
        return sharing[0]

    def _shared(self, name: str, first: list[ObjectInfo], parties: list[ObjectInfo]) -> None:
        """Say of these objects that they would share a name.

        :param first: of all that would, in order of their keys
        """
        keys = ", ".join(f"{info.key!r:.200}" for info in first) + (" and maybe more" if len(first) == SHOWN else "")
        if self._collides == "fail":
            raise InvalidConfiguration(
                f"{keys} would all be {name!r:.200} at the destination: rename or exclude all but one, map them to "
                "different names, or set on_collision to refuse or first",
                location=self._store.location.url,
            )
        for info in parties:
            if self._collides == "refuse":
                said = refused(info, SAME_NAME, f"{keys} would all be {name!r:.200}; none is copied", key=name)
                self._decide(replace(said, source_key=info.key))
            elif info is not first[0]:
                self._decide(
                    Outcome(
                        key=name,
                        source_key=info.key,
                        status="skipped",
                        reason=SAME_NAME,
                        message=f"the name went to {first[0].key!r:.200}, the first that has it",
                        source=Fingerprint.of(info),
                    )
                )


def _place(line: list[Any]) -> tuple[str, str]:
    return line[0], line[2]


def in_the_way(renaming: Renaming, named: Callable[[str], str | None], name: str, refused_names: int) -> str | None:
    """What at the source hides whether something has this name there; None = nothing does.

    :param named: tells of one key what stands in its way
    :param refused_names: how many names of the source are no objects
    """
    keys = renaming.sources(name)
    if keys is None:  # it may be behind any of them
        return "a name that is no object" if refused_names else None
    return next(filter(None, (named(key) for key in keys)), None)
