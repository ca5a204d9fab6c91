"""In which ways do objects get from bucket to bucket, and what brings them over in each?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.stores.base import ObjectStore
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server
from tests.servers.web.faults import Fault

if TYPE_CHECKING:
    from tests.engine.stand import Ran, Server, Stand

WAYS = ("server_copy", "part_copy", "stream", "stream_parts")
"""Between buckets of S3: by the store itself (whole, in parts), or through us (whole, in parts)."""
OSS_WAYS = ("oss_copy", "oss_part_copy", "oss_stream", "oss_stream_parts")
"""The same between buckets of OSS."""
CLOUD_WAYS = ("s3_to_oss", "s3_to_oss_parts", "oss_to_s3", "oss_to_s3_parts")
"""From one cloud to the other, through us."""
ALL_WAYS = (*WAYS, *OSS_WAYS, *CLOUD_WAYS)
STREAMS = ("stream", "oss_stream", "s3_to_oss", "oss_to_s3")
"""Ways on which an object passes through us whole."""
STREAMS_OF_PARTS = ("stream_parts", "oss_stream_parts", "s3_to_oss_parts", "oss_to_s3_parts")
PART_COPIES = ("part_copy", "oss_part_copy")

LOCK = "_bucketsync/lock-"
PART = 1000
_PARTS = {"small_threshold": PART, "large_threshold": 100 * PART, "part_size": PART}
"""Streamed in parts inside a batch."""
_LARGE = {"small_threshold": PART, "large_threshold": PART, "part_size": PART}
"""Copied in parts by the store: as part groups, since below this threshold it copies in one request."""


@dataclass(frozen=True)
class Pair:
    """A source and a destination bucket, and what brings objects over in one of `ALL_WAYS`.

    :param mode: what an outcome says of it
    :param write: the operation that makes the object visible
    :param begin: the operation that begins it; that of `write` where it is one
    :param carry: the operation that brings its bytes (or each part of them) over
    """

    way: str
    mode: str
    stand: Stand
    source: str
    destination: str
    source_at: Server
    destination_at: Server
    policy: Mapping[str, Any]
    write: str
    begin: str
    carry: str
    reads_with: str

    @property
    def resumes(self) -> bool:
        """Whether an object that fails leaves its upload for the next run to go on with: as part groups they do."""
        return self.policy.get("large_threshold") == PART

    def source_store(self, **settings: Any) -> ObjectStore:
        """The source, pinned to its server."""
        return self.stand.remote(self.source, at=self.source_at, **settings)

    def destination_store(self, **settings: Any) -> ObjectStore:
        """The destination."""
        return self.stand.remote(self.destination, at=self.destination_at, **settings)

    @property
    def to_oss(self) -> bool:
        """Whether the destination is OSS."""
        return isinstance(self.destination_at, OSSServer)

    @property
    def from_oss(self) -> bool:
        """Whether the source is OSS."""
        return isinstance(self.source_at, OSSServer)

    def put(self, objects: Mapping[str, bytes], **settings: Any) -> None:
        """Seed the source."""
        for key, body in objects.items():
            self.source_at.core.put(self.source, key, body, **settings)

    def put_destination(self, objects: Mapping[str, bytes], **settings: Any) -> None:
        """Seed the destination."""
        for key, body in objects.items():
            self.destination_at.core.put(self.destination, key, body, **settings)

    def contents(self) -> dict[str, bytes]:
        """What the destination holds, the lock apart."""
        return self.stand.contents(self.destination, at=self.destination_at)

    def unlock(self) -> None:
        """Let the run that holds the lock have ended."""
        core = self.destination_at.core
        for key in core.keys(self.destination):
            if LOCK in key:
                core.delete(self.destination, key)

    def uploads(self) -> int:
        """Uploads that were left open at the destination."""
        return len(self.destination_at.core.uploads(self.destination))

    def at_source(self, action: str, **rule: Any) -> Fault:
        """A fault of the source."""
        return self.stand.fault(action, server=self.source_at, **rule)

    def at_destination(self, action: str, **rule: Any) -> Fault:
        """A fault of the destination; it passes over the lock of the pair, unless a key is given."""
        if "key" not in rule and "key_regex" not in rule:
            rule["key_regex"] = f"^(?!.*{LOCK})"
        return self.stand.fault(action, server=self.destination_at, bucket=self.destination, **rule)

    def sync(self, **options: Any) -> Ran:
        """One run from source to destination, when every other has ended; told without the requests of the lock."""
        self.unlock()
        which = {name: options.pop(name) for name in ("selection", "lists") if name in options}
        policy = SyncPolicy(**{**self.policy, **options})
        destination = self.destination_store(settings=policy.write_settings)
        return self.stand.sync(self.source_store(), destination, **{**self.policy, **options, **which})

    @classmethod
    def make(cls, way: str, stand: Stand, other: S3Server, **settings: Any) -> Pair:
        """Fresh buckets for this way, on one server or on two."""
        source_at, destination_at = _servers(way, stand, other)
        parts = way.endswith(("_parts", "part_copy"))
        streams = source_at is not destination_at
        whole = "PutObject" if streams else "CopyObject"
        carry = ("UploadPart" if streams else "UploadPartCopy") if parts else whole
        begin = "InitiateMultipartUpload" if isinstance(destination_at, OSSServer) else "CreateMultipartUpload"
        return cls(
            way=way,
            mode=("stream_parts" if parts else "stream") if streams else ("part_copy" if parts else "server_copy"),
            stand=stand,
            source=stand.bucket(at=source_at, **settings),
            destination=stand.bucket(at=destination_at, **settings),
            source_at=source_at,
            destination_at=destination_at,
            policy=(_PARTS if streams else _LARGE) if parts else {},
            write="CompleteMultipartUpload" if parts else whole,
            begin=begin if parts else whole,
            carry=carry,
            reads_with="GetObject" if streams else carry,
        )


def _servers(way: str, stand: Stand, other: S3Server) -> tuple[Server, Server]:
    """Where source and destination are."""
    if way.startswith("s3_to_oss"):
        return stand.server, stand.oss_server
    if way.startswith("oss_to_s3"):
        return stand.oss_server, stand.server
    if way.startswith("oss_"):
        return stand.oss_server, stand.other_oss if "stream" in way else stand.oss_server
    return stand.server, other if "stream" in way else stand.server
