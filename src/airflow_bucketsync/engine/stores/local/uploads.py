"""How an object arrives in parts on a disk.

An upload is a folder `_bucketsync/uploads/<id>/` at the root of the location. The first part that arrives fixes the
length of a slot; a part no longer than that is written into `data` at its slot, any other into a file of its own.
Parts of one length with a shorter last one (as every planner cuts them) therefore stand in `data` in their final
order, and completing is a rename: no byte is written twice, and no second copy needs space. Any other set of parts
is put together by the kernel into a temporary file beside the object. A part's receipt is written after its bytes
are on the disk, so that a resumed upload never trusts what a power failure took.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from airflow_bucketsync.engine.errors import BodyCorrupted, NotSupported, ObjectNotFound
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, OpenUpload, PartReceipt
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.checksums import checksum_of, combined
from airflow_bucketsync.engine.stores.local.disk import Place, mtime_ns_of, set_mtime
from airflow_bucketsync.engine.stores.local.paths import Root
from airflow_bucketsync.engine.stores.local.receipts import (
    Part,
    names_in,
    part_name,
    read_document,
    read_part,
    receipt_name,
    slot_length,
    write_document,
)
from airflow_bucketsync.engine.stores.local.writing import copy_range, place_file, temporary_file, write_all

_STATE = STATE_PREFIX.rstrip("/").encode()
_ABOVE = (_STATE, b"uploads")
_ID = re.compile(r"[0-9a-f]{32}")
_DATA = b"data"
_ABOUT = b"upload.json"
_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Uploads:
    """The open uploads of one location."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def begin(self, key: str, *, attributes: ObjectAttributes, begun: datetime) -> str:
        """A new upload; returns its id."""
        upload_id = secrets.token_hex(16)
        about = {
            "key": key,
            "begun": begun.isoformat(),
            "mtime_ns": None if attributes.source_mtime is None else mtime_ns_of(attributes.source_mtime),
            "mode": attributes.mode,
        }
        folder = self._root.open_folder((*_ABOVE, upload_id.encode()), create=True)
        try:
            os.close(os.open(_DATA, _FILE | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder))
            write_document(folder, _ABOUT, about)
        finally:
            os.close(folder)
        return upload_id

    def list_open(self) -> Iterator[OpenUpload]:
        """Every open upload, in the order of their ids."""
        try:
            above = self._root.open_folder(_ABOVE)
        except FileNotFoundError:
            return
        try:
            scanned = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
        finally:
            os.close(above)
        try:
            names = sorted(name for name in os.listdir(scanned) if _ID.fullmatch(name))
        finally:
            os.close(scanned)
        for name in names:
            with suppress(FileNotFoundError):
                folder = self._root.open_folder((*_ABOVE, name.encode()))
                try:
                    about = read_document(folder, _ABOUT)
                finally:
                    os.close(folder)
                yield OpenUpload(key=about["key"], upload_id=name, begun=datetime.fromisoformat(about["begun"]))

    def write_part(self, key: str, upload_id: str, number: int, body: Body, place: Place) -> PartReceipt:
        """Keep a part's bytes and its receipt."""
        if number < 1:
            raise NotSupported(f"parts are numbered from 1, not {number}", **place)
        view = memoryview(body).cast("B")
        checksum = checksum_of("crc64nvme", body)
        receipt = PartReceipt(number=number, size=len(view), etag=checksum.value, checksum=checksum)
        with self._open(key, upload_id, place) as (folder, _):
            with suppress(FileNotFoundError):
                os.unlink(receipt_name(number), dir_fd=folder)
            slot = slot_length(folder, len(view))
            if slot is not None and 0 < len(view) <= slot:
                descriptor = os.open(_DATA, _FILE, dir_fd=folder)
                try:
                    if os.fstat(descriptor).st_nlink != 1:  # completed a moment ago: these are the object's bytes
                        raise self._missing(place)
                    write_all(descriptor, view, (number - 1) * slot)
                    os.fdatasync(descriptor)
                finally:
                    os.close(descriptor)
            else:
                slot = None
                with temporary_file(folder) as (descriptor, name):
                    write_all(descriptor, view)
                    os.fdatasync(descriptor)
                    os.rename(name, part_name(number), src_dir_fd=folder, dst_dir_fd=folder)
            write_document(
                folder, receipt_name(number), {"size": receipt.size, "crc64nvme": receipt.etag, "slot": slot}
            )
        return receipt

    def parts(self, key: str, upload_id: str, place: Place) -> Sequence[PartReceipt]:
        """The receipts of the parts that arrived, ascending."""
        with self._open(key, upload_id, place) as (folder, _):
            numbers = sorted(
                int(name.removesuffix(".json"))
                for name in names_in(folder)
                if name.endswith(".json") and name.removesuffix(".json").isdigit()
            )
            return tuple(read_part(folder, number).receipt for number in numbers)

    def complete(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[PartReceipt],
        *,
        size: int,
        checksum: Checksum | None,
        destination: Condition,
        place: Place,
    ) -> os.stat_result:
        """Make the object; the upload stays open when this fails, and is gone when it works."""
        with self._open(key, upload_id, place) as (folder, about):
            chosen = self._chosen(folder, parts, place)
            total = sum(part.receipt.size for part in chosen)
            if total != size:
                raise BodyCorrupted(f"the parts have {total} bytes, {size} were expected", **place)
            _require_checksum(chosen, checksum, place)
            with self._root.folder_of(key, create=True) as final:
                try:
                    data = os.open(_DATA, _FILE, dir_fd=folder)
                except FileNotFoundError:
                    raise self._missing(place) from None
                try:
                    same_disk = os.fstat(data).st_dev == os.stat(b".", dir_fd=final[0]).st_dev
                    if _in_order(chosen) and same_disk:
                        if os.fstat(data).st_size != size:
                            os.ftruncate(data, size)
                        _keep_attributes(data, about)
                        state = place_file(data, (folder, _DATA), final, destination, place)
                    else:
                        with temporary_file(final[0]) as (descriptor, name):
                            _put_together(folder, data, chosen, descriptor, place)
                            _keep_attributes(descriptor, about)
                            state = place_file(descriptor, (final[0], name), final, destination, place)
                finally:
                    os.close(data)
        self.drop(upload_id)
        return state

    def drop(self, upload_id: str) -> None:
        """Remove an upload and, when they are empty, the folders that held it; what is gone is gone."""
        if not _ID.fullmatch(upload_id):
            return
        with suppress(FileNotFoundError):
            folder = self._root.open_folder((*_ABOVE, upload_id.encode()))
            try:
                # The document goes first: without it the upload is no longer one.
                for file in sorted(names_in(folder), key=lambda file: file != _ABOUT.decode()):
                    with suppress(FileNotFoundError):
                        os.unlink(file, dir_fd=folder)
            finally:
                os.close(folder)
        for depth, name in ((2, upload_id.encode()), (1, _ABOVE[1]), (0, _ABOVE[0])):
            with suppress(OSError):  # another upload is open, or a lock stands there
                folder = self._root.open_folder(_ABOVE[:depth])
                try:
                    os.rmdir(name, dir_fd=folder)
                finally:
                    os.close(folder)

    @contextmanager
    def _open(self, key: str, upload_id: str, place: Place) -> Iterator[tuple[int, dict[str, Any]]]:
        if not _ID.fullmatch(upload_id):
            raise self._missing(place)
        try:
            folder = self._root.open_folder((*_ABOVE, upload_id.encode()))
        except FileNotFoundError:
            raise self._missing(place) from None
        try:
            try:
                about = read_document(folder, _ABOUT)
            except FileNotFoundError:
                raise self._missing(place) from None
            if about["key"] != key:
                raise self._missing(place)
            yield folder, about
        finally:
            os.close(folder)

    @staticmethod
    def _chosen(folder: int, parts: Sequence[PartReceipt], place: Place) -> list[Part]:
        numbers = [part.number for part in parts]
        if not numbers or numbers != sorted(set(numbers)):
            raise NotSupported("an object needs parts, each number once and ascending", **place)
        chosen = []
        for part in parts:
            try:
                stored = read_part(folder, part.number)
            except FileNotFoundError:
                raise BodyCorrupted(f"part {part.number} is not there", **place) from None
            if (stored.receipt.etag, stored.receipt.size) != (part.etag, part.size):
                raise BodyCorrupted(f"part {part.number} is not what its receipt says", **place)
            chosen.append(stored)
        return chosen

    @staticmethod
    def _missing(place: Place) -> ObjectNotFound:
        return ObjectNotFound("there is no such open upload; it may have been completed", **place)


def _require_checksum(parts: list[Part], checksum: Checksum | None, place: Place) -> None:
    """Hold the checksum of the whole against that of the parts, where they can be combined."""
    if checksum is None or checksum.parts is not None or checksum.algorithm != "crc64nvme":
        return
    known = [(Checksum(algorithm="crc64nvme", value=part.receipt.etag), part.receipt.size) for part in parts]
    found = combined("crc64nvme", known)
    if found.value != checksum.value:
        raise BodyCorrupted(f"the parts make {found.to_json()}, {checksum.to_json()} was expected", **place)


def _in_order(parts: list[Part]) -> bool:
    """Whether the parts stand in `data` just as the object must be."""
    slot = parts[0].slot
    return (
        slot is not None
        and all(part.slot == slot for part in parts)
        and [part.receipt.number for part in parts] == list(range(1, len(parts) + 1))
        and all(part.receipt.size == slot for part in parts[:-1])
    )


def _put_together(folder: int, data: int, parts: list[Part], descriptor: int, place: Place) -> None:
    offset = 0
    for part in parts:
        number, size = part.receipt.number, part.receipt.size
        if part.slot is not None:
            copied = copy_range(data, (number - 1) * part.slot, size, descriptor, offset)
        else:
            own = os.open(part_name(number), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                copied = copy_range(own, 0, size, descriptor, offset)
            finally:
                os.close(own)
        if copied != size:
            raise BodyCorrupted(f"part {number} has {copied} bytes, its receipt says {size}", **place)
        offset += size


def _keep_attributes(descriptor: int, about: dict[str, Any]) -> None:
    if about.get("mode") is not None:
        os.fchmod(descriptor, about["mode"] & 0o777)
    if about["mtime_ns"] is not None:
        set_mtime(descriptor, about["mtime_ns"])
