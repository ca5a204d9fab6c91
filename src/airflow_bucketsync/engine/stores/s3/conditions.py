"""What does S3 have to be asked so that a request is carried out only in a known state?"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_bucketsync.engine.errors import ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.stores.s3.reading import head
from airflow_bucketsync.engine.stores.s3.session import Session


def write_condition(session: Session, key: str, destination: Condition) -> dict[str, Any]:
    """The parameters of a write that must find `destination`; where the store can't, a HEAD looks before.

    :raises ObjectChanged: the HEAD found another state
    """
    able = session.capabilities.conditional_put
    if destination.absent and able != "none":
        return {"IfNoneMatch": "*"}
    if destination.etag is not None and able == "full":
        return {"IfMatch": quoted(destination.etag)}
    if not destination.is_any:
        require_state(session, key, destination)
    return {}


def require_state(session: Session, key: str, destination: Condition) -> ObjectInfo | None:
    """Go on only when the object is in this state now; returns what stands there. Another writer can come between.

    :raises ObjectChanged: it is in another state
    """
    try:
        found = head(session, key, checksum=False).info
    except ObjectNotFound:
        if destination.absent:
            return None
        raise changed(session, key, "nothing stands there any more") from None
    if destination.absent:
        raise changed(session, key, "an object stands there, and nothing should")
    require_version(session, key, destination, found)
    return found


def require_version(session: Session, key: str, condition: Condition, found: ObjectInfo) -> None:
    """Go on only when `found` is the version that `condition` names.

    :raises ObjectChanged: it is another one
    """
    if condition.etag is not None and condition.etag != found.etag:
        raise changed(session, key, f"its ETag is {found.etag}, not {condition.etag}")
    if condition.size is not None and condition.size != found.size:
        raise changed(session, key, f"it has {found.size} bytes, not {condition.size}")


def changed(session: Session, key: str, words: str) -> ObjectChanged:
    """The error for an object in another state than asked for."""
    return ObjectChanged(
        f"the object is not in the state that was asked for: {words}", location=session.location.url, key=key
    )


def quoted(etag: str) -> str:
    """An ETag as headers have it."""
    return f'"{etag}"'


def copy_source(session: Session, key: str, source: Condition) -> dict[str, str]:
    """The parameter that names the object to copy from.

    In parts, because the client percent-encodes exactly once then (`/` and `~` kept, dots too); a text that is encoded
    already would be encoded again, and one that is not would lose a key with `?versionId=` in it.
    """
    named = {"Bucket": session.location.bucket, "Key": session.location.full_key(key)}
    return named if source.version_id is None else {**named, "VersionId": quote(source.version_id, safe="")}
