"""What does one instruction of a list in JSON Lines ask for?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from airflow_bucketsync.engine.model.source_list import ListEntry
from airflow_bucketsync.engine.rules.list_records import BrokenRule, Named
from airflow_bucketsync.engine.rules.list_sums import read_sums

FIELDS: Mapping[str, type | None] = {
    "sourceBucket": str,
    "sourceKey": str,
    "sourceNoSignRequest": bool,
    "sums": None,
    "sourceRootFolderKey": str,
    "destinationRelativeFolderKey": str,
}
_TYPES: Mapping[type, str] = {str: "a text", bool: "true or false"}


def read_instruction(value: Any, named: Named, *, file: int, line: int, anonymous: bool) -> ListEntry:
    """The entry of an instruction.

    :param anonymous: whether the source's connection signs nothing
    :raises BrokenRule: with the rule
    """
    record = _checked(value)
    if record.get("sourceNoSignRequest") and not anonymous:
        raise BrokenRule(
            "not_anonymous",
            "sourceNoSignRequest: the source's connection signs its requests: name one that is anonymous "
            "(bucketsync_anonymous) as the source's, or leave the field out",
        )
    key = record["sourceKey"]
    destination_key = _destination_key(record)
    entry = named.entry(record["sourceBucket"], key, file=file, line=line, destination_key=destination_key)
    if "sums" not in record:
        return entry
    if entry.folder:
        raise BrokenRule(
            "sums_of_folder", f"sums: {key!r:.200} is a folder, and checksums are of one object: leave them out"
        )
    sums = read_sums(record["sums"])
    return named.entry(record["sourceBucket"], key, file=file, line=line, destination_key=destination_key, sums=sums)


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BrokenRule(
            "not_an_object", f'{value!r:.80} is no JSON object: write {{"sourceBucket": …, "sourceKey": …}}'
        )
    record = {name: item for name, item in value.items() if item is not None}
    for name, item in record.items():
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(FIELDS)}"
            raise BrokenRule("unknown_field", f"{name!r:.80} is no field of an instruction: {hint}")
        kind = FIELDS[name]
        if kind is not None and not isinstance(item, kind):
            raise BrokenRule("wrong_type", f"{name}: expected {_TYPES[kind]}, got {item!r:.80}")
    for name in ("sourceBucket", "sourceKey"):
        if name not in record:
            raise BrokenRule("missing_field", f"{name} is missing: each instruction names a bucket and a key")
    return record


def _destination_key(record: Mapping[str, Any]) -> str | None:
    """The key at the destination that an instruction asks for; None = the same as at the source.

    Of a folder it ends in `/`: what lies below the folder goes below it.
    """
    root, folder = record.get("sourceRootFolderKey"), record.get("destinationRelativeFolderKey")
    key = record["sourceKey"].removesuffix("*")
    if root is not None and folder is not None:
        raise BrokenRule(
            "two_destinations", "sourceRootFolderKey and destinationRelativeFolderKey exclude each other: keep one"
        )
    if root is not None:
        if (root and not root.endswith("/")) or not key.startswith(root) or key == root == record["sourceKey"]:
            raise BrokenRule(
                "bad_root",
                f"sourceRootFolderKey: {root!r:.200} is no folder above {record['sourceKey']!r:.200}: write its "
                "beginning, up to and with a `/`",
            )
        name = str(key[len(root) :])
        if not name.strip("/") and not record["sourceKey"].endswith("*"):
            raise BrokenRule("bad_root", f"sourceRootFolderKey: {root!r:.200} leaves nothing of {key!r:.200}")
        return name
    if folder is not None:
        segments = folder.split("/")
        if not folder.endswith("/") or any(segment in ("", ".", "..") for segment in segments[:-1]):
            raise BrokenRule(
                "bad_folder",
                f"destinationRelativeFolderKey: {folder!r:.200} is no folder: write its plain path, ending in `/`",
            )
        return f"{folder}{key.rpartition('/')[2]}"
    return None
