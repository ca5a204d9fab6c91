"""How is one request sent, and what comes out of it? All verbs of the store go through here."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from botocore import UNSIGNED
from botocore.client import BaseClient

from airflow_bucketsync.engine.errors import BucketsyncError, NotSupported, ServerError
from airflow_bucketsync.engine.model.bucket_keys import misshapen_s3
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.remote.remedies import Caller
from airflow_bucketsync.engine.stores.s3.client import Requests
from airflow_bucketsync.engine.stores.s3.errors import TRANSLATED, translated
from airflow_bucketsync.engine.stores.s3.plain_keys import no_path, unlistable
from airflow_bucketsync.engine.stores.s3.profile import Profile

_METHODS = {
    "HeadBucket": "head_bucket",
    "GetBucketLocation": "get_bucket_location",
    "GetBucketVersioning": "get_bucket_versioning",
    "GetBucketOwnershipControls": "get_bucket_ownership_controls",
    "GetBucketAcl": "get_bucket_acl",
    "GetObjectAcl": "get_object_acl",
    "ListObjects": "list_objects",
    "ListObjectsV2": "list_objects_v2",
    "HeadObject": "head_object",
    "GetObject": "get_object",
    "GetObjectTagging": "get_object_tagging",
    "PutObject": "put_object",
    "CopyObject": "copy_object",
    "CreateMultipartUpload": "create_multipart_upload",
    "UploadPart": "upload_part",
    "UploadPartCopy": "upload_part_copy",
    "ListParts": "list_parts",
    "CompleteMultipartUpload": "complete_multipart_upload",
    "AbortMultipartUpload": "abort_multipart_upload",
    "ListMultipartUploads": "list_multipart_uploads",
    "DeleteObject": "delete_object",
    "DeleteObjects": "delete_objects",
}

Answer = Mapping[str, Any]


class Session:
    """A client with the place it works in.

    :param profile: which kind of store it is
    :param capabilities: what it can do and hold
    :param owner: account id that must own the bucket, sent with every request
    :param requester_pays: say with every request that the requester pays for it
    :param settings: what is sent with every request that makes an object
    """

    def __init__(
        self,
        location: Location,
        client: BaseClient,
        profile: Profile,
        capabilities: Capabilities,
        *,
        owner: str | None,
        requester_pays: bool,
        settings: WriteSettings,
    ) -> None:
        self.location = location
        self.client = client
        self.profile = profile
        self.capabilities = capabilities
        self.owner = owner
        self.requester_pays = requester_pays
        self.settings = settings
        self.tags_readable = False
        """Whether tags were read here, so that a HEAD that counts none means that there are none."""
        self.names_versions = True
        self.requests = Requests(
            client,
            content_md5=profile.bulk_delete == "md5" or not capabilities.checksums,
            url_encode=profile.url_encode,
        )

    def at(self, other: Session) -> Session:
        """The same client at another's place, by what is to be said there."""
        there = copy(self)
        there.location, there.owner, there.requester_pays = other.location, other.owner, other.requester_pays
        return there

    def call(
        self,
        operation: str,
        key: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        **params: Any,
    ) -> Answer:
        """Send one request; parameters that are None are left out.

        :param key: relative to the location
        :param headers: sent as they are, beside those of the parameters
        :raises BucketsyncError: whatever went wrong, in our words
        """
        sent = {name: value for name, value in params.items() if value is not None}
        sent["Bucket"] = self.location.bucket
        if key is not None:
            sent["Key"] = self.location.full_key(key)
        sent = self.said_always(operation) | sent
        self.requests.count.turn()  # before it is signed: a signature grows old
        try:
            with self.requests.with_extra(headers or {}, None if body is None else memoryview(body).cast("B")):
                answer: Answer = getattr(self.client, _METHODS[operation])(**sent)
        except TRANSLATED as error:
            # Without the cause: its text and its frames hold what the store answered and what was sent.
            raise self.error(error, operation, key) from None
        return answer

    @property
    def payer(self) -> str | None:
        """Who pays, as requests say it; None = they say nothing, and the bucket's owner does."""
        return "requester" if self.requester_pays else None

    def said_always(self, operation: str) -> dict[str, str]:
        """The parameters of every request of this kind here: who must own the bucket, and who pays."""
        said = {"ExpectedBucketOwner": self.owner, "RequestPayer": self.payer}
        model: Any = self.client.meta.service_model.operation_model(operation)
        known = model.input_shape.members
        return {name: value for name, value in said.items() if value is not None and name in known}

    def misshapen(self, key: str) -> str | None:
        """Why this store can't hold this key, or not below this location; None = it can."""
        if not key:
            return "an empty name"
        full_key = self.location.full_key(key)
        reason = misshapen_s3(full_key)
        if reason is None and self.profile.path_keys:
            reason = no_path(full_key)
        return reason or (None if self.profile.url_encode else unlistable(full_key))

    def require_key(self, key: str) -> None:
        """Go on only with a key that can be written here; not every store refuses the others.

        :raises NotSupported: it can't
        """
        reason = self.misshapen(key)
        if reason is not None:
            raise NotSupported(f"the key can't be written: {reason}", location=self.location.url, key=key)

    def error(self, error: Exception, operation: str, key: str | None) -> BucketsyncError:
        """Our error for one of the client's."""
        key_id = self.settings.encryption_key
        caller = Caller(anonymous=self.anonymous, owner=self.owner, encryption_key=key_id)
        return translated(error, operation, self.location, key, refreshable=self.refreshable, caller=caller)

    def unanswered(self, operation: str, missing: str, key: str | None) -> ServerError:
        """The error for an answer that lacks what it must have."""
        return ServerError(
            f"{operation}: the answer has no {missing}; it is unknown whether the request was carried out",
            location=self.location.url,
            key=key,
        )

    @property
    def refreshable(self) -> bool:
        """Whether the client fetches new credentials by itself when they expire."""
        return hasattr(self._credentials, "refresh_needed")

    @property
    def anonymous(self) -> bool:
        """Whether nothing is signed."""
        config: Any = self.client.meta.config
        return config.signature_version is UNSIGNED

    @property
    def access_key(self) -> str | None:
        """Which identity signs, for comparison only; None where it can't be told."""
        return getattr(self._credentials, "access_key", None)

    @property
    def _credentials(self) -> Any:
        # The client has no public way to tell; where this one is gone, identities count as unknown.
        return getattr(getattr(self.client, "_request_signer", None), "_credentials", None)
