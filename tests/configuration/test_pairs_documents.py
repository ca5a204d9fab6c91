"""Do the schema, the templates and the documents say what the models of a pairs file say?"""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml

from airflow_bucketsync.configuration.options import OPTION_NAMES, Options
from airflow_bucketsync.configuration.pair import Sync
from airflow_bucketsync.configuration.pairs_file import read_pairs_file
from airflow_bucketsync.configuration.pairs_schema import pairs_schema, schema_text
from airflow_bucketsync.configuration.routes import Line, Routes
from airflow_bucketsync.configuration.sync_model import DagPart, DefaultsPart, DestinationPart, ResourcesPart, SyncPart
from tests.configuration.broken_pairs import ENTRIES, FINE
from tests.house import ROOT

SCHEMA = ROOT / "templates" / "pairs.schema.json"
PAGE = ROOT / "docs" / "pairs-file.md"
FILES = [*sorted((ROOT / "templates").glob("*.yaml")), ROOT / "dags" / "pairs.yaml"]
BLOCKS = [
    (f"{path.name}-{number}", text)
    for path in (ROOT / "README.md", PAGE)
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.M | re.S), 1)
]
UNSEEN = {
    # what no schema of single values can say
    "name_twice", "destinations_of_one_name", "destinations_overlap", "location_without_scheme",
    "location_of_other_scheme", "location_with_secret", "location_of_environment", "location_inside_other",
    "workspace_inside_source", "size_without_unit_word", "number_out_of_range", "options_do_not_fit",
    "time_without_zone", "until_quiet", "plan_to_apply", "move_to_several", "schedule_in_english",
    "schedule_out_of_range",
    "duration_of_nothing", "executor_unknown", "time_zone_unknown", "start_date_in_words", "asset_beside_destinations",
    "no_destinations", "route_to_nowhere", "route_of_everything", "route_with_wrong_size",
    "route_with_wrong_extension", "routes_leave_one_out", "routes_default_missing", "routes_default_unused",
    "routes_default_nowhere", "routes_overlap", "move_by_routes_of_one_name",
}  # fmt: skip


def loaded(text: str) -> object:
    """As an editor reads it: YAML without times."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    kinds = {key: [item for item in value if "timestamp" not in item[0]] for key, value in resolvers.items()}
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": kinds})
    return yaml.load(text, Loader=loader)  # noqa: S506 - safe, see the class


def test_schema_is_that_of_the_models():
    assert SCHEMA.read_text() == schema_text(), "write what schema_text() returns"
    jsonschema.Draft202012Validator.check_schema(pairs_schema())
    assert set(json.loads(SCHEMA.read_text())["$defs"]["FileOptions"]["properties"]) == set(OPTION_NAMES) - {"routed"}


@pytest.mark.parametrize("text", [path.read_text() for path in FILES], ids=[path.stem for path in FILES])
def test_schema_takes_every_template(text):
    jsonschema.validate(loaded(text), pairs_schema())


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_every_block_of_the_documents_is_a_pairs_file(tmp_path, name, text):
    path = tmp_path / "pairs.yaml"
    path.write_text(text)
    file = read_pairs_file(path)
    assert file.entries
    for entry in file.entries:
        found = file.sync(entry)
        assert isinstance(found, Sync), found.message
    jsonschema.validate(loaded(text), pairs_schema())


@pytest.mark.parametrize("name", ENTRIES)
def test_an_editor_marks_what_a_schema_can_tell(name):
    text = FINE + "  - " + ENTRIES[name][0].rstrip("\n").replace("\n", "\n    ")
    wrong = list(
        jsonschema.Draft202012Validator(pairs_schema()).iter_errors(loaded(f"{text}\n".replace(": yes\n", ": 'yes'\n")))
    )
    assert bool(wrong) == (name not in UNSEEN), [error.message for error in wrong]


def rows(model, shared=None):
    found = []
    for name, field in model.model_fields.items():
        cells = [f"`{name}`", *(["*d*" if name in shared.model_fields else ""] if shared else []), field.description]
        found.append("| " + " | ".join(cells) + " |")
    return found


def test_every_field_is_documented():
    parts = (DestinationPart, Routes, Line, DagPart, ResourcesPart)
    expected = [*rows(SyncPart, DefaultsPart), *(row for part in parts for row in rows(part))]
    text = PAGE.read_text().partition("## All of it")[0]
    assert [line for line in text.splitlines() if line.startswith("| `")] == expected, "\n".join(expected)


def test_the_example_of_a_message_is_what_is_said(tmp_path):
    shown = re.search(r"^pairs\.yaml, line \d+, column \d+: (.*)$", PAGE.read_text(), re.M)
    assert shown is not None
    assert ENTRIES["option_misspelled"][1].endswith(shown[1])
    assert Options.model_fields["exclude"].description
