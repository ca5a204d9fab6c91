"""What does S3 have to be asked so that a request is carried out only in a known state?"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.remote.conditions import require_state
from airflow_bucketsync.engine.stores.remote.header_text import quoted
from airflow_bucketsync.engine.stores.s3.reading import looked_at
from airflow_bucketsync.engine.stores.s3.session import Session


def write_condition(session: Session, key: str, destination: Condition, *, copies: bool = False) -> dict[str, Any]:
    """The parameters of a write that must find `destination`; where the store can't, or may not, a HEAD looks before.

    :param copies: whether the write is a server-side copy: fewer stores look at its condition
    :raises ObjectChanged: the HEAD found another state
    """
    sent = sent_condition(session, destination, copies=copies)
    trusted = bool(sent) and (session.capabilities.conditional_copy or not copies)
    if not trusted and not destination.is_any:
        require_state(session, key, destination, looked_at(session, key))
    return sent


def sent_condition(session: Session, destination: Condition, *, copies: bool) -> dict[str, Any]:
    """The parameters of a write that tell the store what it must find, as far as it can be told."""
    able = session.capabilities.conditional_put
    if copies and not session.capabilities.conditional_copy and session.profile.conditional_copy != "doubted":
        return {}
    if destination.absent and able != "none":
        return {"IfNoneMatch": "*"}
    if destination.etag is not None and able == "full":
        return {"IfMatch": quoted(destination.etag)}
    return {}


def copy_source(session: Session, key: str, source: Condition) -> dict[str, str]:
    """The parameter that names the object to copy from.

    In parts, because the client percent-encodes exactly once then (`/` and `~` kept, dots too); a text that is encoded
    already would be encoded again, and one that is not would lose a key with `?versionId=` in it.
    """
    named = {"Bucket": session.location.bucket, "Key": session.location.full_key(key)}
    return named if source.version_id is None else {**named, "VersionId": quote(source.version_id, safe="")}
