"""Hold one object at the destination against its source and name every difference.

Used by `verify` (after a copy) and by `compare` (of a whole pair). The words:

`missing`, `size`, `etag` (not what this run wrote), `checksum`, `content` (with the position of the first difference),
and the names of attributes (`content_type`, `user_metadata`, `tags`, …, `mtime` on a file system).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.errors import BodyCorrupted, BucketsyncError, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.equality import equal_checksums, equal_content, equal_etags, etags_comparable
from airflow_bucketsync.engine.model.fidelity import adapted, differences, is_held_time
from airflow_bucketsync.engine.model.objects import Fingerprint, ObjectAttributes, ObjectDetails
from airflow_bucketsync.engine.model.policy_words import Verify
from airflow_bucketsync.engine.model.preserve import Preserve
from airflow_bucketsync.engine.steps.parting import first_difference
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.transfer import read_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one key.

    :param differences: words of this module; () = nothing
    :param source_changed: the source is not the version any more that was expected, so only what this run wrote counts
    :param position: offset of the first byte that differs
    :param destination: what stands there
    :param tags_unread: the credentials of a side may not read its tags, so these were not compared
    :param read_back: the bytes were read again, because the store had not proven that it holds them
    :param seen: what both sides showed, where both were looked at
    """

    differences: tuple[str, ...] = ()
    source_changed: bool = False
    position: int | None = None
    destination: Fingerprint | None = None
    read_back: bool = False
    tags_unread: bool = False
    seen: Seen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an object is at both sides.

    :param wanted: the attributes that it was to have at the destination
    """

    here: ObjectDetails
    there: ObjectDetails
    wanted: ObjectAttributes


class Examiner:
    """Looks at single keys of a pair.

    :param level: `listing` holds size and ETag only; `metadata` adds HEAD, tags and checksums; `content` reads both
    :param preserve: what is held of the attributes
    :param locate: at level `content`, bodies of two sizes are read too, up to where they part
    """

    def __init__(
        self,
        source: ObjectStore,
        destination: ObjectStore,
        *,
        level: Verify,
        preserve: Preserve,
        gate: Gate,
        locate: bool = False,
    ) -> None:
        self.source = source
        self.destination = destination
        self.level = level
        self.preserve = preserve
        self.tags = preserve.keeps("tags") and source.capabilities.tags and destination.capabilities.tags
        self.gate = gate
        self.locate = locate and level == "content"
        self.etags = etags_comparable(source.capabilities, destination.capabilities)

    def examine(
        self,
        key: str,
        *,
        source: Fingerprint | None,
        source_key: str | None = None,
        written: Fingerprint | None = None,
        lost: tuple[str, ...] = (),
        sent: bool = False,
        prove: bool = False,
    ) -> Finding:
        """Everything in which the destination's object differs.

        :param key: at the destination
        :param source: the source version that is expected; None = whatever stands there
        :param source_key: its key at the source; None = the same
        :param written: what this run wrote; another ETag there is a difference
        :param lost: attributes already reported as lost
        :param prove: nobody wrote it just now, so its bytes must be shown to be equal, by reading both if need be
        :param sent: its bytes passed through this run, so somebody must have checked them on arrival
        """
        self.gate.check()
        there = self._head(self.destination, key)
        if there is None:
            return Finding(differences=("missing",))
        found: list[str] = []
        if source is not None and there.info.size != source.size:
            found.append("size")
        if written is not None and written.etag is not None and there.info.etag != written.etag:
            found.append("etag")
        fingerprint = Fingerprint.of(there.info)
        if self.level == "listing":
            return Finding(differences=tuple(found), destination=fingerprint)
        here = self._head(self.source, source_key or key)
        if here is None or (source is not None and not _is_version(source, here)):
            return Finding(differences=tuple(found), source_changed=True, destination=fingerprint)
        try:
            return self._held_against(here, there, list(found), source=source, lost=lost, sent=sent, prove=prove)
        except (ObjectNotFound, ObjectChanged) as error:
            # Looking takes several requests; the source may go or change between two of them.
            if error.location != self.source.location.url:
                raise
            return Finding(differences=tuple(found), source_changed=True, destination=fingerprint)

    def _held_against(
        self,
        here: ObjectDetails,
        there: ObjectDetails,
        found: list[str],
        *,
        source: Fingerprint | None,
        lost: tuple[str, ...],
        sent: bool,
        prove: bool,
    ) -> Finding:
        """The finding when the source is the version that was expected; `found` are the differences so far."""
        fingerprint = Fingerprint.of(there.info)
        if source is None and here.info.size != there.info.size:
            found.append("size")
        here, there = self._with_tags(self.source, here), self._with_tags(self.destination, there)
        unread = self.tags and "tags" not in lost and None in (here.attributes.tags, there.attributes.tags)
        wanted = self._wanted(here)
        found += self._attributes(wanted, there, lost)
        position = None
        if "size" not in found and self._checksums_differ(here, there):
            found.append("checksum")
        doubtful = sent and "checksum" not in found and not self._arrived_checked(here, there)
        unproven = prove and not equal_content(here.info, there.info, etags=self.etags)
        if (self.level == "content" or doubtful or unproven) and "size" not in found:
            position, differs = self._content_differs(here, there)
            found += ["content"] if differs else []
        elif self.locate and "size" in found:
            position = self._parting(here, there)
        return Finding(
            differences=tuple(found),
            position=position,
            destination=fingerprint,
            read_back=doubtful,
            tags_unread=unread,
            seen=Seen(here=here, there=there, wanted=wanted),
        )

    def _parting(self, here: ObjectDetails, there: ObjectDetails) -> int | None:
        """Where bodies of two sizes part; None = they could not be read, and their sizes say enough."""
        try:
            return first_difference(self.source, self.destination, here, there, gate=self.gate)
        except Stopped:
            raise
        except BucketsyncError:
            return None

    def _content_differs(self, here: ObjectDetails, there: ObjectDetails) -> tuple[int | None, bool]:
        """Where the bytes differ, and whether they do: a destination whose own checksum refuses its bytes is told apart
        from one that can't be read just now."""
        try:
            position = first_difference(self.source, self.destination, here, there, gate=self.gate)
        except BodyCorrupted as error:
            if error.location != self.destination.location.url:
                raise
            return None, True
        return position, position is not None

    def _arrived_checked(self, here: ObjectDetails, there: ObjectDetails) -> bool:
        """Whether the destination showed that it checked the bytes: one that is to keep checksums, and has none of
        this object, took no notice of the one that was sent."""
        if not self.destination.capabilities.checksums or there.info.checksum is not None:
            return True
        return self.etags and _both_md5(here, there) and equal_etags(here.info.etag, there.info.etag)

    def _head(self, store: ObjectStore, key: str) -> ObjectDetails | None:
        with suppress(ObjectNotFound):
            return store.head(key, checksum=self.level != "listing")
        return None

    def _checksums_differ(self, here: ObjectDetails, there: ObjectDetails) -> bool:
        if equal_checksums(here.info.checksum, there.info.checksum) is False:
            return True
        return self.etags and _both_md5(here, there) and not equal_etags(here.info.etag, there.info.etag)

    def _wanted(self, here: ObjectDetails) -> ObjectAttributes:
        wanted, _ = adapted(
            here,
            source=self.source.capabilities,
            destination=self.destination.capabilities,
            preserve=self.preserve,
        )
        return wanted

    def _attributes(self, wanted: ObjectAttributes, there: ObjectDetails, lost: tuple[str, ...]) -> list[str]:
        if not self.destination.capabilities.user_metadata:
            mtime = wanted.source_mtime
            times = [] if mtime is None or is_held_time(there.info.last_modified, mtime) else ["mtime"]
            return times + ([] if wanted.mode is None or there.attributes.mode == wanted.mode else ["mode"])
        found = differences(wanted, there.attributes)
        return [name for name in found if name not in lost]

    def _with_tags(self, store: ObjectStore, details: ObjectDetails) -> ObjectDetails:
        tags = read_tags(store, details) if self.tags else None
        return replace(details, attributes=replace(details.attributes, tags=tags))


def _both_md5(here: ObjectDetails, there: ObjectDetails) -> bool:
    return here.etag_is_md5 and there.etag_is_md5


def _is_version(expected: Fingerprint, found: ObjectDetails) -> bool:
    return found.info.size == expected.size and (expected.etag is None or found.info.etag == expected.etag)
