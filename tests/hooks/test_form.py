"""Does Airflow show the form of the OSS connection, and is it the one that is read?"""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.resources import files

import jsonschema
import pytest
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from airflow_bucketsync.hooks.oss import OssHook
from airflow_bucketsync.hooks.oss_connection import NEEDED, TAKEN, OssConnection
from airflow_bucketsync.provider_info import CREDENTIALS, OSS_CONNECTION, OSS_FIELDS, get_provider_info


@pytest.fixture(scope="module")
def form():
    """What the page for connections asks the API server for (`/ui/connections/hook_meta`)."""
    (found,) = (meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "bucketsync_oss")
    return found


def test_form_is_shown(form):
    assert form.hook_name == "Alibaba Cloud OSS (Bucketsync)"
    assert set(form.extra_fields) == set(OSS_FIELDS)
    credential = form.extra_fields["credential"]
    assert credential["schema"]["title"] == "Credential"
    assert credential["schema"]["enum"] == list(CREDENTIALS)
    assert credential["value"] == "ak"
    assert credential["description"].startswith("Who signs: ak (an access key)")
    assert form.standard_fields.login.title == "AccessKey ID"
    assert form.standard_fields.password.title == "AccessKey secret"
    assert form.standard_fields.host.hidden


def test_secrets_are_not_shown_while_typed(form):
    hidden = {name for name, field in form.extra_fields.items() if field["schema"].get("format") == "password"}
    assert hidden == {"security_token", "external_id", "proxy"}


def test_hook_is_what_airflow_wants():
    hook = ProvidersManagerTaskRuntime().hooks["bucketsync_oss"]
    assert hook is not None
    assert hook.hook_class_name == f"{OssHook.__module__}.{OssHook.__qualname__}"
    assert (hook.hook_name, hook.connection_testable) == (OSS_CONNECTION["hook-name"], True)


def test_type_of_the_other_provider_is_left_to_it():
    assert [kind["connection-type"] for kind in get_provider_info()["connection-types"]] == ["bucketsync_oss"]


def test_form_has_the_shape_that_airflow_describes():
    schema = json.loads(files("airflow").joinpath("provider.yaml.schema.json").read_text())
    section = schema["properties"]["connection-types"]
    jsonschema.validate(get_provider_info()["connection-types"], section)


def test_fields_of_the_form_are_those_that_are_read():
    read = {item.name for item in fields(OssConnection)} - {"conn_id", "login", "password"}
    assert set(OSS_FIELDS) == read | {"endpoint_kind"}
    assert tuple(NEEDED) == CREDENTIALS
    assert set(TAKEN) < set(CREDENTIALS)
