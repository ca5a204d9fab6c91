"""How far is what a reviewed plan was to do still what is to be done?

| the reviewed plan | now | word |
|---|---|---|
| a step | the same step, of the same versions | `agreed`: it is carried out |
| a step | in step: both sides are equal, or what was to be deleted is gone | `in_step`: nothing is left to do |
| a step | another step, or other versions | `changed` |
| a copy or an update | nothing to copy: gone at the source, left out, or refused | `gone` |
| nothing | a step | `new` |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from airflow_bucketsync.engine.model.change import Change
from airflow_bucketsync.engine.model.drift import Word
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a plan is to do with one key, and with which versions.

    :param kind: `copy`, `update` or `delete`
    """

    key: str
    kind: str
    source: Fingerprint | None
    destination: Fingerprint | None

    @classmethod
    def of(cls, change: Change) -> Self:
        """The step of a change."""
        there = None if change.destination is None else Fingerprint.of(change.destination)
        return cls(key=change.key, kind=change.kind, source=Fingerprint.of(change.source), destination=there)

    @classmethod
    def deleting(cls, there: ObjectInfo) -> Self:
        """The step that deletes an object of the destination."""
        return cls(key=there.key, kind="delete", source=None, destination=Fingerprint.of(there))

    def is_still(self, now: Step) -> bool:
        """Whether a new plan has the same to do with the same versions."""
        versions = _same(self.source, now.source) and _same(self.destination, now.destination)
        return (self.key, self.kind) == (now.key, now.kind) and versions


def word_of(then: Step | None, now: Step | None, *, equal: bool = False) -> Word | None:
    """The word for a key; None = neither plan has anything to do with it.

    :param then: of the reviewed plan
    :param now: of the new one
    :param equal: the new one found the key at both sides, and equal
    """
    if then is None:
        return None if now is None else "new"
    if now is not None:
        return "agreed" if then.is_still(now) else "changed"
    if then.kind == "delete":
        return "changed" if equal else "in_step"
    return "in_step" if equal else "gone"


def _same(one: Fingerprint | None, other: Fingerprint | None) -> bool:
    """Whether both speak of one version. A listing names no version id, and a HEAD no fractions of a second."""
    if one is None or other is None:
        return one is other
    ids = None in (one.version_id, other.version_id) or one.version_id == other.version_id
    return ids and _told(one) == _told(other)


def _told(version: Fingerprint) -> tuple[int, str | None, datetime | None]:
    time = version.last_modified
    return version.size, version.etag, None if time is None else time.replace(microsecond=0)
