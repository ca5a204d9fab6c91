"""What does an editor need to know of a pairs file? A JSON Schema, made from the models that check the file."""

from __future__ import annotations

import json
from typing import Any

from airflow_bucketsync.configuration.sync_model import PairsPart

TITLE = "Pairs file of airflow-bucketsync"


def pairs_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    schema = PairsPart.model_json_schema(mode="validation")
    sync = schema["$defs"]["SyncPart"]
    for part in (sync, schema["$defs"]["DefaultsPart"]):  # it is long, and stands there once
        schema["$defs"]["ByHand"], part["properties"]["by_hand"]["anyOf"][0] = (
            part["properties"]["by_hand"]["anyOf"][0],
            {"$ref": "#/$defs/ByHand"},
        )
    # one of the two has to be there, which the models leave to the checks
    sync["oneOf"] = [{"required": ["destination"]}, {"required": ["destinations"]}]
    sync["dependentRequired"] = {"routes": ["destinations"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": TITLE}


def schema_text() -> str:
    """The schema as it is kept in the repository."""
    return json.dumps(pairs_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
