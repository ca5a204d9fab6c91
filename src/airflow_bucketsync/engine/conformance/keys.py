"""Which keys does a store hold as they are?

None of these can leave the scratch prefix, whatever a server makes of `..`: each stands below folders that are deeper.
"""

from __future__ import annotations

from functools import partial

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, not_tried
from airflow_bucketsync.engine.conformance.place import LAST, Check, Place, refused
from airflow_bucketsync.engine.errors import ObjectNotFound

HOSTILE: tuple[str, ...] = (
    "plain.txt", "two words", "plus+plus", "plus%2Bplus", "percent%", "percent%20twenty", "slash%2Fencoded",
    "q?versionId=1", "hash#tag", "amp&amp;", "<lt>", "quote\"'", "semi;colon:,=@$", "(paren)[br]{ace}!*", "back\\slash",
    "seg//empty", "seg///three", "/leading", "a/./b", "a/../b", ".", "..", "dir/.", "dir/..", "..a", "trailing/",
    " leading space", "trailing space ", "a/ b /c", " ", "tab\there", "line\nfeed", "carriage\rreturn", "end\n",
    "\x01start", "escape\x1b[31m", "delete\x7f", "nel\x85ls\u2028", "caf\u00e9", "cafe\u0301", "\u4e2d\u6587/\u5bf9",
    "\U0001f600", "\uffee", "\ufeffbom", "nbsp\xa0", "\u202egnp", "~tilde", "$(touch)`id`", "{{ jinja }}", "soap",
    "dir_$folder$", "0", "None", "--delete",
)  # fmt: skip
TWINS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("plus, space and their encodings are different keys", ("a b", "a+b", "a%20b", "a%2Bb")),
    ("composed and decomposed letters are different keys", ("caf\u00e9", "cafe\u0301")),
    ("small and capital letters are different keys", ("case", "CASE", "Case")),
)
NESTED = ("sort", "sort-a", "sort/x", "sort/x/y", "sort0")
_BODY = b"hostile"
_DEEP = "keys/{}/in/side/"
_LONGEST = 1100


def folder_of(number: int) -> str:
    """The folder of the hostile key of this number: deep enough for every `..` in it."""
    return _DEEP.format(f"{number:03}")


def one_key(place: Place, *, folder: str, name: str) -> Answer:
    """Written, shown, read, listed and deleted as it is."""
    key = folder + name
    reason = place.store.refusal(key)
    if reason is not None:
        return not_tried(f"refused before anything is sent: {reason}")
    place.put(key, _BODY)
    if place.store.head(key).info.size != len(_BODY):
        return differs("HEAD says another size")
    if place.read(key) != _BODY:
        return differs("other bytes come back")
    found = place.below(folder)
    if found != [key]:
        shown = [other.removeprefix(folder) for other in found]
        return differs(f"it is listed as {shown!a:.200}" if found else "it is not listed")
    place.store.delete(key)
    if not refused(ObjectNotFound, lambda: place.store.head(key)):
        return differs("it is still there after it was deleted")
    return HOLDS


def longest_key(place: Place) -> Answer:
    """The longest key that is not refused."""
    folder = folder_of(len(HOSTILE))
    name = "/".join("x" * 100 for _ in range(_LONGEST // 100))
    while name and place.store.refusal(folder + name) is not None:
        name = name[:-1].rstrip("/")
    return one_key(place, folder=folder, name=name) if name else not_tried("every key is refused")


def twins(place: Place, *, number: int, names: tuple[str, ...]) -> Answer:
    """Keys that look alike hold each its own bytes."""
    folder = f"twins/{number}/"
    if place.can.name_folding == "case" and len({name.casefold() for name in names}) < len(names):
        return not_tried("names that differ in case are taken to be one")
    for name in names:
        if place.store.refusal(folder + name) is None:
            place.put(folder + name, name.encode())
    expected = sorted((folder + name for name in names if place.store.refusal(folder + name) is None), key=str.encode)
    for key in expected:
        if place.read(key) != key.removeprefix(folder).encode():
            return differs(f"{key.removeprefix(folder)!a} holds the bytes of another key")
    found = place.below(folder)
    return HOLDS if found == expected else differs(f"listed are {found!a:.200}")


def nested(place: Place) -> Answer:
    """A key that another one goes on from with `/`; and a folder sorts as its name with the slash."""
    folder = "nested/"
    if place.can.keeps_mtime:
        return not_tried("a file can't be a folder too")
    for name in reversed(NESTED):
        place.put(folder + name, name.encode())
    found = [key.removeprefix(folder) for key in place.below(folder)]
    if found != list(NESTED):
        return differs(f"listed are {found!a:.200}, not {list(NESTED)!a:.200}")
    pages = [key.removeprefix(folder) for key in place.listed(after=folder, until=folder + LAST, limit=1)]
    return HOLDS if pages == found else differs(f"in pages of one they are {pages!a:.200}")


CHECKS = (
    *(
        Check(group="keys", name=f"{name!a}", run=partial(one_key, folder=folder_of(number), name=name))
        for number, name in enumerate(HOSTILE)
    ),
    Check(group="keys", name="the longest key", run=longest_key),
    *(
        Check(group="keys", name=words, run=partial(twins, number=number, names=names), knob="name_folding")
        for number, (words, names) in enumerate(TWINS)
    ),
    Check(group="keys", name="a key and keys below it", run=nested),
)
