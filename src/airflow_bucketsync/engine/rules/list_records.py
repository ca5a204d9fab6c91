"""What does one record of a list name, and which rule does it break?"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.objects import Checksum
from airflow_bucketsync.engine.model.source_list import ListEntry

_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TRUTHS = {"true": True, "false": False}


class BrokenRule(Exception):
    """A record that breaks a rule.

    :param rule: its name, one short word
    :param words: what was wrong, and what to do
    """

    def __init__(self, rule: str, words: str) -> None:
        self.rule = rule
        self.words = words
        super().__init__(f"{rule}: {words}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The rules of what a record may name: objects below the source, and nothing else.

    :param source: the author's permission ends with it
    :param refusal: why a key can't stand at the source; None = it can
    """

    source: Location
    refusal: Callable[[str], str | None]

    def entry(
        self, bucket: str, full_key: str, *, file: int, line: int, folders: bool = True, **said: Any
    ) -> ListEntry:
        """The entry of an object, or of a folder (`a/b/*`).

        :param folders: whether a `*` at the end stands for a folder; False = it is a character of a name
        :param said: what the record says of the object besides
        :raises BrokenRule: with the rule
        """
        self.require_bucket(bucket)
        folder = folders and "*" in full_key
        if folder:
            full_key = _folder_of(full_key)
        key = self.relative(full_key, folder=folder)
        return ListEntry(key=key, file=file, line=line, folder=folder, **said)

    def require_bucket(self, bucket: str) -> None:
        """Refuse every bucket but that of the source.

        :raises BrokenRule: `other_bucket`
        """
        local = self.source.scheme == "file"
        if bucket == self.source.bucket or (local and not bucket):
            return
        told = "no bucket" if not bucket else f"bucket {bucket!r:.80}"
        wanted = (
            f"leave the column empty, or write {self.source.bucket!r}" if local else f"write {self.source.bucket!r}"
        )
        raise BrokenRule(
            "other_bucket",
            f"{told}, and the source is {self.source.url}: {wanted}, or sync the other bucket as a pair of its own",
        )

    def relative(self, full_key: str, *, folder: bool = False) -> str:
        """The key relative to the source.

        :raises BrokenRule: `no_key`, `outside_source`, `state_name` or `impossible_key`
        """
        if not full_key:
            raise BrokenRule("no_key", "the key is empty: name an object, or leave the record out")
        prefix = self.source.prefix
        if not full_key.startswith(prefix):
            raise BrokenRule(
                "outside_source",
                f"{full_key!r:.200} does not lie below the source {self.source.url}: name what lies below it only, or "
                "choose a wider source",
            )
        key = full_key[len(prefix) :]
        if not key:
            raise BrokenRule("no_key", f"{full_key!r:.200} is the source itself: name what lies below it")
        if is_state_name(key):
            raise BrokenRule("state_name", f"{full_key!r:.200} is a name of our own state: leave it out")
        words = None if folder else self.refusal(key)
        if words is not None:
            raise BrokenRule("impossible_key", f"{full_key!r:.200} can't be an object of the source: {words}")
        return key


def _folder_of(full_key: str) -> str:
    """The folder that an entry `a/b/*` stands for, with its slash."""
    if full_key.index("*") != len(full_key) - 1 or not full_key.endswith("/*") or full_key == "/*":
        raise BrokenRule(
            "bad_wildcard",
            f"{full_key!r:.200}: a `*` stands only at the end, behind the `/` of a folder (`a/b/*`); use `include` for "
            "patterns, and list_encoding url with %2A for a name that holds the character",
        )
    return full_key[:-1]


def decoded(text: str) -> str:
    """A key that was percent-encoded.

    :raises BrokenRule: `bad_encoding`
    """
    if "%" not in text:
        return text.replace("+", " ")
    broken = _BROKEN_PERCENT.search(text)
    try:
        if broken is None:
            return unquote_plus(text, errors="strict")
        words = f"character {broken.start() + 1} is a `%` without two hexadecimal digits"
    except UnicodeDecodeError:
        words = "its bytes are no UTF-8"
    raise BrokenRule("bad_encoding", f"{text!r:.200} is not percent-encoded: {words}; write `%25` for a percent sign")


def size_of(value: Any) -> int | None:
    """A size in bytes; None = the record has none.

    :raises BrokenRule: `bad_size`
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise BrokenRule("bad_size", f"{value!r:.40} is no size in bytes: have the inventory made again")


def time_of(value: Any) -> datetime | None:
    """An aware time; None = the record has none.

    :raises BrokenRule: `bad_time`
    """
    if value is None or value == "":
        return None
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BrokenRule("bad_time", f"{value!r:.40} is no time: have the inventory made again") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def truth_of(value: Any, *, otherwise: bool) -> bool:
    """A truth value of an inventory.

    :param otherwise: where the record has none
    :raises BrokenRule: `bad_truth`
    """
    if value is None or value == "":
        return otherwise
    if isinstance(value, bool):
        return value
    found = _TRUTHS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise BrokenRule("bad_truth", f"{value!r:.40} is neither true nor false: have the inventory made again")
    return found


def contradiction(one: ListEntry, other: ListEntry, *, versions: bool = True) -> str | None:
    """In which field two records of one key contradict each other; None = in none.

    :param versions: look at what they say of its version
    """
    for name in ("size", "last_modified", "etag", "storage_class") if versions else ():
        here, there = getattr(one, name), getattr(other, name)
        if here is not None and there is not None and here != there:
            return name
    sums = {item.algorithm: item for item in one.sums}
    if any(sums.get(item.algorithm, item) != item for item in other.sums):
        return "sums"
    return "destination" if one.destination_key != other.destination_key else None


def joined(one: ListEntry, other: ListEntry) -> ListEntry:
    """Two records of one key that do not contradict each other, as one: the one that says more, with all checksums."""
    richer = one if one.info is not None or other.info is None else other
    sums: dict[str, Checksum] = {item.algorithm: item for item in (*one.sums, *other.sums)}
    return ListEntry(
        key=one.key,
        file=one.file,
        line=one.line,
        size=richer.size,
        last_modified=richer.last_modified,
        etag=richer.etag,
        storage_class=richer.storage_class,
        sums=tuple(sums[name] for name in sorted(sums)),
        destination_key=one.destination_key,
    )
