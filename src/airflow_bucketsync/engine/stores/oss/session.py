"""How is one request sent, and what comes out of it? All verbs of the store go through here."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import oss2  # type: ignore[import-untyped]

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, NotSupported, ServerError
from airflow_bucketsync.engine.model.bucket_keys import misshapen_oss
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.oss.errors import TRANSLATED, refused, translated
from airflow_bucketsync.engine.stores.pace import RequestCount
from airflow_bucketsync.engine.stores.remote.remedies import Caller

_URL = {"encoding-type": "url"}
_OPERATIONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "GetBucketLocation": ("GET", {"location": ""}),
    "GetBucketVersioning": ("GET", {"versioning": ""}),
    "ListObjectsV2": ("GET", {"list-type": "2", **_URL}),
    "HeadObject": ("HEAD", {}),
    "GetObject": ("GET", {}),
    "GetObjectTagging": ("GET", {"tagging": ""}),
    "GetSymlink": ("GET", {"symlink": ""}),
    "PutObject": ("PUT", {}),
    "CopyObject": ("PUT", {}),
    "InitiateMultipartUpload": ("POST", {"uploads": "", **_URL}),
    "UploadPart": ("PUT", {}),
    "UploadPartCopy": ("PUT", {}),
    "ListParts": ("GET", _URL),
    "CompleteMultipartUpload": ("POST", _URL),
    "AbortMultipartUpload": ("DELETE", {}),
    "ListMultipartUploads": ("GET", {"uploads": "", **_URL}),
    "DeleteObject": ("DELETE", {}),
    "DeleteMultipleObjects": ("POST", {"delete": "", **_URL}),
}
"""The method and sub-resource of each operation.

They are sent by the one method of oss2 that all of its own verbs end in, which signs them: the verbs' answers leave out
what proves a listing to be one, and are parsed before anybody could look.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: headers, and the body where it was read. `stream` is that of a GetObject, and must be closed."""

    headers: Mapping[str, str]
    body: bytes
    stream: Any = None


class Session:
    """A client with the place it works in.

    :param settings: what is sent with every request that makes an object
    :param requester_pays: whether every request says that whoever asks pays for it
    """

    def __init__(
        self,
        location: Location,
        client: oss2.Bucket,
        capabilities: Capabilities,
        *,
        settings: WriteSettings,
        requester_pays: bool,
    ) -> None:
        self.location = location
        self.client = client
        self.capabilities = capabilities
        self.settings = settings
        self.tags_readable = False
        """Whether tags were read here, so that a HEAD that counts none means that there are none."""
        self.names_versions = True
        self.requests = RequestCount()
        self._always = {"x-oss-request-payer": "requester"} if requester_pays else {}
        self._lock = threading.Lock()
        self._versions: bool | None = None

    def at(self, location: Location) -> Session:
        """The same client at another place."""
        other = copy(self)
        other.location, other._versions = location, None
        return other

    def call(
        self,
        operation: str,
        key: str | None = None,
        *,
        params: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Body | None = None,
    ) -> Answer:
        """Send one request; parameters and headers that are None are left out.

        :param key: relative to the location
        :raises BucketsyncError: whatever went wrong, in our words
        """
        if key == "":  # it would be a request about the bucket itself
            raise NotSupported(f"{operation}: an object has a name", location=self.location.url)
        method, known = _OPERATIONS[operation]
        sent = self._always | {name: value for name, value in (headers or {}).items() if value is not None}
        query = {**known, **{name: value for name, value in (params or {}).items() if value is not None}}
        # A memoryview is sent without a copy; of an empty one the HTTP library would not know the length.
        data = None if body is None else memoryview(body).cast("B") if memoryview(body).nbytes else b""
        self.requests.turn()
        with self._lock:
            self.requests[operation] += 1
        full_key = "" if key is None else self.location.full_key(key)
        try:
            answer = self.client._do(method, self.location.bucket, full_key, params=query, headers=sent, data=data)
            found = answer.response
            if operation == "GetObject":
                return Answer(found.headers, b"", found.raw)
            # Not through the HTTP library's decoders: Content-Encoding is an attribute of the object here.
            return Answer(found.headers, found.raw.read(decode_content=False))
        except TRANSLATED as error:
            # Without the cause: its text and its frames hold what the store answered and what was sent.
            raise self.error(error, operation, key) from None

    def document(self, operation: str, key: str | None, answer: Answer, name: str) -> ElementTree.Element:
        """The XML document in an answer.

        :raises BucketsyncError: it is none, or says an error although the status was 200
        """
        try:
            root = ElementTree.fromstring(answer.body)  # noqa: S314 - expat refuses documents that blow up
        except ElementTree.ParseError as error:
            raise self.error(error, operation, key) from None
        if root.tag == "Error":
            details = {child.tag: child.text or "" for child in root}
            raise refused(details, operation, self.location, key, status=500)
        if root.tag != name:
            raise self.unanswered(operation, name, key)
        return root

    def keeps_versions(self) -> bool:
        """Whether the bucket has versioning on or suspended, where OSS ignores `x-oss-forbid-overwrite`; asked once.

        Where it may not be asked, it counts as on.
        """
        if self._versions is None:
            try:
                answer = self.call("GetBucketVersioning")
            except (AccessDenied, NotSupported):
                self._versions = True
            else:
                root = self.document("GetBucketVersioning", None, answer, "VersioningConfiguration")
                self._versions = bool(root.findtext("Status"))
        return self._versions

    def misshapen(self, key: str) -> str | None:
        """Why no bucket can hold this key, or not below this location; None = one can."""
        if not key:
            return "an empty name"
        return misshapen_oss(self.location.full_key(key))

    def require_key(self, key: str) -> None:
        """Go on only with a key that can be written here.

        :raises NotSupported: it can't
        """
        reason = self.misshapen(key)
        if reason is not None:
            raise NotSupported(f"the key can't be written: {reason}", location=self.location.url, key=key)

    def error(self, error: Exception, operation: str, key: str | None) -> BucketsyncError:
        """Our error for one of the client's."""
        caller = Caller(anonymous=self._provider is None, encryption_key=self.settings.encryption_key)
        return translated(error, operation, self.location, key, refreshable=self.refreshable, caller=caller)

    def unanswered(self, operation: str, missing: str, key: str | None) -> ServerError:
        """The error for an answer that lacks what it must have."""
        return ServerError(
            f"{operation}: the answer has no {missing}; it is unknown whether the request was carried out",
            location=self.location.url,
            key=key,
        )

    @property
    def encrypted(self) -> bool:
        """Whether requests go over TLS."""
        return str(self.client.endpoint).startswith("https://")

    @property
    def anonymous(self) -> bool:
        """Whether nothing is signed."""
        return self._provider is None

    @property
    def refreshable(self) -> bool:
        """Whether the client fetches new credentials by itself when they expire."""
        return self._provider is not None and not isinstance(self._provider, oss2.StaticCredentialsProvider)

    @property
    def access_key(self) -> str | None:
        """Which identity signs, for comparison only; None where it can't be told without asking for it."""
        if not isinstance(self._provider, oss2.StaticCredentialsProvider):
            return None
        found: str = self._provider.get_credentials().get_access_key_id()
        return found

    @property
    def _provider(self) -> Any:
        return getattr(self.client.auth, "credentials_provider", None)
