"""What does a YAML text say, and where does each value stand? Nothing is executed, and nothing grows without bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from airflow_bucketsync.configuration.yaml_words import place_of, words_of
from airflow_bucketsync.engine.errors import InvalidConfiguration

MAX_NODES = 100_000
"""Values of a text, those counted again that an alias repeats: "billion laughs" ends here."""
MAX_DEPTH = 20

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"": None, "~": None} | {
    form: value
    for word, value in (("null", None), ("true", True), ("false", False))
    for form in (word, word.capitalize(), word.upper())
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a text; both count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value: a text, a number, true or false, or nothing."""

    value: str | int | float | bool | None
    place: Place
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    values: tuple[Node, ...]
    place: Place
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of `name: value`, with the places of the names."""

    values: dict[str, Node]
    names: dict[str, Place]
    place: Place
    size: int


Node = Scalar | Items | Block


class BadYaml(InvalidConfiguration):
    """A text that is no YAML, or none that we read; the message begins with the place."""

    def __init__(self, place: Place, words: str) -> None:
        super().__init__(f"{place}: {words}")
        self.place = place
        self.words = words


@dataclass(slots=True)
class _Open:
    """A list or block that is being read."""

    place: Place
    anchor: str | None
    is_block: bool
    values: list[Node] = field(default_factory=list)
    block: dict[str, Node] = field(default_factory=dict)
    names: dict[str, Place] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    name: str | None = None


def read_tree(text: str) -> Node:
    """The one document of a text, as a tree with places. Times stay texts, and so do `yes`, `no`, `on` and `off`.

    :raises BadYaml: with place and remedy
    """
    try:
        return _Reading().tree(text)
    except yaml.YAMLError as error:
        raise _bad(text, error) from None


def plain(node: Node) -> Any:
    """The values without their places."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [plain(value) for value in node.values]
    return {name: plain(value) for name, value in node.values.items()}


def merged(below: Node | None, above: Node | None) -> Node | None:
    """Two blocks as one, name by name and as deep as both are blocks; anything else: what stands above.

    A block with nothing in it (`options:`, all lines behind it commented out) takes nothing away.
    """
    if isinstance(below, Block) and isinstance(above, Block):
        values = dict(below.values)
        for name, value in above.values.items():
            values[name] = merged(below.values.get(name), value) or value
        return Block(values=values, names={**below.names, **above.names}, place=above.place, size=0)
    if isinstance(below, Block) and isinstance(above, Scalar) and above.value is None:
        return below
    return below if above is None else above


class _Reading:
    """One pass over the events of a parser; no recursion, so that depth costs no stack."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.size = 0
        self.root: Node | None = None

    def tree(self, text: str) -> Node:
        documents = 0
        for event in yaml.parse(text, Loader=_PARSER):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise BadYaml(_place(event), "a second document begins here: one file holds one, remove the `---`")
            elif isinstance(event, yaml.NodeEvent):
                self._take(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._close()
        if self.root is None:
            raise BadYaml(Place(1, 1), "the file is empty: begin with `syncs:`")
        return self.root

    def _take(self, event: Any) -> None:
        place = _place(event)
        if isinstance(event, yaml.AliasEvent):
            found = self.anchors.get(event.anchor or "")
            if found is None:
                raise BadYaml(
                    place,
                    f"there is no anchor &{event.anchor:.40} above: put a text that begins with `*` in quotes",
                )
            self._count(found.size, place)
            self._put(found, place)
            return
        if event.tag is not None:
            raise BadYaml(place, f"{event.tag!r:.60}: tags are not read; write the plain value")
        if isinstance(event, yaml.ScalarEvent):
            value = _value(event.value, place) if event.implicit[0] else event.value
            self._count(1, place)
            self._anchored(event.anchor, Scalar(value=value, place=place), place)
            return
        if len(self.stack) >= MAX_DEPTH:
            raise BadYaml(place, f"this is nested deeper than {MAX_DEPTH} levels")
        self._count(1, place)
        self.stack.append(_Open(place, event.anchor, isinstance(event, yaml.MappingStartEvent)))

    def _close(self) -> None:
        done = self.stack.pop()
        node: Node
        if done.is_block:
            for block in done.merged:
                for name, value in _blocks(block):
                    if name not in done.block:
                        done.block[name], done.names[name] = value, value.place
            size = 1 + sum(value.size + 1 for value in done.block.values())
            node = Block(values=done.block, names=done.names, place=done.place, size=size)
        else:
            size = 1 + sum(value.size for value in done.values)
            node = Items(values=tuple(done.values), place=done.place, size=size)
        self._anchored(done.anchor, node, done.place)

    def _anchored(self, anchor: str | None, node: Node, place: Place) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        self._put(node, place)

    def _put(self, node: Node, place: Place) -> None:
        if not self.stack:
            self.root = node
            return
        into = self.stack[-1]
        if not into.is_block:
            into.values.append(node)
        elif into.name is None:
            into.name = self._name(into, node, place)
        elif into.name == "<<":
            into.merged.append(node)
            into.name = None
        else:
            into.block[into.name] = node
            into.name = None

    def _name(self, into: _Open, node: Node, place: Place) -> str:
        if not isinstance(node, Scalar):
            raise BadYaml(
                place,
                "a name before `:` must be a word, not a list or a block; "
                "put a value that begins with `{` or `[`, such as a template, in quotes",
            )
        name = node.value if isinstance(node.value, str) else str(plain(node)).lower()
        if name in into.block:
            raise BadYaml(
                place, f"{name!r:.60} stands here a second time, first in line {into.names[name].line}: keep one"
            )
        into.names[name] = place
        return name

    def _count(self, nodes: int, place: Place) -> None:
        self.size += nodes
        if self.size > MAX_NODES:
            raise BadYaml(place, f"the file has more than {MAX_NODES:,} values, aliases counted each time they stand")


def _blocks(node: Node) -> Iterator[tuple[str, Node]]:
    """What `<<` brings along."""
    for block in node.values if isinstance(node, Items) else (node,):
        if not isinstance(block, Block):
            raise BadYaml(block.place, "`<<` takes the alias of a block, such as `<<: *night`")
        yield from block.values.items()


def _value(text: str, place: Place) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]  # type: ignore[no-any-return]
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > 1 and text.lstrip("+-").startswith("0"):
            raise BadYaml(place, f"{text!r} begins with 0, which YAML readers understand differently: put it in quotes")
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _bad(text: str, error: yaml.YAMLError) -> BadYaml:
    """The error in words; they are those of the parser written in Python, whichever parser was at work."""
    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.YAMLError as same:
        error = same
    if isinstance(error, yaml.reader.ReaderError):
        before, character = text[: error.position], error.character
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        number = character if isinstance(character, int) else ord(character)
        return BadYaml(place, f"the character U+{number:04X} can't stand in a YAML file: remove it")
    return BadYaml(Place(*place_of(error)), words_of(error))
