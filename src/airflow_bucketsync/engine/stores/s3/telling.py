"""What does a bucket that speaks S3 tell of itself?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_bucketsync.engine.errors import AccessDenied, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.stores.remote.place import RemotePlace
from airflow_bucketsync.engine.stores.s3.regions import bucket_headers
from airflow_bucketsync.engine.stores.s3.session import Answer, Session
from airflow_bucketsync.engine.stores.telling import Ownership, Versioning, read_date

_VERSIONING: Mapping[str, Versioning] = {"Enabled": "on", "Suspended": "suspended"}
_ENFORCED = "BucketOwnerEnforced"


class S3Telling(RemotePlace):
    """A bucket that can be asked about itself."""

    _session: Session

    def versioning(self) -> Versioning | None:
        """Whether the bucket keeps versions."""
        answer = _asked(self._session, "GetBucketVersioning")
        return None if answer is None else _VERSIONING.get(answer.get("Status", ""), "off")

    def ownership(self, key: str) -> Ownership | None:
        """Who owns what these credentials write.

        Buckets made since 2023 say that their owner does; of others two owners are held against each other.
        """
        controls = _asked(self._session, "GetBucketOwnershipControls")
        rules: Any = {} if controls is None else controls.get("OwnershipControls", {}).get("Rules", ())
        if any(rule.get("ObjectOwnership") == _ENFORCED for rule in rules):
            return "bucket"
        bucket, written = _asked(self._session, "GetBucketAcl"), _asked(self._session, "GetObjectAcl", key)
        owners = [None if answer is None else answer.get("Owner", {}).get("ID") for answer in (bucket, written)]
        if None in owners:
            return None
        return "bucket" if owners[0] == owners[1] else "writer"

    def server_time(self) -> datetime | None:
        """What the store's clock shows now."""
        return read_date(bucket_headers(self._session).get("date"))

    def encryption_key(self, key: str) -> str | None:
        """The id of the key of KMS that an object is encrypted with."""
        found: str | None = self._session.call("HeadObject", key).get("SSEKMSKeyId")
        return found


def _asked(session: Session, operation: str, key: str | None = None) -> Answer | None:
    try:
        return session.call(operation, key)
    except (AccessDenied, NotSupported, ObjectNotFound):
        return None
