"""What did the machine find, told once more in a few steps each?"""

from __future__ import annotations

import pytest

from tests.engine.steps.pairs import Pair

FIRST, SECOND = b"ABCD", b"abcd"


class Killed(BaseException):
    """The process is gone."""


def killed_before_its_report(pair: Pair) -> None:
    """An incremental run that copies and verifies, and dies before anything of it is remembered."""

    def kill(when: str, verb: str, key: str) -> None:
        if when == "before" and verb == "put" and "/report/" in key:
            raise Killed

    pair.pages.hooks.append(kill)
    with pytest.raises(Killed):
        pair.sync(mode="incremental")
    pair.pages.hooks.remove(kill)


@pytest.mark.parametrize("shared", [True, False], ids=["server", "stream"])
def test_I1_a_source_that_returns_to_remembered_bytes_after_a_run_that_died(shared):
    """What is remembered was overwritten by our own run: equal ETags at another time are looked at, not believed."""
    pair = Pair(shared=shared)
    pair.put({"a": FIRST})
    pair.sync(check=True)
    pair.put({"a": SECOND})
    killed_before_its_report(pair)
    assert pair.contents() == {"a": SECOND}
    pair.put({"a": FIRST})
    assert pair.sync(mode="incremental").report.mode == "incremental"
    assert pair.contents() == {"a": FIRST}


def test_I1_a_source_that_returns_to_remembered_bytes_after_a_run_without_verification():
    pair = Pair()
    pair.put({"a": FIRST})
    pair.sync(check=True)
    pair.put({"a": SECOND})
    pair.sync(mode="incremental", verify="none", check=True)
    pair.put({"a": FIRST})
    pair.sync(mode="incremental")
    assert pair.contents() == {"a": FIRST}


@pytest.mark.parametrize("compare", ["etag", "checksum", "metadata", "always"])
def test_I1_a_full_run_sees_it_however_it_compares(compare):
    pair = Pair()
    pair.put({"a": FIRST})
    pair.sync(check=True)
    pair.put({"a": SECOND})
    pair.sync(mode="incremental", verify="none", check=True)
    pair.put({"a": FIRST})
    pair.sync(compare=compare, check=True)
    assert pair.contents() == {"a": FIRST}


@pytest.mark.parametrize("how", ["unverified", "died"])
def test_I1_a_comparison_by_etag_teaches_the_memory_nothing_that_it_did_not_see(how):
    """The source returns to remembered bytes that a run of ours overwrote, and a run by ETag believes the memory."""
    pair = Pair()
    pair.put({"a": FIRST})
    pair.sync(check=True)
    pair.put({"a": SECOND})
    if how == "died":
        killed_before_its_report(pair)
    else:
        pair.sync(mode="incremental", verify="none", check=True)
    assert pair.contents() == {"a": SECOND}
    pair.put({"a": FIRST})
    pair.sync(mode="incremental", compare="etag")
    pair.sync(mode="incremental")
    assert pair.contents() == {"a": FIRST}


def test_I1_what_was_written_and_not_verified_is_forgotten():
    pair = Pair()
    pair.put({"a": FIRST})
    pair.sync(check=True)
    pair.put({"a": SECOND})
    pair.sync(mode="incremental", verify="none", check=True)
    pair.put({"a": FIRST})
    pair.sync(mode="incremental", compare="etag")
    assert pair.contents() == {"a": FIRST}
