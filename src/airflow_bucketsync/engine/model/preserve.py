"""What of an object is brought along besides its bytes, and what is sent with every write?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Preserved = Literal["headers", "user_metadata", "tags", "redirect", "mtime", "mode"]
Acl = Literal["none", "bucket-owner-full-control"]

PRESERVED: tuple[Preserved, ...] = get_args(Preserved)
DEFAULT_PRESERVED: tuple[Preserved, ...] = ("headers", "user_metadata", "tags", "redirect", "mtime")
"""Not `mode`: with it, who may write an object's metadata decides who may read the file."""

DEFAULT_CLASS = "default"
KEEP_CLASS = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preserve:
    """What of an object is brought along besides its bytes.

    :param kept: `headers` (content type, encoding, disposition, language, cache control, expires), `user_metadata`,
        `tags`, `redirect` (website redirect), `mtime` (of files, kept in user metadata elsewhere), `mode` (likewise)
    :param storage_class: of what is written: `default` = the destination's own, `keep` = the source's (or what stands
        for it in another service), else the name of a class at the destination
    :param class_map: classes of the source to classes of the destination, before the built-in table
    """

    kept: tuple[Preserved, ...] = DEFAULT_PRESERVED
    storage_class: str = DEFAULT_CLASS
    class_map: Mapping[str, str] = field(default_factory=dict)

    def keeps(self, word: Preserved) -> bool:
        """Whether this is brought along."""
        return word in self.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """What is sent with every write to a store, the same for all objects.

    :param acl: canned ACL; `none` sends nothing
    :param encryption: `default` = the bucket's own; else a word of the store (`Capabilities.encryptions`)
    :param encryption_key: key id or ARN for `encryption`; None = the service's own key
    """

    acl: Acl = "none"
    encryption: str = "default"
    encryption_key: str | None = None
