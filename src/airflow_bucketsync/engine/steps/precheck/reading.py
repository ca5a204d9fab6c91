"""May the source be read: bodies, the keys that they are encrypted with, tags; and what must be restored first?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from airflow_bucketsync.engine.errors import AccessDenied, FinalError, ObjectArchived, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.model.shown import shown
from airflow_bucketsync.engine.model.storage_classes import MAYBE_ARCHIVED
from airflow_bucketsync.engine.steps.precheck.asking import RIGHTS, Asking, done, failed, not_asked, warned
from airflow_bucketsync.engine.stores.telling import Telling

READ, KEYS, TAGS, ARCHIVED = "source read", "source keys", "source tags", "source archived"
_KEY_SERVICE = re.compile(r"\bkms:[A-Z]|\bKMS\b")
_PASSED = (ObjectNotFound, ObjectChanged, ObjectArchived)
"""What may become of a single object between its listing and this question."""


def ask(asking: Asking) -> Iterator[Check]:
    """The lines of the source's objects."""
    if asking.run.spec.selection.source_list:
        why = "a list names the objects, and nothing is listed"
        yield from (not_asked(name, why) for name in (READ, KEYS, TAGS, ARCHIVED))
        return
    if not asking.samples:
        yield from (not_asked(name, asking.unlisted) for name in (READ, KEYS, TAGS))
    else:
        yield from _bodies(asking)
        yield from _tags(asking)
    yield _archived(asking)


def needs_key(error: FinalError) -> bool:
    """Whether a key of a key service was refused, and not the object."""
    return _KEY_SERVICE.search(error.message) is not None or (error.code or "").startswith("KMS.")


def told(error: FinalError) -> str:
    """What the store said of a key; what to do is said better here, where more is known."""
    return error.message.partition("; allow ")[0]


def _bodies(asking: Asking) -> Iterator[Check]:
    """A byte of one object for each key that they are encrypted with; of the others too, where one is denied."""
    ids = _keys(asking)
    firsts = {key_id: key for key, key_id in reversed(ids.items())}
    asked = list(firsts.values())
    denied = [(key, error) for key in asked if (error := _denied(asking, key)) is not None]
    if any(not needs_key(error) for _, error in denied):
        rest = [key for key in ids if key not in asked]
        denied += [(key, error) for key in rest if (error := _denied(asking, key)) is not None]
        asked += rest
    refused = [error for _, error in denied if not needs_key(error)]
    locked = [(key, error) for key, error in denied if needs_key(error) and firsts.get(ids[key]) == key]
    if refused:
        remedy = f"let the credentials read the source: {RIGHTS}"
        yield (failed if len(refused) == len(asked) else warned)(READ, refused[0].message, remedy)
    elif locked:
        yield not_asked(READ, f"{KEYS} failed")
    else:
        yield done(READ)
    for key, error in locked:
        key_id = ids[key] or "a key of KMS"
        yield failed(
            KEYS,
            f"objects such as {shown(repr(key), 80)} are encrypted with {key_id}, which these credentials may not use: "
            f"{told(error)}",
            f"allow kms:Decrypt on {ids[key] or 'that key'} to the user or role of the source's connection (in the "
            "key's own policy too, where the key is of another account), or leave these objects out",
        )
    if not locked:
        known = [key_id for key_id in firsts if key_id]
        yield done(KEYS, f"may decrypt with {', '.join(known)}" if known else "none is met in the first objects")


def _denied(asking: Asking, key: str) -> AccessDenied | None:
    """How a byte of an object is refused; None = it is not."""
    try:
        with asking.run.source.open(key, start=0, length=1) as body:
            body.readinto(memoryview(bytearray(1)))
    except _PASSED:
        return None
    except AccessDenied as error:
        return error
    return None


def _keys(asking: Asking) -> dict[str, str]:
    """Of a few objects, the id of the key that each is encrypted with; "" = of none, or it is not told."""
    found: dict[str, str] = {}
    for info in asking.samples:
        found[info.key] = asking.told(asking.run.source, partial(_key_of, key=info.key)) or ""
    return found


def _key_of(tells: Telling, *, key: str) -> str | None:
    return tells.encryption_key(key)


def _tags(asking: Asking) -> Iterator[Check]:
    if not asking.keeps_tags:
        yield not_asked(TAGS, "they are not brought along")
        return
    try:
        asking.run.source.tags(asking.samples[0].key)
    except _PASSED:
        yield not_asked(TAGS, "the object that was asked for is gone")
    except AccessDenied as error:
        yield warned(TAGS, error.message, "until then objects come without tags; or leave `tags` out of `preserve`")
    else:
        yield done(TAGS)


def _archived(asking: Asking) -> Check:
    found = Counter(info.storage_class for info in asking.first if info.storage_class in MAYBE_ARCHIVED)
    if not found:
        return done(ARCHIVED, f"none{' in the first page' if asking.more else ''}")
    words = ", ".join(f"{count:,} in {name}" for name, count in sorted(found.items()))
    return warned(
        ARCHIVED,
        f"at least {words}, of which some must be restored before they can be read",
        "restore them, or leave them out with `storage_classes`: else they are `failed`, archived, and the run is red",
    )
