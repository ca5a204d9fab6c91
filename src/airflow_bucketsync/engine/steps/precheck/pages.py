"""Do all tasks of a run reach the workspace, and may they write, list, read and delete there?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_bucketsync.engine.errors import FinalError, PlanMismatch
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import PROBE, RIGHTS, Asking, done, failed, warned
from airflow_bucketsync.engine.stores.local.mounts import is_shared, mounts

NAME = "workspace"
_DOCUMENT = f"{PROBE}.json"


def ask(asking: Asking) -> Iterator[Check]:
    """A document there and back."""
    workspace = asking.run.workspace
    place = workspace.store.location
    try:
        workspace.write_document(_DOCUMENT, "precheck", {"body": asking.body.decode()})
        listed = _DOCUMENT in workspace.list_names(PROBE)
        found = workspace.read_document(_DOCUMENT, "precheck").get("body")
        workspace.delete(_DOCUMENT)
    except (FinalError, PlanMismatch) as error:
        yield failed(
            NAME,
            f"{place.url}: {error.message}",
            "let the workers write, list, read and delete there, or set [bucketsync] workspace to another place: "
            + RIGHTS,
        )
        return
    if not listed or found != asking.body.decode():
        yield failed(
            NAME,
            f"{place.url}: a document that was just written there is not {'read' if listed else 'listed'} as it is",
            "set [bucketsync] workspace to a place that shows what was written",
        )
        return
    machines = asking.surroundings.several_machines
    if machines and place.scheme == "file" and not is_shared(place.bucket, mounts()):
        yield warned(
            NAME,
            f"{place.url} is a folder on a disk of this machine, and {machines} runs tasks on several machines, which "
            "would not see each other's pages",
            "set [bucketsync] workspace to a bucket, or to a folder that all workers mount",
        )
        return
    yield done(NAME, place.url)
