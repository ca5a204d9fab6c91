"""List objects, in both versions of the API, and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.core.listing import Page, list_versions
from tests.servers.core.model import ObjectVersion
from tests.servers.core.odd_listing import Oddity, kept_fields, marked_position, odd_page, parse_oddity
from tests.servers.oss.attributes import restore_text, type_of
from tests.servers.oss.errors import invalid_argument
from tests.servers.oss.xml import document, element, escape, iso_time, shown
from tests.servers.web.exchange import Call, Reply
from tests.servers.web.tokens import make_token, read_token

if TYPE_CHECKING:
    from tests.servers.oss.server import OSSServer

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000
OWNER_ID = "1234567890123456"
OWNER = f"<Owner><ID>{OWNER_ID}</ID><DisplayName>{OWNER_ID}</DisplayName></Owner>"


def page_size(call: Call, name: str = "max-keys", default: int = DEFAULT_PAGE) -> int:
    """Return the page size asked for: 1 to 1000, anything else is refused."""
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise invalid_argument(f"Argument {name} must be an integer between 1 and 1000.", name, text)
    return int(text)


def wants_url(call: Call) -> bool:
    """Is encoding-type=url asked for?"""
    kind = call.query.get("encoding-type", "")
    if kind not in ("", "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request.", "encoding-type", kind)
    return kind == "url"


def entry_xml(version: ObjectVersion, url: bool, now: float) -> str:
    """Return the inside of <Contents> without its owner; all but the restore state is cached with the version."""
    if version.renderings is None:
        version.renderings = {}
    found = version.renderings.get(url)
    if found is None:
        found = version.renderings[url] = (
            f"<Key>{shown(version.key, url)}</Key><LastModified>{iso_time(int(version.modified))}</LastModified>"
            f"<ETag>&quot;{version.etag}&quot;</ETag><Type>{type_of(version)}</Type><Size>{version.size}</Size>"
            f"<StorageClass>{version.attributes.storage_class}</StorageClass>"
        )
    restore = restore_text(version, now) if version.restore is not None else ""
    return found + (element("RestoreInfo", restore) if restore else "")


def _contents(server: OSSServer, entries: list[ObjectVersion], url: bool, owner: bool) -> str:
    now, tail = server.core.now(), OWNER if owner else ""
    return "".join([f"<Contents>{entry_xml(version, url, now)}{tail}</Contents>" for version in entries])


def _prefixes(page: Page, url: bool) -> str:
    return "".join(
        f"<CommonPrefixes><Prefix>{shown(prefix, url)}</Prefix></CommonPrefixes>" for prefix in page.prefixes
    )


def _oddity(server: OSSServer, call: Call) -> Oddity:
    return parse_oddity(call.oddity or server.core.bucket(call.bucket).settings.listing_oddity)


def list_objects_v2(server: OSSServer, call: Call) -> Reply:
    """ListObjectsV2; an empty token or start-after is none."""
    query, url = call.query, wants_url(call)
    asked, oddity = page_size(call), _oddity(server, call)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    token, start_after = query.get("continuation-token", ""), query.get("start-after", "")
    position = f"k{start_after}" if start_after else ""
    if token:
        try:
            position = read_token(token, call.bucket, prefix, delimiter)
        except ValueError:
            message = "The continuation token provided is incorrect."
            raise invalid_argument(message, "continuation-token", token) from None
    bucket = server.core.bucket(call.bucket)
    page, following = odd_page(bucket, prefix, delimiter, oddity, position, min(asked, oddity.page_cap))
    if "truncated_false" in oddity:
        following = None
    fields = [("Name", escape(call.bucket)), ("Prefix", shown("wrong/" if "wrong_prefix" in oddity else prefix, url))]
    fields += [("StartAfter", shown(start_after, url)), ("MaxKeys", str(asked)), ("Delimiter", shown(delimiter, url))]
    if token:
        fields.append(("ContinuationToken", shown(token, url)))
    if following is not None and "no_token" not in oddity:
        same = token and "same_token" in oddity
        following_token = token if same else make_token(call.bucket, prefix, delimiter, following)
        fields.append(("NextContinuationToken", shown(following_token, url)))
    fields.append(("KeyCount", str(page.count)))
    owner = query.get("fetch-owner", "").lower() == "true"
    return Reply(200, {}, document("ListBucketResult", _inner(server, page, fields, following, oddity, url, owner)))


def list_objects_v1(server: OSSServer, call: Call) -> Reply:
    """ListObjects; a page that is not the last always names the next marker."""
    query, url = call.query, wants_url(call)
    asked, oddity = page_size(call), _oddity(server, call)
    prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
    bucket = server.core.bucket(call.bucket)
    limit = min(asked, oddity.page_cap)
    position = marked_position(bucket, prefix, oddity, marker, limit)
    page, following = odd_page(bucket, prefix, delimiter, oddity, position, limit)
    if "truncated_false" in oddity:
        following = None
    fields = [("Name", escape(call.bucket)), ("Prefix", shown("wrong/" if "wrong_prefix" in oddity else prefix, url))]
    fields += [("Marker", shown(marker, url)), ("MaxKeys", str(asked)), ("Delimiter", shown(delimiter, url))]
    if following is not None and "no_token" not in oddity:
        last = page.entries[-1].key if oddity.changes_order and page.entries else following[1:]
        fields.append(("NextMarker", shown(marker if "same_token" in oddity and marker else last, url)))
    inner = _inner(server, page, fields, following, oddity, url, owner=True)
    return Reply(200, {}, document("ListBucketResult", inner))


def _inner(
    server: OSSServer,
    page: Page,
    fields: list[tuple[str, str]],
    following: str | None,
    oddity: Oddity,
    url: bool,
    owner: bool,
) -> str:
    if url:
        fields.append(("EncodingType", "url"))
    fields.append(("IsTruncated", "false" if following is None else "true"))
    return kept_fields(fields, oddity) + _contents(server, page.entries, url, owner) + _prefixes(page, url)


def list_object_versions(server: OSSServer, call: Call) -> Reply:
    """ListObjectVersions."""
    query, url, limit = call.query, wants_url(call), page_size(call)
    prefix, delimiter, key_marker = (query.get(name, "") for name in ("prefix", "delimiter", "key-marker"))
    version_marker = query.get("version-id-marker", "")
    if version_marker and not key_marker:
        message = "A version-id marker cannot be specified without a key marker."
        raise invalid_argument(message, "version-id-marker", version_marker)
    bucket, now = server.core.bucket(call.bucket), server.core.now()
    page = list_versions(bucket, prefix, delimiter, key_marker, version_marker or None, limit)
    inner = element("Name", call.bucket) + f"<Prefix>{shown(prefix, url)}</Prefix>"
    inner += f"<KeyMarker>{shown(key_marker, url)}</KeyMarker>" + element("VersionIdMarker", version_marker)
    inner += element("MaxKeys", limit) + f"<Delimiter>{shown(delimiter, url)}</Delimiter>"
    if url:
        inner += element("EncodingType", "url")
    inner += element("IsTruncated", page.last is not None)
    if page.last is not None:
        inner += f"<NextKeyMarker>{shown(page.last, url)}</NextKeyMarker>"
        inner += element("NextVersionIdMarker", page.last_version or "")
    for version in page.entries:
        latest = version is bucket.versions(version.key)[0]
        head = element("VersionId", version.version_id) + element("IsLatest", latest) + OWNER
        if version.is_delete_marker:
            modified = element("LastModified", iso_time(int(version.modified)))
            inner += f"<DeleteMarker><Key>{shown(version.key, url)}</Key>{modified}{head}</DeleteMarker>"
        else:
            inner += f"<Version>{entry_xml(version, url, now)}{head}</Version>"
    return Reply(200, {}, document("ListVersionsResult", inner + _prefixes(page, url)))
