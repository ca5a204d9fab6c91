"""Faults that strike verification: F50, F51."""

from __future__ import annotations

import pytest

from tests.engine.stand import ATTEMPTS, Pair

BODY = bytes(range(250)) * 14


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown")])
def test_fault_F50_verification_can_not_look(copied: Pair, status: int, code: str) -> None:
    copied.put({"k": BODY, "other": b"o"})
    fault = copied.at_destination("status", operation="HeadObject", key="k", status=status, code=code)
    ran = copied.sync()
    assert fault.occurred == (1 if status == 403 else ATTEMPTS)
    word, reason = ran.status("k")
    assert word == "unverified"
    assert (reason or "").startswith("not_looked_at")
    assert not ran.outcomes["k"].verified
    assert ran.outcomes["other"].verified
    assert ran.report.red == ("unverified",)
    assert not ran.report.verified
    assert copied.contents() == {"k": BODY, "other": b"o"}


def test_fault_F50_tolerated_by_name_is_green_and_not_verified(copied: Pair) -> None:
    copied.put({"k": BODY})
    copied.at_destination("status", operation="HeadObject", key="k", status=403, code="AccessDenied")
    ran = copied.sync(tolerate=("unverified",))
    assert ran.report.green
    assert not ran.report.verified
    assert ran.report.tolerated == ("unverified",)


@pytest.mark.parametrize("standing", [None, b"what stood there"])
def test_fault_F51_stale_answer_once(any_pair: Pair, standing: bytes | None) -> None:
    pair = any_pair
    pair.put({"k": BODY})
    pair.put_destination({} if standing is None else {"k": standing})
    # Where OSS is looked at before it is overwritten, that look comes first, and finds what was listed.
    looked = int(pair.to_oss and standing is not None)
    stale = pair.at_destination("stale", operation="HeadObject", key="k", on=(1 + looked, 2 + looked))
    ran = pair.sync()
    assert stale.occurred == 2
    assert ran.status("k")[0] == "copied"
    assert len([entry for entry in ran.writes() if entry.operation == pair.write]) == 1
    assert ran.report.verified
    assert pair.contents() == {"k": BODY}


def test_fault_F51_stale_for_ever(copied: Pair) -> None:
    copied.put({"k": BODY})
    copied.put_destination({"k": b"what stood there"})
    stale = copied.at_destination("stale", operation="HeadObject", key="k")
    ran = copied.sync()
    assert 1 < stale.occurred < 10
    assert ran.status("k")[0] == "unverified"
    assert len(ran.writes()) == 1  # looked at again, not copied again
    assert ran.report.red == ("unverified",)
