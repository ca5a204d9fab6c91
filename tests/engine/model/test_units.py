from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.units import GIB, KIB, MIB, TIB, format_seconds, format_size, parse_size
from tests.engine.model.nouns import quick


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (2**53 + 1, 2**53 + 1),
        (2**100, 2**100),
        ("0", 0),
        ("17", 17),
        ("17 B", 17),
        ("50 MiB", 50 * MIB),
        ("50MiB", 50 * MIB),
        (" 50\tmib ", 50 * MIB),
        ("50 M", 50 * MIB),
        ("50 MB", 50_000_000),
        ("1.5GiB", 3 * GIB // 2),
        ("0.1 KiB", 102),
        ("1.9", 1),
        ("5 TiB", 5 * TIB),
        ("5 tb", 5 * 10**12),
        ("1 k", KIB),
        ("9007199254740993", 2**53 + 1),
        ("9007199254740993.0", 2**53 + 1),
        ("8796093022208.0009765625 KiB", 2**53 + 1),
        ("9" * 30 + ".5 TiB", (10**30 - 1) * TIB + TIB // 2),
    ],
)
def test_parse_size(written, size):
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "MiB", "-1", "+1", "1,000", "1_000", "1.", ".5", "1e3", "0x10", "nan", "inf", "5 PiB", "5 mebibytes",
        "5 MiB 3", "5 MiB/s", "٥ MiB", "²", "1" * 31, "1." + "1" * 31, "9" * 5000, "9" * 500 + ".5",
        True, False, None, 1.5, [], {},
    ],
)  # fmt: skip
def test_no_size(written):
    with pytest.raises(
        InvalidConfiguration, match=r"^part_size: .* is no size; write bytes, or a number with KiB"
    ) as it:
        parse_size(written, name="part_size")
    assert len(str(it.value)) < 200


def test_a_negative_size_is_refused():
    with pytest.raises(InvalidConfiguration, match=r"^min_size: a size can't be negative, got -1$"):
        parse_size(-1, name="min_size")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (12_595, "12.3 KiB"),
        (MIB - 1, "1.0 MiB"),
        (MIB, "1.0 MiB"),
        (GIB - 1, "1.0 GiB"),
        (TIB - 1, "1.0 TiB"),
        (2000 * TIB, "2000.0 TiB"),
        (2**53 + 1, "8192.0 TiB"),
    ],
)
def test_format_size(size, shown):
    assert format_size(size) == shown


@quick
@given(st.integers(0, 2**60))
def test_what_is_shown_is_near_and_can_be_read(size):
    shown = format_size(size)
    assert not shown.startswith("1024") or size > 1023 * 1024**4, "TiB is the largest unit"
    assert abs(parse_size(shown) - size) <= max(size // 16, 0)
    assert parse_size(size) == parse_size(str(size)) == size


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.4, "0 s"),
        (40, "40 s"),
        (119.4, "119 s"),
        (119.5, "2 min"),
        (120, "2 min"),
        (7_169, "119 min"),
        (7_170, "2 h 0 min"),
        (7_500, "2 h 5 min"),
        (47.4 * 3600, "47 h 24 min"),
        (48 * 3600, "2 d 0 h"),
        (76 * 3600 + 1700, "3 d 4 h"),
    ],
)
def test_format_seconds(seconds, shown):
    assert format_seconds(seconds) == shown
