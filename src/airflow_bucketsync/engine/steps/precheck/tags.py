"""Are tags written at the destination, and read there?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import AccessDenied, FinalError
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import PROBE, Asking, done, not_asked, warned

NAME = "destination tags"
_TAGS = {"bucketsync": "precheck"}
_OR = "or leave `tags` out of `preserve`"


def ask(asking: Asking) -> Iterator[Check]:
    """Write the probe with a tag, and read it."""
    if not asking.keeps_tags:
        yield not_asked(NAME, "they are not brought along")
        return
    if not asking.writable:
        yield not_asked(NAME, asking.unasked)
        return
    try:
        asking.state.put(PROBE, asking.body, attributes=ObjectAttributes(tags=_TAGS))
    except FinalError as error:
        yield warned(NAME, error.message, f"until then objects come without tags; {_OR}")
        return
    try:
        found = asking.state.tags(PROBE)
    except AccessDenied as error:
        if asking.policy.verify == "none":
            yield done(NAME, "written; these credentials may not read them, and `verify: none` does without")
        else:
            yield warned(NAME, error.message, f"until then tags are written, and not compared; {_OR}")
        return
    if dict(found) == _TAGS:
        yield done(NAME)
    else:
        yield warned(NAME, "the store took a tag without a word, and shows none", f"choose its profile, {_OR}")
