"""Does the page of profiles say what the data says?"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from airflow_bucketsync.engine.model.units import GIB, MIB, TIB, format_size
from airflow_bucketsync.engine.stores.s3.profiles import PROFILES, Profile

PAGE = Path(__file__).parents[4] / "docs" / "profiles.md"
DESCRIBED = ("name", "title", "hosts", "endpoint", "tried", "notes")
"""Fields that are words for people, and no knobs."""


def shown(value: object) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, int) and value >= MIB:
        unit = next(unit for unit in (TIB, GIB, MIB) if value >= unit)
        return f"{value:,}" if value % unit else format_size(value)
    return "none" if value in (None, "") else str(value)


def knobs() -> list[str]:
    """The fields that change what a store does."""
    return [item.name for item in fields(Profile) if item.name not in DESCRIBED]


def defaults() -> Profile:
    """What holds for a profile that says nothing."""
    return Profile(name="", title="")


def profile_lines() -> list[str]:
    """A row for each profile: what it is, where it is guessed from, what it was tried on."""
    return [
        f"| `{profile.name}` | {profile.title} | {f'`{profile.endpoint}`' if profile.endpoint else 'any'} "
        f"| {profile.tried or 'nothing: only read about'} | {profile.notes} |"
        for profile in PROFILES
    ]


def knob_lines() -> list[str]:
    """A row for each knob: its default, and the profiles that say otherwise."""
    lines = []
    for knob in knobs():
        default, other = getattr(defaults(), knob), {}
        for profile in PROFILES:
            value = getattr(profile, knob)
            if value != default:
                other.setdefault(shown(value), []).append(f"`{profile.name}`")
        words = "; ".join(f"{value}: {' '.join(names)}" for value, names in other.items())
        lines.append(f"| `{knob}` | {meaning(knob)} | {shown(default)} | {words} |")
    return lines


def meaning(knob: str) -> str:
    """What a knob is, by the words of the code."""
    text = re.sub(r"\s+", " ", Profile.__doc__ or "")
    match = re.search(rf":param {knob}: (.*?)(?= :param |$)", text)
    assert match is not None, f"{knob} is not described"
    return match[1].strip().replace("|", "or")


def test_the_tables_are_those_of_the_data() -> None:
    expected = [*profile_lines(), *knob_lines()]
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert table == expected, "write these lines:\n" + "\n".join(expected)


def test_a_profile_says_what_it_was_tried_on() -> None:
    """Those that `make test-real` runs name a real server; no other does."""
    real = {profile.name for profile in PROFILES if "a real server" in profile.tried}
    page = (PAGE.parent / "real-servers.md").read_text()
    assert real == {"minio", "versitygw"}
    assert all(re.search(rf"^\| {name} \|", page, re.M) for name in real)
