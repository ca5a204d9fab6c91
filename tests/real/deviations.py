"""What does each real server do otherwise than the contract of stores says? Every line is a test that must fail."""

from __future__ import annotations

DEVIATIONS: dict[str, dict[str, str]] = {
    "versitygw": {
        "test_what_is_refused_is_not_written": (
            "it takes keys that it changes (an empty or . segment is dropped), so only a refusal before the write helps"
        ),
    },
    "minio": {
        "test_open_uploads_are_listed_and_are_no_objects": (
            "ListMultipartUploads answers for a whole key only, not for a prefix; MinIO drops old uploads by itself"
        ),
    },
}
"""Server -> test of the contract -> why it fails there."""

_DROPPED = "changed: empty, `.` and leading segments are dropped"
_UNLISTABLE = "refused by its own store: listings are not url-encoded, and XML can't carry it"
_BAD_REQUEST = "refused: a bare 400"
_BAD_NAME = "refused: XMinioInvalidObjectName"
_BAD_SEGMENT = "refused: XMinioInvalidResourceName"
_TOO_LONG = "refused: a segment has more than 255 bytes"
_WITH_BODY = "refused: a key that ends with `/` takes no body"

KEYS: dict[str, dict[str, str]] = {
    "versitygw": {
        "dirdata/": _WITH_BODY,
        "/leading": _DROPPED,
        "//two-leading": _DROPPED,
        "/": _BAD_REQUEST,
        "seg//empty": _DROPPED,
        "seg///empty3": _DROPPED,
        "a/./b": _DROPPED,
        "../escape": _BAD_REQUEST,
        "../../etc/cron.d/x": _BAD_REQUEST,
        "..": _BAD_REQUEST,
        ".": _BAD_REQUEST,
        "dir/.": _DROPPED,
        "dir/..": _BAD_REQUEST,
        "/etc/passwd": _DROPPED,
        "s3://other/key": _DROPPED,
        "a\tb": _UNLISTABLE,
        "tab\tinside": _UNLISTABLE,
        "carriage\rreturn": _UNLISTABLE,
        "esc\x1b[31mred": _UNLISTABLE,
        "\x01start": _UNLISTABLE,
        "vt\x0bff\x0c": _UNLISTABLE,
        "trailing-newline\n": _UNLISTABLE,
    },
    "minio": {
        "/leading": _DROPPED,
        "//two-leading": _DROPPED,
        "/": _BAD_NAME,
        "seg//empty": _BAD_NAME,
        "seg///empty3": _BAD_NAME,
        "a/./b": _BAD_SEGMENT,
        "../escape": _BAD_SEGMENT,
        "../../etc/cron.d/x": _BAD_SEGMENT,
        "..": _BAD_SEGMENT,
        ".": _BAD_SEGMENT,
        "dir/.": _BAD_SEGMENT,
        "dir/..": _BAD_SEGMENT,
        "/etc/passwd": _DROPPED,
        "s3://other/key": _BAD_NAME,
    },
}
"""Server -> hostile key at the root of a bucket -> what becomes of it, where it does not come back as it was."""
