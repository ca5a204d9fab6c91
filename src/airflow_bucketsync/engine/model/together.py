"""Which options, right each by itself, would do harm together?"""

from __future__ import annotations

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.source_list import forbidden_by_list


def check_together(selection: Selection, policy: SyncPolicy) -> None:
    """Refuse options that are right each by itself, and would do harm together.

    :raises InvalidConfiguration: names both, with what to change
    """
    words = forbidden_by_list(policy) if selection.source_list else None
    if words is not None:
        raise InvalidConfiguration(words)
    mapping = selection.key_mapping
    which = mapping.kind
    routes = () if selection.routed is None else selection.routed.table.rules
    patterns = [*selection.include, *selection.within, *selection.exclude]
    patterns += [pattern for rule in routes for pattern in rule.match]
    folders = [pattern for pattern in patterns if "/" in pattern or pattern.startswith("regex:")]
    untold = {
        "start_after": bool(selection.start_after),
        "prefixes": bool(selection.prefixes),
        "recursive: false": not selection.recursive,
        f"the pattern {folders[0] if folders else ''!r:.80}": bool(folders) and not policy.delete_excluded,
    }
    first = next((name for name, given in untold.items() if given), None)
    checks = (
        (
            policy.delete and bool(selection.tags) and not policy.delete_excluded,
            "delete with tags: whether an object that is no longer at the source had them can't be told; leave one of "
            "them out, or set delete_excluded to delete whatever is not at the source",
        ),
        (
            policy.delete and not mapping.invertible and first is not None,
            f"delete with key_mapping {which} and {first}: a name at the destination doesn't say which folder it came "
            "from, so not what may be deleted; leave one of them out, or choose prefix_map or relative_root",
        ),
        (
            policy.move and not mapping.one_to_one,
            f"move with key_mapping {which}: two source keys can have one name, so what comes later would overwrite "
            "the only copy of what was moved; leave `move` out, or choose a mapping that gives each key its own name",
        ),
        (
            policy.move and policy.on_collision == "first",
            "move with on_collision first: once the first is moved, the next of the same name would overwrite the only "
            "copy of it; leave `move` out, or choose refuse or fail",
        ),
    )
    for holds, words in checks:
        if holds:
            raise InvalidConfiguration(words)
