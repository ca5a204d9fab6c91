"""What is in a bucket? One pass over its listing, in memory that does not grow with it; nothing is written there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_bucketsync.engine.model.advice import Advised
from airflow_bucketsync.engine.model.analysis import Analysis
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.rules.advice import advise
from airflow_bucketsync.engine.rules.analysis_page import analysis_page
from airflow_bucketsync.engine.rules.counting import Counting
from airflow_bucketsync.engine.rules.selection import Selector
from airflow_bucketsync.engine.steps.listing import Listing
from airflow_bucketsync.engine.steps.troubles import Troubles
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.clock import Clock
from airflow_bucketsync.engine.stores.gate import Gate

ANALYSES = "analysis"
"""The folder of all analyses in the workspace."""
DOCUMENT = "analysis.json"
PAGE = "analysis.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """The figures of a place, and what follows from them."""

    analysis: Analysis
    advised: Advised

    @property
    def page(self) -> str:
        """One HTML page with everything, that needs nothing besides itself."""
        return analysis_page(self.analysis, self.advised)


def analyse_store(
    store: ObjectStore,
    *,
    selection: Selection | None = None,
    gate: Gate | None = None,
    clock: Clock | None = None,
) -> Analysed:
    """Count what the selection takes below the store's location.

    :param selection: which objects, by rules that a listing tells; default all
    :raises ListingUntrusted: a page of the listing lacked its proof, again and again
    :raises ObjectNotFound: there is no such bucket or folder
    """
    gate, rules = gate or Gate(), selection or Selection()
    clock = clock or gate.clock
    selector = Selector(rules)
    started = datetime.fromtimestamp(clock.now().timestamp(), UTC)
    began, before = clock.monotonic(), sum(store.requests.values())
    listing = Listing(store, "source", after=rules.listed_after, flat=rules.flat, prefixes=rules.listed_below("source"))
    counting, left_out = Counting(started), Counter[str]()
    with Troubles() as troubles:
        for info in listing:
            gate.check()
            rule = selector.admits(info)
            if rule is not None:
                left_out[rule] += 1
                continue
            counting.see(info)
            troubles.see(info.key)
        troubles.refuse(listing.refused_count, listing.refused)
        seconds, requests = clock.monotonic() - began, sum(store.requests.values()) - before
        found = troubles.found()
    analysis = Analysis(
        location=store.location.url,
        started=started,
        seconds=round(seconds, 3),
        requests=requests,
        page=store.capabilities.page_limit,
        selection=rules.to_json(),
        listed=listing.objects,
        left_out=dict(sorted(left_out.items())),
        troubles=found,
        **counting.tables(),
    )
    return Analysed(analysis=analysis, advised=advise(analysis))


def keep_analysis(analysed: Analysed, workspace: Workspace) -> None:
    """Put an analysis into the run's folder: `analysis.json` and `analysis.html`."""
    document = {**analysed.analysis.to_json(), "advice": analysed.advised.to_json()}
    workspace.write_document(DOCUMENT, "analysis", document)
    workspace.store.put(
        workspace.run_folder + PAGE,
        analysed.page.encode(errors="backslashreplace"),
        attributes=ObjectAttributes(content_type="text/html; charset=utf-8"),
    )
