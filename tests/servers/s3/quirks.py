"""What does a store that only resembles S3 do otherwise?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from multidict import CIMultiDict

from tests.servers.core.body import body_bytes
from tests.servers.s3.errors import S3Error
from tests.servers.web.exchange import Call, Reply

FORBIDDEN = re.compile(rb"&#x(?:[0-8bcef]|1[0-9a-f]);")  # references to characters that XML 1.0 has not


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Deviations from S3; names are operations, headers in lower case, or query parameters.

    :param refuses: operations and headers that are refused, with the code (501; 400 for headers).
    :param needs: operation -> header without which it is refused, and the code.
    :param ignores: operation -> headers and query parameters that count as not sent.
    :param adds: operation -> headers of its answers, where it succeeds.
    :param first_listing_only: ListObjectsV2 is answered as ListObjects.
    :param virtual_only: the bucket must stand in the host.
    :param opaque_etags: no ETag is a digest.
    :param plain_control: what stands in listings for control characters that XML can't carry ("" = they are sent).
    """

    refuses: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    first_listing_only: bool = False
    virtual_only: bool = False
    opaque_etags: bool = False
    plain_control: str = ""

    def check(self, call: Call, domain: str) -> None:
        """Raise for what this store refuses."""
        if call.operation in self.refuses:
            raise S3Error(self.refuses[call.operation], status=501)
        for name, code in self.refuses.items():
            if name in call.headers:
                raise S3Error(code, f"{name} is not known here", status=400)
        name, code = self.needs.get(call.operation, ("", ""))
        if name and name not in call.headers:
            raise S3Error(code, f"Missing required header for this request: {name}", status=400)
        if self.virtual_only and not call.header("Host").rpartition(":")[0].endswith(f".{domain}"):
            raise S3Error("PathStyleDomainForbidden", "Path style is forbidden", status=403)

    def handler_of(self, call: Call) -> str:
        """Return the operation that answers."""
        return "ListObjects" if self.first_listing_only and call.operation == "ListObjectsV2" else call.operation

    @contextmanager
    def seen(self, call: Call) -> Iterator[None]:
        """Let the request be without what is ignored, for as long as it is answered; the log has all of it."""
        headers, query = call.headers, call.query
        ignored = self.ignores.get(call.operation, ())
        if ignored:
            kept = CIMultiDict(headers)
            for name in ignored:
                kept.popall(name, None)
            call.headers, call.query = kept, {name: text for name, text in query.items() if name not in ignored}
        try:
            yield
        finally:
            call.headers, call.query = headers, query

    def finish(self, call: Call, reply: Reply) -> None:
        """Change the answer."""
        reply.headers |= self.adds.get(call.operation, {})
        if self.plain_control and call.operation in ("ListObjects", "ListObjectsV2"):
            reply.body = FORBIDDEN.sub(self.plain_control.encode(), body_bytes(reply.body))
