"""Does a store delete what it is asked to delete, and nothing else?"""

from __future__ import annotations

from airflow_bucketsync.engine.conformance.findings import HOLDS, Answer, differs, holds
from airflow_bucketsync.engine.conformance.place import OTHER_VERSION, Check, Place, refused
from airflow_bucketsync.engine.errors import NotSupported, ObjectChanged, ObjectNotFound
from airflow_bucketsync.engine.stores.items import Deletion

NAMES = ("plain", "a b+c%2F", "<&\">'", "\u4e2d", "control\x01", "end\n", " space ", "a/./b", "carriage\rreturn")
"""Some of them are nothing that XML can carry, in which many keys are deleted at once."""
_LATE = 60
_REFUSED_LATE = 900


def again(place: Place) -> Answer:
    """A delete can be repeated."""
    key = place.put("deletes/again")
    place.store.delete(key)
    place.store.delete(key)
    return HOLDS if refused(ObjectNotFound, lambda: place.store.head(key)) else differs("the object is still there")


def many(place: Place) -> Answer:
    """Many keys are deleted at once, each is answered, and nothing else goes."""
    folder = "deletes/many/"
    keys = [folder + name for name in NAMES if place.store.refusal(folder + name) is None]
    for key in (*keys, folder + "kept"):
        place.put(key)
    asked = [*keys, folder + "never was"]
    answers = list(place.bare.delete_many([Deletion(key=key) for key in asked], gate=place.gate))
    if sorted(answer.key for answer in answers) != sorted(asked):
        return differs(f"{len(answers)} of {len(asked)} keys are answered")
    for answer in answers:
        if answer.error is not None:
            return differs(f"{answer.key.removeprefix(folder)!a}: {answer.error}")
    left = place.below(folder)
    return HOLDS if left == [folder + "kept"] else differs(f"left are {left!a:.200}")


def many_conditional(place: Place) -> Answer:
    """Among many, a key in another state than asked for stays."""
    folder = "deletes/some/"
    gone, kept = place.put(folder + "gone"), place.put(folder + "kept")
    asked = [Deletion(key=gone), Deletion(key=kept, destination=OTHER_VERSION)]
    answers = {answer.key: answer.error for answer in place.bare.delete_many(asked, gate=place.gate)}
    if isinstance(answers.get(kept), NotSupported):
        return holds("the store is taken not to know it, and nothing was deleted")
    if not isinstance(answers.get(kept), ObjectChanged) or place.below(folder) != [kept]:
        return differs("an object was deleted although another ETag was asked for")
    if not place.can.conditional_delete:
        return holds("not trusted with it: what stands there is looked at right before")
    return HOLDS


def on_time(place: Place) -> Answer:
    """The store's clock and ours agree."""
    before = place.clock.now()
    place.put("clock")
    after = place.clock.now()
    written = place.store.head("clock").info.last_modified
    ahead = (written - after).total_seconds()
    behind = (before - written).total_seconds()
    apart = max(ahead, behind)
    if apart >= _LATE:
        words = f"the store's clock is {apart:.0f} s {'ahead' if ahead > behind else 'behind'}"
        return differs(f"{words}; at {_REFUSED_LATE} s requests are refused: set this machine's clock")
    return HOLDS


CHECKS = (
    Check(group="deletes", name="can be repeated", run=again),
    Check(group="deletes", name="many at once, each answered", run=many, knob="delete_batch"),
    Check(
        group="deletes", name="many at once, one of another version", run=many_conditional, knob="conditional_delete"
    ),
    Check(group="bucket", name="its clock agrees with ours", run=on_time),
)
