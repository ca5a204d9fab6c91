"""How does a key of dots survive its way in a URL?"""

from __future__ import annotations

from urllib.parse import urlsplit


def dots_kept(url: str) -> str:
    """The URL with `.` and `..` segments of its path percent-encoded.

    Signed are the plain dots, as stores compute it from the decoded key; on the wire they are encoded, because URL
    libraries, and proxies on the way, remove dot segments by the rules for links. Stores decode them once.
    """
    path = urlsplit(url).path
    segments = path.split("/")
    if "." not in segments and ".." not in segments:
        return url
    encoded = "/".join(segment.replace(".", "%2E") if segment in (".", "..") else segment for segment in segments)
    return url.replace(path, encoded, 1)
