"""Are both sides there: credentials, region, a first page of their listings?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from airflow_bucketsync.engine.errors import AccessDenied, FinalError, InvalidConfiguration, ObjectNotFound
from airflow_bucketsync.engine.model.listing import Side
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.rules.ranges import key_ranges
from airflow_bucketsync.engine.steps.precheck.asking import RIGHTS, Asking, done, failed, not_asked
from airflow_bucketsync.engine.stores.base import ObjectStore

_PAGE = 1000
_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSecurity",
        "InvalidToken",
        "TokenRefreshRequired",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidSecurityToken",
        "SecurityTokenExpired",
        "UserDisable",
        "NoCredentialsError",
        "PartialCredentialsError",
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "401",
    }
)
_CLOCK = "RequestTimeTooSkewed"
LINES = ("credentials", "region", "list")


def ask(asking: Asking) -> Iterator[Check]:
    """The lines of both sides.

    :raises ObjectNotFound: there is no such place
    """
    yield from _side(asking, "source", asking.run.source)
    yield from _side(asking, "destination", asking.run.destination)


def _side(asking: Asking, side: Side, store: ObjectStore) -> Iterator[Check]:
    names = {word: f"{side} {word}" for word in LINES}
    if side == "source" and asking.listed is not None:
        asking.first, asking.more = tuple(islice(asking.listed, _PAGE)), next(asking.listed, None) is not None
    why = _unlisted(asking, side)
    if why:
        yield from (not_asked(name, why) for name in names.values())
        return
    try:
        words = _listed(asking, side, store)
    except AccessDenied as error:
        if error.code not in _CREDENTIALS:
            yield done(names["credentials"], _who(store))
            yield done(names["region"], _region(store))
            if side == "destination" and _blind(asking):
                yield done(names["list"], "these credentials may not list it, and `verify: none` does without")
            else:
                if side == "source":
                    asking.unlisted = f"{names['list']} failed"
                yield failed(names["list"], error.message, f"let the credentials list the {side}: {RIGHTS}")
            return
        asking.closed.add(side)
        yield from _refused(names, "credentials", error, f"check the connection {store.location.conn_id!r}")
    except InvalidConfiguration as error:
        asking.closed.add(side)
        if error.code in _CREDENTIALS:
            word, remedy = "credentials", f"check the connection {store.location.conn_id!r}"
        elif error.code == _CLOCK:
            word, remedy = "credentials", "set the clock of this worker, and keep it by NTP"
        else:
            word, remedy = "region", "docs/connections.md tells what a connection says of region and endpoint"
        yield from _refused(names, word, error, remedy)
    else:
        yield done(names["credentials"], _who(store))
        yield done(names["region"], _region(store))
        yield done(names["list"], words)


def _refused(names: dict[str, str], word: str, error: FinalError, remedy: str) -> Iterator[Check]:
    """One line failed; of the others nothing is known."""
    for other, name in names.items():
        yield failed(name, error.message, remedy) if other == word else not_asked(name, f"{names[word]} failed")


def _listed(asking: Asking, side: Side, store: ObjectStore) -> str:
    """The first page of what the selection looks at, in words; that of the source is kept."""
    selection = asking.run.spec.selection
    parts = key_ranges(selection.listed_below(side), store.location, after=selection.listed_after)
    part = next(parts, None)
    if part is None:
        return "the selection leaves nothing to list"
    limit = min(_PAGE, store.capabilities.page_limit)
    try:
        page = store.list_page(after=part.after, until=part.until, limit=limit if side == "source" else 1)
    except ObjectNotFound:
        if side == "source" or not store.capabilities.keeps_mtime:
            raise
        return "the folder is not there yet; the first write makes it"
    if side == "source":
        asking.first, asking.more = page.items, page.next_after is not None or next(parts, None) is not None
        return f"{'the first ' if asking.more else ''}{len(page.items):,} objects"
    return ""


def _unlisted(asking: Asking, side: Side) -> str:
    if asking.run.spec.selection.source_list:
        return "a list names the objects, and nothing is listed"
    if side == "source" and asking.listed is not None:
        return "another task listed it"
    if side == "destination" and asking.policy.mode == "incremental":
        return "mode incremental lists the source only"
    return ""


def _blind(asking: Asking) -> bool:
    """Whether the run does without looking at the destination."""
    return asking.policy.mode == "full" and asking.policy.verify == "none"


def _who(store: ObjectStore) -> str:
    if store.location.scheme == "file":
        return "a folder needs none"
    return "nothing is signed" if store.anonymous else f"of connection {store.location.conn_id!r}"


def _region(store: ObjectStore) -> str:
    try:
        region = store.region()
    except AccessDenied:
        region = None
    if region is not None:
        return region
    return "a folder has none" if store.location.scheme == "file" else "the store does not tell"
