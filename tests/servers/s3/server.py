"""The strict S3 server: what is checked for every request, and who answers which operation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from tests.servers.core.body import Body, body_bytes
from tests.servers.core.errors import KeyMissing, StoreError
from tests.servers.core.model import Checksum, ObjectVersion
from tests.servers.core.store import ObjectStore
from tests.servers.s3 import checksums, chunked
from tests.servers.s3.admission import (
    NOT_IMPLEMENTED,
    check_length,
    check_payer,
    decoded_length,
    denied,
    is_public,
    refuse_region,
)
from tests.servers.s3.client import make_client
from tests.servers.s3.credentials import Credential
from tests.servers.s3.encryption import hides_digest
from tests.servers.s3.errors import S3Error, error_xml, from_core
from tests.servers.s3.operations import HANDLERS
from tests.servers.s3.quirks import Quirks
from tests.servers.s3.routing import operation_of, split_path
from tests.servers.s3.sigv4 import Signature, Verifier
from tests.servers.web.exchange import Call, Reply
from tests.servers.web.host import StoreServer

GIB = 1024**3
LONGEST_KEY = 1024
KNOBS = (
    "region",
    "domain",
    "min_part_size",
    "largest_put",
    "largest_copy",
    "default_checksum",
    "ignore_checksums",
    "quirks",
    "clock_skew",
    "latency",
    "max_requests_per_second",
)
WITH_LENGTH = frozenset({"PutObject", "UploadPart"})


class S3Server(StoreServer):
    """S3 over HTTP for tests, benchmarks and the demo; keywords not named here are those of ``StoreServer``.

    :param credentials: who may come; by default one full-access key.
    :param region: region of the endpoint and of new buckets.
    :param min_part_size: bytes below which a part that is not the last is refused (S3: 5 MiB).
    :param default_checksum: algorithm computed unasked, None to imitate S3 before December 2024.
    :param ignore_checksums: imitate an old compatible store: checksum headers are neither checked nor kept.
    """

    def __init__(
        self,
        *,
        credentials: Iterable[Credential] | None = None,
        region: str = "us-east-1",
        buckets: Iterable[str] = (),
        domain: str = "localhost",
        min_part_size: int = 5 * 1024**2,
        largest_put: int = 5 * GIB,
        largest_copy: int = 5 * GIB,
        default_checksum: str | None = checksums.DEFAULT,
        ignore_checksums: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(ObjectStore(self.default_of), **settings)
        known = list(credentials) if credentials is not None else [Credential("test-access", "test-secret")]
        self.credentials = {credential.access_key: credential for credential in known}
        self.region, self.domain = region, domain
        self.min_part_size, self.largest_put, self.largest_copy = min_part_size, largest_put, largest_copy
        self.default_checksum, self.ignore_checksums = default_checksum, ignore_checksums
        self.quirks = Quirks()
        self.clock_skew = 0.0  # seconds the signing clock is ahead of the wall clock; not the store's clock
        self._buckets = tuple(buckets)
        self._settings = {name: getattr(self, name) for name in KNOBS}
        self._first_credentials = dict(self.credentials)
        self.reset()

    def client(self, **kwargs: Any) -> Any:
        """Return a boto3 S3 client for this server: first credential, path style, one attempt."""
        return make_client(self, **kwargs)

    def add_credential(self, credential: Credential) -> Credential:
        """Let another access key in, or replace one."""
        self.credentials[credential.access_key] = credential
        return credential

    def reset(self) -> None:
        """Forget buckets, faults, log and knobs, so that the next test may use the same server."""
        with self.core.lock:
            self.core = ObjectStore(self.default_of)
        self.faults.clear()
        self.log.clear()
        self.failures.clear()
        for name, value in self._settings.items():
            setattr(self, name, value)
        self.credentials = dict(self._first_credentials)
        self._verifier = Verifier(self.credentials)
        for name in self._buckets:
            self.core.create_bucket(name, region=self.region)

    # -- StoreServer

    def understand(self, call: Call, host: str) -> None:
        """Name the request and find bucket, key and operation."""
        call.request_id = hashlib.md5(str(call.index).encode(), usedforsecurity=False).hexdigest()[:16].upper()
        try:
            call.bucket, call.key = split_path(call.raw_path, host, self.domain)
        except S3Error:
            call.operation = "InvalidURI"
            return
        call.operation = operation_of(call)

    def admit(self, call: Call) -> None:
        """Check signature, region, permission, owner and limits."""
        if call.operation == "InvalidURI":
            raise S3Error("InvalidURI", "Couldn't parse the specified URI.", status=400)
        signature = self._verifier.verify(call, self.signing_time())
        call.principal = signature
        if call.operation not in HANDLERS:
            raise S3Error("NotImplemented", NOT_IMPLEMENTED)
        if call.bucket and call.operation != "CreateBucket":
            bucket = self.core.bucket(call.bucket)
            if signature is not None and signature.region != bucket.settings.region:
                refuse_region(call, signature.region, bucket.settings.region, self.region)
            if call.header("x-amz-expected-bucket-owner"):
                self.check_owner(call.bucket, call.header("x-amz-expected-bucket-owner"))
            check_payer(self, call, call.bucket)
        elif signature is not None and signature.region != self.region:
            refuse_region(call, signature.region, self.region, self.region)
        self.quirks.check(call, self.domain)
        if call.operation != "DeleteObjects":
            self.check_access(call, call.operation, call.bucket, call.key)
        if call.header("x-amz-tagging"):
            self.check_access(call, "PutObjectTagging", call.bucket, call.key)
        if len(call.key) * 4 > LONGEST_KEY and len(call.key.encode()) > LONGEST_KEY:
            details = {"Size": len(call.key.encode()), "MaxSizeAllowed": LONGEST_KEY}
            raise S3Error("KeyTooLongError", "Your key is too long", details)
        if call.operation in WITH_LENGTH:
            check_length(call, self.largest_put)

    def unwrap(self, call: Call, wire: bytes) -> None:
        """Undo aws-chunked and hold the body against the hash signed."""
        kind = call.header("x-amz-content-sha256")
        if kind.startswith("STREAMING-"):
            if kind not in chunked.KINDS:
                raise S3Error("NotImplemented", NOT_IMPLEMENTED, {"Header": "x-amz-content-sha256"})
            length = decoded_length(call)
            call.body, call.trailers = chunked.decode_chunks(wire, kind, call.principal, length)
            return
        call.body = wire
        if kind and len(kind) == 64:
            right = hashlib.sha256(wire).hexdigest()
            if right != kind:
                message = "The provided 'x-amz-content-sha256' header does not match what was computed."
                details = {"ClientComputedContentSHA256": kind, "S3ComputedContentSHA256": right}
                raise S3Error("XAmzContentSHA256Mismatch", message, details)

    def perform(self, call: Call) -> Reply:
        """Apply the operation."""
        with self.quirks.seen(call):
            reply = HANDLERS[self.quirks.handler_of(call)](self, call)
        self.quirks.finish(call, reply)
        self._finish(call, reply)
        return reply

    def refusal(self, call: Call, error: Exception) -> Reply:
        """Say a refusal as S3 does; HEAD has no body to say it in."""
        if isinstance(error, StoreError):
            if isinstance(error, KeyMissing) and not self.may(call, "ListBucket", call.bucket):
                error = denied(self.principal_name(call), "ListBucket", f"arn:aws:s3:::{call.bucket}")
            elif type(error).__name__ == "NotModified":
                return self._not_modified(call, error.version)  # type: ignore[attr-defined]
            else:
                error = from_core(error, call.key, call.bucket, call.query.get("versionId", ""))
        if not isinstance(error, S3Error):
            raise error
        return self._error(call, error)

    def error_reply(self, call: Call, status: int, code: str, message: str) -> Reply:
        """Return any error reply, for faults."""
        return self._error(call, S3Error(code, message, status=status))

    # -- checks and shapes the operations share

    def signing_time(self) -> float:
        """Return the time signatures are held against: the wall clock plus ``clock_skew``, not the store's clock."""
        return self.wall_time() + self.clock_skew

    def check_access(self, call: Call, operation: str, bucket: str, key: str) -> None:
        """Raise AccessDenied, naming principal and action, unless the caller may do this there."""
        signature: Signature | None = call.principal
        if signature is None:
            if not bucket or not is_public(self.core.bucket(bucket).settings, operation):
                raise S3Error("AccessDenied", "Access Denied")
        elif not signature.credential.may(operation, bucket, key):
            resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket or '*'}"
            raise denied(self.principal_name(call), operation, resource)

    def check_owner(self, bucket: str, expected: str) -> None:
        """Raise unless the bucket belongs to the account expected."""
        if expected and self.core.bucket(bucket).settings.account != expected:
            raise S3Error("AccessDenied", "Access Denied")

    def sent_checksum(self, call: Call) -> tuple[str, str] | None:
        """Return algorithm and value of the checksum header or trailer."""
        return None if self.ignore_checksums else checksums.sent_checksum(call.headers, call.trailers)

    def checked_body(self, call: Call, *, document: bool = False) -> bytes:
        """Return the body after Content-MD5 and checksum checks; a ``document``'s checksum header is the object's."""
        body = body_bytes(call.body)
        if self.ignore_checksums:
            return body
        digest = call.headers.get("Content-MD5")
        if digest is not None:
            checksums.check_content_md5(digest, body)
        if not document and call.operation not in WITH_LENGTH:
            sent = self.sent_checksum(call)
            if sent is not None:
                checksums.verified(*sent, body)
        return body

    def body_checksum(self, call: Call) -> Checksum | None:
        """Return the verified checksum sent, else the default one."""
        sent = self.sent_checksum(call)
        return checksums.verified(*sent, call.body) if sent is not None else self.default_of(call.body)

    def default_of(self, body: Body) -> Checksum | None:
        """Return the checksum computed unasked."""
        if self.default_checksum is None or self.ignore_checksums:
            return None
        return checksums.default_checksum(body)

    def opaque_etag(self, encryption: dict[str, str]) -> str | None:
        """Return an ETag that is no digest where encryption hides it, None elsewhere."""
        hidden = hides_digest(encryption) or self.quirks.opaque_etags
        return self.core.opaque_id("etag") if hidden else None

    def version_asked(self, call: Call) -> str | None:
        """Return the versionId of the query."""
        version_id = call.query.get("versionId")
        if version_id == "":
            message = "Version id cannot be the empty string"
            raise S3Error("InvalidArgument", message, {"ArgumentName": "versionId"})
        return version_id

    def version_for(self, call: Call) -> ObjectVersion:
        """Return the version a read asks for, or the previous state if the reply is to be stale."""
        return self.core.seen(call.bucket, call.key, self.version_asked(call), stale=call.wants_stale)

    def version_headers(self, call: Call, version: ObjectVersion) -> dict[str, str]:
        """Return x-amz-version-id where the bucket has (had) versioning."""
        if not self.core.bucket(call.bucket).settings.versioning:
            return {}
        return {"x-amz-version-id": version.version_id}

    def bucket_headers(self, call: Call) -> dict[str, str]:
        """Return the header that tells the region."""
        return {"x-amz-bucket-region": self.core.bucket(call.bucket).settings.region}

    def principal_name(self, call: Call) -> str:
        """Return the caller's ARN."""
        return call.principal.credential.arn if call.principal is not None else "anonymous"

    def may(self, call: Call, operation: str, bucket: str, key: str = "") -> bool:
        """May the caller do this there?"""
        try:
            self.check_access(call, operation, bucket, key)
        except S3Error:
            return False
        return True

    def _finish(self, call: Call, reply: Reply) -> None:
        headers = reply.headers
        headers["x-amz-request-id"] = call.request_id
        headers["x-amz-id-2"] = call.request_id * 4
        headers["Server"] = "AmazonS3"
        if "Content-Type" not in headers and len(reply.body):
            headers["Content-Type"] = "application/xml"

    def _not_modified(self, call: Call, version: ObjectVersion) -> Reply:
        reply = Reply(304, {"ETag": f'"{version.etag}"', **self.version_headers(call, version)})
        reply.error_code = "NotModified"
        self._finish(call, reply)
        return reply

    def _error(self, call: Call, error: S3Error) -> Reply:
        body = b""
        if call.method != "HEAD":
            resource = f"/{call.bucket}/{call.key}" if call.key else f"/{call.bucket}"
            body = error_xml(error.code, error.message, resource, call.request_id, error.details)
        reply = Reply(error.status, {"Content-Type": "application/xml", **error.headers}, body, error.code)
        self._finish(call, reply)
        return reply
