"""Where objects live: a URL in Airflow's own form, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from airflow_bucketsync.engine.errors import InvalidLocation

SCHEMES = ("s3", "oss", "file", "memory")
_STORES = ("s3", "oss", "file")
"""The schemes that people write; the other one is for tests."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_CONN_ID = re.compile(r"[A-Za-z0-9_.\-]{1,250}")
_FORM = "write scheme://conn_id@bucket/prefix/ (or file:///absolute/folder/)"
_SECRETS = "credentials belong into an Airflow connection; "


def _shown(url: str) -> str:
    """A URL as an error may show it: short, and without what could be a secret (before `@`, after `:`, `?` or `#`)."""
    masked = re.sub(r"^([a-z0-9]{1,10}://)?.*@", r"\1…@", url, flags=re.DOTALL)
    masked = re.sub(r"(:(?!//)|[?#]).*", r"\1…", masked, flags=re.DOTALL)
    return repr(masked if len(masked) <= 80 else masked[:79] + "…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place below which a sync works.

    :param scheme: `s3`, `oss`, `file` or `memory`
    :param conn_id: the Airflow connection with endpoint, region and credentials; None = the scheme's default
    :param bucket: the bucket; for `file` the absolute folder, without a slash at its end
    :param prefix: "" or a prefix that ends in `/`, taken literally (nothing is percent-decoded)
    """

    scheme: str
    conn_id: str | None = None
    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take a URL apart; a prefix gets the `/` at its end that it may lack.

        :raises InvalidLocation: when the URL has another form, with the part that is wrong
        """
        if not isinstance(url, str) or not url:
            raise InvalidLocation(
                f"a location is a non-empty text, not {'an empty one' if url == '' else type(url).__name__}: {_FORM}"
            )
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in SCHEMES:
            near = next((f"did you mean {name}://? " for name in _STORES if scheme.lower().startswith(name)), "")
            raise InvalidLocation(f"{_shown(url)} names no scheme of {', '.join(_STORES)}: {near}{_FORM}")
        if "\x00" in rest or any("\ud800" <= char <= "\udfff" for char in rest):
            raise InvalidLocation(f"{_shown(url)} holds a character that no store can hold")
        authority, _, path = rest.partition("/")
        conn_id: str | None = None
        if "@" in authority:
            conn_id, _, authority = authority.rpartition("@")
            if not _CONN_ID.fullmatch(conn_id):
                raise InvalidLocation(f"the part of {scheme}://… before '@' must be a connection id: {_SECRETS}{_FORM}")
        if scheme == "file":
            return cls._of_folder(url, conn_id, authority, path)
        if not _BUCKET.fullmatch(authority):
            hint = _SECRETS if ":" in authority else ""
            raise InvalidLocation(f"{_shown(url)} has no bucket name where one must stand: {hint}{_FORM}")
        prefix = path if not path or path.endswith("/") else path + "/"
        if len(prefix.encode()) >= 1024:
            raise InvalidLocation(
                f"the prefix of {_shown(url)} leaves no room for a name: keys have 1,024 bytes at most"
            )
        return cls(scheme=scheme, conn_id=conn_id, bucket=authority, prefix=prefix)

    @classmethod
    def _of_folder(cls, url: str, conn_id: str | None, authority: str, path: str) -> Self:
        segments = path.rstrip("/").split("/")
        if authority or not path.strip("/"):
            raise InvalidLocation(f"{_shown(url)} must name an absolute folder below the root: file:///data/in/")
        if any(segment in ("", ".", "..") for segment in segments):
            raise InvalidLocation(f"{_shown(url)} has an empty, '.' or '..' segment: write the folder's plain path")
        return cls(scheme="file", conn_id=conn_id, bucket="/" + "/".join(segments))

    @property
    def url(self) -> str:
        """The URL this location is written as."""
        owner = f"{self.conn_id}@" if self.conn_id else ""
        if self.scheme == "file":
            return f"file://{owner}{self.bucket}/"
        return f"{self.scheme}://{owner}{self.bucket}/{self.prefix}"

    def __str__(self) -> str:
        return self.url

    def child(self, folder: str) -> Location:
        """A folder below this location.

        :param folder: segments, each with a `/` at its end
        """
        if self.scheme == "file":
            return replace(self, bucket=f"{self.bucket}/{folder.rstrip('/')}")
        return replace(self, prefix=self.prefix + folder)

    def full_key(self, key: str) -> str:
        """The key inside the bucket of a key that is relative to this location."""
        return self.prefix + key

    def relative_key(self, full_key: str) -> str:
        """The key relative to this location.

        :raises InvalidLocation: when the key lies outside; nothing may be touched there
        """
        if not full_key.startswith(self.prefix):
            raise InvalidLocation("a key lies outside the prefix", location=self.url, key=full_key)
        return full_key[len(self.prefix) :]

    def below(self, other: Location) -> bool:
        """Whether this location is `other` or lies inside it (same scheme, connection and bucket)."""
        if (self.scheme, self.conn_id) != (other.scheme, other.conn_id):
            return False
        if self.scheme == "file":
            return f"{self.bucket}/".startswith(f"{other.bucket}/")
        return self.bucket == other.bucket and self.prefix.startswith(other.prefix)

    def to_json(self) -> str:
        """As its URL."""
        return self.url

    @classmethod
    def from_json(cls, value: str) -> Self:
        """From its URL."""
        return cls.parse(value)
