"""In which region is a bucket?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from airflow_bucketsync.engine.errors import AccessDenied, NotSupported
from airflow_bucketsync.engine.stores.s3.errors import TRANSLATED
from airflow_bucketsync.engine.stores.s3.session import Session

_OLD_NAMES = {"": "us-east-1", "EU": "eu-west-1"}
"""What GetBucketLocation answers for the two regions that are older than the names of regions."""


def bucket_region(session: Session) -> str | None:
    """The region of the bucket; None = the store doesn't tell.

    Amazon names it in every answer to HeadBucket, refusals too, so no permission is needed; other stores may only know
    GetBucketLocation.

    :raises ObjectNotFound: there is no such bucket
    """
    region = bucket_headers(session).get("x-amz-bucket-region")
    if region:
        return region
    with suppress(AccessDenied, NotSupported):
        return location_region(session.call("GetBucketLocation").get("LocationConstraint"))
    return None


def bucket_headers(session: Session) -> Mapping[str, str]:
    """The headers of the answer to HeadBucket, or of its refusal; their names in small letters.

    :raises BucketsyncError: nobody answered, or the bucket is not there
    """
    try:
        head_bucket: Any = session.client.head_bucket  # type: ignore[attr-defined]
        answer = head_bucket(Bucket=session.location.bucket, **session.said_always("HeadBucket"))
    except ClientError as error:
        answer = error.response
        about = answer.get("ResponseMetadata", {})
        if "x-amz-bucket-region" not in about.get("HTTPHeaders", {}) and about.get("HTTPStatusCode") != 403:
            raise session.error(error, "HeadBucket", None) from None
    except TRANSLATED as error:
        raise session.error(error, "HeadBucket", None) from None
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers


def location_region(constraint: str | None) -> str:
    """The region that a location constraint names: nothing is us-east-1, EU is eu-west-1."""
    return _OLD_NAMES.get(constraint or "", constraint or "")
