"""How are the files of a list read? As a stream of a proven version, within bounds whatever they hold."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import replace

import zstandard

from airflow_bucketsync.engine.errors import InvalidList, ObjectNotFound
from airflow_bucketsync.engine.model.source_list import ListPlace
from airflow_bucketsync.engine.rules.list_inventory import DataFile
from airflow_bucketsync.engine.rules.list_records import BrokenRule
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.transfer import new_buffer

CHUNK = 256 * 1024
LONGEST_LINE = 64 * 1024
"""Bytes; a key has 1,024, and a record little more."""
SMALL = 16 * 1024 * 1024
"""Bytes of a file that is read at once."""
MOST_EXPANSION = 100
"""What is packed closer is no list, but made to fill our disk or time: lists of like names come to 10 to 30."""
SLICE = 1024
"""Packed bytes that are unpacked at once: zstandard packs 128 KiB of one byte into four."""
LOOKED_AT = 64 * 1024 * 1024
"""Bytes after which the ratio is looked at."""


class ListFiles:
    """The files of one list.

    :param store: at a location that the list lies below
    """

    def __init__(self, store: ObjectStore, place: ListPlace, *, gate: Gate) -> None:
        self._store = store
        self._gate = gate
        self._base = place.folder.full_key("")[len(store.location.prefix) :]
        if place.folder.scheme == "file":
            self._base = f"{place.folder.bucket}/"[len(store.location.bucket) + 1 :]
        self.names: list[str] = []

    def number(self, name: str) -> int:
        """The number that entries of this file carry."""
        self.names.append(name)
        return len(self.names) - 1

    def place(self, file: int, line: int | None = None) -> str:
        """A place of the list for people."""
        name = repr(self.names[file])[1:-1]
        return name if line is None else f"{name}, line {line}"

    def chunks(self, name: str, proof: DataFile | None = None) -> Iterator[bytes]:
        """The bytes of a file.

        :param proof: what it must come to; told at its end
        :raises BrokenRule: `no_file` or `bad_checksum`
        """
        buffer = new_buffer(CHUNK)
        digest, size = hashlib.md5(usedforsecurity=False), 0
        try:
            with self._store.open(self._base + name) as body:
                while count := body.readinto(buffer):
                    self._gate.check()
                    data = bytes(buffer[:count])
                    digest.update(data)
                    size += count
                    yield data
        except ObjectNotFound:
            raise BrokenRule(
                "no_file", f"{name!r:.200} is not there: look at its name, or have it made again"
            ) from None
        if proof is not None and (size, digest.hexdigest()) != (proof.size, proof.md5):
            raise BrokenRule(
                "bad_checksum",
                f"its size ({size} bytes) or MD5 ({digest.hexdigest()}) is not what the manifest names: copy it "
                "again, or have the inventory made again",
            )

    def whole(self, name: str) -> bytes:
        """A small file at once.

        :raises BrokenRule: `no_file` or `too_large`
        """
        data = b""
        for chunk in self.chunks(name):
            data += chunk
            if len(data) > SMALL:
                raise BrokenRule("too_large", f"more than {SMALL} bytes: it can't be what its name says")
        return data


def unpacked(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a file that its name says is packed, piece by piece.

    :raises BrokenRule: `bad_packing` or `packed_too_closely`
    """
    if name.endswith(".gz"):
        pieces = _gunzipped(chunks)
    elif name.endswith(".zst"):
        pieces = _unzstd(chunks)
    else:
        yield from chunks
        return
    try:
        yield from pieces
    except (zlib.error, EOFError, zstandard.ZstdError) as error:
        raise BrokenRule("bad_packing", f"it can't be unpacked ({error}): write it again") from None


class _Ratio:
    """Ends a file that grows without end."""

    def __init__(self) -> None:
        self.packed = self.bytes = 0

    def see(self, piece: bytes) -> bytes:
        self.bytes += len(piece)
        if self.bytes > LOOKED_AT and self.bytes > MOST_EXPANSION * max(self.packed, 1):
            raise BrokenRule(
                "packed_too_closely", f"it unpacks to more than {MOST_EXPANSION} times its size: write it unpacked"
            )
        return piece


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    ratio, decoder = _Ratio(), zlib.decompressobj(31)
    begun = False
    for chunk in chunks:
        ratio.packed += len(chunk)
        data = chunk
        while data:
            if decoder.eof:
                decoder, begun = zlib.decompressobj(31), False
            begun = True
            yield ratio.see(decoder.decompress(data, CHUNK))
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        while not decoder.eof and (piece := decoder.decompress(b"", CHUNK)):
            yield ratio.see(piece)
    if begun and not decoder.eof:
        raise EOFError("it ends in the middle")


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of frame after frame; the reader that zstandard has itself takes what ends in the middle for whole."""
    ratio, decoder = _Ratio(), zstandard.ZstdDecompressor(max_window_size=1 << 24)
    frame: zstandard.ZstdDecompressionObj | None = None
    for chunk in chunks:
        ratio.packed += len(chunk)
        for at in range(0, len(chunk), SLICE):
            data = chunk[at : at + SLICE]
            while data:
                frame = frame or decoder.decompressobj()
                yield ratio.see(frame.decompress(data))
                data = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends in the middle")


def lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with their ends.

    :raises BrokenRule: `long_line`
    """
    rest = b""
    number = 0
    for piece in pieces:
        *found, rest = (rest + piece).split(b"\n")
        for line in found:
            number += 1
            if len(line) > LONGEST_LINE:
                raise _long(number)
            yield line + b"\n"
        if len(rest) > LONGEST_LINE:
            raise _long(number + 1)
    if rest:
        yield rest


def _long(number: int) -> BrokenRule:
    return BrokenRule("long_line", f"line {number} has more than {LONGEST_LINE} bytes: write one record per line")


def text_lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Lines as text, without the mark that some programs put at the beginning.

    :raises BrokenRule: `not_utf8` or `long_line`
    """
    for number, line in enumerate(lines(pieces), start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise BrokenRule("not_utf8", f"line {number} is no UTF-8: write the file as UTF-8") from None
        yield text.removeprefix("\ufeff") if number == 1 else text


def require_store(store: ObjectStore | None, place: ListPlace) -> ObjectStore:
    """The store of a list.

    :raises InvalidList: there is none, or the list does not lie below it
    """
    if store is None:
        raise InvalidList(f"source_list: no store was opened for {place.url}: hand one over as `lists`")
    if not replace(place.folder, conn_id=None).below(replace(store.location, conn_id=None)):
        raise InvalidList(f"source_list: {place.url} does not lie below {store.location.url}, which was opened for it")
    return store
