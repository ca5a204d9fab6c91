"""What is copied in a benchmark: many small objects and one large one, with metadata."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

MIB = 1024 * 1024
PART = 64 * MIB
LARGE_KEY = "large.bin"
CONTENT_TYPE = "application/x-benchmark"
METADATA = {"origin": "benchmark"}


def key_of(number: int) -> str:
    """The key of a small object."""
    return f"part={number // 1000:04}/object-{number:07}.json"


def fill(client: Any, bucket: str, objects: int, large: int) -> None:
    """Make a bucket of `objects` small objects (0 to 4 KiB) and one of `large` bytes."""
    client.create_bucket(Bucket=bucket)
    numbers = random.Random(1)
    bodies = [numbers.randbytes(size) for size in (0, 100, 1024, 4096)]

    def put(number: int) -> None:
        body = number.to_bytes(8, "big") + bodies[number % len(bodies)]
        client.put_object(Bucket=bucket, Key=key_of(number), Body=body, ContentType=CONTENT_TYPE, Metadata=METADATA)

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(put, range(objects), chunksize=100):
            pass
    upload = client.create_multipart_upload(Bucket=bucket, Key=LARGE_KEY, ContentType=CONTENT_TYPE, Metadata=METADATA)[
        "UploadId"
    ]
    block, parts = numbers.randbytes(PART), []
    for number, start in enumerate(range(0, large, PART), 1):
        part = client.upload_part(
            Bucket=bucket, Key=LARGE_KEY, UploadId=upload, PartNumber=number, Body=block[: large - start]
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    client.complete_multipart_upload(Bucket=bucket, Key=LARGE_KEY, UploadId=upload, MultipartUpload={"Parts": parts})


def _listing(client: Any, bucket: str) -> dict[str, tuple[int, str]]:
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            if not entry["Key"].startswith("_bucketsync/"):
                # the ETag of an object made of parts depends on how it was cut: the size has to do
                found[entry["Key"]] = (entry["Size"], "" if entry["Key"] == LARGE_KEY else entry["ETag"])
    return found


def judge(client: Any, source: str, destination: str, objects: int) -> str:
    """In a few words, whether the destination holds what the source holds, metadata included (20 looked at)."""
    if _listing(client, source) != _listing(client, destination):
        return "objects differ"
    numbers = random.Random(2)
    for key in [LARGE_KEY, *(key_of(numbers.randrange(objects)) for _ in range(19))]:
        head = client.head_object(Bucket=destination, Key=key)
        if not METADATA.items() <= head["Metadata"].items() or head["ContentType"] != CONTENT_TYPE:
            return f"metadata lost ({key})"
    return "all"
