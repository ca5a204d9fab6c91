"""The DAGs of `pairs.yaml`, one for each sync; another file is named by `[bucketsync] pairs` and `load_pairs()`."""

from pathlib import Path

from airflow_bucketsync import load_pairs

globals().update(load_pairs(Path(__file__).with_name("pairs.yaml")))
