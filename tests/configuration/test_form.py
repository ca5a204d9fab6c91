"""Does the form offer what may be set, with values that pass as they are?"""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import ParamValidationError

from airflow_bucketsync.configuration.form import CHOICES, form
from airflow_bucketsync.configuration.options import OPTION_NAMES, Options, read_options
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy


def test_fields_in_their_order_and_sections():
    fields = form(("verify", "include"), allowed=[Location.parse("s3://a@bb/")])
    assert list(fields) == ["source", "destination", "include", "verify"]
    assert fields["source"].schema["examples"] == ["s3://a@bb/"]
    assert [field.schema.get("section") for field in fields.values()] == [None, None, "Which objects", "How"]


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_every_option_has_a_field_whose_default_is_the_engines(name):
    field = form((name,))[name]
    value = field.resolve()
    assert field.schema["title"]
    assert field.schema["description_md"]
    options = read_options({} if value is None else {name: value})
    assert (options.selection(), options.policy()) == (Options().selection(), SyncPolicy())


@pytest.mark.parametrize("name", list(CHOICES))
def test_choices_are_all_there_are(name):
    for choice in CHOICES[name]:
        read_options({name: choice})
    field = form((name,))[name]
    assert field.schema["enum"] == list(field.schema["values_display"])
    assert (
        Options.model_json_schema()["properties"][name]["anyOf"][0].get(
            "enum", [Options.model_json_schema()["properties"][name]["anyOf"][0].get("const")]
        )
        == field.schema["enum"]
    )


def test_sides_are_required():
    with pytest.raises(ParamValidationError):
        form(())["source"].resolve()
    with pytest.raises(ParamValidationError):
        form(())["source"].resolve("")
    assert form(())["source"].resolve("s3://a@b/") == "s3://a@b/"
