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


def get_provider_info() -> dict[str, Any]:
    """The package as Airflow's provider schema describes one."""
    return {
        "package-name": "airflow-bucketsync",
        "name": "Bucketsync",
        "description": "Keeps buckets in step: Amazon S3, S3-compatible stores and local trees.",
        "versions": ["0.1.0"],
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
                        "default": "dry_run, include, exclude, verify, compare",
                        "version_added": "0.1.0",
                    },
                },
            }
        },
    }
