"""List: one key range of one side of a sync, or a source as a whole for several syncs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.configuration.places import refuse_workspace_inside
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.spec import listing_id
from airflow_bucketsync.operators.base import SyncOperator, run_name


class ListOperator(SyncOperator):
    """List one key range of one side into ordered pages.

    :param unit: its number (mapped over what `prepare` returns)
    """

    template_fields = (*SyncOperator.template_fields, "unit")
    shares_limits = True
    reads_list = True

    def __init__(self, *, unit: int, execution_timeout: timedelta | None = timedelta(hours=4), **kwargs: Any) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.unit = unit

    def execute(self, context: Context) -> None:
        """List, and hand over the totals."""
        from airflow_bucketsync.engine.steps.list_units import list_unit

        with self.open_run(context) as run:
            index = list_unit(run, self.mapped("unit"))
        self.hand_over(
            context,
            {
                "pair": run.spec.pair,
                "run": run.run,
                "unit": index.unit.number,
                "side": index.unit.side,
                "objects": index.objects,
                "bytes": index.bytes,
                "pages": len(index.pages),
                "refused": index.refused_count,
            },
        )


class ListSourceOperator(SyncOperator):
    """List a source once for several syncs: `bucket_sync(…, listing=task)`.

    :param source: location URL (templated), the same as that of the syncs
    :param name: names the folder of the listing in the workspace (templated); None = a digest of the source
    :param options: those of the syncs; `follow_links`, `symlink_objects` and `prefixes` (where there are any) must be
        the same for all, limits on requests hold for this task too
    """

    template_fields = (*SyncOperator.template_fields, "source", "name")

    def __init__(
        self,
        *,
        source: str,
        name: str | None = None,
        options: Mapping[str, Any] | None = None,
        execution_timeout: timedelta | None = timedelta(hours=4),
        **kwargs: Any,
    ) -> None:
        super().__init__(execution_timeout=execution_timeout, **kwargs)
        self.source = source
        self.name = name
        self.options = options

    def execute(self, context: Context) -> None:
        """List, and hand over where the listing is."""
        from airflow_bucketsync.engine.steps.list_units import share_listing
        from airflow_bucketsync.hooks.store import open_source

        source, options = Location.parse(self.source), read_options(self.options or {})
        policy, prefixes = options.policy(), options.selection().prefixes
        name, location = run_name(context), self.workspace_of_run()
        refuse_workspace_inside(location, source)
        gate = self.gate_of(policy)
        with (
            self.open_workspace(location, pair=self.name or listing_id(source), run=name) as workspace,
            closing(open_source(source, policy, gate=gate, accesses=self.accesses(name))) as store,
        ):
            shared, where = share_listing(store, workspace, policy=policy, gate=gate, prefixes=prefixes)
        place = {"source": shared.source, "workspace": location.url, "folder": where.folder, "digest": where.digest}
        totals = {"objects": shared.index.objects, "bytes": shared.index.bytes, "pages": len(shared.index.pages)}
        self.hand_over(context, {**place, **totals, "requests": dict(shared.index.requests)})
