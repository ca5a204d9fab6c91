"""Which source keys are in each other's way at the destination?"""

from __future__ import annotations

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.capabilities import Capabilities
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.rules.mapping import ALSO_A_DIRECTORY, SAME_NAME, TreeConflicts, collisions, folded
from airflow_bucketsync.engine.steps.spool import Spool, sorted_lines


class Conflicts:
    """Files that are also directories, and names that the destination folds into one.

    :param destination: what the destination can hold
    """

    def __init__(self, spec: SyncSpec, destination: Capabilities) -> None:
        self._spec = spec
        self._folding = destination.name_folding
        self._tree = TreeConflicts() if destination.keeps_mtime else None
        self._names = Spool() if self._folding != "none" else None
        self._reasons: dict[str, str] = {}

    def see(self, key: str) -> None:
        """Take the next source key, in ascending order."""
        if self._tree is not None:
            self._reasons.update(dict.fromkeys(self._tree.see(key), ALSO_A_DIRECTORY))
        if self._names is not None:
            self._names.write([folded(key, self._folding), key])

    def settle(self) -> None:
        """All keys were seen: find those that would be one name.

        :raises InvalidConfiguration: there are some, with `on_collision` at `fail`
        """
        if self._names is None:
            return
        with self._names as names:
            pairs = ((name, key) for name, key in sorted_lines(names, key=lambda line: tuple(line)))
            for group in collisions(pairs):
                if self._spec.policy.on_collision == "fail":
                    shown = ", ".join(repr(key) for key in group[:5])
                    raise InvalidConfiguration(
                        f"{len(group)} source keys would be one name at {self._spec.destination.url}: {shown}; rename "
                        "or exclude all but one, or set on_collision to refuse"
                    )
                self._reasons.update(dict.fromkeys(group, SAME_NAME))

    def reason(self, key: str) -> str | None:
        """Why this key can't be written beside the others; None = it can."""
        return self._reasons.get(key)
