"""How are the bytes of one version read?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow_bucketsync.engine.errors import BucketsyncError, ConnectionLost, ServerError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectDetails
from airflow_bucketsync.engine.stores.s3.conditions import quoted, require_version
from airflow_bucketsync.engine.stores.s3.errors import TRANSLATED
from airflow_bucketsync.engine.stores.s3.reading import details, head
from airflow_bucketsync.engine.stores.s3.session import Answer, Session

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Body:
    """An open object: what the answer said of it, and its bytes straight from the connection."""

    def __init__(self, session: Session, key: str, found: ObjectDetails, stream: Any, length: int) -> None:
        self._session = session
        self._key = key
        self._details = found
        self._stream = stream
        self._length = length
        self._left = length

    @property
    def details(self) -> ObjectDetails:
        """The version that is being read and its attributes; of a range the checksum is not known."""
        return self._details

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill as much of `buffer` as is there; 0 = the end."""
        if not self._left:
            return 0
        try:
            # The HTTP library makes a copy of what it is asked for: a whole part would be in memory twice.
            count: int = self._stream.readinto(buffer[: min(self._left, _CHUNK)])
        except TRANSLATED as error:
            raise self._session.error(error, "GetObject", self._key) from None
        except Exception as error:  # the HTTP library's own, like a broken TLS record, which the client lets pass
            raise ConnectionLost(
                f"GetObject: the body could not be read ({type(error).__name__})",
                location=self._session.location.url,
                key=self._key,
            ) from None
        if not count and len(buffer):
            raise ConnectionLost(
                f"GetObject: the body ended after {self._length - self._left} of {self._length} bytes",
                location=self._session.location.url,
                key=self._key,
            )
        self._left -= count
        return count


@contextmanager
def opened(session: Session, key: str, *, start: int, length: int | None, source: Condition) -> Iterator[Body]:
    """Read a range of the version that `source` names; a range beyond the end is empty.

    :raises ObjectChanged: another version stands there
    """
    if length == 0:
        yield _nothing(session, key, source)
        return
    asked = None if start == 0 and length is None else f"bytes={start}-{'' if length is None else start + length - 1}"
    try:
        answer = session.call(
            "GetObject",
            key,
            Range=asked,
            VersionId=source.version_id,
            IfMatch=None if source.etag is None else quoted(source.etag),
            ChecksumMode="ENABLED",
        )
    except BucketsyncError as error:
        if asked is None or error.code not in ("InvalidRange", "416"):
            raise
        answer = None
    if answer is None:
        body = _nothing(session, key, source)
        if start < body.details.info.size:
            raise ServerError(
                f"GetObject: the store has no bytes from {start} on of {body.details.info.size}",
                location=session.location.url,
                key=key,
            )
        yield body
        return
    # Closed, not drained: a caller that leaves early does not wait for the rest. One that read all left the
    # connection free for the next request before this.
    try:
        size = _checked_size(session, key, answer, asked, start, length)
        found = details(session, "GetObject", key, answer, size=size)
        if asked is not None:
            # A range that is a part of an upload may come with the part's own checksum.
            found = replace(found, info=replace(found.info, checksum=None))
        if source.etag is not None and source.etag == found.info.etag and size < (source.size or 0):
            # The version is the right one, so it is the answer that is short, not the object.
            raise ConnectionLost(
                f"GetObject: the answer announces {size} bytes of the {source.size} that this version has",
                location=session.location.url,
                key=key,
            )
        require_version(session, key, source, found.info)
        yield Body(session, key, found, answer["Body"], answer["ContentLength"])
    finally:
        answer["Body"].close()


def _nothing(session: Session, key: str, source: Condition) -> Body:
    found = head(session, key, version_id=source.version_id, checksum=False)
    require_version(session, key, source, found.info)
    return Body(session, key, found, None, 0)


def _checked_size(session: Session, key: str, answer: Answer, asked: str | None, start: int, length: int | None) -> int:
    """The size of the whole object, when the answer is the range that was asked for."""
    count = answer.get("ContentLength")
    if count is None:
        raise session.unanswered("GetObject", "Content-Length", key)
    if asked is None:
        return int(count)
    # A store that ignores ranges would give the beginning of the object for every part of it.
    match = _RANGE.fullmatch(answer.get("ContentRange", ""))
    first, last, size = (int(text) for text in match.groups()) if match else (-1, -1, -1)
    expected = size - start if length is None else min(length, size - start)
    if first != start or last - first + 1 != count or count != expected:
        raise ServerError(
            f"GetObject: asked for {asked}, the answer is {answer.get('ContentRange')!r} with {count} bytes",
            location=session.location.url,
            key=key,
        )
    return size
