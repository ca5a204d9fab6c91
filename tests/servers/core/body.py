"""How is the content of an object held, sliced and joined without filling the memory?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

BLOCK = 64 * 1024
CHUNK = 1024 * 1024
EXACT_LIMIT = 64 * 1024 * 1024  # above it a synthetic body gets a stand-in fingerprint instead of its digest


@lru_cache(maxsize=64)
def _tile(seed: int) -> bytes:
    return hashlib.shake_256(f"synthetic:{seed}".encode()).digest(BLOCK)


@dataclass(frozen=True, slots=True)
class SyntheticBody:
    """Content made up from (seed, offset): 64 KiB blocks, each opening with its own number."""

    size: int
    seed: int = 0
    offset: int = 0

    def __len__(self) -> int:
        return self.size

    def slice(self, start: int, stop: int) -> SyntheticBody:
        """Return the lazy part [start, stop)."""
        return SyntheticBody(stop - start, self.seed, self.offset + start)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in pieces of about one MiB."""
        position, stop = self.offset, self.offset + self.size
        while position < stop:
            end = min(stop, (position // CHUNK + 1) * CHUNK)
            yield self._span(position, end)
            position = end

    def _span(self, start: int, stop: int) -> bytes:
        tile, first, last = _tile(self.seed), start // BLOCK, (stop - 1) // BLOCK
        blocks = b"".join(n.to_bytes(8, "big") + tile[8:] for n in range(first, last + 1))
        return blocks[start - first * BLOCK : stop - first * BLOCK]


@dataclass(frozen=True, slots=True)
class ConcatBody:
    """Several pieces read one after the other; neighbours of one synthetic body are merged by ``concat``."""

    pieces: tuple[bytes | SyntheticBody, ...]

    def __len__(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    def slice(self, start: int, stop: int) -> Body:
        """Return the lazy part [start, stop)."""
        found: list[Body] = []
        position = 0
        for piece in self.pieces:
            low, high = max(start - position, 0), min(stop - position, len(piece))
            if low < high:
                found.append(body_slice(piece, low, high))
            position += len(piece)
        return concat(found)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in pieces of about one MiB."""
        for piece in self.pieces:
            yield from body_chunks(piece)


Body = bytes | SyntheticBody | ConcatBody


def body_slice(body: Body, start: int, stop: int) -> Body:
    """Return [start, stop) of a body, lazily unless it is bytes."""
    if start <= 0 and stop >= len(body):
        return body
    return body[start:stop] if isinstance(body, bytes) else body.slice(start, stop)


def body_chunks(body: Body) -> Iterator[bytes]:
    """Yield the content in pieces of at most one MiB."""
    if not isinstance(body, bytes):
        yield from body.chunks()
    elif len(body) <= CHUNK:
        yield body
    else:
        for start in range(0, len(body), CHUNK):
            yield body[start : start + CHUNK]


def body_bytes(body: Body) -> bytes:
    """Return the whole content; think of the size first."""
    return body if isinstance(body, bytes) else b"".join(body.chunks())


def concat(bodies: list[Body]) -> Body:
    """Return the bodies joined: bytes if all are bytes, otherwise lazy with neighbours merged."""
    if all(isinstance(body, bytes) for body in bodies):
        return b"".join(bodies)  # type: ignore[arg-type]
    pieces: list[bytes | SyntheticBody] = []
    for body in bodies:
        for piece in body.pieces if isinstance(body, ConcatBody) else (body,):
            last = pieces[-1] if pieces else None
            if not len(piece):
                continue
            if (
                isinstance(last, SyntheticBody)
                and isinstance(piece, SyntheticBody)
                and (last.seed, last.offset + last.size) == (piece.seed, piece.offset)
            ):
                pieces[-1] = SyntheticBody(last.size + piece.size, last.seed, last.offset)
            elif isinstance(last, bytes) and isinstance(piece, bytes):
                pieces[-1] = last + piece
            else:
                pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else ConcatBody(tuple(pieces))


def has_exact_digest(body: Body) -> bool:
    """Is the body's real digest worth computing unasked?"""
    return isinstance(body, bytes) or len(body) <= EXACT_LIMIT


def md5_hex(body: Body) -> str:
    """Return the MD5 of the content, or a stable stand-in for large synthetic bodies."""
    if isinstance(body, bytes):
        return hashlib.md5(body, usedforsecurity=False).hexdigest()
    digest = hashlib.md5(usedforsecurity=False)
    if has_exact_digest(body):
        for chunk in body.chunks():
            digest.update(chunk)
    else:
        digest.update(repr(body).encode())
    return digest.hexdigest()
