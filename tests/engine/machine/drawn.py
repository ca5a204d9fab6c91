"""Of what are the sequences made: keys, bodies, attributes, options, faults?"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.machine.faults import FAULTS
from tests.engine.machine.invariants import CANARY

PART = 4
KEYS = ("a", "a/b", "a%2F b+", "d/", "é", "e\u0301", "\uffee", "\U0001f600")
"""Names that sort one way as UTF-8 and another way as UTF-16, fold, escape, or lie below each other."""

keys = st.sampled_from(KEYS)


def body(letter: int, size: int) -> bytes:
    """Bytes of which each has its own place."""
    return bytes((letter + n) % 256 for n in range(size))


def about(content_type: str | None, metadata: str, tags: str) -> ObjectAttributes:
    """Attributes that no page may show."""
    return ObjectAttributes(
        content_type=content_type,
        user_metadata={"about": CANARY + metadata} if metadata else {},
        tags={"about": CANARY + tags} if tags else None,
    )


bodies = st.builds(body, st.sampled_from([1, 65, 129]), st.sampled_from([0, 1, PART, PART + 1, 2 * PART + 1, 3 * PART]))
"""Few, so that they come back."""
some_objects = st.dictionaries(keys, bodies, min_size=1, max_size=4)
many_objects = st.dictionaries(keys, bodies, min_size=3, max_size=6)
attributes = st.builds(
    about, st.sampled_from([None, "text/csv"]), st.sampled_from(["", "1", "2"]), st.sampled_from(["", "1"])
)
selections = st.sampled_from([*[Selection()] * 5, Selection(include=("a*", "a/*")), Selection(start_after="a/b")])

_WHOLE: dict[str, Any] = {}
_PARTS: dict[str, Any] = {"small_threshold": PART, "large_threshold": 100 * PART, "part_size": PART}
_LARGE: dict[str, Any] = {"small_threshold": PART, "large_threshold": PART, "part_size": PART, "group_bytes": 3 * PART}


_KEEPING: dict[str, Any] = {"delete": False, "move": False}
_REMOVALS: tuple[dict[str, Any], ...] = (
    *[_KEEPING] * 3,
    {"delete": True, "max_delete_share": 1.0},
    {"delete": True, "max_delete_share": 1.0, "trash": "all", "allow_empty_source": True},
    {"delete": True, "max_deletes": 1, "max_delete_share": 1.0, "trash": "none"},
    {"delete": True, "trash": "none", "delete_excluded": True},
    {"trash": "all"},
    {"move": True},
)
"""What a run may take away, and what it keeps of it."""


def _policy(sizes: dict[str, Any], removal: dict[str, Any], **options: Any) -> dict[str, Any]:
    policy = {**sizes, **removal, **options}
    if policy.get("delete") and policy["mode"] == "incremental":
        policy["mode"] = "auto"
    if policy.get("move") and policy["verify"] == "none":
        policy["verify"] = "metadata"
    return policy


def policies(**fixed: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a run, these apart."""
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "sizes": st.sampled_from([_WHOLE, _PARTS, _LARGE]),
        "removal": st.sampled_from(_REMOVALS),
        "mode": st.sampled_from(["full", "auto", "incremental", "incremental"]),
        "compare": st.sampled_from(
            ["auto", "auto", "auto", "etag", "checksum", "metadata", "always", "size", "exists", "missing_or_older"]
        ),
        "verify": st.sampled_from(["metadata", "metadata", "content", "listing", "none"]),
        "concurrency": st.sampled_from([1, 1, 1, 1, 1, 1, 2, 3]),
        "batch_objects": st.sampled_from([100, 1, 2, 4]),
        "max_errors": st.sampled_from([100, 0, 1]),
        "on_missing": st.sampled_from(["skip", "fail"]),
        "max_objects": st.sampled_from([None, None, None, None, 1, 3]),
        "max_bytes": st.sampled_from([None, None, None, None, PART + 1]),
        "dry_run": st.sampled_from([False, False, False, False, True]),
    }
    strategies = {name: strategy for name, strategy in drawn.items() if name not in fixed}
    return st.builds(_policy, **strategies, **{name: st.just(value) for name, value in fixed.items()})


MANY = 100_000
"""Requests that no task sends."""
HOUR = 3600.0

far = st.sampled_from([MANY, 0, 15, 40, 60, 80])
near = st.sampled_from([0, 1, 2, 3, 5, 10, 30, MANY])
ends = st.sampled_from(["", "", "before", "after", "lost", "stop"])
"""What becomes of a task that was parked: nothing, killed before or after its request, not heard of, asked to stop."""
points = st.sampled_from(
    [
        "destination copy", "destination put", "destination upload_part", "destination complete_upload", "source get",
        "source head", "source tags", "destination head", "progress save", "pages put pair/known", "hand over",
        "state save",
    ]
)  # fmt: skip
"""Requests before which a surprise may come."""
on_the_way = st.sampled_from(
    [
        "copy destination ", "copy source get", "copy destination copy", "copy destination complete_upload",
        "begin destination ", "begin pages put", "parts destination ", "parts source get", "parts progress save",
        "complete destination complete_upload", "complete pages put", "complete destination ",
    ]
)  # fmt: skip
"""Requests of the tasks that copy."""
bounds = st.sampled_from([None, None, None, None, {"max_objects": 3}, {"max_bytes": 2 * PART}])
turns = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=12)
changes = st.one_of(
    st.tuples(st.just("put_source"), some_objects, attributes, st.booleans()),
    st.tuples(st.just("put_source"), some_objects, attributes, st.just(False)),
    st.tuples(st.just("meddle"), st.sampled_from(["vanish", "write", "delete", "tamper"]), keys, bodies, attributes),
)
arms = st.tuples(st.just("arm"), st.sampled_from(FAULTS), st.integers(0, 8), st.sampled_from([1, 1, 2, 3, 7, 40]))
troubles = st.one_of(
    arms,
    arms,
    st.tuples(
        st.just("set_clock"),
        st.sampled_from(["all", "worker", "source", "destination"]),
        st.sampled_from([60.0, -HOUR, 30 * HOUR, -3000 * HOUR]),
    ),
    st.tuples(
        st.just("lose_state"),
        st.sampled_from(["progress", "plan", "run", "checkpoint", "known", "known.json", "run pages", "torn"]),
        st.integers(0, 50),
    ),
)
stores = st.fixed_dictionaries(
    {
        "shared": st.booleans(),
        "versions": st.booleans(),
        "tick": st.sampled_from([0.001, 6.0]),
        "page_limit": st.sampled_from([3, 3, 2, 1000]),
    },
    optional={"checksums": st.just(()), "etag_meaning": st.just("opaque")},
)
"""What kind of places the two sides are."""
mirrors = st.sampled_from(
    [
        None, None,
        {"delete": True, "max_delete_share": 1.0, "allow_empty_source": True},
        {"delete": True, "max_delete_share": 1.0, "allow_empty_source": True, "trash": "none"},
    ]
)  # fmt: skip
