"""The first task: what is asked, checked; the run's folder; what to list."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_bucketsync.configuration.by_hand import read_run_configuration
from airflow_bucketsync.configuration.hand_limits import read_by_hand
from airflow_bucketsync.configuration.narrowing import Asked, given_by_hand, narrowed
from airflow_bucketsync.configuration.options import read_options
from airflow_bucketsync.configuration.places import is_template, refuse_overlap, refuse_workspace_inside
from airflow_bucketsync.configuration.section import (
    allowed_locations,
    manual_options,
    several_machines,
    within_map_length,
)
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.operators.base import SyncOperator, run_name
from airflow_bucketsync.state import STATE, airflow_id, load_checkpoint

if TYPE_CHECKING:
    from airflow_bucketsync.engine.steps.shared_listing import SharedRef


class PreparingOperator(SyncOperator):
    """Begins a run. Returns the numbers of what `list` is mapped over; [] = small, `plan` lists by itself."""

    def __init__(
        self,
        *,
        inlets: Sequence[Any] | None = (STATE,),
        execution_timeout: timedelta | None = timedelta(minutes=15),
        **kwargs: Any,
    ) -> None:
        super().__init__(inlets=inlets, execution_timeout=execution_timeout, **kwargs)

    @abstractmethod
    def asked(self, context: Context) -> SyncSpec:
        """What the run is asked to do, checked."""

    def execute(self, context: Context) -> list[int]:
        """Check, write the run's document, say what to list."""
        from airflow_bucketsync.engine.steps.precheck.asking import Surroundings
        from airflow_bucketsync.engine.steps.prepare import prepare

        spec = within_map_length(self.asked(context))
        if spec.by_hand is not None:
            self.log.info("set by hand: %s", ", ".join(spec.by_hand.given), pair=spec.pair)
        name, location = run_name(context), self.workspace_of_run()
        refuse_workspace_inside(location, spec.source, spec.destination)
        checkpoint, warnings = load_checkpoint(context, spec)
        with (
            self.open_workspace(location, pair=spec.pair, run=name) as workspace,
            self.open_sides(spec, name, workspace) as run,
        ):
            surroundings = Surroundings(several_machines=several_machines(), say=self.log.info)
            shared = self.shared_listing(context)
            prepared = prepare(run, checkpoint=checkpoint, warnings=warnings, shared=shared, surroundings=surroundings)
        place = {"pair": spec.pair, "run": name, "workspace": location.url, "folder": workspace.run_folder}
        place |= {"airflow": airflow_id(context)}
        sides = {"source": spec.source.url, "destination": spec.destination.url}
        self.hand_over(context, {**place, **sides, **prepared.to_json()})
        return self.numbers(prepared.units)

    def shared_listing(self, context: Context) -> SharedRef | None:
        """Where the listing of the source is that another task took for several syncs; None = there is none."""
        return None


class PreparingPairOperator(PreparingOperator):
    """Begins a run of the pair that the DAG's author wrote down; `by_hand` says which parameters of the run are read.

    :param source: location URL (templated), such as `s3://conn_id@bucket/prefix/` or `file:///folder/`
    :param destination: location URL (templated)
    :param name: the pair's name (templated); None = a digest of both locations
    :param source_list: URL of a list of the objects (templated), in place of a listing; None = none. A template that
        gives nothing is refused: all of the source would be copied
    :param options: options of `Selection` and `SyncPolicy` by their names
    :param by_hand: which of them the run's parameters may narrow, and within which bounds; every other parameter that
        the DAG has not itself fails the run. None = parameters are not read
    """

    template_fields = (*SyncOperator.template_fields, "source", "destination", "name", "source_list")

    def __init__(
        self,
        *,
        source: str,
        destination: str,
        name: str | None = None,
        source_list: str | None = None,
        options: Mapping[str, Any] | None = None,
        by_hand: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.destination = destination
        self.name = name
        self.source_list = source_list
        self.options = options
        self.by_hand = by_hand
        self._mentioned = frozenset(
            word
            for text in (source, destination, name, source_list, self.workspace)
            if is_template(text)
            for word in re.findall(r"\w+", str(text))
        )
        self._given = tuple(field for field in ("name", "source_list") if getattr(self, field))

    def asked(self, context: Context) -> SyncSpec:
        """The author's pair and options."""
        source, destination = Location.parse(self.source), Location.parse(self.destination)
        for field in self._given:
            value = getattr(self, field)
            if not isinstance(value, str) or not value.strip():
                raise InvalidConfiguration(f"{field}: its template gave {value!r:.40}: it must give a text")
        refuse_overlap(source, destination)
        listed = {"source_list": self.source_list} if self.source_list else {}
        options = read_options({**(self.options or {}), **listed})
        if self.by_hand is None:
            asked = Asked(selection=options.selection(), policy=options.policy())
        else:
            limits = read_by_hand(self.by_hand)
            params = dict(context["params"])
            given = given_by_hand(params, limits, own=self.dag.params, mentioned=self._mentioned)
            asked = narrowed(options, limits, given)
        return SyncSpec.of(
            source,
            destination,
            name=self.name,
            selection=asked.selection,
            policy=asked.policy,
            by_hand=asked.by_hand,
        )


class PrepareOperator(PreparingPairOperator):
    """Begins a run of the pair that the DAG's author wrote down. Run configuration is not read.

    Parameters, beside those of `PreparingPairOperator`:

    :param listing_task_id: of the `ListSourceOperator` that lists the source for several syncs; None = there is none
    """

    def __init__(self, *, listing_task_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.listing_task_id = listing_task_id

    def shared_listing(self, context: Context) -> SharedRef | None:
        """Where the listing is that the other task took."""
        if self.listing_task_id is None:
            return None
        from airflow_bucketsync.engine.steps.shared_listing import SharedRef

        handed = self.handed_over(context, self.listing_task_id, "workspace", "folder", "digest")
        self.shared_workspace(handed["workspace"], self.listing_task_id)
        return SharedRef(folder=handed["folder"], digest=handed["digest"])


class PrepareByHandOperator(PreparingOperator):
    """Begins a run of the pair that its run configuration names, within `[bucketsync] allowed_locations`."""

    def asked(self, context: Context) -> SyncSpec:
        """What the run configuration asks for, where the deployment allows it."""
        return read_run_configuration(dict(context["params"]), allowed=allowed_locations(), manual=manual_options())
