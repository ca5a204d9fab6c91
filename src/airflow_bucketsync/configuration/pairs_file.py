"""What does a pairs file say? Read as a whole, checked entry by entry: one that is broken leaves the others alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from airflow_bucketsync.configuration.pair import Broken, Pair, Sync
from airflow_bucketsync.configuration.pairs_words import NAMES_OF_FILE, problems, unknown_name
from airflow_bucketsync.configuration.sync_checks import Checked, checked_sync
from airflow_bucketsync.configuration.sync_model import SYNC_NAME, DefaultsPart
from airflow_bucketsync.configuration.yaml_tree import (
    BadYaml,
    Block,
    Items,
    Node,
    Place,
    Scalar,
    merged,
    plain,
    read_tree,
)
from airflow_bucketsync.engine.errors import InvalidConfiguration

MAX_BYTES = 512 * 1024
MAX_PROBLEMS = 20
HOW = "write a list, each entry beginning with `- name: …`"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsFile:
    """The entries of a pairs file by the names of their syncs, in order, not yet checked.

    :param file: the file's name, as messages show it
    """

    file: str
    defaults: Node | None
    entries: Mapping[str, tuple[Node, ...]]

    def sync(self, name: str) -> Sync | Broken:
        """The entry of this name, checked.

        :raises KeyError: there is none
        """
        first, *more = self.entries[name]
        found = self._checked(name, first)
        said = [f"{self.file}, {place}: {words}" for place, words in found.problems[:MAX_PROBLEMS]]
        said += [
            f"{self.file}, {node.place}: name: {name!r} stands in line {first.place.line} too: rename one of them"
            for node in more
        ]
        if found.sync is not None and not said:
            return found.sync
        return Broken(name=name, problems=tuple(said), schedule=found.schedule)

    def pair(self, name: str) -> Pair:
        """One pair: `exports`, or `exports.second` of a sync with several destinations.

        :raises InvalidConfiguration: there is none, or its entry is broken
        """
        sync_name, _, group = name.partition(".")
        if sync_name not in self.entries:
            raise InvalidConfiguration(f"{self.file}: no sync of this name: {unknown_name(name, tuple(self.entries))}")
        sync = self.sync(sync_name)
        if isinstance(sync, Broken):
            raise InvalidConfiguration(sync.message)
        if group in sync.pairs:
            return sync.pairs[group]
        if group or len(sync.pairs) > 1:
            ways = ", ".join(repr(pair.name) for pair in sync.pairs.values())
            raise InvalidConfiguration(f"{self.file}: {name!r:.80} is no single pair: write one of {ways}")
        return next(iter(sync.pairs.values()))

    def _checked(self, name: str, node: Node) -> Checked:
        if not isinstance(node, Block):
            return Checked(problems=[(node.place, f"an entry of `syncs` is a block: {HOW}")])
        whole = merged(self.defaults, node)
        if not isinstance(whole, Block):
            raise TypeError(type(whole))
        return checked_sync(name, whole)


def read_pairs_file(path: str | os.PathLike[str]) -> PairsFile:
    """The file, taken apart.

    :raises InvalidConfiguration: it can't be read, is no YAML, or what all entries share is wrong; with the line
    """
    file = Path(path)
    if not file.is_absolute():
        raise InvalidConfiguration(
            f'{str(file)!r:.200} is no absolute path: beside a DAG file, write Path(__file__).with_name("pairs.yaml")'
        )
    try:
        root = read_tree(_text(file))
        return _file(file.name, root)
    except BadYaml as error:
        raise InvalidConfiguration(f"{file.name}, {error.message}") from None


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidConfiguration(
            f"{file}: can't be read: {error.strerror or error}: check the path and its rights"
        ) from None
    if len(data) > MAX_BYTES:
        raise InvalidConfiguration(
            f"{file.name}: larger than {MAX_BYTES // 1024} KiB: share what repeats in `defaults:`, or use several files"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidConfiguration(f"{file.name}, line {line}: is no UTF-8: save the file as UTF-8") from None


def _file(file: str, root: Node) -> PairsFile:
    if not isinstance(root, Block):
        raise BadYaml(root.place, f"the file has to begin with `syncs:`: {HOW}")
    found = list(_frame(root))
    if found:
        raise InvalidConfiguration("\n".join(f"{file}, {place}: {words}" for place, words in found[:MAX_PROBLEMS]))
    syncs, entries = root.values["syncs"], dict[str, tuple[Node, ...]]()
    for number, node in enumerate(syncs.values if isinstance(syncs, Items) else (), 1):
        name = _name(node, number)
        entries[name] = (*entries.get(name, ()), node)
    return PairsFile(file=file, defaults=root.values.get("defaults"), entries=entries)


def _frame(root: Block) -> Iterator[tuple[Place, str]]:
    """What is wrong outside of the entries."""
    for name in root.values:
        if name not in NAMES_OF_FILE:
            yield root.names[name], unknown_name(name, NAMES_OF_FILE)
    defaults = root.values.get("defaults")
    if defaults is not None and not (isinstance(defaults, Scalar) and defaults.value is None):
        try:
            DefaultsPart.model_validate(plain(defaults))
        except ValidationError as error:
            for place, words in problems(error, defaults, level=DefaultsPart):
                yield place, f"defaults: {words}"
    if "syncs" not in root.values:
        if set(root.values) - set(NAMES_OF_FILE):
            return  # that name is meant
        yield root.place, f"`syncs:` is missing: {HOW}"
    elif not isinstance(root.values["syncs"], Items):
        yield root.values["syncs"].place, f"syncs: {HOW}"


def _name(node: Node, number: int) -> str:
    """The name of an entry; one without a name that a DAG can have is known by its number."""
    name = node.values.get("name") if isinstance(node, Block) else None
    if isinstance(name, Scalar) and isinstance(name.value, str) and SYNC_NAME.fullmatch(name.value):
        return name.value
    return f"entry_{number}"
