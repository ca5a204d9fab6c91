"""Hold one object at the destination against its source and name every difference.

Used by `verify` (after a copy) and by `compare` (of a whole pair). The words:

`missing`, `size`, `etag` (not what this run wrote), `checksum`, `content` (with the position of the first difference),
and the names of attributes (`content_type`, `user_metadata`, `tags`, …, `mtime` on a file system).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from airflow_bucketsync.engine.errors import BodyCorrupted, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.equality import equal_checksums, equal_content, equal_etags, etags_comparable
from airflow_bucketsync.engine.model.fidelity import adapted, differences, is_held_time
from airflow_bucketsync.engine.model.objects import Checksum, Fingerprint, ObjectDetails
from airflow_bucketsync.engine.model.policy import Verify
from airflow_bucketsync.engine.model.preserve import Preserve
from airflow_bucketsync.engine.stores.base import ObjectBody, ObjectStore
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, checksum_of, combined
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.transfer import new_buffer, read_tags

BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one key.

    :param differences: words of this module; () = nothing
    :param source_changed: the source is not the version any more that was expected, so only what this run wrote counts
    :param position: offset of the first byte that differs
    :param destination: what stands there
    :param tags_unread: the credentials of a side may not read its tags, so these were not compared
    :param read_back: the bytes were read again, because the store had not proven that it holds them
    """

    differences: tuple[str, ...] = ()
    source_changed: bool = False
    position: int | None = None
    destination: Fingerprint | None = None
    read_back: bool = False
    tags_unread: bool = False


class Examiner:
    """Looks at single keys of a pair.

    :param level: `listing` holds size and ETag only; `metadata` adds HEAD, tags and checksums; `content` reads both
    :param preserve: what is held of the attributes
    """

    def __init__(
        self, source: ObjectStore, destination: ObjectStore, *, level: Verify, preserve: Preserve, gate: Gate
    ) -> None:
        self.source = source
        self.destination = destination
        self.level = level
        self.preserve = preserve
        self.tags = preserve.keeps("tags") and source.capabilities.tags and destination.capabilities.tags
        self.gate = gate
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
        found += self._attributes(here, there, lost)
        position = None
        if "size" not in found and self._checksums_differ(here, there):
            found.append("checksum")
        doubtful = sent and "checksum" not in found and not self._arrived_checked(here, there)
        unproven = prove and not equal_content(here.info, there.info, etags=self.etags)
        if (self.level == "content" or doubtful or unproven) and "size" not in found:
            position, differs = self._content_differs(here, there)
            found += ["content"] if differs else []
        return Finding(
            differences=tuple(found),
            position=position,
            destination=fingerprint,
            read_back=doubtful,
            tags_unread=unread,
        )

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

    def _attributes(self, here: ObjectDetails, there: ObjectDetails, lost: tuple[str, ...]) -> list[str]:
        wanted, _ = adapted(
            here,
            source=self.source.capabilities,
            destination=self.destination.capabilities,
            preserve=self.preserve,
        )
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


def first_difference(
    source: ObjectStore, destination: ObjectStore, here: ObjectDetails, there: ObjectDetails, *, gate: Gate
) -> int | None:
    """The offset of the first byte that differs between two objects of one size; None = they are equal.

    Where the source holds a checksum that can be put together from blocks, only the destination is read unless it
    differs; otherwise both are.
    """
    stored = here.info.checksum
    comparable = stored is not None and stored.parts is None and stored.algorithm in COMBINABLE
    if stored is not None and comparable and _checksum_of_object(destination, there, stored, gate=gate) == stored:
        return None
    return _position(source, destination, here, there, gate=gate)


def _checksum_of_object(store: ObjectStore, details: ObjectDetails, like: Checksum, *, gate: Gate) -> Checksum:
    blocks: list[tuple[Checksum, int]] = []
    buffer = new_buffer(min(BLOCK, max(details.info.size, 1)))
    with gate.buffer(len(buffer)), store.open(details.info.key, source=Condition.matching(details.info)) as body:
        while count := _fill(body, buffer):
            gate.check()
            blocks.append((checksum_of(like.algorithm, buffer[:count]), count))
    return combined(like.algorithm, blocks)


def _position(
    source: ObjectStore, destination: ObjectStore, here: ObjectDetails, there: ObjectDetails, *, gate: Gate
) -> int | None:
    block = min(BLOCK, max(here.info.size, 1))
    left, right = new_buffer(block), new_buffer(block)
    done = 0
    with (
        gate.buffer(2 * block),
        source.open(here.info.key, source=Condition.matching(here.info)) as one,
        destination.open(there.info.key, source=Condition.matching(there.info)) as two,
    ):
        while True:
            gate.check()
            first, second = _fill(one, left), _fill(two, right)
            if left[:first] != right[:second]:
                pairs = zip(left[:first], right[:second], strict=False)
                return done + next((index for index, (a, b) in enumerate(pairs) if a != b), min(first, second))
            if not first:
                return None
            done += first


def _fill(body: ObjectBody, buffer: memoryview) -> int:
    """Fill the buffer as far as the body goes."""
    done = 0
    while done < len(buffer):
        count = body.readinto(buffer[done:])
        if not count:
            break
        done += count
    return done
