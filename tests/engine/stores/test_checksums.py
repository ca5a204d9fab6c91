"""Are checksums those of the standards, and do those of parts make that of the whole?"""

from __future__ import annotations

import base64
import hashlib
import mmap
import random
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.objects import Checksum
from airflow_bucketsync.engine.stores.checksums import (
    COMBINABLE,
    COMPUTABLE,
    RunningCrc64,
    checksum_of,
    combined,
    to_base64,
)

CHECK = b"123456789"
# The check values of the catalogue of CRCs, and of RFC 1321, 3174 and 6234 by the standard library.
KNOWN = {
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "crc64xz": "995dc9bbdf1939fa",
    "md5": "25f9e794323b453885f5181f1b624d0b",
    "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}


@pytest.mark.parametrize("algorithm", COMPUTABLE)
def test_known_values(algorithm):
    assert checksum_of(algorithm, CHECK) == Checksum(algorithm=algorithm, value=KNOWN[algorithm])
    for body in (bytearray(CHECK), memoryview(CHECK), memoryview(bytearray(b"x" + CHECK))[1:]):
        assert checksum_of(algorithm, body).value == KNOWN[algorithm]


@pytest.mark.parametrize("algorithm", COMPUTABLE)
def test_values_have_their_whole_width(algorithm):
    widths = {"crc32": 8, "crc32c": 8, "crc64nvme": 16, "crc64xz": 16, "md5": 32, "sha1": 40, "sha256": 64}
    for number in range(300):
        value = checksum_of(algorithm, b"%d" % number).value
        assert len(value) == widths[algorithm]
        assert value == value.lower()


def test_what_cannot_be_computed():
    with pytest.raises(ValueError, match="sha512"):
        checksum_of("sha512", b"")


@pytest.mark.parametrize("algorithm", COMBINABLE)
@settings(deadline=None, max_examples=80)
@given(parts=st.lists(st.binary(max_size=50), max_size=8))
def test_parts_make_the_whole(algorithm, parts):
    together = combined(algorithm, [(checksum_of(algorithm, part), len(part)) for part in parts])
    assert together == checksum_of(algorithm, b"".join(parts))


@pytest.mark.parametrize("algorithm", COMBINABLE)
def test_the_order_of_parts_counts(algorithm):
    one, two = ((checksum_of(algorithm, part), len(part)) for part in (b"one", b"two!"))
    assert combined(algorithm, [one, two]) != combined(algorithm, [two, one])


def test_base64_as_headers_spell_it():
    assert to_base64(checksum_of("sha256", CHECK)) == base64.b64encode(hashlib.sha256(CHECK).digest()).decode()
    assert to_base64(checksum_of("crc32", CHECK)) == base64.b64encode(zlib.crc32(CHECK).to_bytes(4, "big")).decode()


@settings(deadline=None, max_examples=80)
@given(pieces=st.lists(st.binary(max_size=50), max_size=8))
def test_piece_by_piece(pieces):
    running = RunningCrc64()
    for piece in pieces:
        running.add(memoryview(piece))
    assert running.checksum == checksum_of("crc64xz", b"".join(pieces))


def test_the_crc_of_oss_is_not_that_of_s3():
    assert checksum_of("crc64xz", CHECK).value != checksum_of("crc64nvme", CHECK).value


def test_mapped_memory():
    with mmap.mmap(-1, 5000) as memory:
        memory[:9] = CHECK
        with memoryview(memory) as view:
            assert checksum_of("crc64xz", view[:9]).value == KNOWN["crc64xz"]


def test_threads_do_not_disturb_each_other():
    bodies = [random.Random(number).randbytes(100_000 + number) for number in range(8)]
    expected = [crc64_bit_by_bit(body[:2000]) for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(pool.map(lambda body: checksum_of("crc64xz", body[:2000]).value, bodies))
            assert found == expected


def crc64_bit_by_bit(body):
    """CRC-64/XZ bit by bit, as the catalogue of CRCs defines it."""
    value = 2**64 - 1
    for byte in body:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return f"{value ^ 2**64 - 1:016x}"
