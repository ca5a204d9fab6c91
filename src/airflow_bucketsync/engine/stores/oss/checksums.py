"""How does OSS prove that it holds the bytes that were sent?

It answers every body with the CRC-64 of what it stored, which is compared. That comes too late to refuse anything: the
object is there by then. Over TLS that is enough, no bit is turned over on the way, and the CRC finds what happened
inside the store. Over plain http Content-MD5 goes along, which the store checks before it stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from airflow_bucketsync.engine.errors import BodyCorrupted, NotSupported
from airflow_bucketsync.engine.model.objects import Checksum, PartReceipt
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.checksums import COMPUTABLE, checksum_of, combined, to_base64
from airflow_bucketsync.engine.stores.oss.session import Session
from airflow_bucketsync.engine.stores.remote.conditions import require_equal

ALGORITHM: Final = "crc64xz"
_HEADER = "x-oss-hash-crc64ecma"


def read_checksum(text: str | None) -> Checksum | None:
    """The CRC-64 as OSS writes it, a decimal number; None = none (old objects and copies may have none)."""
    if text is None or not text.isdecimal() or int(text) >= 2**64:
        return None
    return Checksum(algorithm=ALGORITHM, value=f"{int(text):016x}")


def answered_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """The CRC-64 in the headers of an answer; None = none."""
    return read_checksum(headers.get(_HEADER))


def body_checksum(
    session: Session, key: str, body: Body, checksum: Checksum | None
) -> tuple[dict[str, str | None], Checksum]:
    """The headers that let the store check a body, and the CRC-64 that its answer must have.

    :param checksum: what the caller knows of the bytes, compared before they are sent
    :raises BodyCorrupted: the bytes are not those of `checksum`
    """
    proof = checksum_of(ALGORITHM, body)
    if checksum is not None:
        if checksum.parts is not None or checksum.algorithm not in COMPUTABLE:
            raise NotSupported(
                f"a body can't be checked against {checksum.to_json()}", location=session.location.url, key=key
            )
        found = proof if checksum.algorithm == ALGORITHM else checksum_of(checksum.algorithm, body)
        require_equal(session, key, found, checksum)
    return {"Content-MD5": None if session.encrypted else to_base64(checksum_of("md5", body))}, proof


def require_stored(session: Session, key: str, stored: Checksum | None, sent: Checksum) -> Checksum | None:
    """What the store holds by its own word, when it is what was sent; None = it doesn't say.

    :raises BodyCorrupted: it holds other bytes
    """
    if stored is not None:
        require_equal(session, key, stored, sent)
    return stored


def whole(
    session: Session, key: str, parts: Sequence[PartReceipt], *, size: int, checksum: Checksum | None
) -> Checksum | None:
    """The CRC-64 that the object made of these parts must have; None = it can't be told.

    :raises BodyCorrupted: the parts are not the object of this size and checksum
    """
    expected = checksum if checksum is not None and checksum.algorithm == ALGORITHM else None
    held = sum(part.size for part in parts)
    if held != size:
        raise BodyCorrupted(
            f"the parts hold {held} bytes together, the object must have {size}", location=session.location.url, key=key
        )
    known = [
        (part.checksum, part.size)
        for part in parts
        if part.checksum is not None and part.checksum.algorithm == ALGORITHM
    ]
    if len(known) < len(parts):
        return expected
    together = combined(ALGORITHM, known)
    if expected is not None:
        require_equal(session, key, together, expected)
    return together
