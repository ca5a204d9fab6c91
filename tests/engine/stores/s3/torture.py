"""The hostile keys, and keys where a page may break."""

from __future__ import annotations

from tests.engine.stores.contract import TORTURE_KEYS

MARKS = ("%2B", "+", "%", "%%", "a b", "a+b", "a%2Bb", "line\nfeed", "line\r", "\x01", "\U0001f600", "\uffee", "&amp;")
"""Keys whose spelling in a url-encoded listing differs from themselves."""

MORE = (
    *MARKS,
    "plus+plus", "q?versionId=x", "star*", "hash#", "newline\n", "\U0001f600-astral", "sort-a", "n/" * 500 + "x",
    "//../.", "..//..", "\ufffe\uffff-nonchar", "a\x00b",
)  # fmt: skip

KEYS = tuple(dict.fromkeys((*TORTURE_KEYS, *MORE)))
"""Every legal key of these must arrive byte for byte."""
