"""Which broken listings does a store send, and when is a bucket one that sends them?

Each kind strikes from the second page of the source's listing on, for ever; its first page is sound. The store itself
stays as it is: every object that the listing hides is there when it is asked for, unless the bucket is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.s3 import S3Server
from tests.servers.web.exchange import Call
from tests.servers.web.faults import Fault

PAGE = 20
"""Keys of a page: small, so that a few hundred objects are a listing of many pages."""
UNDECODABLE = "object-0025\x01"
"""A key of the second page that XML 1.0 can't carry; S3 sends it only where it is asked to encode keys."""
_POSITIONS = ("continuation-token", "start-after", "marker")


class LaterPage(Fault):
    """A rule for every page of one bucket's listing but the first, whichever version of the listing is asked for."""

    def concerns(self, call: Call) -> bool:
        """Whether the request is for such a page."""
        listing = call.operation in ("ListObjects", "ListObjectsV2") and call.bucket == self.bucket
        return listing and any(call.query.get(name) for name in _POSITIONS)


@dataclass(frozen=True)
class Kind:
    """One kind of broken listing.

    :param name: a word for a command line
    :param words: what the store does, for people
    :param strike: arranges it for a bucket of a server
    :param hidden_key: a key that the source has besides, for this kind
    """

    name: str
    words: str
    strike: Callable[[S3Server, str], None]
    hidden_key: str | None = None


def _later(action: str, **what: object) -> Callable[[S3Server, str], None]:
    def strike(server: S3Server, bucket: str) -> None:
        server.faults.add(LaterPage(action, bucket=bucket, **what))  # type: ignore[arg-type]

    return strike


def _gone(server: S3Server, bucket: str) -> None:
    def take_away(call: Call) -> None:
        with server.core.lock:
            server.core.buckets.pop(bucket, None)

    server.faults.add(LaterPage("before", bucket=bucket, hook=take_away))


def _not_encoded(server: S3Server, bucket: str) -> None:
    def forget(call: Call) -> None:
        call.query.pop("encoding-type", None)

    operations = ("ListObjects", "ListObjectsV2")
    server.faults.add(Fault("before", operation=operations, bucket=bucket, hook=forget))


KINDS = (
    Kind("status-500", "500 for ever", _later("status", status=500, code="InternalError", message="We failed.")),
    Kind("status-403", "403", _later("status", status=403, code="AccessDenied", message="Access Denied")),
    Kind("cut-xml", "200, the XML cut in the middle", _later("truncate", at=900)),
    Kind("empty-200", "200 without a body", _later("empty_body")),
    Kind(
        "not-truncated",
        "`IsTruncated` false too early",
        _later("odd_listing", oddity=f"page_cap={PAGE} truncated_false"),
    ),
    Kind("no-token", "`IsTruncated` true, no token", _later("odd_listing", oddity=f"page_cap={PAGE} no_token")),
    Kind("bucket-gone", "404, the bucket is gone", _gone),
    Kind("undecodable", "a key with U+0001, not encoded", _not_encoded, hidden_key=UNDECODABLE),
)
