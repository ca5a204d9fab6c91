"""In which region is a bucket, and which endpoints are one store?"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow_bucketsync.engine.errors import AccessDenied, NotSupported
from airflow_bucketsync.engine.stores.oss.client import plain_region
from airflow_bucketsync.engine.stores.oss.session import Session

ALIBABA = "Alibaba Cloud OSS"


def bucket_region(session: Session) -> str | None:
    """The region of the bucket, as it says itself, else as the client was made for; None = neither tells.

    :raises ObjectNotFound: there is no such bucket
    """
    try:
        answer = session.call("GetBucketLocation")
    except (AccessDenied, NotSupported):  # it needs a permission of its own, and no accelerated endpoint knows it
        return plain_region(session.client.region or "") or None
    told = session.document("GetBucketLocation", None, answer, "LocationConstraint").text
    return plain_region(told or "") or None


def store_of(session: Session) -> str:
    """What two buckets must share, besides the region, for one to be copied from the other.

    The public, internal, accelerated and own names of Alibaba's endpoints all lead to one store.
    """
    parts = urlsplit(session.client.endpoint)
    host = (parts.hostname or "").lower()
    if host.endswith((".aliyuncs.com", ".aliyuncs.com.cn")) or own_domain(session):
        return ALIBABA
    return f"{parts.scheme}://{host}:{parts.port or {'https': 443, 'http': 80}.get(parts.scheme, 0)}"


def own_domain(session: Session) -> bool:
    """Whether the endpoint is a domain that stands for one bucket."""
    return bool(session.client._make_url.is_cname)
