"""Does the source keep the floors and habits of the house? (docs/architecture.md draws them)"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house import (
    LATE_IMPORTS,
    LONGER_FOR_A_REASON,
    LONGEST,
    PACKAGE,
    ROOT,
    RULES,
    Module,
    ambient_reads,
    bad_shape,
    circles,
    foreign_imports,
    late_imports,
    missing_words,
    read,
    upward_imports,
)

MODULES = read(ROOT / "src" / PACKAGE)
NAMES = frozenset(module.name for module in MODULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_rule(rule):
    broken = [f"{module.name or PACKAGE}: {words}" for module in MODULES for words in rule(module, NAMES)]
    assert not broken, "\n" + "\n".join(broken)


def test_no_circle():
    assert circles(MODULES) == []


def test_reading_a_dag_file_loads_no_step():
    """Each file is read again and again, each time by a process of its own; what tasks do, tasks load."""
    modules = {module.name: module for module in MODULES}
    loaded, more = set(), ["task_groups.pairs"]
    while more:
        name = more.pop()
        if name in modules and name not in loaded:
            loaded.add(name)
            more += [inside for inside, _ in modules[name].inside(NAMES, at_run_time=True)]
    assert {"operators.plan", "configuration.options"} <= loaded
    assert not [name for name in loaded if name.startswith(("engine.steps", "hooks.store", "operators.next_round"))]


def test_reasons_are_still_needed():
    lengths = {module.name: module.text.count("\n") for module in MODULES}
    assert [name for name in LONGER_FOR_A_REASON if lengths.get(name, 0) <= LONGEST] == []
    late = {module.name for module in MODULES if any(item.function for item in module.imports)}
    assert set(LATE_IMPORTS) <= late


def test_servers_of_the_tests_know_nothing_of_the_product():
    """A judge that shares code with the judged proves nothing."""
    for path in (ROOT / "tests" / "servers").rglob("*.py"):
        names = {item.name.partition(".")[0] for item in Module("servers", path.read_text()).imports}
        assert not names & {PACKAGE, "airflow"}, path


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (upward_imports, "engine.rules.x", "from airflow_bucketsync.engine.stores.base import Body"),
        (upward_imports, "engine.model.x", "from airflow_bucketsync.engine.steps import run"),
        (upward_imports, "hooks.x", "from airflow_bucketsync.operators.base import SyncOperator"),
        (upward_imports, "engine.steps.x", "import airflow_bucketsync.state"),
        (upward_imports, "loose", "import json"),
        (foreign_imports, "engine.steps.x", "import airflow.sdk"),
        (foreign_imports, "engine.rules.x", "from botocore.exceptions import ClientError"),
        (foreign_imports, "operators.x", "import boto3"),
        (foreign_imports, "engine.model.x", "from . import spec"),
        (late_imports, "engine.steps.x", "def f():\n    import json"),
        (late_imports, "operators.x", "class A:\n    def f(self):\n        from airflow_bucketsync import state"),
        (ambient_reads, "engine.rules.x", "import os\nx = os.environ['HOME']"),
        (ambient_reads, "engine.stores.x", "import time\nx = time.monotonic()"),
        (ambient_reads, "engine.steps.x", "from datetime import datetime\nx = datetime.now()"),
        (ambient_reads, "engine.steps.x", "from time import sleep"),
        (ambient_reads, "engine.rules.x", "def f():\n    global x\n    x = 1"),
        (missing_words, "engine.rules.x", "x = 1"),
        (missing_words, "engine.rules.x", '"""What?"""\nclass A:\n    """One."""\n    def f(self): ...'),
        (bad_shape, "engine.utils", ""),
        (bad_shape, "engine.rules.x", "\n" * 301),
    ],
)
def test_rule_can_fail(rule, name, text):
    assert list(rule(Module(name, text), NAMES | {name}))


def test_circle_is_found():
    one = Module("engine.rules.one", f"from {PACKAGE}.engine.rules.two import x")
    two = Module("engine.rules.two", f"import {PACKAGE}.engine.rules.one")
    assert circles([one, two]) == ["engine.rules.one", "engine.rules.two"]


def test_engine_loads_no_airflow():
    names = [f"{PACKAGE}.{name}" for name in sorted(NAMES) if name.startswith("engine")]
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps([name for name in sys.modules if name.partition('.')[0] == 'airflow']))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []
