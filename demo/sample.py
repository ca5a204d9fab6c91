"""What is in the sample bucket, and what changes between the second run and the third?

Also a command: `python -m demo.sample --endpoint URL --access-key KEY`, the secret in SAMPLE_SECRET_KEY.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

MIB = 1024 * 1024
PLAIN_OBJECTS = 3000
LARGE_KEY = "video/conference-recording.mp4"
LARGE_PARTS, LARGE_PART = 4, 50 * MIB
CHANGED_KEY, ADDED_KEY, REMOVED_KEY = "tables/day-007/part-0003.json", "tables/added-later.json", "reports/obsolete.csv"

# Legal keys that sync tools are known to lose, rename or write to the wrong place.
HOSTILE_KEYS = (
    "hostile/ leading and trailing ",
    "hostile//double//slash",
    "hostile/../dots/./inside",
    "hostile/percent%2Fencoded%20twice%252F",
    "hostile/plus+and&amp;<xml>'\"",
    "hostile/question?and#hash",
    "hostile/line\nbreak and\ttab",
    "hostile/control\x01character",
    "hostile/back\\slash",
    "hostile/ünïcode composed",
    "hostile/u\u0308ni\u0308code decomposed",
    "hostile/emoji \U0001f5c4\ufe0f and \u202eright-to-left",
    "hostile/{{ conn.template }}",
    "hostile/-rf *",
    "hostile/folder",
    "hostile/folder/",
    "hostile/folder/inside",
    "hostile/" + "long" * 250,
)


@dataclass(frozen=True)
class Item:
    """One object of the sample."""

    key: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: str | None = None

    def request(self, bucket: str) -> dict[str, Any]:
        """Parameters of its PutObject."""
        tagging = {} if self.tags is None else {"Tagging": self.tags}
        return {
            "Bucket": bucket,
            "Key": self.key,
            "Body": self.body,
            "Metadata": self.metadata,
            **self.headers,
            **tagging,
        }


def items(*, plain_keys: bool = False, objects: int = PLAIN_OBJECTS) -> Iterator[Item]:
    """The small objects; `plain_keys` leaves the hostile ones out."""
    numbers = random.Random(2026)  # noqa: S311 - the same sample each time
    for number in range(objects):
        body = numbers.randbytes(numbers.choice((0, 120, 800, 4000)))
        key = f"tables/day-{number // 100:03}/part-{number % 100:04}.json"
        attributes: dict[str, Any] = {"headers": {"ContentType": "application/json"}}
        if number % 10 == 0:
            attributes = {
                "headers": {"ContentType": "text/csv; charset=utf-8", "CacheControl": "max-age=60"},
                "metadata": {"owner": "demo", "row-count": str(number)},
                "tags": "team=analytics&number=" + str(number),
            }
        yield Item(key, body if key != CHANGED_KEY else b"first version", **attributes)
    yield Item(REMOVED_KEY, b"nobody;needs;this\n")
    if not plain_keys:
        yield from (Item(key, f"the body of {key!r}".encode(), metadata={"kind": "hostile"}) for key in HOSTILE_KEYS)


def connect(endpoint: str, access_key: str, secret_key: str) -> Any:
    """An S3 client for one endpoint; buckets in the path."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(max_pool_connections=8, s3={"addressing_style": "path"}, retries={"total_max_attempts": 3}),
    )


def make_bucket(client: Any, name: str) -> None:
    """Make a bucket; one that is ours already is good."""
    try:
        client.create_bucket(Bucket=name)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        client.head_bucket(Bucket=name)


def fill(client: Any, bucket: str, *, plain_keys: bool = False, objects: int = PLAIN_OBJECTS) -> int:
    """Put the sample into a bucket; returns how many objects it holds."""
    with ThreadPoolExecutor(4) as pool:
        sample = items(plain_keys=plain_keys, objects=objects)
        small = sum(1 for _ in pool.map(lambda item: client.put_object(**item.request(bucket)), sample))
    upload = client.create_multipart_upload(Bucket=bucket, Key=LARGE_KEY, ContentType="video/mp4")["UploadId"]
    numbers, parts = random.Random(7), []  # noqa: S311 - the same sample each time
    for number in range(1, LARGE_PARTS + 1):
        body = numbers.randbytes(LARGE_PART)
        part = client.upload_part(Bucket=bucket, Key=LARGE_KEY, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    client.complete_multipart_upload(Bucket=bucket, Key=LARGE_KEY, UploadId=upload, MultipartUpload={"Parts": parts})
    return small + 1


def change(client: Any, bucket: str) -> None:
    """Change one object (same size, other bytes), add one, remove one."""
    client.put_object(Bucket=bucket, Key=CHANGED_KEY, Body=b"other version", ContentType="application/json")
    client.put_object(Bucket=bucket, Key=ADDED_KEY, Body=b'{"added": "between the second run and the third"}')
    client.delete_object(Bucket=bucket, Key=REMOVED_KEY)


def contents(client: Any, bucket: str) -> dict[str, tuple[int, str]]:
    """Size and ETag of every object, as the store lists them."""
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            found[entry["Key"]] = (entry["Size"], entry["ETag"])
    return found


def main() -> None:
    """Make the buckets and fill the first."""
    parser = argparse.ArgumentParser(prog="python -m demo.sample", description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--plain-keys", action="store_true", help="only keys that are also file names")
    parser.add_argument("--more-buckets", nargs="*", default=[])
    options = parser.parse_args()
    client = connect(options.endpoint, options.access_key, os.environ["SAMPLE_SECRET_KEY"])
    for name in ("source", "destination", *options.more_buckets):
        make_bucket(client, name)
    print(f"{fill(client, 'source', plain_keys=options.plain_keys)} objects in the bucket 'source'")


if __name__ == "__main__":
    main()
