"""What Airflow learns about this package when it looks for providers."""

from __future__ import annotations

from typing import Any

WORKSPACE = """\
Where runs keep their pages (listings, plans, results, reports): a location that all workers reach.
Unset: the folder `bucketsync` below AIRFLOW_HOME, which is enough for one machine.
"""
ALLOWED_LOCATIONS = """\
Below which locations runs by hand (DAG `bucket_sync`) may read and write, separated by commas or line ends.
Scheme, connection and bucket must be equal, the prefix is matched at `/`. Unset: none.
"""
MANUAL_OPTIONS = """\
Which options the form of a run by hand (DAG `bucket_sync`) offers; any other option in a run's configuration is
refused.
"""
PAIRS = """\
Absolute path of the pairs file that `load_pairs()` and `bucket_sync("name")` read where none is named.
"""

CREDENTIALS = ("ak", "sts", "ram_role", "oidc", "environment", "ecs_role", "anonymous")
ENDPOINTS = ("public", "internal", "accelerate", "custom")
ADDRESSING = ("virtual", "path", "cname")


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _seconds(label: str, description: str) -> dict[str, Any]:
    schema = {"type": ["integer", "null"], "minimum": 1, "maximum": 3600}
    return {"label": label, "description": description, "schema": schema}


def _yes_or_no(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"], "default": False}}


OSS_TYPE = "bucketsync_oss"
OSS_FIELDS: dict[str, dict[str, Any]] = {
    "credential": _text(
        "Credential",
        "Who signs: ak (an access key), sts (one with a security token), ram_role (a role that an access key assumes), "
        "oidc (a role for a token file), environment, ecs_role (the role of the machine), anonymous (nobody).",
        enum=list(CREDENTIALS),
        default="ak",
    ),
    "security_token": _text("Security token", "Of sts; of the access key that assumes ram_role.", format="password"),
    "role_arn": _text("Role ARN", "Of ram_role and oidc: acs:ram::ACCOUNT:role/NAME."),
    "role_session_name": _text("Role session name", "Of ram_role and oidc; empty: DAG and run."),
    "external_id": _text("External id", "Of ram_role, where the role asks for one.", format="password"),
    "oidc_provider_arn": _text("OIDC provider ARN", "Of oidc; empty: ALIBABA_CLOUD_OIDC_PROVIDER_ARN."),
    "oidc_token_file": _text("OIDC token file", "Of oidc: a path on the worker; empty: ALIBABA_CLOUD_OIDC_TOKEN_FILE."),
    "ecs_role_name": _text("ECS role name", "Of ecs_role; empty: the one that the machine has."),
    "sts_endpoint": _text("STS endpoint", "Of ram_role and oidc: host of the token service; empty: sts.aliyuncs.com."),
    "region": _text("Region", "Plain, as in cn-hangzhou; empty: the one in a custom endpoint."),
    "endpoint_kind": _text(
        "Endpoint kind",
        "public, internal (inside the region's own network, free), accelerate (if the bucket has it), or custom.",
        enum=list(ENDPOINTS),
        default="public",
    ),
    "endpoint": _text("Endpoint", "Of custom: https://host, a port if it has one."),
    "addressing": _text(
        "Addressing",
        "Where the bucket stands: in the host (virtual), in the path, or the endpoint is a host of its own (cname).",
        enum=list(ADDRESSING),
        default="virtual",
    ),
    "requester_pays": _yes_or_no("Requester pays", "We pay for requests to a bucket whose owner does not."),
    "connect_timeout": _seconds("Connect time-out", "Seconds; empty: 10."),
    "read_timeout": _seconds("Read time-out", "Seconds without a byte; empty: 60."),
    "proxy": _text("Proxy", "URL of a proxy for the requests to OSS and to the token service.", format="password"),
}
"""The fields of an OSS connection besides login and password, as its form shows them and `hooks/oss.py` reads them."""
OSS_CONNECTION: dict[str, Any] = {
    "connection-type": OSS_TYPE,
    "hook-class-name": "airflow_bucketsync.hooks.oss.OssHook",
    "hook-name": "Alibaba Cloud OSS (Bucketsync)",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "schema", "port"],
        "relabeling": {"login": "AccessKey ID", "password": "AccessKey secret"},
        "placeholders": {"login": "of ak, sts and ram_role", "password": "of ak, sts and ram_role"},
    },
    "conn-fields": OSS_FIELDS,
}


def get_provider_info() -> dict[str, Any]:
    """The package as Airflow's provider schema describes one."""
    return {
        "package-name": "airflow-bucketsync",
        "name": "Bucketsync",
        "description": "Keeps buckets in step: Amazon S3, S3-compatible stores, Alibaba OSS and local trees.",
        "versions": ["0.1.0"],
        "connection-types": [OSS_CONNECTION],
        "config": {
            "bucketsync": {
                "description": "Keeping buckets in step.",
                "options": {
                    "workspace": {
                        "description": WORKSPACE,
                        "type": "string",
                        "example": "s3://store@my-workspace/bucketsync/",
                        "default": None,
                        "version_added": "0.1.0",
                    },
                    "allowed_locations": {
                        "description": ALLOWED_LOCATIONS,
                        "type": "string",
                        "example": "s3://store@incoming/, s3://archive@backup/daily/, file:///data/exports/",
                        "default": None,
                        "version_added": "0.1.0",
                    },
                    "manual_options": {
                        "description": MANUAL_OPTIONS,
                        "type": "string",
                        "example": "dry_run, include, exclude, min_size, max_size",
                        "default": "dry_run, apply_plan, max_drift, include, exclude, verify, compare",
                        "version_added": "0.1.0",
                    },
                    "pairs": {
                        "description": PAIRS,
                        "type": "string",
                        "example": "/opt/airflow/config/pairs.yaml",
                        "default": None,
                        "version_added": "0.1.0",
                    },
                },
            }
        },
    }
