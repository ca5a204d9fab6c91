"""Which words may an option be that is a word?"""

from __future__ import annotations

from typing import Literal, get_args

Mode = Literal["full", "incremental", "auto", "until_quiet"]
Compare = Literal["auto", "exists", "size", "size_mtime", "etag", "checksum", "metadata", "missing_or_older", "always"]
Verify = Literal["none", "listing", "metadata", "content"]
OnMissing = Literal["skip", "fail"]
OnCollision = Literal["refuse", "fail", "first"]
FolderMarkers = Literal["copy", "skip"]
FollowLinks = Literal["none", "inside_root"]
SymlinkObjects = Literal["follow", "skip"]
Trash = Literal["none", "deleted", "all"]
OnLock = Literal["fail", "wait", "skip"]
PrecheckWhen = Literal["auto", "always", "never"]

COMPARE_MODES: tuple[str, ...] = get_args(Compare)
VERIFY_LEVELS: tuple[str, ...] = get_args(Verify)
