"""Is every command that the documents show a command that works?

Blocks of shell run in bash, in a folder of their own: programs that would start services or install are replaced by
stand-ins that write down how they were called, and the calls are held against the programs themselves. Blocks of Python
run as they are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml

from tests.test_docs import PAGES, name

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
STAND_INS = ("airflow", "docker", "make", "pip", "python")
KNOWN = {"", "sh", "python", "yaml", "json"}


@dataclass(frozen=True)
class Block:
    """One block of code of a page."""

    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}-{self.number}"


@dataclass(frozen=True)
class Calls:
    """How the stand-ins were called, and with which environment."""

    commands: list[list[str]]
    environment: dict[str, str]


BLOCKS = [
    Block(page, number, language, text)
    for page in PAGES
    for number, (language, text) in enumerate(BLOCK.findall(page.read_text()), 1)
]
SHELL = [block for block in BLOCKS if block.language == "sh"]
PYTHON = [block for block in BLOCKS if block.language == "python"]
STAND_IN = """#!{python}
import json, os, sys
with open({calls!r}, "a") as file:
    json.dump([os.path.basename(sys.argv[0]), *sys.argv[1:]], file)
    file.write("\\n")
"""


READERS_OWN = {"SECRET": "a secret", "TOKEN": "a token", "EXTERNAL_ID": "an id"}
"""Variables that the pages leave to their reader."""


def run_shell(text: str, folder: Path) -> Calls:
    """Run shell text in a copy of what it may need; returns what the stand-ins were asked for."""
    stand_ins, calls, environment = folder / "bin", folder / "calls", folder / "environment"
    stand_ins.mkdir()
    calls.touch()
    for program in STAND_INS:
        (stand_ins / program).write_text(STAND_IN.format(python=sys.executable, calls=str(calls)))
        (stand_ins / program).chmod(0o755)
    shutil.copytree(ROOT / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    home = folder / "airflow"
    (home / "dags").mkdir(parents=True)
    variables = {"PATH": f"{stand_ins}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "AIRFLOW_HOME": str(home)}
    variables |= READERS_OWN
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{text}\nenv -0 > {environment}"], cwd=folder, env=variables, check=True
    )
    pairs = (entry.partition("=") for entry in environment.read_text().split("\0") if entry)
    commands = [json.loads(line) for line in calls.read_text().splitlines()]
    return Calls(commands, {name: value for name, _, value in pairs})


def test_blocks_have_a_known_language():
    for block in BLOCKS:
        assert block.language in KNOWN, block
        assert block.language or not re.search(r"^\s*(make|pip|airflow|docker|export|\$) ", block.text, re.M), block


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell(block, tmp_path):
    for program, *arguments in run_shell(block.text, tmp_path).commands:
        CHECKS[program](arguments)


def check_make(arguments: list[str]) -> None:
    """The verb exists; `make -n` resolves it."""
    answer = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def check_pip(arguments: list[str]) -> None:
    """What `pip install .` brings is what stands in this environment: the package with its entry point."""
    assert arguments == ["install", "."]
    found = distribution("airflow-bucketsync")
    groups = {entry.group for entry in found.entry_points}
    assert "apache_airflow_provider" in groups


def check_docker(arguments: list[str]) -> None:
    """A compose command whose services exist."""
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    assert arguments[0] == "compose"
    assert arguments[1] in {"up", "down", "logs", "ps"}
    scaled = [word.partition("=")[0] for word in arguments if "=" in word and not word.startswith("-")]
    assert set(scaled) <= set(services)


def check_airflow(arguments: list[str]) -> None:
    """The command line of the installed Airflow takes it."""
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(arguments)


def check_python(arguments: list[str]) -> None:
    """Our own command line takes it, and the location is one."""
    from airflow_bucketsync.__main__ import command_line
    from airflow_bucketsync.engine.model.location import Location

    assert arguments[:2] == ["-m", "airflow_bucketsync"]
    Location.parse(command_line().parse_args(arguments[2:]).location)


CHECKS = {
    "make": check_make,
    "pip": check_pip,
    "docker": check_docker,
    "airflow": check_airflow,
    "python": check_python,
}


def test_readme_by_hand(tmp_path, monkeypatch):
    """The way by hand as a whole: the DAG loads, the settings are read, and the run's configuration is accepted."""
    from airflow_bucketsync.configuration.by_hand import read_run_configuration
    from airflow_bucketsync.configuration.section import allowed_locations, manual_options

    text = "\n".join(
        block.text for block in SHELL if block.page.name == "README.md" and "airflow" in block.text.lower()
    )
    calls = run_shell(text, tmp_path)
    assert (tmp_path / "airflow" / "dags" / "bucket_sync.py").is_file()
    for variable, value in calls.environment.items():
        if variable.startswith("AIRFLOW__BUCKETSYNC__"):
            monkeypatch.setenv(variable, value)
    ((program, *arguments),) = [command for command in calls.commands if command[0] == "airflow"]
    assert (program, arguments[:3]) == ("airflow", ["dags", "trigger", "bucket_sync"])
    configuration = json.loads(arguments[arguments.index("--conf") + 1])
    spec = read_run_configuration(configuration, allowed=allowed_locations(), manual=manual_options())
    assert spec.policy.dry_run
    for location in (spec.source, spec.destination):
        connection = json.loads(calls.environment[f"AIRFLOW_CONN_{(location.conn_id or '').upper()}"])
        assert connection["conn_type"] == "aws"


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dags" / "pairs.yaml", tmp_path)
    names: dict[str, object] = {"__name__": "documented", "__file__": str(tmp_path / "documented.py")}
    exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - our own documents
    for value in names.values():
        if type(value).__name__ == "DAG":
            assert {"export", "announce"} < set(value.task_ids)
            assert "bucket_sync.report" in value.get_task("announce").upstream_task_ids


def test_readme_begins_with_its_two_commands():
    commands = [block.text.strip() for block in SHELL if block.page.name == "README.md"]
    assert commands[:2] == ["make demo", "make test"]


def test_ci_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text()
    assert script.rstrip().splitlines()[-1] == "exec make test"
    assert "set -euo pipefail" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
