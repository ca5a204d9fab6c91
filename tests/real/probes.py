"""What does a server do, asked by plain requests? Each probe answers one knob of a profile with a word or a list."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from awscrt import checksums as crc
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.real.servers import Running

MIB = 1024 * 1024
DIGESTS = {
    "crc64nvme": lambda body: crc.crc64nvme(body).to_bytes(8),
    "crc32c": lambda body: crc.crc32c(body).to_bytes(4),
    "crc32": lambda body: crc.crc32(body).to_bytes(4),
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha1": lambda body: hashlib.sha1(body).digest(),
}
"""How the bytes of each checksum are computed, apart from the product."""
HEADERS = {
    "CacheControl": "max-age=60",
    "ContentDisposition": "attachment",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "ContentType": "text/plain",
    "Expires": "Wed, 21 Oct 2026 07:28:00 GMT",
    "WebsiteRedirectLocation": "/elsewhere",
}
"""Content headers and the website redirect, each with a value that no server would choose."""
OTHER = '"0123456789abcdef0123456789abcdef"'
"""An ETag that no object has."""
Answer = str
Probe = Callable[["Place"], Answer]
PROBES: dict[str, Probe] = {}
"""Every probe by its knob, in the order of the table."""


class Place:
    """A client with a fresh bucket; requests carry no checksum that is not asked for, and are tried once."""

    _numbers = itertools.count(1)

    def __init__(self, running: Running) -> None:
        self.running = running
        self.s3 = self.client()
        self.bucket = f"probe-{next(self._numbers):06d}"
        self.s3.create_bucket(Bucket=self.bucket)

    def client(self, **options: Any) -> Any:
        """A client, set up otherwise."""
        settings: dict[str, Any] = {
            "signature_version": "s3v4",
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "retries": {"total_max_attempts": 1},
            "s3": {"addressing_style": "path"},
        }
        return self.running.client(Config(**(settings | options)))

    def put(self, key: str, body: bytes = b"body", **params: Any) -> Any:
        """Write an object."""
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **params)

    def head(self, key: str, **params: Any) -> Any:
        """HEAD of an object."""
        return self.s3.head_object(Bucket=self.bucket, Key=key, **params)

    def begin(self, key: str, **params: Any) -> dict[str, Any]:
        """Begin an upload in parts; what its other requests must carry."""
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key, **params)["UploadId"]
        return {"Bucket": self.bucket, "Key": key, "UploadId": upload}

    def complete(self, upload: dict[str, Any], bodies: dict[int, bytes], **params: Any) -> Any:
        """Send these parts and complete."""
        parts = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
            for number, body in bodies.items()
        ]
        return self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **params)

    @contextmanager
    def headers(self, operation: str, change: Callable[[Any], None]) -> Iterator[None]:
        """Change the headers of an operation before they are signed."""

        def handler(request: Any, **_: Any) -> None:
            change(request.headers)

        self.s3.meta.events.register(f"before-sign.s3.{operation}", handler)
        try:
            yield
        finally:
            self.s3.meta.events.unregister(f"before-sign.s3.{operation}", handler)


def probe(knob: str) -> Callable[[Probe], Probe]:
    """Enter a probe under the name of its knob."""

    def enter(function: Probe) -> Probe:
        PROBES[knob] = function
        return function

    return enter


def answers(running: Running) -> dict[str, Answer]:
    """What every probe finds, each in a bucket of its own; a refusal that a probe doesn't expect is its answer."""
    found = {}
    for knob, function in PROBES.items():
        place = Place(running)
        try:
            found[knob] = function(place)
        except ClientError as error:
            found[knob] = f"refused: {code(error)}"
        except KeyError as error:
            found[knob] = f"no: the answer lacks {error}"
        finally:
            place.s3.close()
    return found


def code(error: ClientError) -> str:
    """The code of a refusal, with the operation."""
    return f"{error.operation_name} {error.response['Error'].get('Code', '')}"


def refused(call: Callable[..., Any], **params: Any) -> bool:
    """Whether a request is refused."""
    try:
        call(**params)
    except ClientError:
        return True
    return False


def yes(holds: object) -> Answer:
    """The word for a truth."""
    return "yes" if holds else "no"


def listed(words: list[str]) -> Answer:
    """Words of a list, in order."""
    return ", ".join(words) or "none"


def to_base64(digest: bytes) -> str:
    """A digest as headers have it."""
    return base64.b64encode(digest).decode()


def md5_of(body: bytes) -> str:
    """The MD5 in words of an ETag."""
    return f'"{hashlib.md5(body).hexdigest()}"'
