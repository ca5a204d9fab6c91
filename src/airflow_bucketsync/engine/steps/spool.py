"""Lines kept in a temporary file of this machine for a second pass, or to be sorted."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson
import zstandard

_FRAME = 512 * 1024
_SORTED_FRAME = 64 * 1024  # some 16 of them are read at once
_CHUNK = 200_000
_TOGETHER = 16

L = TypeVar("L", bound=list[Any])


class Spool:
    """JSON lines in a compressed temporary file: append all, then read them any number of times.

    :param frame: bytes that are compressed, and read, together
    """

    def __init__(self, *, frame: int = _FRAME) -> None:
        self._frame = frame
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._compressor = zstandard.ZstdCompressor(level=1)
        # One buffer: each line that is dumped lies in a kilobyte of its own as long as it is kept.
        self._pending = bytearray()
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, line: Any) -> None:
        """Append one line."""
        data = orjson.dumps(line)
        if self._pending:
            self._pending += b"\n"
        self._pending += data
        self.count += 1
        if len(self._pending) >= self._frame:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            frame = self._compressor.compress(self._pending)
            self._file.write(len(frame).to_bytes(4, "big") + frame)
            self._pending = bytearray()

    def __iter__(self) -> Iterator[Any]:
        self._flush()
        self._file.seek(0)
        decompressor = zstandard.ZstdDecompressor()
        while head := self._file.read(4):
            frame = self._file.read(int.from_bytes(head, "big"))
            position = self._file.tell()
            for data in decompressor.decompress(frame).split(b"\n"):
                yield orjson.loads(data)
            self._file.seek(position)


def sorted_lines(lines: Iterable[L], *, key: Callable[[L], Any], chunk: int = _CHUNK) -> Generator[L, None, None]:
    """Any number of lines in order.

    :param chunk: lines in memory at a time; what is sorted goes to temporary files, merged 16 at a time
    """
    levels: list[list[Spool]] = [[]]
    try:
        held: list[L] = []
        for line in lines:
            held.append(line)
            if len(held) >= chunk:
                _add(levels, _spooled(sorted(held, key=key)), key=key)
                held = []
        held.sort(key=key)
        yield from heapq.merge(*chain.from_iterable(reversed(levels)), held, key=key)
    finally:
        for spool in chain.from_iterable(levels):
            spool.__exit__(None, None, None)


def _add(levels: list[list[Spool]], spool: Spool, *, key: Callable[[Any], Any]) -> None:
    """One more sorted file; 16 of a kind become one, so that few are ever open."""
    for level in levels:
        level.append(spool)
        if len(level) < _TOGETHER:
            return
        spool = _spooled(heapq.merge(*level, key=key))
        for merged in level:
            merged.__exit__(None, None, None)
        level.clear()
    levels.append([spool])


def _spooled(lines: Iterable[Any]) -> Spool:
    spool = Spool(frame=_SORTED_FRAME)
    try:
        for line in lines:
            spool.write(line)
        spool._flush()  # many of them wait for the merge
    except BaseException:
        spool.__exit__(None, None, None)
        raise
    return spool
