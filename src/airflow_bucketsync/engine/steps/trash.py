"""Where is an object kept before it is deleted or overwritten?

On a bucket that keeps versions it stays where it is, as a version. Anywhere else it is copied below
`_bucketsync/trash/…/` of the destination, under its own key and with all it has. What is kept is written down in the
run's folder before anyone is told, so that a later try knows it, whatever stands at the key by then.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from airflow_bucketsync.engine.errors import (
    BucketsyncError,
    NotSupported,
    ObjectChanged,
    ObjectNotFound,
    PlanMismatch,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.names import STATE_PREFIX
from airflow_bucketsync.engine.model.objects import ObjectInfo
from airflow_bucketsync.engine.steps.changing import STOPS_THE_TASK
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.within import between, copy_within, is_same, needs_parts
from airflow_bucketsync.engine.stores.bulk import in_threads
from airflow_bucketsync.engine.stores.gate import Stopped
from airflow_bucketsync.engine.stores.transfer import require_version

VERSION = "version/"
"""How `kept` begins where the object stays as a version of its key."""
KEPT = "kept/"
"""The folder of the run's folder with what was kept."""
PORTION = 500
"""Objects after which what was kept is written down."""
_FOLDERS = 9
_Id = tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where one object is kept, or why it can't be; with neither, nothing stands there any more.

    :param kept: `trash/<folder>/` below `_bucketsync/`, or `version/<id>`
    :param error: ObjectChanged = it is not the version any more that was to be kept
    """

    key: str
    kept: str | None = None
    error: BucketsyncError | None = None


class Keeping:
    """What one task keeps.

    :param folder: the run's trash, below `_bucketsync/`
    :param name: of the task's records in the run's folder, the same for all its tries
    """

    def __init__(self, run: Run, folder: str, *, name: str) -> None:
        self._run = run
        self._folder = folder
        self._name = f"{KEPT}{name}-"
        self._earlier: dict[_Id, str] | None = None
        self._places: dict[str, Run] = {}
        self._versions = True  # until one object says that its bucket has none

    def keep(self, infos: Sequence[ObjectInfo]) -> list[Kept]:
        """Keep these, many at once, and write down where; answers in the order asked.

        Whoever gets an answer may delete or overwrite that version: the copy is proven and written down. An earlier
        try's is taken over.

        :param infos: each the version to keep; `PORTION` of them is a good number
        :raises Stopped: the task was asked to stop
        """
        if self._earlier is None:
            self._earlier = self._recorded()
        earlier, gate = self._earlier, self._run.gate
        answers = {info.key: Kept(key=info.key, kept=earlier[_id(info)]) for info in infos if _id(info) in earlier}
        new = [info for info in infos if info.key not in answers]
        large = [info for info in new if needs_parts(self._run, info.size)]
        small = [info for info in new if not needs_parts(self._run, info.size)]
        with closing(in_threads(self._kept, small, gate=gate)) as kept:
            answers |= {answer.key: answer for answer in kept}
        for info in large:  # its parts go many at once
            gate.check()
            answers[info.key] = self._kept(info)
        gate.check()
        self._write_down([(info, answers[info.key].kept) for info in new])
        return [answers[info.key] for info in infos]

    # one object -----------------------------------------------------------------------------------------------

    def _kept(self, info: ObjectInfo) -> Kept:
        """Where it is kept; its error is part of the answer, unless the task can't go on with it."""
        try:
            version = self._version(info) if self._versions else None
            return Kept(key=info.key, kept=self._in_trash(info) if version is None else f"{VERSION}{version}")
        except STOPS_THE_TASK:
            raise
        except ObjectNotFound as error:
            if error.code == "NoSuchBucket" or error.location != self._run.destination.location.url:
                return Kept(key=info.key, error=error)
            return Kept(key=info.key)
        except BucketsyncError as error:
            if self._run.gate.stopped:
                raise Stopped("the task was asked to stop") from None
            return Kept(key=info.key, error=error)

    def _version(self, info: ObjectInfo) -> str | None:
        """The id under which the object stays when it is deleted or overwritten; None = it would not.

        Listings don't say it. The version `null` is one of a bucket whose versioning is suspended, or was on later:
        the next write replaces it.
        """
        destination = self._run.destination
        found = destination.head(info.key, checksum=False).info
        require_version(info, found, destination)
        if found.version_id is None:
            self._versions = False
        return None if found.version_id == "null" else found.version_id

    def _in_trash(self, info: ObjectInfo) -> str:
        """The folder that holds the copy: the run's, or one beside it where another version of the key lies there."""
        destination = self._run.destination
        for number in range(1, _FOLDERS + 1):
            folder = self._folder if number == 1 else f"{self._folder.rstrip('/')}-{number}/"
            place = self._place(folder)
            refusal = place.destination.refusal(info.key)
            if refusal is not None:
                raise NotSupported(
                    f"the store can't hold its copy below {STATE_PREFIX}{folder}: {refusal}",
                    location=destination.location.url,
                    key=info.key,
                )
            try:
                copy_within(place, info, replaces=Condition.ABSENT)
                return folder
            except ObjectChanged as error:
                if error.location != place.destination.location.url:
                    raise
            here = destination.head(info.key, version_id=info.version_id)
            require_version(info, here.info, destination)
            if is_same(place, here, place.destination.head(info.key)):
                return folder
        raise NotSupported(
            f"the run's trash holds {_FOLDERS} other versions of it", location=destination.location.url, key=info.key
        )

    def _place(self, folder: str) -> Run:
        """The run with the destination and one folder of its trash as its sides; what it learns of the store stays."""
        if folder not in self._places:
            destination = self._run.destination
            self._places[folder] = between(self._run, destination, destination.below(STATE_PREFIX + folder))
        return self._places[folder]

    # what is written down -------------------------------------------------------------------------------------

    def _recorded(self) -> dict[_Id, str]:
        """What earlier tries kept, by key and version; a document that is damaged counts for nothing."""
        found: dict[_Id, str] = {}
        workspace = self._run.workspace
        for name in workspace.list_names(self._name):
            with suppress(ObjectNotFound, PlanMismatch, KeyError, TypeError, ValueError):
                for *identity, kept in workspace.read_document(name, "kept")["objects"]:
                    found[tuple(identity)] = kept
        return found

    def _write_down(self, items: Iterable[tuple[ObjectInfo, str | None]]) -> None:
        objects = [[*_id(info), kept] for info, kept in items if kept is not None]
        if objects:
            name = f"{self._name}{self._run.clock.now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.json"
            self._run.workspace.write_document(name, "kept", {"objects": objects})


def _id(info: ObjectInfo) -> _Id:
    """A version as it was planned; with its time, as new attributes leave the ETag as it is."""
    return info.key, info.etag, info.size, info.last_modified.isoformat()
