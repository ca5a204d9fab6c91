"""Which asset stands for a destination, so that other DAGs start when it was brought in step?"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias, Context

from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.outcome import Report

EVENTS = AssetAlias("bucketsync")
"""The alias all events of synchronised destinations come through."""


def destination_asset(destination: str | Location) -> Asset:
    """The asset of a destination; a DAG with `schedule=[destination_asset("s3://conn@bucket/prefix/")]` runs after it.

    Its name and its URI are `scheme://bucket/prefix`: without the connection, without the slash at the end, and
    with the characters percent-encoded that mean something in a URI.
    """
    location = Location.parse(destination) if isinstance(destination, str) else destination
    if location.scheme == "file":
        uri = f"file://{quote(location.bucket)}"
    else:
        uri = f"{location.scheme}://{location.bucket}/{quote(location.prefix)}".rstrip("/")
        uri += "" if location.prefix else "/"
    return Asset(name=uri, uri=uri)


def emit_event(context: Context, asset: Asset, report: Report, *, workspace: Location, folder: str) -> None:
    """Say that the destination was written to, and that this was verified."""
    extra: dict[str, Any] = {
        "pair": report.pair,
        "run": report.run,
        "counts": dict(report.counts),
        "bytes": report.bytes,
        "verify": report.verify,
        "workspace": workspace.url,
        "report": f"{folder}report.json",
    }
    context["outlet_events"][EVENTS].add(asset, extra=extra)
