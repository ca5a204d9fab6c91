from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given

from airflow_bucketsync.engine.errors import PlanMismatch
from airflow_bucketsync.engine.model.pages import VERSIONS, PageRef, Schema, check_header, header
from tests.engine.model.nouns import page_refs, quick, through_json


@quick
@given(page_refs)
def test_round_trip(ref):
    assert through_json(ref) == ref
    assert isinstance(ref, PageRef)


@pytest.mark.parametrize("schema", get_args(Schema))
def test_every_schema_has_a_version_and_knows_its_header(schema):
    assert check_header(header(schema), schema, name="it") == VERSIONS[schema]
    assert set(VERSIONS) == set(get_args(Schema))


def test_the_rest_of_a_document_is_no_matter():
    assert check_header({**header("run"), "more": 1}, "run", name="it") == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "page 7 is not a bucketsync/result document"),
        ([], "is not a bucketsync/result"),
        (None, "is not a bucketsync/result"),
        ("bucketsync/result", "is not a bucketsync/result"),
        (header("changes"), "is not a bucketsync/result"),
        ({"schema": "result", "version": 1}, "is not a bucketsync/result"),
        ({"schema": ["bucketsync/result"], "version": 1}, "is not a bucketsync/result"),
        ({"schema": "bucketsync/result"}, "has version None of bucketsync/result; this release reads 1 to 1"),
        ({"schema": "bucketsync/result", "version": VERSIONS["result"] + 1}, "page 7 has version 2"),
        ({"schema": "bucketsync/result", "version": 0}, "has version 0"),
        ({"schema": "bucketsync/result", "version": -1}, "has version -1"),
        ({"schema": "bucketsync/result", "version": True}, "has version True"),
        ({"schema": "bucketsync/result", "version": 1.0}, "has version 1.0"),
        ({"schema": "bucketsync/result", "version": "1"}, "has version '1'"),
        ({"schema": "bucketsync/result", "version": "9" * 10_000}, "has version '999"),
    ],
)
def test_another_document_is_refused(value, words):
    with pytest.raises(PlanMismatch) as caught:
        check_header(value, "result", name="page 7")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200
