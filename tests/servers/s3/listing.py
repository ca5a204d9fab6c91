"""List objects, in both versions of the API, and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.listing import Page, list_versions
from tests.servers.core.model import ObjectVersion
from tests.servers.core.odd_listing import Oddity, kept_fields, marked_position, odd_page, parse_oddity
from tests.servers.s3.errors import S3Error, invalid_argument
from tests.servers.s3.xml import document, element, escape, iso_time, url_encoded
from tests.servers.web.exchange import Call, Reply
from tests.servers.web.tokens import make_token, read_token

if TYPE_CHECKING:
    from tests.servers.s3.server import S3Server

LARGEST_PAGE = 1000
OWNER_ID = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
OWNER = f"<Owner><ID>{OWNER_ID}</ID><DisplayName>tester</DisplayName></Owner>"


def page_size(call: Call, name: str = "max-keys") -> int:
    """Return the page size asked for, at most 1000."""
    text = call.query.get(name, "")
    if not text:
        return LARGEST_PAGE
    if not text.lstrip("-").isdigit() or not -1 < int(text) < 2**31:
        raise invalid_argument(f"Provided {name} not an integer or within integer range", name, text)
    return min(LARGEST_PAGE, int(text))


def wants_url(call: Call) -> bool:
    """Is encoding-type=url asked for?"""
    kind = call.query.get("encoding-type", "")
    if kind not in ("", "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", kind)
    return kind == "url"


def shown(text: str, url: bool) -> str:
    """Return a key or prefix as it stands in the XML."""
    return escape(url_encoded(text) if url else text)


def entry_xml(version: ObjectVersion, url: bool) -> str:
    """Return the inside of <Contents> without its owner, cached with the version."""
    cached = version.renderings
    if cached is None:
        cached = version.renderings = {}
    found: str | None = cached.get(url)
    if found is None:
        checksum = ""
        if version.checksum is not None:
            checksum = f"<ChecksumAlgorithm>{version.checksum.algorithm}</ChecksumAlgorithm>"
            checksum += f"<ChecksumType>{version.checksum.kind}</ChecksumType>"
        found = cached[url] = (
            f"<Key>{shown(version.key, url)}</Key><LastModified>{iso_time(int(version.modified))}</LastModified>"
            f"<ETag>&quot;{version.etag}&quot;</ETag>{checksum}<Size>{version.size}</Size>"
            f"<StorageClass>{version.attributes.storage_class}</StorageClass>"
        )
    return found


def _restore_status(version: ObjectVersion, now: float) -> str:
    restore = version.restore
    if restore is None or now >= restore.expires_at:
        return ""
    inner = element("IsRestoreInProgress", now < restore.ready_at)
    if now >= restore.ready_at:
        inner += element("RestoreExpiryDate", iso_time(int(restore.expires_at)))
    return f"<RestoreStatus>{inner}</RestoreStatus>"


def _contents(server: S3Server, call: Call, entries: list[ObjectVersion], url: bool, owner: bool) -> str:
    restore = "RestoreStatus" in call.header("x-amz-optional-object-attributes")
    if not owner and not restore:
        return "".join([f"<Contents>{entry_xml(version, url)}</Contents>" for version in entries])
    now, tail = server.core.now(), OWNER if owner else ""
    return "".join(
        f"<Contents>{entry_xml(version, url)}{tail}{_restore_status(version, now) if restore else ''}</Contents>"
        for version in entries
    )


def _prefixes(page: Page, url: bool) -> str:
    return "".join(
        f"<CommonPrefixes><Prefix>{shown(prefix, url)}</Prefix></CommonPrefixes>" for prefix in page.prefixes
    )


def _oddity(server: S3Server, call: Call) -> Oddity:
    return parse_oddity(call.oddity or server.core.bucket(call.bucket).settings.listing_oddity)


def list_objects_v2(server: S3Server, call: Call) -> Reply:
    """ListObjectsV2."""
    query, url = call.query, wants_url(call)
    asked, oddity = page_size(call), _oddity(server, call)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    token, start_after = query.get("continuation-token"), query.get("start-after", "")
    if token == "":
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect")
    position = f"k{start_after}" if start_after else ""
    if token is not None:
        try:
            position = read_token(token, call.bucket, prefix, delimiter)
        except ValueError:
            message = "The continuation token provided is incorrect"
            raise S3Error("InvalidArgument", message, {"ArgumentName": "continuation-token"}) from None
    bucket = server.core.bucket(call.bucket)
    page, following = odd_page(bucket, prefix, delimiter, oddity, position, min(asked, oddity.page_cap))
    if "truncated_false" in oddity:
        following = None
    fields = [("Name", escape(call.bucket)), ("Prefix", shown("wrong/" if "wrong_prefix" in oddity else prefix, url))]
    if delimiter:
        fields.append(("Delimiter", shown(delimiter, url)))
    if token is not None:
        fields.append(("ContinuationToken", escape(token)))
    elif start_after:
        fields.append(("StartAfter", shown(start_after, url)))
    if following is not None and "no_token" not in oddity:
        same = token is not None and "same_token" in oddity
        following_token = token if same else make_token(call.bucket, prefix, delimiter, following)
        fields.append(("NextContinuationToken", escape(following_token or "")))
    fields += [("KeyCount", str(page.count)), ("MaxKeys", str(asked))]
    if url:
        fields.append(("EncodingType", "url"))
    fields.append(("IsTruncated", "false" if following is None else "true"))
    owner = query.get("fetch-owner", "").lower() == "true"
    inner = kept_fields(fields, oddity) + _contents(server, call, page.entries, url, owner) + _prefixes(page, url)
    return Reply(200, server.bucket_headers(call), document("ListBucketResult", inner))


def list_objects_v1(server: S3Server, call: Call) -> Reply:
    """ListObjects."""
    query, url = call.query, wants_url(call)
    asked, oddity = page_size(call), _oddity(server, call)
    prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
    bucket = server.core.bucket(call.bucket)
    limit = min(asked, oddity.page_cap)
    position = marked_position(bucket, prefix, oddity, marker, limit)
    page, following = odd_page(bucket, prefix, delimiter, oddity, position, limit)
    if "truncated_false" in oddity:
        following = None
    fields = [
        ("Name", escape(call.bucket)),
        ("Prefix", shown("wrong/" if "wrong_prefix" in oddity else prefix, url)),
        ("Marker", shown(marker, url)),
    ]
    if following is not None and delimiter and "no_token" not in oddity:
        fields.append(("NextMarker", shown(marker if "same_token" in oddity and marker else following[1:], url)))
    fields.append(("MaxKeys", str(asked)))
    if delimiter:
        fields.append(("Delimiter", shown(delimiter, url)))
    if url:
        fields.append(("EncodingType", "url"))
    fields.append(("IsTruncated", "false" if following is None else "true"))
    inner = kept_fields(fields, oddity) + _contents(server, call, page.entries, url, owner=True) + _prefixes(page, url)
    return Reply(200, server.bucket_headers(call), document("ListBucketResult", inner))


def list_object_versions(server: S3Server, call: Call) -> Reply:
    """ListObjectVersions."""
    query, url, limit = call.query, wants_url(call), page_size(call)
    prefix, delimiter, key_marker = (query.get(name, "") for name in ("prefix", "delimiter", "key-marker"))
    version_marker = query.get("version-id-marker")
    if version_marker is not None and not key_marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise S3Error("InvalidArgument", message, {"ArgumentName": "version-id-marker"})
    bucket = server.core.bucket(call.bucket)
    page = list_versions(bucket, prefix, delimiter, key_marker, version_marker or None, limit)
    inner = element("Name", call.bucket) + f"<Prefix>{shown(prefix, url)}</Prefix>"
    inner += f"<KeyMarker>{shown(key_marker, url)}</KeyMarker>" + element("VersionIdMarker", version_marker or "")
    if page.last is not None:
        inner += f"<NextKeyMarker>{shown(page.last, url)}</NextKeyMarker>"
        if page.last_version is not None:
            inner += element("NextVersionIdMarker", page.last_version)
    inner += element("MaxKeys", limit)
    if delimiter:
        inner += f"<Delimiter>{shown(delimiter, url)}</Delimiter>"
    if url:
        inner += element("EncodingType", "url")
    inner += element("IsTruncated", page.last is not None)
    for version in page.entries:
        latest = version is bucket.versions(version.key)[0]
        head = element("VersionId", version.version_id) + element("IsLatest", latest) + OWNER
        if version.is_delete_marker:
            modified = element("LastModified", iso_time(int(version.modified)))
            inner += f"<DeleteMarker><Key>{shown(version.key, url)}</Key>{modified}{head}</DeleteMarker>"
        else:
            inner += f"<Version>{entry_xml(version, url)}{head}</Version>"
    return Reply(200, server.bucket_headers(call), document("ListVersionsResult", inner + _prefixes(page, url)))
