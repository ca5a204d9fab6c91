"""Which key does an object have at the destination, and which keys of the source may stand behind it?

| | `in/a/x.csv` becomes | behind `out/x.csv` stands |
|---|---|---|
| `keep` | `in/a/x.csv` | `out/x.csv` |
| `{prefix_map: {in/: out/}}` | `out/a/x.csv` | `in/x.csv`, `out/x.csv` |
| `{relative_root: in/}` | `a/x.csv` | `in/out/x.csv` |
| `{relative_folder: out/}` | `out/x.csv` | `x.csv` in any folder |
| `flatten` | `x.csv` | nothing |

A name is never empty and never goes up: keys are texts, only whole folders at their beginning are exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_bucketsync.engine.model.key_mapping import KeyMapping

NO_NAME = "no_name"
"""The reason of a key of which nothing is left (a folder marker whose folder is taken away)."""
OUTSIDE_ROOT = "outside_root"
"""The reason of a key that does not begin with the folder that keys are to be relative to."""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A key that has no name at the destination.

    :param reason: one short word
    :param words: what is wrong and what to do
    """

    reason: str
    words: str


class Renaming:
    """A mapping made ready to be asked once per object."""

    __slots__ = ("_folder", "_kind", "_mapping", "_prefixes")

    def __init__(self, mapping: KeyMapping) -> None:
        self._mapping = mapping
        self._kind = mapping.kind
        self._folder = mapping.folder
        self._prefixes = tuple(sorted(mapping.prefixes.items(), key=lambda item: -len(item[0])))

    @property
    def keeps_order(self) -> bool:
        """Whether names ascend as the keys do, each another one."""
        return self._kind in ("keep", "relative_root") or tuple(self._mapping.prefixes) == ("",)

    def name(self, key: str) -> str | Unnamed:
        """The key at the destination, or why there is none."""
        if self._kind == "keep":
            return key
        if self._kind == "relative_root" and not key.startswith(self._folder):
            return Unnamed(
                OUTSIDE_ROOT,
                f"it is not below the folder {self._folder!r} that key_mapping takes away: leave it out with `include` "
                "or `exclude`, or name a folder further up",
            )
        name = self._renamed(key)
        if name.strip("/"):
            return name
        return Unnamed(NO_NAME, "key_mapping leaves nothing of its key: leave it out with `exclude`, or map otherwise")

    def _renamed(self, key: str) -> str:
        if self._kind == "relative_root":
            return key[len(self._folder) :]
        if self._kind == "prefix_map":
            found = next(((prefix, to) for prefix, to in self._prefixes if key.startswith(prefix)), ("", ""))
            return found[1] + key[len(found[0]) :]
        return self._folder + last_part(key)

    def sources(self, name: str) -> tuple[str, ...] | None:
        """The keys that have this name, ascending, whether there are such objects or not; None = can't be told."""
        if self._kind == "keep":
            return (name,)
        if not self._mapping.invertible:
            return None if self.stand_in(name) is not None else ()
        if self._kind == "relative_root":
            return (self._folder + name,)
        rules = {"": "", **self._mapping.prefixes}
        keys = {prefix + name[len(to) :] for prefix, to in rules.items() if name.startswith(to)}
        return tuple(sorted(key for key in keys if key and self.name(key) == name))

    def stand_in(self, name: str) -> str | None:
        """A key that has this name, where there may be others in any folder; None = no key can have it."""
        if not name.startswith(self._folder):
            return None
        key = name[len(self._folder) :]
        return key if key and last_part(key) == key else None


def last_part(key: str) -> str:
    """What comes after the last `/` of a key; a folder marker keeps its own: `b/` of `a/b/`."""
    end = len(key.rstrip("/"))
    return key[key.rfind("/", 0, end) + 1 :]
