"""How are the bytes of one version read?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.remote.body import Body, announced_short, asked_range, checked_size, require_begun
from airflow_bucketsync.engine.stores.remote.conditions import require_version
from airflow_bucketsync.engine.stores.remote.header_text import quoted
from airflow_bucketsync.engine.stores.remote.versions import read_version
from airflow_bucketsync.engine.stores.s3.errors import TRANSLATED
from airflow_bucketsync.engine.stores.s3.reading import details, head
from airflow_bucketsync.engine.stores.s3.session import Answer, Session


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
        answer = None
    if answer is None:
        body = _nothing(session, key, source)
        require_begun(session, key, body.details.info.size, start)
        yield body
        return
    # Closed, not drained: a caller that leaves early does not wait for the rest. One that read all left the
    # connection free for the next request before this.
    try:
        size = _size(session, key, answer, asked, start, length)
        found = details(session, "GetObject", key, answer, size=size)
        if asked is not None:
            # A range that is a part of an upload may come with the part's own checksum.
            found = replace(found, info=replace(found.info, checksum=None))
        if source.etag is not None and source.etag == found.info.etag and size < (source.size or 0):
            # The version is the right one, so it is the answer that is short, not the object.
            raise announced_short(session, key, size, source.size)
        require_version(session, key, source, found.info)
        yield Body(session, key, found, answer["Body"], answer["ContentLength"], TRANSLATED)
    finally:
        answer["Body"].close()


def _asked(session: Session, key: str, asked: str | None, source: Condition) -> Answer:
    return session.call(
        "GetObject",
        key,
        Range=asked,
        VersionId=source.version_id,
        IfMatch=None if source.etag is None else quoted(source.etag),
        ChecksumMode="ENABLED",
    )


def _nothing(session: Session, key: str, source: Condition) -> Body:
    found = read_version(session, source, lambda pin: head(session, key, version_id=pin.version_id, checksum=False))
    require_version(session, key, source, found.info)
    return Body(session, key, found, None, 0, TRANSLATED)


def _size(session: Session, key: str, answer: Answer, asked: str | None, start: int, length: int | None) -> int:
    """The size of the whole object, when the answer is the range that was asked for."""
    count = answer.get("ContentLength")
    if count is None:
        raise session.unanswered("GetObject", "Content-Length", key)
    told = answer.get("ContentRange", "")
    return checked_size(session, key, count=count, told=told, asked=asked, start=start, length=length)
