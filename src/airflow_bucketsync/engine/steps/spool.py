"""Lines kept in a temporary file of this machine for a second pass, or to be sorted."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import orjson
import zstandard

_FRAME = 512 * 1024
_CHUNK = 200_000


class Spool:
    """JSON lines in a compressed temporary file: append all, then read them any number of times."""

    def __init__(self) -> None:
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
        if len(self._pending) >= _FRAME:
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


def sorted_lines(
    lines: Iterable[list[Any]], *, key: Callable[[list[Any]], Any], chunk: int = _CHUNK
) -> Iterator[list[Any]]:
    """Any number of lines in order.

    :param chunk: lines in memory at a time
    """
    runs: list[Spool] = []
    try:
        waiting: list[list[Any]] = []
        for line in lines:
            waiting.append(line)
            if len(waiting) >= chunk:
                runs.append(_spooled(sorted(waiting, key=key)))
                waiting = []
        waiting.sort(key=key)
        yield from heapq.merge(*runs, waiting, key=key)
    finally:
        for run in runs:
            run.__exit__(None, None, None)


def _spooled(lines: Iterable[list[Any]]) -> Spool:
    spool = Spool()
    try:
        for line in lines:
            spool.write(line)
        spool._flush()  # many of them wait for the merge
    except BaseException:
        spool.__exit__(None, None, None)
        raise
    return spool
