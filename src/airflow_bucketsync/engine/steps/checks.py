"""What must hold of a sync before its run begins? Asked before anything is listed or written."""

from __future__ import annotations

from dataclasses import replace

from airflow_bucketsync.engine.errors import AccessDenied, InvalidConfiguration
from airflow_bucketsync.engine.model.preserve import DEFAULT_CLASS, KEEP_CLASS
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.model.storage_classes import STANDARD_NAMES
from airflow_bucketsync.engine.steps.lock import withholds_removals
from airflow_bucketsync.engine.steps.run import Run


def check_sync(run: Run) -> None:
    """Everything that can be told from the configuration and the stores' regions.

    :raises InvalidConfiguration: what is wrong, where, and what to do
    """
    check_overlap(run.spec)
    check_service(run)
    check_settings(run)
    check_regions(run)
    check_tags(run)
    check_move(run)


def check_tags(run: Run) -> None:
    """Refuse to choose by tags where objects have none.

    :raises InvalidConfiguration: names the source
    """
    if run.spec.selection.tags and not run.source.capabilities.tags:
        raise InvalidConfiguration(
            f"tags: {run.source.location.url} knows no tags, so no object would be chosen; leave `tags` out"
        )


def check_move(run: Run) -> None:
    """Refuse to begin a move that could not be ended: where no lock can be held, or the source not be deleted from.

    :raises InvalidConfiguration: names the destination
    :raises AccessDenied: names the source
    """
    if not run.spec.policy.move or run.spec.policy.dry_run:
        return
    if withholds_removals(run):
        raise InvalidConfiguration(
            f"move: {run.destination.location.url} has no conditional writes, so no lock keeps a second run of this "
            "pair away: set unsafe_deletes where there is surely none, or leave `move` out"
        )
    try:
        run.source.require_deletable()
    except AccessDenied as error:
        raise AccessDenied(
            "move: the source may not be deleted from, so nothing was begun; allow that, or leave `move` out: "
            + error.message,
            location=run.source.location.url,
            code=error.code,
        ) from None


def check_overlap(spec: SyncSpec) -> None:
    """Refuse a pair whose sides lie inside each other: copies would grow for ever.

    :raises InvalidConfiguration: names both
    """
    source, destination = spec.source, spec.destination
    if source.below(destination) or destination.below(source):
        raise InvalidConfiguration(
            f"source {source.url} and destination {destination.url} overlap: one lies inside the other; "
            "choose prefixes of which neither begins with the other"
        )


def check_service(run: Run) -> None:
    """Refuse the same of two connections that lead to one place: other accounts, other names of one endpoint.

    :raises InvalidConfiguration: names both
    """
    source, destination = (replace(store.location, conn_id=None) for store in (run.source, run.destination))
    if run.source.service == run.destination.service and (source.below(destination) or destination.below(source)):
        raise InvalidConfiguration(
            f"source {run.source.location.url} and destination {run.destination.location.url} overlap: both "
            f"connections lead to one place ({run.source.service}); choose prefixes of which neither begins with the "
            "other"
        )


def check_settings(run: Run) -> None:
    """Refuse to begin when the destination would not get what the policy asks for.

    :raises InvalidConfiguration: names what can't be sent
    """
    policy, destination = run.spec.policy, run.destination
    wanted = policy.write_settings
    url = destination.location.url
    if wanted != destination.settings:
        names = ("acl", "encryption", "encryption_key")
        other = [name for name in names if getattr(wanted, name) != getattr(destination.settings, name)]
        raise InvalidConfiguration(
            f"{url} does not take {', '.join(other)}; leave it out for this destination (in Python: or make "
            "its store with `settings=policy.write_settings`)"
        )
    words = destination.capabilities.encryptions
    if wanted.encryption != "default" and wanted.encryption not in words:
        raise InvalidConfiguration(
            f"encryption: {url} does not know {wanted.encryption!r}; it knows {', '.join(words) or 'none'}"
        )
    given = policy.storage_class
    classes = destination.capabilities.storage_classes
    if given not in (DEFAULT_CLASS, KEEP_CLASS, *STANDARD_NAMES, *classes):
        raise InvalidConfiguration(
            f"storage_class: {url} does not know {given!r}; it knows {', '.join(classes) or 'the standard one only'}, "
            "and the words default and keep"
        )


def check_regions(run: Run) -> None:
    """Refuse to begin when a bucket is not in one of the regions that were named.

    :raises InvalidConfiguration: names the bucket, its region and those that are allowed
    """
    allowed = run.spec.policy.require_region
    for store in (run.source, run.destination) if allowed else ():
        region = store.region()
        if region in allowed or store.location.scheme == "file":
            continue
        where = "of which the region can't be told" if region is None else f"in region {region}"
        raise InvalidConfiguration(
            f"require_region: {store.location.url} is a bucket {where}; allowed: {', '.join(allowed)}; name another "
            "bucket, or allow its region"
        )
