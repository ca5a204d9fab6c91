"""What an open upload on a disk remembers: its parts, their receipts, and the length of its slots."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_bucketsync.engine.model.objects import Checksum, PartReceipt
from airflow_bucketsync.engine.stores.local.writing import temporary_file, write_all

_SLOT = b"slot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part that arrived; `slot` = it stands in `data`, and slots are that long."""

    receipt: PartReceipt
    slot: int | None


def slot_length(folder: int, size: int) -> int | None:
    """The length of a slot, fixed by the first part that has bytes; None = this disk has no hard links to fix it by."""
    with suppress(FileNotFoundError):
        return int(read_document(folder, _SLOT))
    if size == 0:
        return None
    with temporary_file(folder) as (descriptor, name):
        write_all(descriptor, memoryview(str(size).encode()))
        try:
            os.link(name, _SLOT, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return int(read_document(folder, _SLOT))
        except OSError:
            return None
    return size


def names_in(folder: int) -> list[str]:
    """The names in a folder."""
    scanned = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.listdir(scanned)
    finally:
        os.close(scanned)


def part_name(number: int) -> bytes:
    """The file of a part that has no slot."""
    return f"{number}.part".encode()


def receipt_name(number: int) -> bytes:
    """The file of a part's receipt."""
    return f"{number}.json".encode()


def read_part(folder: int, number: int) -> Part:
    """A part that arrived.

    :raises FileNotFoundError: it did not
    """
    value = read_document(folder, receipt_name(number))
    state = os.stat(receipt_name(number), dir_fd=folder, follow_symlinks=False)
    arrived = datetime.fromtimestamp(state.st_mtime, tz=UTC)
    checksum = Checksum(algorithm="crc64nvme", value=value["crc64nvme"])
    receipt = PartReceipt(number=number, size=value["size"], etag=checksum.value, checksum=checksum, arrived=arrived)
    return Part(receipt=receipt, slot=value["slot"])


def write_document(folder: int, name: bytes, value: object) -> None:
    """Write a JSON document at once or not at all."""
    with temporary_file(folder) as (descriptor, temporary):
        write_all(descriptor, memoryview(json.dumps(value).encode()))
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def read_document(folder: int, name: bytes) -> Any:
    """A JSON document."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        return json.load(file)
