"""What are the floors and habits of the house, as a table and as checks of one module each?"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "airflow_bucketsync"

# An area is the longest name here that starts a module's name; it may import areas of lower floors and itself.
FLOORS = {
    "engine.errors": 1,
    "engine.model": 2,
    "engine.rules": 3,
    "engine.stores": 3,
    "engine.steps": 4,
    "engine": 5,  # engine/__init__ and in_process: every step in one process
    "provider_info": 1,
    "configuration": 3,  # what people may set, ending in nouns of the engine
    "assets": 4,
    "links": 4,
    "hooks": 4,
    "retry": 4,
    "state": 4,
    "notifications": 5,
    "operators": 5,
    "triggers": 5,
    "sensors": 6,
    "task_groups": 6,
    "web": 6,
    "__main__": 7,  # the command line: opens a store by its connection, and asks the engine
    "": 7,  # airflow_bucketsync/__init__: names the task group, lazily
}
CLOUD = frozenset({"boto3", "botocore", "oss2"})  # and the types of boto3
AIRFLOW = frozenset({"airflow", "pendulum", "pydantic"})
# What an area may import besides the standard library; the left side gets AIRFLOW.
PACKAGES = {
    "engine.errors": frozenset[str](),
    "engine.model": frozenset[str](),
    "engine.rules": frozenset[str](),
    "engine.stores": CLOUD | {"anycrc", "awscrt", "pendulum", "requests", "urllib3"},
    "engine.steps": frozenset({"orjson", "zstandard", "arro3"}),
    "engine": frozenset[str](),
    "provider_info": frozenset[str](),
    "": frozenset[str](),
    "configuration": AIRFLOW | {"yaml"},
    "hooks": AIRFLOW | CLOUD | {"alibabacloud_credentials"},
    "web": AIRFLOW | {"fastapi", "starlette"},
}
CLOCK = "engine.stores.clock"
# Calls by which the engine would read what was not handed to it.
AMBIENT = {
    "os": {"environ", "environb", "getenv"},
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "pendulum": {"now", "today"},
}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LONGEST = 300
LONGER_FOR_A_REASON: dict[str, str] = {}
# An import inside a function, and why it stands there. Package __init__s load lazily by `__getattr__`.
LATE_IMPORTS = {
    "hooks.store": "an SDK is loaded by the task that opens its store, not by every DAG file that is parsed",
    **dict.fromkeys(
        (
            f"operators.{name}"
            for name in ("base", "copy", "delete", "listing", "multipart", "plan", "precheck", "prepare", "verify")
        ),
        "a step is loaded by the task that takes it, not by every DAG file that is parsed",
    ),
    "operators.report": "the same, and another provider's operator that only runs by hand need",
    "hooks.oss": "Airflow imports hooks to list connection types; only testing a connection needs the SDK",
    "engine.steps.lists.parquet": "a package of an extra, which inventories in Parquet need",
    "hooks.oss_credentials": "a package of an extra, which some kinds of credentials need",
}


@dataclass(frozen=True)
class Import:
    """One name imported: by which statement, and where it stands."""

    name: str
    line: int
    function: str | None
    for_types: bool


@dataclass(frozen=True)
class Module:
    """One source file, by its name inside the package."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def area(self) -> str | None:
        return area_of(self.name)

    @cached_property
    def imports(self) -> list[Import]:
        return list(_imports(self.tree, None, False))

    def inside(self, modules: frozenset[str], *, at_run_time: bool = False) -> Iterator[tuple[str, int]]:
        """Names of the package's modules that this one imports, with the line."""
        for item in self.imports:
            if at_run_time and (item.for_types or item.function):
                continue
            if item.name == PACKAGE or item.name.startswith(PACKAGE + "."):
                name = item.name.removeprefix(PACKAGE).removeprefix(".")
                # `from a import b` is the module a.b where there is one, else the name b of module a
                yield (name if name in modules else name.rpartition(".")[0]), item.line


def _imports(node: ast.AST, function: str | None, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, function, for_types) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            origin = "." * child.level + (child.module or "")
            yield from (Import(f"{origin}.{alias.name}", child.lineno, function, for_types) for alias in child.names)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _imports(child, child.name, for_types)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), function, True)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), function, for_types)
        else:
            yield from _imports(child, function, for_types)


def area_of(name: str) -> str | None:
    """The area a module belongs to; None = the table doesn't know it."""
    for area in sorted(FLOORS, key=len, reverse=True):
        if name == area or (area and name.startswith(area + ".")):
            return area
    return None


def read(folder: Path) -> list[Module]:
    """Every module below the package's folder."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        modules.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text(), is_package))
    return modules


def upward_imports(module: Module, modules: frozenset[str]) -> Iterator[str]:
    """Imports of the package that don't go down; those for types count too, they are arrows as well."""
    here = module.area
    if here is None:
        yield "stands in no area of the table: give it a floor, with the reason in docs/decisions/"
        return
    for name, line in module.inside(modules):
        there = area_of(name)
        if there is None or (there != here and FLOORS[there] >= FLOORS[here]):
            yield f"line {line}: imports {name or PACKAGE}, which is not below {here or PACKAGE}"


def foreign_imports(module: Module, modules: frozenset[str]) -> Iterator[str]:
    """Imports of packages that the area has no business with."""
    allowed = PACKAGES.get(module.area or "", AIRFLOW if module.area else frozenset())
    for item in module.imports:
        if item.name.startswith("."):
            yield f"line {item.line}: relative import; write the full name"
        top = item.name.lstrip(".").partition(".")[0]
        if item.for_types and top.startswith("mypy_boto3_"):
            top = "boto3"
        if top not in sys.stdlib_module_names and top not in {PACKAGE, *allowed, ""}:
            yield f"line {item.line}: imports {top}, which {module.area or PACKAGE} may not"


def late_imports(module: Module, modules: frozenset[str]) -> Iterator[str]:
    """Imports inside functions, save the lazy ones with a reason."""
    for item in module.imports:
        if item.function is None or module.name in LATE_IMPORTS:
            continue
        if module.is_package and item.function == "__getattr__":
            continue
        yield f"line {item.line}: {item.function} imports {item.name}; import at the top, or move the noun down"


def ambient_reads(module: Module, modules: frozenset[str]) -> Iterator[str]:
    """Where the engine reads the environment, a clock or a global."""
    if not module.name.startswith("engine") or module.name == CLOCK:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            if node.attr in AMBIENT.get(owner, ()):
                yield f"line {node.lineno}: {owner}.{node.attr}; take it as a parameter (time: a Clock)"
        elif isinstance(node, ast.Global):
            yield f"line {node.lineno}: global {', '.join(node.names)}"
    for item in module.imports:
        owner, _, name = item.name.rpartition(".")
        if name in AMBIENT.get(owner, ()) and owner in ("os", "time", "pendulum"):
            yield f"line {item.line}: from {owner} import {name}; take it as a parameter (time: a Clock)"


def missing_words(module: Module, modules: frozenset[str]) -> Iterator[str]:
    """Modules, public classes and public functions without a docstring."""
    documentation = ast.get_docstring(module.tree)
    if not documentation or not documentation.splitlines()[0].strip():
        yield "its first line does not say which question it answers"

    def visit(owner: ast.Module | ast.ClassDef) -> Iterator[str]:
        for node in owner.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name[0] == "_":
                continue
            if not ast.get_docstring(node):
                yield f"line {node.lineno}: {node.name} has no docstring"
            if isinstance(node, ast.ClassDef):
                yield from visit(node)

    yield from visit(module.tree)


def bad_shape(module: Module, modules: frozenset[str]) -> Iterator[str]:
    """Names that say nothing, and files that answer too many questions."""
    for part in module.name.split("."):
        if part in EMPTY_NAMES:
            yield f"{part!r} says nothing: name what it holds"
    lines = module.text.count("\n")
    if lines > LONGEST and module.name not in LONGER_FOR_A_REASON:
        yield f"{lines} lines: split it by question, or list it with its reason"


def circles(modules: list[Module]) -> list[str]:
    """Modules that import themselves by way of others."""
    names = frozenset(module.name for module in modules)
    below = {module.name: {name for name, _ in module.inside(names, at_run_time=True)} for module in modules}
    found = []
    for start in below:
        seen: set[str] = set()
        ahead = list(below[start])
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead.extend(below.get(name, ()))
        if start in seen:
            found.append(start)
    return found


RULES = (upward_imports, foreign_imports, late_imports, ambient_reads, missing_words, bad_shape)
