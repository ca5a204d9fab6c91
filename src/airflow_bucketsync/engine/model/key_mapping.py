"""Under which key does an object of the source stand at the destination, as people ask for it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

from airflow_bucketsync.engine.errors import InvalidConfiguration

MappingKind = Literal["keep", "prefix_map", "relative_root", "relative_folder", "flatten"]
MAPPING_KINDS: tuple[str, ...] = get_args(MappingKind)
MAX_PREFIXES = 100
"""Entries of a prefix map: each is one more name that an object of the destination may have at the source."""

_FORM = (
    "write keep, flatten, {prefix_map: {in/: out/}}, {relative_root: a/b/} or {relative_folder: c/}"  # one line of YAML
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMapping:
    """How keys of the source become keys of the destination; the default keeps them.

    Folders are relative to the location, end in `/` and don't begin with one.

    :param kind: `keep`; `prefix_map` = the longest folder of `prefixes` that a key begins with is replaced, other keys
        are kept; `relative_root` = keys lose the folder `folder`, others are refused; `flatten` = only the last segment
        is left; `relative_folder` = the same inside `folder`
    :param prefixes: folders of the source and what stands for them at the destination; "" = the location itself
    :param folder: of `relative_root` at the source, of `relative_folder` at the destination
    """

    kind: MappingKind = "keep"
    prefixes: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    def __post_init__(self) -> None:
        if self.kind not in MAPPING_KINDS:
            raise InvalidConfiguration(f"key_mapping: {self.kind!r} is none of {', '.join(MAPPING_KINDS)}; {_FORM}")
        if bool(self.prefixes) != (self.kind == "prefix_map"):
            raise InvalidConfiguration(f"key_mapping: {self.kind} and prefixes {dict(self.prefixes)!r:.80}; {_FORM}")
        if bool(self.folder) != (self.kind in ("relative_root", "relative_folder")):
            raise InvalidConfiguration(f"key_mapping: {self.kind} and folder {self.folder!r:.80}; {_FORM}")
        if len(self.prefixes) > MAX_PREFIXES:
            raise InvalidConfiguration(
                f"key_mapping: {len(self.prefixes)} prefixes are more than {MAX_PREFIXES}; name folders further up, or "
                "make several pairs"
            )
        for folder in (*self.prefixes, *self.prefixes.values(), self.folder):
            _check_folder(folder)

    def __str__(self) -> str:
        """In a word."""
        return self.kind

    @property
    def keeps(self) -> bool:
        """Whether every object has its own key at the destination."""
        return self.kind == "keep"

    @property
    def invertible(self) -> bool:
        """Whether the few keys that may stand behind a name can be told from the name."""
        return self.kind in ("keep", "prefix_map", "relative_root")

    @property
    def one_to_one(self) -> bool:
        """Whether no two keys can ever have one name."""
        if self.kind != "prefix_map":
            return self.invertible
        rules = {"": "", **self.prefixes}
        return not any(
            one != two and to.startswith(other) and self.longest(two + to[len(other) :]) == two
            for one, to in rules.items()
            for two, other in rules.items()
        )

    def longest(self, key: str) -> str:
        """The longest folder of the prefix map that this key begins with; "" = none of them, or the location itself."""
        return max((prefix for prefix in self.prefixes if key.startswith(prefix)), key=len, default="")

    def to_json(self) -> str | dict[str, Any]:
        """As people write it."""
        if self.kind == "prefix_map":
            return {"prefix_map": dict(self.prefixes)}
        return {self.kind: self.folder} if self.folder else self.kind

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """From what people write: a word, or a word with its folder or its folders.

        :raises InvalidConfiguration: it is something else, with what to write instead
        """
        if isinstance(value, str):
            return cls(kind=value)  # type: ignore[arg-type]  # the class refuses other words
        if not isinstance(value, Mapping) or len(value) != 1:
            raise InvalidConfiguration(f"key_mapping: {value!r:.80} can't be read; {_FORM}")
        (kind, given), *_ = value.items()
        texts = given if isinstance(given, Mapping) else {"": given}
        if kind not in MAPPING_KINDS or not all(isinstance(text, str) for item in texts.items() for text in item):
            raise InvalidConfiguration(f"key_mapping: {value!r:.80} can't be read; {_FORM}")
        if kind == "prefix_map" and isinstance(given, Mapping):
            return cls(kind="prefix_map", prefixes=dict(given))
        if kind not in ("relative_root", "relative_folder") or isinstance(given, Mapping):
            raise InvalidConfiguration(f"key_mapping: {value!r:.80} can't be read; {_FORM}")
        return cls(kind=kind, folder=given)


def _check_folder(folder: str) -> None:
    if folder and (not folder.endswith("/") or folder.startswith("/")):
        right = folder.strip("/") + "/" if folder.strip("/") else ""
        raise InvalidConfiguration(f"key_mapping: {folder!r:.80} is no folder of a location; write {right!r:.80}")
    if len(folder.encode()) >= 1024:
        raise InvalidConfiguration(f"key_mapping: {folder!r:.80} leaves no room for a name: keys have 1,024 bytes")


KEEP = KeyMapping()
