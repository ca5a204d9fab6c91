"""Is [bucketsync] read when asked, and are its errors plain?"""

from __future__ import annotations

import json
from pathlib import Path

import airflow
import jsonschema
import pytest

import airflow_bucketsync
from airflow_bucketsync.configuration.section import (
    DEFAULT_MANUAL_OPTIONS,
    allowed_locations,
    manual_options,
    workspace_location,
)
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.provider_info import get_provider_info


def test_defaults(monkeypatch):
    for name in ("WORKSPACE", "ALLOWED_LOCATIONS", "MANUAL_OPTIONS"):
        monkeypatch.delenv(f"AIRFLOW__BUCKETSYNC__{name}", raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    assert workspace_location().url == "file:///srv/airflow/bucketsync/"
    assert allowed_locations() == ()
    assert manual_options() == DEFAULT_MANUAL_OPTIONS


def test_lists_by_comma_and_line(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__ALLOWED_LOCATIONS", "s3://a@one/ ,\n file:///two\n,")
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS", "dry_run, min_size,dry_run")
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__WORKSPACE", " s3://a@pages/x ")
    assert [location.url for location in allowed_locations()] == ["s3://a@one/", "file:///two/"]
    assert manual_options() == ("dry_run", "min_size")
    assert workspace_location().url == "s3://a@pages/x/"


def test_an_empty_list_offers_nothing(monkeypatch):
    monkeypatch.setenv("AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS", "")
    assert manual_options() == ()


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("ALLOWED_LOCATIONS", "s3://a@one/, everything", allowed_locations),
        ("ALLOWED_LOCATIONS", "*", allowed_locations),
        ("MANUAL_OPTIONS", "dry_run, deletes", manual_options),
        ("WORKSPACE", "/srv/pages", workspace_location),
    ],
)
def test_errors_name_the_setting(monkeypatch, name, text, read):
    monkeypatch.setenv(f"AIRFLOW__BUCKETSYNC__{name}", text)
    with pytest.raises(InvalidConfiguration, match=f"AIRFLOW__BUCKETSYNC__{name}"):
        read()


def test_provider_info():
    info = get_provider_info()
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(info, schema)
    assert info["versions"] == [airflow_bucketsync.__version__]
    options = info["config"]["bucketsync"]["options"]
    assert options["manual_options"]["default"] == ", ".join(DEFAULT_MANUAL_OPTIONS)
    assert list(options) == ["workspace", "allowed_locations", "manual_options", "pairs"]
