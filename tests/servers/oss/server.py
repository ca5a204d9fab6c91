"""The strict OSS server: what is checked for every request, and who answers which operation."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from tests.servers.core.body import Body, body_bytes, md5_hex
from tests.servers.core.errors import NotModified, StoreError
from tests.servers.core.model import Lock, ObjectVersion
from tests.servers.core.store import ObjectStore
from tests.servers.oss.access_control import is_public
from tests.servers.oss.admission import check_length, refuse_region
from tests.servers.oss.client import make_bucket, make_session
from tests.servers.oss.crc import crc_of
from tests.servers.oss.credentials import Credential, action_of
from tests.servers.oss.errors import OSSError, error_xml, from_core, immutable, invalid_argument
from tests.servers.oss.operations import HANDLERS
from tests.servers.oss.routing import check_key, invalid_name, operation_of, split_path
from tests.servers.oss.signature import Signature, Verifier
from tests.servers.web.exchange import Call, Reply
from tests.servers.web.host import StoreServer

GIB = 1024**3
DOMAINS = ("localhost", "aliyuncs.com")
KNOBS = (
    "region",
    "min_part_size",
    "largest_put",
    "largest_copy",
    "largest_converting_copy",
    "allow_v1",
    "copies_have_crc",
    "part_copies_have_crc",
    "copies_appendable",
    "metadata_names",
    "batch_delete_errors",
    "clock_skew",
    "latency",
    "max_requests_per_second",
)
WITH_LENGTH = frozenset({"PutObject", "UploadPart", "AppendObject"})


def upper_md5(body: Body) -> str:
    """Return the ETag of an object put in one piece."""
    return md5_hex(body).upper()


class OSSServer(StoreServer):
    """OSS over HTTP for tests, benchmarks and the demo; keywords not named here are those of ``StoreServer``.

    :param credentials: who may come; by default one full-access key.
    :param region: plain region id (``cn-hangzhou``) of the endpoint and of new buckets.
    :param min_part_size: bytes below which a part that is not the last is refused at completion (OSS: 100 KB).
    :param largest_copy: bytes beyond which a copy between buckets is refused (OSS: 5 GB).
    :param largest_converting_copy: the same where class or encryption changes (OSS: 1 GB).
    :param allow_v1: let signature version 1 in.
    :param copies_have_crc: has a whole copy its source's CRC-64? ``part_copies_have_crc``: has a part copied one?
    :param copies_appendable: is an appendable object taken as the source of a copy?
    :param metadata_names: names of user metadata beyond a-z, 0-9 and hyphen: ``any`` keeps, ``drop``, ``refuse``.
    :param batch_delete_errors: name the keys that failed in the answer to a batch delete.
    """

    throttled = (503, "QpsLimitExceeded", "Please reduce your request rate.")

    def __init__(
        self,
        *,
        credentials: Iterable[Credential] | None = None,
        region: str = "cn-hangzhou",
        buckets: Iterable[str] = (),
        min_part_size: int = 100 * 1024,
        largest_put: int = 5 * GIB,
        largest_copy: int = 5 * GIB,
        largest_converting_copy: int = GIB,
        allow_v1: bool = False,
        copies_have_crc: bool = True,
        part_copies_have_crc: bool = False,
        copies_appendable: bool = True,
        metadata_names: str = "any",
        batch_delete_errors: bool = False,
        **settings: Any,
    ) -> None:
        self.region = region
        super().__init__(self._empty_core(), **settings)
        known = list(credentials) if credentials is not None else [Credential("test-access", "test-secret")]
        self.credentials = {credential.access_key: credential for credential in known}
        self.min_part_size, self.largest_put = min_part_size, largest_put
        self.largest_copy, self.largest_converting_copy = largest_copy, largest_converting_copy
        self.allow_v1, self.copies_appendable = allow_v1, copies_appendable
        self.copies_have_crc, self.part_copies_have_crc = copies_have_crc, part_copies_have_crc
        self.metadata_names, self.batch_delete_errors = metadata_names, batch_delete_errors
        self.denied_kms_keys: set[str] = set()
        self.clock_skew = 0.0  # seconds the signing clock is ahead of the wall clock; not the store's clock
        self._buckets = tuple(buckets)
        self._settings = {name: getattr(self, name) for name in KNOBS}
        self._first_credentials = dict(self.credentials)
        self.reset()

    def _empty_core(self) -> ObjectStore:
        return ObjectStore(crc_of, etag_of=upper_md5, storage_class="Standard", region=self.region, acl="default")

    def bucket(self, name: str, **settings: Any) -> Any:
        """Return an oss2 bucket on this server: first credential, version 4, path style."""
        return make_bucket(self, name, **settings)

    @cached_property
    def session(self) -> Any:
        """Return the connections of this server's clients; ``stop`` closes them."""
        return make_session(self)

    def stop(self) -> None:
        """Close the clients' connections and the server."""
        self.session.session.close()
        super().stop()

    def add_credential(self, credential: Credential) -> Credential:
        """Let another access key in, or replace one."""
        self.credentials[credential.access_key] = credential
        return credential

    def protect(self, bucket: str, key: str, seconds: float = 86400.0) -> None:
        """Forbid changing and deleting the current object until then, as a retention policy does."""
        self.core.find(bucket, key).attributes.lock = Lock("COMPLIANCE", self.core.now() + seconds)

    def reset(self) -> None:
        """Forget buckets, faults, log and knobs, so that the next test may use the same server."""
        for name, value in self._settings.items():
            setattr(self, name, value)
        with self.core.lock:
            self.core = self._empty_core()
        self.faults.clear()
        self.log.clear()
        self.failures.clear()
        self.denied_kms_keys.clear()
        self.credentials = dict(self._first_credentials)
        self._verifier = Verifier(self.credentials)
        for name in self._buckets:
            self.core.create_bucket(name)

    # -- StoreServer

    def understand(self, call: Call, host: str) -> None:
        """Name the request and find bucket, key and operation."""
        call.request_id = hashlib.md5(str(call.index).encode(), usedforsecurity=False).hexdigest()[:24].upper()
        try:
            call.bucket, call.key = split_path(call.raw_path, host, DOMAINS)
        except OSSError:
            call.operation = "InvalidObjectName"
            return
        call.operation = operation_of(call)

    def admit(self, call: Call) -> None:
        """Check signature, region, permission, name and limits."""
        if call.operation == "InvalidObjectName":
            raise invalid_name(call.raw_path)
        call.principal = signature = self.verify(call)
        if call.operation not in HANDLERS:
            raise OSSError("NotImplemented", "A header or parameter you provided implies functionality not here.")
        check_key(call.key)
        region = self.region
        if call.bucket and call.operation != "PutBucket":
            region = self.core.bucket(call.bucket).settings.region
        if signature is not None and signature.region not in (None, region):
            refuse_region(call, signature.region, region, self.region)
        if call.operation != "DeleteMultipleObjects":
            self.check_access(call, call.operation, call.bucket, call.key)
        if call.header("x-oss-tagging"):
            self.check_access(call, "PutObjectTagging", call.bucket, call.key)
        if call.operation in WITH_LENGTH:
            check_length(call, self.largest_put)

    def unwrap(self, call: Call, wire: bytes) -> None:
        """Take the body as it is."""
        call.body = wire

    def perform(self, call: Call) -> Reply:
        """Apply the operation."""
        reply = HANDLERS[call.operation](self, call)
        self._finish(call, reply)
        return reply

    def refusal(self, call: Call, error: Exception) -> Reply:
        """Say a refusal as OSS does."""
        if isinstance(error, NotModified):
            return self._not_modified(call, error.version)
        if isinstance(error, StoreError):
            error = from_core(error, call.key, call.query.get("versionId", ""))
        if not isinstance(error, OSSError):
            raise error
        return self._error(call, error)

    def error_reply(self, call: Call, status: int, code: str, message: str) -> Reply:
        """Return any error reply, for faults."""
        return self._error(call, OSSError(code, message, status=status))

    # -- checks and shapes the operations share

    def signing_time(self) -> float:
        """Return the time signatures are held against: the wall clock plus ``clock_skew``, not the store's clock."""
        return self.wall_time() + self.clock_skew

    def verify(self, call: Call) -> Signature | None:
        """Return the proven signature, None for an anonymous request, or raise."""
        return self._verifier.verify(call, self.signing_time(), allow_v1=self.allow_v1)

    def check_access(self, call: Call, operation: str, bucket: str, key: str) -> None:
        """Raise AccessDenied, naming the action, unless the caller may do this there and pays for it."""
        signature: Signature | None = call.principal
        if signature is None:
            if not bucket or not is_public(self, bucket, key, operation):
                raise OSSError("AccessDenied", "You have no right to access this object because of bucket acl.")
            return
        if not signature.credential.may(operation, bucket, key):
            details = {"AuthAction": f"oss:{action_of(operation)}", "NoPermissionType": "ImplicitDeny"}
            message = "You have no right to access this object."
            raise OSSError("AccessDenied", message, {**details, "Resource": f"acs:oss:*:*:{bucket or '*'}/{key}"})
        if bucket and operation != "PutBucket":
            settings = self.core.bucket(bucket).settings
            pays = signature.credential.account == settings.account or call.header("x-oss-request-payer") == "requester"
            if settings.extra.get("requester_pays") and not pays:
                message = "Access denied for requester pay bucket"
                raise OSSError("AccessDenied", message)

    def check_mutable(self, bucket: str, key: str) -> None:
        """Raise if retention protects the current object from being replaced or removed."""
        found = self.core.bucket(bucket)
        latest = found.latest(key)
        lock = None if latest is None else latest.attributes.lock
        if lock is not None and not found.settings.versioning and lock.forbids_delete(self.core.now(), bypass=False):
            raise immutable()

    def check_writable(self, call: Call) -> None:
        """Raise if the key must not be written: forbidden to overwrite (ignored with versioning), or protected."""
        forbid = call.header("x-oss-forbid-overwrite").lower() == "true"
        found = self.core.bucket(call.bucket)
        if forbid and not found.settings.versioning and found.latest(call.key) is not None:
            message = "The object you specified already exists and can not be overwritten."
            raise OSSError("FileAlreadyExists", message)
        self.check_mutable(call.bucket, call.key)

    def checked_body(self, call: Call) -> bytes:
        """Return the body after the Content-MD5 check."""
        body, sent = body_bytes(call.body), call.headers.get("Content-MD5")
        if sent is None:
            return body
        try:
            raw = base64.b64decode(sent, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if raw != hashlib.md5(body, usedforsecurity=False).digest():
            raise OSSError("InvalidDigest", "The Content-MD5 you specified was invalid.", {"Content-MD5": sent})
        return body

    def version_asked(self, call: Call) -> str | None:
        """Return the versionId of the query."""
        version_id = call.query.get("versionId")
        if version_id == "":
            raise invalid_argument("Version id cannot be the empty string", "versionId", "")
        return version_id

    def version_headers(self, call: Call, version: ObjectVersion) -> dict[str, str]:
        """Return x-oss-version-id where the bucket has (had) versioning."""
        if not self.core.bucket(call.bucket).settings.versioning:
            return {}
        return {"x-oss-version-id": version.version_id}

    def principal_name(self, call: Call) -> str:
        """Return the caller's name."""
        return call.principal.credential.user if call.principal is not None else "anonymous"

    # -- private

    def _finish(self, call: Call, reply: Reply) -> None:
        reply.headers["x-oss-request-id"] = call.request_id
        reply.headers["x-oss-server-time"] = "1"
        reply.headers["Server"] = "AliyunOSS"
        if "Content-Type" not in reply.headers and len(reply.body):
            reply.headers["Content-Type"] = "application/xml"

    def _not_modified(self, call: Call, version: ObjectVersion) -> Reply:
        reply = Reply(304, {"ETag": f'"{version.etag}"', **self.version_headers(call, version)})
        reply.error_code = "NotModified"
        self._finish(call, reply)
        return reply

    def _error(self, call: Call, error: OSSError) -> Reply:
        body = error_xml(error, call.request_id, call.header("Host"))
        headers = {"Content-Type": "application/xml", "x-oss-ec": error.ec, **error.headers}
        if call.method == "HEAD":  # no body to say it in
            headers["x-oss-err"], body = base64.b64encode(body).decode(), b""
        reply = Reply(error.status, headers, body, error.code)
        self._finish(call, reply)
        return reply
