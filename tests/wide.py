"""Which tests ask the same of further ways and stores? They take too long for every change: `make wide`."""

from __future__ import annotations

import re

WAYS = re.compile(r"[\[-](oss_part_copy|oss_stream|oss_stream_parts|s3_to_oss_parts|oss_to_s3_parts)(?=[\]-])")
"""Ways between buckets whose two halves other ways go too: parts by S3, and each pair of services as a whole."""
OTHERS = (
    ("engine/faults/", re.compile(r"[\[-](part_copy|oss_copy|oss_to_s3)[\]-]")),
    ("engine/precheck/test_lines.py", re.compile(r"(F16_two_names|_versions|_be_listed|F42_key)\w*\[True")),  # OSS
    ("engine/promises/test_rights.py", re.compile(r"test_row_J7_each_documented_right_is_needed\[oss")),
    ("engine/faults/test_throttling.py", re.compile(r"\[(oss|local)\]$")),  # they wait for what the limits allow
    ("engine/steps/test_lock_stores.py", re.compile(r"\[oss_versions\]$")),
    ("engine/conformance/test_command.py", re.compile(r"test_a_signal_leaves_nothing\[15\]$")),
    ("engine/torture/test_prefixes.py", re.compile(r"\[in/-")),
)
"""Files of tests, and what their ids hold."""


def is_wide(test: str) -> bool:
    """Whether a test, named by its file and its id, belongs to `make wide`."""
    return WAYS.search(test) is not None or any(file in test and ids.search(test) for file, ids in OTHERS)
