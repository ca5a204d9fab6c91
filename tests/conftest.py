"""What do all tests share? An environment without the person's own Airflow and cloud settings, and the mark `wide`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.wide import is_wide

THEIRS = ("AIRFLOW", "_AIRFLOW", "AWS_", "BUCKETSYNC_EXAMPLE_")
KEPT = {"AWS_CA_BUNDLE"}

# When this file is read, nothing has imported Airflow yet, which looks at its home once.
for name in [name for name in os.environ if name.startswith(THEIRS) and name not in KEPT]:
    del os.environ[name]
home = Path(__file__).parent.parent / ".test" / os.environ.get("PYTEST_XDIST_WORKER", "main")
home.mkdir(parents=True, exist_ok=True)
os.environ["AIRFLOW_HOME"] = str(home)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # no test asks a machine for credentials


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks the same of further ways and stores."""
    for item in items:
        if is_wide(item.nodeid):
            item.add_marker(pytest.mark.wide)
