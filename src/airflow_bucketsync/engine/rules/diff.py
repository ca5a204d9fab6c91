"""Whether an object must be copied, updated, left alone, or looked at first.

| known to the plan                                   | verdict                                   |
|-----------------------------------------------------|-------------------------------------------|
| nothing stands at the destination                   | copy `new`                                |
| sizes differ                                        | copy `size`                               |
| both versions are the recorded ones                 | same `known`                              |
| both contents are the recorded ones, a time differs | look: the metadata may have changed       |
| only the source's content is another one            | copy `source_changed`                     |
| equal ETags that mean the content                   | same `etag`                               |
| a file carries the source's time                    | same `mtime`                              |
| otherwise                                           | look: HEAD both, then checksum, ETag, time |

No clock decides: times are only ever held against recorded times, except by `missing_or_older`, which asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.equality import equal_checksums, equal_content, equal_etags, etags_comparable
from airflow_bucketsync.engine.model.fidelity import adapted, differences, kept_mtime
from airflow_bucketsync.engine.model.known import KnownObject
from airflow_bucketsync.engine.model.objects import ObjectDetails, ObjectInfo
from airflow_bucketsync.engine.model.policy_words import Compare
from airflow_bucketsync.engine.model.preserve import DEFAULT_CLASS, Preserve

Verdict = Literal["same", "copy", "update", "look", "archived"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the short word for it."""

    verdict: Verdict
    reason: str


PROOFS = frozenset({"known", "checksum", "etag", "mtime", "empty"})
"""Reasons of `same` that prove the content equal, so that the pair may remember it; others were asked for by mode."""

_KNOWN = Decision("same", "known")
_NEW = Decision("copy", "new")
_SIZE = Decision("copy", "size")
_LOOK = Decision("look", "content")
_LOOK_METADATA = Decision("look", "metadata")


class Comparison:
    """The rules for one pair of stores and one mode of comparing."""

    def __init__(
        self, mode: Compare, *, source: Capabilities, destination: Capabilities, preserve: Preserve | None = None
    ) -> None:
        self.mode = mode
        self.preserve = replace(preserve or Preserve(), storage_class=DEFAULT_CLASS)
        """The class is given once, with the write: what a lifecycle rule makes of it later is no difference."""
        self.source = source
        self.destination = destination
        self.etags = etags_comparable(source, destination)
        self.files = source.keeps_mtime or destination.keeps_mtime

    def listed(self, source: ObjectInfo, destination: ObjectInfo | None, known: KnownObject | None) -> Decision:
        """The verdict from what both listings and the pair's memory say."""
        if destination is None:
            return _NEW
        mode = self.mode
        if mode == "always":
            return Decision("copy", "always")
        if mode == "exists":
            return Decision("same", "exists")
        if mode == "missing_or_older":
            older = destination.last_modified < source.last_modified
            return Decision("copy", "older") if older else Decision("same", "not_older")
        if source.size != destination.size:
            return _SIZE
        if mode == "size":
            return Decision("same", "size")
        if mode == "checksum":
            return _LOOK
        return self._by_record(source, destination, known) or self._by_listing(source, destination)

    def _by_record(self, source: ObjectInfo, destination: ObjectInfo, known: KnownObject | None) -> Decision | None:
        if known is None or known.source is None or known.destination is None:
            return None
        if None in (known.source.etag, source.etag, known.destination.etag, destination.etag):
            return None  # without a fingerprint on either side nothing was recorded that could be held against it
        source_kept = known.source.same_content(source)
        destination_kept = known.destination.same_content(destination)
        if source_kept and destination_kept:
            if self.mode == "metadata":
                return _LOOK_METADATA
            untouched = (
                known.source.last_modified == source.last_modified
                and known.destination.last_modified == destination.last_modified
            )
            return _KNOWN if untouched or self.mode != "auto" else _LOOK_METADATA
        if destination_kept and not source_kept:
            return Decision("copy", "source_changed")
        return None

    def _by_listing(self, source: ObjectInfo, destination: ObjectInfo) -> Decision:
        if self.mode == "metadata":
            return _LOOK
        if self.mode == "size_mtime":
            if self.destination.keeps_mtime and source.last_modified == destination.last_modified:
                return Decision("same", "mtime")
            return _LOOK
        if self.etags and equal_etags(source.etag, destination.etag):
            return Decision("same", "etag")
        if self.mode == "etag":
            return Decision("copy", "etag")
        if source.size == 0:
            return Decision("same", "empty")
        if self.destination.keeps_mtime and source.last_modified == destination.last_modified:
            return Decision("same", "mtime")
        return _LOOK

    def looked_at(
        self,
        source: ObjectDetails,
        destination: ObjectDetails,
        *,
        content_known: bool,
    ) -> Decision:
        """The verdict after a HEAD of both; tags are in the attributes where the mode asks for them.

        :param content_known: the pair's memory already proved the content equal; only the metadata is in question
        """
        if source.info.size != destination.info.size:
            return _SIZE
        content = "known" if content_known else self._content_proof(source, destination)
        if content is None:
            return Decision("copy", "mtime" if self.mode == "size_mtime" else "content")
        if self.mode in ("metadata", "auto") and (content_known or self.mode == "metadata"):
            changed = self.attribute_differences(source, destination)
            if changed:
                return Decision("update", "metadata: " + ", ".join(changed))
        return Decision("same", content)

    def _content_proof(self, source: ObjectDetails, destination: ObjectDetails) -> str | None:
        if self.mode == "size_mtime":
            return "mtime" if self._equal_mtimes(source, destination) else None
        by_checksum = equal_checksums(source.info.checksum, destination.info.checksum)
        if by_checksum is not None:
            return "checksum" if by_checksum else None
        if self.mode == "checksum":
            return None
        if equal_content(source.info, destination.info, etags=self.etags):
            return "etag" if source.info.size else "empty"
        return "mtime" if self._equal_mtimes(source, destination) else None

    def _equal_mtimes(self, source: ObjectDetails, destination: ObjectDetails) -> bool:
        """Whether a file's time and the time kept with the object are equal; needs a file system on one side."""
        if not self.files and self.mode != "size_mtime":
            return False
        left = _file_time(source, self.source) or source.info.last_modified
        right = _file_time(destination, self.destination)
        return right is not None and left == right

    def attribute_differences(self, source: ObjectDetails, destination: ObjectDetails) -> tuple[str, ...]:
        """The attributes in which the destination differs from what the source's would be there."""
        wanted, _ = adapted(source, source=self.source, destination=self.destination, preserve=self.preserve)
        if not self.destination.user_metadata:
            return ()
        return differences(wanted, destination.attributes)


def _file_time(details: ObjectDetails, store: Capabilities) -> datetime | None:
    if store.keeps_mtime:
        return details.info.last_modified
    return kept_mtime(details.attributes)
