"""What does OSS have to be asked so that a request is carried out only in a known state?"""

from __future__ import annotations

from urllib.parse import quote

from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.oss.reading import looked_at
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.oss.symlinks import plain
from airflow_bucketsync.engine.stores.remote.conditions import require_state
from airflow_bucketsync.engine.stores.remote.header_text import quoted


def write_condition(session: Session, key: str, destination: Condition) -> dict[str, str | None]:
    """The headers of a write that must find `destination`; where OSS can't, a HEAD looks right before.

    OSS can only be told not to overwrite, and ignores that where the bucket keeps versions.

    :raises ObjectChanged: the HEAD found another state
    """
    if not destination.is_any and (not destination.absent or session.keeps_versions()):
        require_state(session, key, destination, looked_at(session, key))
    return {"x-oss-forbid-overwrite": "true" if destination.absent else None}


def copy_source(bucket: str, full_key: str, source: Condition) -> dict[str, str | None]:
    """The headers that name the version to copy from."""
    version = "" if source.version_id is None else f"?versionId={quote(source.version_id, safe='')}"
    return {
        "x-oss-copy-source": f"/{bucket}/{quote(full_key, safe='')}{version}",
        "x-oss-copy-source-if-match": None if source.etag is None else quoted(plain(source.etag) or ""),
    }
