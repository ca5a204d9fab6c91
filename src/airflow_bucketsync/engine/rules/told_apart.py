"""In which ways do two objects differ, said so that a person can find it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.comparison import Difference
from airflow_bucketsync.engine.model.fidelity import MTIME, kept_mtime
from airflow_bucketsync.engine.model.objects import Checksum, ObjectAttributes, ObjectDetails
from airflow_bucketsync.engine.model.preserve import DEFAULT_CLASS, Preserve
from airflow_bucketsync.engine.model.storage_classes import STANDARD_NAMES

LONGEST_SHOWN = 200
"""Characters of a value that is shown."""
LONGEST_NAMES = 20
"""Names of user metadata or tags that are told of one object."""
_SECRET = frozenset({"redirect"})
"""Attributes whose values stay where they are: an address may hold a signature."""


def told_apart(
    words: Iterable[str],
    here: ObjectDetails,
    there: ObjectDetails,
    wanted: ObjectAttributes,
    *,
    source: Capabilities,
    destination: Capabilities,
    preserve: Preserve,
    position: int | None = None,
) -> Iterator[Difference]:
    """The differences that an examiner's words stand for, with what each side has.

    Times of files are compared where both sides keep one: an object that never was a file has none, whatever a copy
    would give to a file made of it. The storage class is compared where one was asked for.

    :param wanted: what the destination was to have
    :param position: of the first byte that differs
    """
    said = tuple(words)
    for word in said:
        if word == "size":
            yield _size(here.info.size, there.info.size, position)
        elif word == "content":
            yield Difference(what=word, position=position)
        elif word == "checksum":
            yield _checksum(here, there)
        elif word == "user_metadata":
            yield from _user_metadata(wanted, there.attributes, files=not source.user_metadata)
        elif word == "tags":
            yield Difference(what=word, names=_names(wanted.tags or {}, there.attributes.tags or {}))
        elif word == "mtime":
            if source.keeps_mtime or kept_mtime(here.attributes) is not None:
                times = (wanted.source_mtime, there.info.last_modified)
                left, right = (None if time is None else time.isoformat() for time in times)
                yield Difference(what=word, source=left, destination=right)
        else:
            yield _attribute(word, wanted, there)
    if "storage_class" not in said and _left_standard(there, wanted, destination, preserve):
        yield Difference(what="storage_class", source="STANDARD", destination=there.attributes.storage_class)


def _size(here: int, there: int, position: int | None) -> Difference:
    follows = None
    if position is not None and position == min(here, there):
        more = abs(here - there)
        ends, other = ("destination", "source") if there < here else ("source", "destination")
        follows = f"the {ends} ends and {more} {'byte' if more == 1 else 'bytes'} of the {other} follow"
        follows += "s" if more == 1 else ""
    return Difference(
        what="size", position=position, source=f"{here} bytes", destination=f"{there} bytes", follows=follows
    )


def _checksum(here: ObjectDetails, there: ObjectDetails) -> Difference:
    left, right = here.info.checksum, there.info.checksum
    if left is not None and right is not None and _unequal(left, right):
        return Difference(what="checksum", source=left.to_json(), destination=right.to_json())
    return Difference(what="checksum", source=_etag(here), destination=_etag(there))


def _unequal(left: Checksum, right: Checksum) -> bool:
    return left.algorithm == right.algorithm and left != right


def _etag(details: ObjectDetails) -> str | None:
    return None if details.info.etag is None else f"etag:{details.info.etag}"


def _user_metadata(wanted: ObjectAttributes, found: ObjectAttributes, *, files: bool) -> Iterator[Difference]:
    """The names that differ; a kept modification time is one of its own.

    :param files: the source keeps files, whose times a copy would write into user metadata
    """
    times = kept_mtime(wanted), kept_mtime(found)
    names = _names(wanted.user_metadata, found.user_metadata)
    if MTIME in names:
        left, right = times
        if left is not None and right is not None and left != right:
            yield Difference(what="mtime", source=left.isoformat(), destination=right.isoformat())
            names = tuple(name for name in names if name != MTIME)
        elif files and MTIME not in found.user_metadata:
            names = tuple(name for name in names if name != MTIME)
    if names:
        yield Difference(what="user_metadata", names=names)


def _names(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[str, ...]:
    """The names of which only one side has a value, or each another one."""
    names = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
    shown = tuple(name[:LONGEST_SHOWN] for name in names[:LONGEST_NAMES])
    return shown if len(names) <= LONGEST_NAMES else (*shown, f"and {len(names) - LONGEST_NAMES} more")


def _attribute(word: str, wanted: ObjectAttributes, there: ObjectDetails) -> Difference:
    if word in _SECRET:
        return Difference(what=word)
    left, right = getattr(wanted, word), getattr(there.attributes, word)
    if word == "mode":
        return Difference(what=word, source=_mode(left), destination=_mode(right))
    if word == "storage_class":
        left, right = left or "STANDARD", right or "STANDARD"
    return Difference(what=word, source=_shown(left), destination=_shown(right))


def _mode(bits: int | None) -> str | None:
    return None if bits is None else f"{bits & 0o777:04o}"


def _shown(value: str | None) -> str | None:
    return value if value is None or len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"


def _left_standard(
    there: ObjectDetails, wanted: ObjectAttributes, destination: Capabilities, preserve: Preserve
) -> bool:
    """Whether the standard class was asked for, and another one of the classes that can be asked for was found."""
    found = there.attributes.storage_class
    if preserve.storage_class == DEFAULT_CLASS or wanted.storage_class is not None:
        return False
    return found is not None and found not in STANDARD_NAMES and found in destination.storage_classes
