"""Which storage classes are there, which must be restored first, and which stands for which elsewhere?

None is the standard class everywhere: stores leave it out of their answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ClassNames = Literal["s3", "oss", "none"]
"""Whose names of storage classes a store speaks; `none` = it has no classes."""

S3_CLASSES = (
    "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY",
)  # fmt: skip
OSS_CLASSES = ("IA", "Archive", "ColdArchive", "DeepColdArchive")

MAYBE_ARCHIVED = frozenset(
    {"GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING", "Archive", "ColdArchive", "DeepColdArchive"}
)
"""Classes of which some objects must be restored before they can be read: a HEAD tells (INTELLIGENT_TIERING has archive
tiers of its own, the others may be restored for some days)."""

STANDARD_NAMES = frozenset({"STANDARD", "Standard"})

_TO_OSS: Mapping[str, str | None] = {
    "STANDARD_IA": "IA",
    "ONEZONE_IA": "IA",
    "GLACIER_IR": "IA",
    "INTELLIGENT_TIERING": None,
    "REDUCED_REDUNDANCY": None,
    "GLACIER": "Archive",
    "DEEP_ARCHIVE": "ColdArchive",
}
_TO_S3: Mapping[str, str | None] = {
    "IA": "STANDARD_IA",
    "Archive": "GLACIER",
    "ColdArchive": "DEEP_ARCHIVE",
    "DeepColdArchive": "DEEP_ARCHIVE",
}


def mapped_class(
    storage_class: str | None, *, source: ClassNames, destination: ClassNames, chosen: Mapping[str, str]
) -> str | None:
    """The class at the destination that stands for a class of the source; None = the standard one.

    :param chosen: what people map by name, first asked; `STANDARD` (or `Standard`) names the standard class
    """
    name = storage_class or next((word for word in sorted(STANDARD_NAMES) if word in chosen), None)
    if name is not None and name in chosen:
        wanted = chosen[name]
        return None if wanted in STANDARD_NAMES else wanted
    if storage_class is None or source == destination:
        return storage_class
    return {"oss": _TO_OSS, "s3": _TO_S3}.get(destination, {}).get(storage_class)
