"""Which environment do all tests share? One without the person's own Airflow and cloud settings."""

from __future__ import annotations

import os
from pathlib import Path

THEIRS = ("AIRFLOW", "_AIRFLOW", "AWS_", "BUCKETSYNC_EXAMPLE_")
KEPT = {"AWS_CA_BUNDLE"}

# When this file is read, nothing has imported Airflow yet, which looks at its home once.
for name in [name for name in os.environ if name.startswith(THEIRS) and name not in KEPT]:
    del os.environ[name]
home = Path(__file__).parent.parent / ".test" / os.environ.get("PYTEST_XDIST_WORKER", "main")
home.mkdir(parents=True, exist_ok=True)
os.environ["AIRFLOW_HOME"] = str(home)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # no test asks a machine for credentials
