"""How are the bytes of one version read?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import Checksum
from airflow_bucketsync.engine.stores.checksums import RunningCrc64
from airflow_bucketsync.engine.stores.oss.errors import TRANSLATED
from airflow_bucketsync.engine.stores.oss.reading import details, head
from airflow_bucketsync.engine.stores.oss.session import Answer, Session
from airflow_bucketsync.engine.stores.oss.symlinks import is_marked, plain
from airflow_bucketsync.engine.stores.remote.body import (
    Body,
    Watch,
    announced_short,
    asked_range,
    checked_size,
    require_begun,
)
from airflow_bucketsync.engine.stores.remote.conditions import require_equal, require_version
from airflow_bucketsync.engine.stores.remote.header_text import quoted
from airflow_bucketsync.engine.stores.remote.versions import read_version


@contextmanager
def opened(session: Session, key: str, *, start: int, length: int | None, source: Condition) -> Iterator[Body]:
    """Read a range of the version that `source` names; a range beyond the end is empty.

    :raises ObjectChanged: another version stands there
    """
    if length == 0:
        yield _nothing(session, key, source)
        return
    asked = asked_range(start, length)
    try:
        answer = read_version(session, source, lambda pin: _asked(session, key, asked, pin))
    except BucketsyncError as error:
        if asked is None or error.code not in ("InvalidRange", "416"):
            raise
        body = _nothing(session, key, source)
        require_begun(session, key, body.details.info.size, start)
        yield body
        return
    # Closed, not drained: a caller that leaves early does not wait for the rest. One that read all left the
    # connection free for the next request before this.
    try:
        yield _served(session, key, answer, asked, start, length, source)
    finally:
        answer.stream.close()
        answer.stream.release_conn()


def _asked(session: Session, key: str, asked: str | None, source: Condition) -> Answer:
    return session.call(
        "GetObject",
        key,
        params={"versionId": source.version_id},
        headers={
            "Range": asked,
            # Without it OSS answers a range that reaches beyond the end with the whole object.
            "x-oss-range-behavior": None if asked is None else "standard",
            "If-Match": None if source.etag is None else quoted(plain(source.etag) or ""),
        },
    )


def _served(
    session: Session,
    key: str,
    answer: Answer,
    asked: str | None,
    start: int,
    length: int | None,
    source: Condition,
) -> Body:
    told = answer.headers.get("Content-Length", "")
    if not told.isdecimal():
        raise session.unanswered("GetObject", "Content-Length", key)
    size = checked_size(
        session,
        key,
        count=int(told),
        told=answer.headers.get("Content-Range", ""),
        asked=asked,
        start=start,
        length=length,
    )
    found = details(session, "GetObject", key, answer.headers, size=size, link=is_marked(source.etag))
    if source.etag is not None and source.etag == found.info.etag and size < (source.size or 0):
        # The version is the right one, so it is the answer that is short, not the object.
        raise announced_short(session, key, size, source.size)
    require_version(session, key, source, found.info)
    watch = None
    if int(told) == size and found.info.checksum is not None:
        watch = _proof(session, key, found.info.checksum)
    return Body(session, key, found, answer.stream, int(told), TRANSLATED, watch)


def _proof(session: Session, key: str, expected: Checksum) -> Watch:
    """Holds the bytes of a whole object against the CRC-64 that came with them."""
    running = RunningCrc64()

    def watch(piece: memoryview, last: bool) -> None:
        running.add(piece)
        if last:
            require_equal(session, key, running.checksum, expected)

    return watch


def _nothing(session: Session, key: str, source: Condition) -> Body:
    found = read_version(session, source, lambda pin: head(session, key, version_id=pin.version_id))
    require_version(session, key, source, found.info)
    return Body(session, key, found, None, 0, TRANSLATED)
