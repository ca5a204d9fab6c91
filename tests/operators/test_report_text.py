"""Is the report readable, honest, and no larger than an XCom may be?"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from airflow_bucketsync.engine.model.drift import DRIFTED, Drift
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.operators.report_text import XCOM_ROOM, for_xcom, report_text

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
REPORT = Report(
    pair="p",
    run="r",
    mode="full",
    source="s3://a@one/",
    destination="s3://b@two/",
    started=NOW,
    ended=NOW,
    seconds=10.0,
    counts={"copied": 12_000, "same": 3},
    reasons={"copied: new": 12_000},
    bytes=10 * 1024**2,
    requests={"source": {"ListObjectsV2": 13}, "destination": {"CopyObject": 12_000}},
    verify="metadata",
    verified=True,
    changed_anything=True,
    objects="report/objects.jsonl.zst",
)
FAILURE = {"key": "x", "status": "failed", "reason": "access_denied", "message": "no"}


def test_green():
    assert report_text(REPORT).splitlines() == [
        "GREEN: s3://a@one/ -> s3://b@two/",
        "  pair      p, run r (full)",
        "  objects   12,000 copied, 3 same",
        "  reasons   12,000 copied: new",
        "  written   10.0 MiB in 10.0 s (1.0 MiB/s)",
        "  verified  yes (level metadata)",
        "  requests  source: 13 ListObjectsV2; destination: 12,000 CopyObject",
    ]


def test_red_names_what_is_wrong():
    red = replace(
        REPORT,
        red=("failed",),
        incomplete=("bucket_sync.copy_3",),
        warnings=("clock",),
        failures=tuple({**FAILURE, "key": f"k{n}"} for n in range(12)),
        verified=False,
    )
    lines = report_text(red).splitlines()
    assert lines[0].startswith("RED: ")
    assert "  red       failed" in lines
    assert "  missing   bucket_sync.copy_3" in lines
    assert "  warning   clock" in lines
    assert "  failed    'k0': access_denied: no" in lines
    assert lines[-1] == "  and 2 more in report/objects.jsonl.zst"


def test_key_forges_no_line():
    evil = replace(REPORT, failures=({**FAILURE, "key": "a\nGREEN: all is well\x1b[2J\u202e", "message": "b\r\nc"},))
    text = report_text(evil)
    assert len(text.splitlines()) == len(report_text(REPORT).splitlines()) + 1
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_xcom_is_small_whatever_there_is_to_say():
    large = replace(
        REPORT,
        failures=tuple({**FAILURE, "key": "ü" * 1024, "message": "m" * 5000} for _ in range(20)),
        warnings=tuple("w" * 5000 for _ in range(200)),
        incomplete=tuple(f"bucket_sync.copy_{n}" for n in range(1024)),
        reasons={f"copied: {n}": n for n in range(1000)},
    )
    value = for_xcom(large, folder="p/r/")
    assert len(json.dumps(value)) <= XCOM_ROOM + 100
    assert value["left_out"] > 0
    assert value["failures"]
    assert value["report"] == "p/r/report.json"
    assert for_xcom(REPORT, folder="")["counts"] == REPORT.counts
    assert "left_out" not in for_xcom(REPORT, folder="")


def test_long_texts_are_cut():
    assert shown("x" * 1000).endswith("…")
    assert len(shown("x" * 1000)) == 300


def test_what_was_left_out_and_both_keys_are_told():
    report = replace(
        REPORT,
        selected_out={"exclude": 4, "unmatched": 1},
        selected_out_first={"exclude": ("a.log", "b\n.log", "c.log"), "unmatched": ("x" * 200,)},
        failures=({**FAILURE, "source_key": "a/x"},),
    )
    lines = report_text(report).splitlines()
    assert "  left out  4 by exclude: 'a.log', 'b\\n.log', 'c.log', …" in lines
    assert f"  left out  1 by unmatched: '{'x' * 78}…" in lines
    assert "  failed    'a/x' -> 'x': access_denied: no" in lines


def test_an_xcom_names_one_object_of_each_rule():
    first = {f"rule {n}": ("x" * 200, "y", "z") for n in range(15)}
    value = for_xcom(replace(REPORT, selected_out=dict.fromkeys(first, 7), selected_out_first=first), folder="p/r/")
    assert len(json.dumps(value)) <= XCOM_ROOM
    assert value["selected_out"] == dict.fromkeys(first, 7)
    assert value["selected_out_first"]["rule 0"] == ["x" * 79 + "…"]


def test_row_C16_what_drifted_and_how_to_apply():
    drift = Drift(same=7, counts={"agreed": 2, "in_step": 1, "new": 1}, first={"new": ["a\n"]})
    assert "  drift     3 planned, 1 in step already; 1 new ('a\\n')" in report_text(replace(REPORT, drift=drift))
    lines = report_text(replace(REPORT, mode="dry_run", plan_digest="0" * 64)).splitlines()
    [line] = [line for line in lines if line.startswith("  plan ")]
    assert "0" * 64 in line
    assert "apply_plan" in line
    assert "apply_plan" not in report_text(replace(REPORT, plan_digest="0" * 64))


def test_row_C16_long_keys_that_drifted_fit_an_xcom():
    drift = Drift(counts={"new": 9, "gone": 9, "changed": 9}, first=dict.fromkeys(DRIFTED, ["k" * 1024] * 5))
    value = for_xcom(replace(REPORT, drift=drift), folder="p/r/")
    assert len(json.dumps(value)) < 8_000
    assert value["drift"]["counts"] == drift.counts
