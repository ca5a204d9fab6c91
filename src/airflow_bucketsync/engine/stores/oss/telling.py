"""What does a bucket of OSS tell of itself?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from airflow_bucketsync.engine.errors import AccessDenied, NotSupported
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.remote.place import RemotePlace
from airflow_bucketsync.engine.stores.telling import Ownership, Versioning, read_date

_VERSIONING: Mapping[str, Versioning] = {"Enabled": "on", "Suspended": "suspended"}


class OSSTelling(RemotePlace):
    """A bucket that can be asked about itself."""

    _session: Session

    def versioning(self) -> Versioning | None:
        """Whether the bucket keeps versions."""
        try:
            answer = self._session.call("GetBucketVersioning")
        except (AccessDenied, NotSupported):
            return None
        root = self._session.document("GetBucketVersioning", None, answer, "VersioningConfiguration")
        return _VERSIONING.get(root.findtext("Status") or "", "off")

    def ownership(self, key: str) -> Ownership | None:
        """The bucket's owner, always: objects have no other one."""
        return "bucket"

    def server_time(self) -> datetime | None:
        """What the store's clock shows now; asked by a listing of one key, which needs no other right."""
        params = {"max-keys": "1", "prefix": self.location.prefix}
        return read_date(self._session.call("ListObjectsV2", params=params).headers.get("Date"))

    def encryption_key(self, key: str) -> str | None:
        """The id of the key of KMS that an object is encrypted with."""
        return self._session.call("HeadObject", key).headers.get("x-oss-server-side-encryption-key-id")
