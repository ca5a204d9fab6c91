"""How does S3 spell checksums, and which one goes with a body?"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from airflow_bucketsync.engine.errors import NotSupported
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.objects import Checksum, ChecksumAlgorithm
from airflow_bucketsync.engine.stores.base import Body
from airflow_bucketsync.engine.stores.checksums import COMBINABLE, COMPUTABLE, checksum_of, to_base64
from airflow_bucketsync.engine.stores.remote.conditions import require_equal
from airflow_bucketsync.engine.stores.s3.session import Answer, Session

FIELDS: Mapping[ChecksumAlgorithm, str] = {
    "crc64nvme": "ChecksumCRC64NVME",
    "crc32c": "ChecksumCRC32C",
    "crc32": "ChecksumCRC32",
    "sha256": "ChecksumSHA256",
    "sha1": "ChecksumSHA1",
}
"""The field of each algorithm in requests and answers, strongest first."""


def read_checksum(answer: Mapping[str, Any]) -> Checksum | None:
    """The checksum in an answer; a composite one tells its number of parts. None = none that can be read."""
    for algorithm, field in FIELDS.items():
        value = answer.get(field)
        if not value:
            continue
        digest, dash, parts = str(value).partition("-")
        try:
            text = base64.b64decode(digest, validate=True).hex()
            return Checksum(algorithm=algorithm, value=text, parts=int(parts) if dash else None)
        except (binascii.Error, ValueError):
            continue
    return None


def answered_checksum(session: Session, answer: Answer) -> Checksum | None:
    """The checksum in an answer, also where the store tells it in a header of its own."""
    found = read_checksum(answer)
    if found is None and session.profile.checksum_header is not None:
        name, algorithm = session.profile.checksum_header
        text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get(name, "")
        if text.isascii() and text.isdigit() and int(text) < 2**64:
            return Checksum(algorithm=algorithm, value=f"{int(text):016x}")
    return found


def upload_algorithm(capabilities: Capabilities) -> ChecksumAlgorithm | None:
    """The algorithm that uploads in parts are begun with: one whose parts add up to the whole. None = none."""
    return next((name for name in capabilities.checksums if name in COMBINABLE), None)


def put_algorithm(capabilities: Capabilities, checksum: Checksum | None) -> ChecksumAlgorithm | None:
    """The algorithm to send with an object written whole: that of `checksum` where the store takes it. None = none."""
    accepted = [name for name in capabilities.checksums if name in FIELDS and name in COMPUTABLE]
    if checksum is not None and checksum.algorithm in accepted:
        return checksum.algorithm
    return accepted[0] if accepted else None


def body_checksum(
    session: Session, key: str, body: Body, checksum: Checksum | None, algorithm: ChecksumAlgorithm | None
) -> tuple[dict[str, Any], Checksum]:
    """The parameters that make the store check a body, and what they say of it.

    :param checksum: what the caller knows of the bytes: sent where the request can carry it, else compared here
    :param algorithm: the one to send; None = Content-MD5
    :raises BodyCorrupted: the bytes are not those of `checksum`
    """
    sent: dict[str, Any] = {}
    if checksum is not None:
        if checksum.parts is not None or checksum.algorithm not in COMPUTABLE:
            raise NotSupported(
                f"a body can't be checked against {checksum.to_json()}", location=session.location.url, key=key
            )
        if checksum.algorithm == "md5":
            sent["ContentMD5"] = to_base64(checksum)
        elif checksum.algorithm != algorithm:
            require_equal(session, key, checksum_of(checksum.algorithm, body), checksum)
    if algorithm is None:
        proof = checksum if checksum is not None and checksum.algorithm == "md5" else checksum_of("md5", body)
        return {"ContentMD5": to_base64(proof)}, proof
    proof = checksum if checksum is not None and checksum.algorithm == algorithm else checksum_of(algorithm, body)
    return {**sent, FIELDS[algorithm]: to_base64(proof)}, proof


def stored_checksum(session: Session, key: str, answer: Answer, sent: Checksum) -> Checksum | None:
    """The checksum that the store answered to a body; None = it returns none.

    :raises BodyCorrupted: the store holds other bytes than were sent
    """
    stored = answered_checksum(session, answer)
    if stored is not None and stored.algorithm == sent.algorithm and stored.parts is None:
        require_equal(session, key, stored, sent)
    return stored
