"""Which keys does a list of patterns fit?

How patterns are read:

- `*.csv` has no `/`: it is held against the last segment of the key that is not empty (`b` for the marker `a/b/`).
- `logs/*.gz` has one: it is held against the whole key. `/top.txt` stands only at the location's root: that first
  `/` is dropped, so a key that begins with `/` is written with two.
- `*`, `?`, `[a-z]`, `[!a-z]` never match `/`. `**` does, and `**/` at the start of a segment also stands for nothing
  (`a/**/b` fits `a/b`). `\\` takes the next character as it is; every other character is itself.
- A glob must fit the whole name, upper and lower case differ. `logs/` is the folder marker alone; what lies below it
  is `logs/**`.
- `regex:…` is searched for anywhere in the whole key; its `.` matches line feeds too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_bucketsync.engine.errors import InvalidConfiguration

MAX_PATTERNS = 1000
"""Patterns of one list."""
MAX_PATTERN_LENGTH = 1000
"""Characters of one pattern; a key has at most 1,024 bytes."""
REGEX_PREFIX = "regex:"


def last_segment(key: str) -> str:
    """The last segment of a key that is not empty: `b` of `a/b`, and of the folder marker `a/b/`."""
    return key.rstrip("/").rpartition("/")[2]


class Patterns:
    """The patterns of one list, of which one must fit."""

    __slots__ = ("_keys", "_name_globs", "_names", "_path_globs", "_regexes")

    def __init__(self, rule: str, patterns: Sequence[str]) -> None:
        if len(patterns) > MAX_PATTERNS:
            raise InvalidConfiguration(
                f"{rule}: {len(patterns)} patterns are more than {MAX_PATTERNS:,}; join some (`*.[ch]`, `regex:a|b`)"
            )
        names: set[str] = set()
        keys: set[str] = set()
        name_globs: list[str] = []
        path_globs: list[str] = []
        regexes: list[re.Pattern[str]] = []
        for pattern in patterns:
            reader = _Reader(rule, pattern)
            if pattern.startswith(REGEX_PREFIX):
                regexes.append(reader.regex())
                continue
            whole_key = "/" in pattern
            literal, expression = reader.glob()
            if literal is not None:
                (keys if whole_key else names).add(literal)
            else:
                (path_globs if whole_key else name_globs).append(expression)
        self._names, self._keys, self._regexes = frozenset(names), frozenset(keys), tuple(regexes)
        self._name_globs, self._path_globs = _any_of(name_globs), _any_of(path_globs)

    def fit(self, key: str) -> bool:
        """Whether a pattern fits this key."""
        if key in self._keys or (self._path_globs is not None and self._path_globs.match(key)):
            return True
        if self._names or self._name_globs is not None:
            name = last_segment(key)
            if name in self._names or (self._name_globs is not None and self._name_globs.match(name)):
                return True
        return any(regex.search(key) for regex in self._regexes)


class EachOf:
    """Several lists of patterns, of each of which one has to fit."""

    __slots__ = ("_lists",)

    def __init__(self, lists: Sequence[Patterns]) -> None:
        self._lists = tuple(lists)

    def fit(self, key: str) -> bool:
        """Whether a pattern of each list fits this key."""
        return all(patterns.fit(key) for patterns in self._lists)


def _any_of(expressions: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(expressions), re.DOTALL) if expressions else None


class _Reader:
    """One pattern being read, with its errors."""

    def __init__(self, rule: str, pattern: str) -> None:
        self.rule = rule
        self.pattern = pattern
        if not pattern.removeprefix(REGEX_PREFIX).removeprefix("/"):
            raise self.error(0, "it is empty", "leave it out, or write `**` for every key")
        if len(pattern) > MAX_PATTERN_LENGTH:
            raise self.error(
                MAX_PATTERN_LENGTH, f"it is longer than {MAX_PATTERN_LENGTH:,} characters", "write several shorter ones"
            )

    def error(self, at: int, what: str, remedy: str) -> InvalidConfiguration:
        """The error for what is wrong at this index of the pattern."""
        shown = self.pattern if len(self.pattern) <= 80 else self.pattern[:79] + "…"
        return InvalidConfiguration(f"{self.rule} pattern {shown!r}, character {at + 1}: {what}; {remedy}")

    def regex(self) -> re.Pattern[str]:
        """The regular expression after `regex:`."""
        try:
            return re.compile(self.pattern[len(REGEX_PREFIX) :], re.DOTALL)
        except re.error as error:
            at = len(REGEX_PREFIX) + (error.pos or 0)
            raise self.error(at, f"no regular expression ({error.msg})", "correct it, or use a glob") from None
        except (OverflowError, RecursionError):
            raise self.error(len(REGEX_PREFIX), "nested too deep or repeated too often", "write it simpler") from None

    def glob(self) -> tuple[str | None, str]:
        """The only name it fits (None when there are several), and a regular expression for a whole name.

        A pattern is cut at each `**` into blocks, and a block at each `*` into chunks of fixed width. The first place
        where a chunk (or block) fits leaves most room for the rest, so no other place is ever tried: the atomic
        groups keep `*a*a*a*b` from taking years. Only what stands last must be tried against the end.
        """
        glob, at = self.pattern, 1 if self.pattern.startswith("/") else 0
        literal: list[str] | None = []
        blocks: list[tuple[str, list[str]]] = [("", [""])]
        segment_start = at
        while at < len(glob):
            char = glob[at]
            chunks = blocks[-1][1]
            if char == "*":
                literal, stars = None, len(glob[at:]) - len(glob[at:].lstrip("*"))
                if stars == 1:
                    chunks.append("")
                elif at == segment_start and glob[at + stars : at + stars + 1] == "/":
                    blocks.append(("(?:|.*?/)", [""]))
                    stars += 1
                    segment_start = at + stars
                else:
                    blocks.append((".*?", [""]))
                at += stars
                continue
            if char == "?":
                literal, text, after = None, "[^/]", at + 1
            elif char == "[":
                literal, (text, after) = None, self._class(at)
            else:
                plain, after = self._character(at)
                text = re.escape(plain)
                if literal is not None:
                    literal.append(plain)
                if plain == "/":
                    segment_start = after
            chunks[-1] += text
            at = after
        groups = [_block(*block) for block in blocks[:-1]]
        return None if literal is None else "".join(literal), "".join(groups) + _last_block(*blocks[-1])

    def _character(self, at: int) -> tuple[str, int]:
        """The character that stands here, escaped or not, and the index after it."""
        if self.pattern[at] != "\\":
            return self.pattern[at], at + 1
        if at + 1 == len(self.pattern):
            raise self.error(at, "nothing stands after the `\\`", "write `\\\\` for a backslash")
        return self.pattern[at + 1], at + 2

    def _class(self, opening: int) -> tuple[str, int]:
        """The class `[…]` that begins here as a regular expression, and the index after it."""
        glob, at = self.pattern, opening + 1
        if glob.startswith("[:", at):
            raise self.error(at, "named classes are not known", "write the characters (`[a-z]`), or use `regex:`")
        negated = glob[at : at + 1] in ("!", "^")
        at += negated
        first, items = at, ""
        while at < len(glob) and (glob[at] != "]" or at == first):
            low, at = self._class_member(at)
            high = low
            if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in ("", "]"):
                high, after = self._class_member(at + 1)
                if high < low:
                    raise self.error(at, f"the range {low}-{high} runs backwards", f"write {high}-{low}")
                at = after
            items += f"{re.escape(low)}-{re.escape(high)}" if high != low else re.escape(low)
        if at >= len(glob):
            raise self.error(opening, "the `[` is never closed", "add `]`, or write `\\[` for the character itself")
        return f"(?!/)[{'^' if negated else ''}{items}]", at + 1

    def _class_member(self, at: int) -> tuple[str, int]:
        char, after = self._character(at)
        if char == "/":
            raise self.error(at, "a class stays inside one segment and can't hold `/`", "write several patterns")
        return char, after


def _block(opener: str, chunks: list[str]) -> str:
    text = chunks[0] + "".join(f"(?>[^/]*?{chunk})" for chunk in chunks[1:])
    return f"(?>{opener}{text})"


def _last_block(opener: str, chunks: list[str]) -> str:
    text = "".join(f"(?>[^/]*?{chunk})" for chunk in chunks[1:-1])
    end = f"[^/]*{chunks[-1]}" if len(chunks) > 1 else ""
    return f"{opener}{chunks[0]}{text}{end}\\Z"
