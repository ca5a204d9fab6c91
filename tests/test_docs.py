"""Do the documents say what is so: links, paths, tests, options, dependencies?"""

from __future__ import annotations

import ast
import configparser
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import pytest

from airflow_bucketsync.configuration.options import Options
from airflow_bucketsync.engine.model.outcome import STATUSES
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.units import MIB, format_size
from airflow_bucketsync.provider_info import get_provider_info

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.M | re.S)
INLINE = re.compile(r"`([^`\n]+)`")
NAMED_TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(?:Test\w+::)?(\w+))?")


def name(page: Path) -> str:
    """The page as the repository knows it."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return CODE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """The anchors that headings of a page get."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def cells(page: Path) -> list[list[str]]:
    """The rows of every table of a page, as texts."""
    rows = [line for line in prose(page).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows if not set(row) <= set("|- ")]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / unquote(path)) if path else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_files_exist(page):
    """Paths in `code` that begin with a folder of the repository."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for words in INLINE.findall(prose(page)):
        path = words.partition("::")[0]
        if re.fullmatch(r"[\w.-]+/[\w./-]*", path) and path.partition("/")[0] in folders:
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_tests_exist(page):
    for path, function in NAMED_TEST.findall(page.read_text()):
        tree = ast.parse((ROOT / path).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert not function or function in names, f"{path}::{function}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_verbs_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for words in INLINE.findall(prose(page)):
        if words.startswith("make "):
            verbs = [word for word in words.split()[1:] if "=" not in word]
            assert verbs, words
            assert set(verbs) <= targets, words


def test_every_page_is_in_the_index():
    listed = set(LINK.findall((ROOT / "docs" / "README.md").read_text()))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= listed
    decisions = set(LINK.findall((ROOT / "docs" / "decisions" / "README.md").read_text()))
    assert {path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")} <= decisions


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("0*.md")), ids=name)
def test_decisions_have_their_form(page):
    text = page.read_text()
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert "**Decision.**" in text
    assert "**Why.**" in text


def test_every_promise_names_its_tests():
    rows = [row for row in cells(ROOT / "README.md") if re.fullmatch(r"P\d+", row[0])]
    assert [row[0] for row in rows] == [f"P{number}" for number in range(1, 11)]
    for row in rows:
        assert NAMED_TEST.search(row[2]), row[0]


def test_every_fault_names_its_test_or_what_brings_it():
    rows = [row for row in cells(ROOT / "docs" / "faults.md") if re.fullmatch(r"F\d+", row[0])]
    assert [row[0] for row in rows] == [f"F{number:02}" for number in range(1, 71)]
    for number, *words, tests in rows:
        assert all(len(text) > 3 for text in words), number
        named = [function for _, function in NAMED_TEST.findall(tests)]
        assert all(named), f"{number}: a file is no test"
        assert named or re.match(r"\*later\*, with \w+", tests), number
        other = {fault for name in named for fault in re.findall(r"F\d\d", name)}
        assert not other or number in other, f"{number}: its tests are of {other}"


def requirements(section: str, option: str) -> set[str]:
    """Names of the packages that setup.cfg asks for."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return {re.split(r"[\[<>=!~ ;]", line)[0] for line in config[section][option].split("\n") if line}


def test_each_dependency_has_its_line():
    documented = {row[0] for row in cells(ROOT / "docs" / "dependencies.md")} - {"package"}
    assert documented == requirements("options", "install_requires") | requirements("options.extras_require", "dev")


def test_constraints_name_every_requirement():
    text = (ROOT / "constraints.txt").read_text()
    pinned = {line.split("==")[0] for line in text.splitlines() if "==" in line}
    wanted = requirements("options", "install_requires") | requirements("options.extras_require", "dev")
    assert {re.sub(r"[-_.]+", "-", package).lower() for package in wanted} <= pinned
    assert not re.search(r"--hash|--index|--find-links|://|@ ", text)


def shown(value: object) -> str:
    """A default, as people write it."""
    if value in (None, (), ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{format_size(value)}`" if isinstance(value, int) and value >= MIB else f"`{value}`"


def option_rows() -> list[list[str]]:
    """The table of options, from the code."""
    defaults = {}
    for item in (*fields(Selection), *fields(SyncPolicy)):
        defaults[item.name] = item.default if item.default is not MISSING else item.default_factory()
    rows = []
    for option, field in Options.model_fields.items():
        words = [word for kind in get_args(field.annotation) for word in get_args(kind) if isinstance(word, str)]
        values = ": " + ", ".join(f"`{word}`" for word in words) + "." if words else "."
        rows.append([f"`{option}`", shown(defaults[option]), (field.description or "").rstrip(".") + values])
    return rows


def test_options_are_those_of_the_code():
    expected = ["| " + " | ".join(row) + " |" for row in option_rows()]
    table = [line for line in (ROOT / "docs" / "options.md").read_text().splitlines() if line.startswith("| `")]
    assert table == expected, "write these lines:\n" + "\n".join(expected)


def test_outcome_words_are_those_of_the_code():
    rows = [row[0] for row in cells(ROOT / "docs" / "concepts.md")]
    text = " ".join(rows)
    for status in STATUSES:
        assert f"`{status}`" in text, status


def test_settings_are_those_of_the_code():
    text = (ROOT / "docs" / "concepts.md").read_text().partition("## Settings")[2]
    documented = set(re.findall(r"^\| `(\w+)`", text, re.M))
    assert documented == set(get_provider_info()["config"]["bucketsync"]["options"])


def test_changelog_has_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## (.+)$", text, re.M)
    assert sections[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", section) for section in sections[1:])
    groups = set(re.findall(r"^### (.+)$", text, re.M))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
