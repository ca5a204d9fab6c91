"""Are the documented rights enough, and is each of them needed? (row J7)"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.outcome import Report
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.spec import SyncSpec
from airflow_bucketsync.engine.steps.begin_uploads import begin_uploads
from airflow_bucketsync.engine.steps.compare import compare_pair
from airflow_bucketsync.engine.steps.complete_uploads import complete_uploads
from airflow_bucketsync.engine.steps.copy import copy_batch
from airflow_bucketsync.engine.steps.listing import list_unit
from airflow_bucketsync.engine.steps.plan import make_plan
from airflow_bucketsync.engine.steps.prepare import prepare
from airflow_bucketsync.engine.steps.report import make_report
from airflow_bucketsync.engine.steps.run import MemoryProgress, Run
from airflow_bucketsync.engine.steps.upload_parts import upload_group
from airflow_bucketsync.engine.steps.verify import verify_unit
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSS, OSSStore
from airflow_bucketsync.engine.stores.retrying import RetryingStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import AWS
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.conformance.test_calls import rows, words
from tests.engine.promises.policies import PAGE, PolicedOSS, PolicedS3, Policy, documented, names
from tests.engine.stand import QuickClock, quick_retries
from tests.servers.web.faults import Fault

PLACES = {"source": "in/", "destination": "out/", "workspace": "runs/"}
SERVICES = ("s3", "oss")
PART = 1000
SMALL = {"small_threshold": PART, "large_threshold": 2 * PART, "part_size": PART}
TAGS = {"team": "data"}
METADATA = {"colour": "blue"}
Rights = dict[str, set[str]]
"""By place, the rights that were asked for there."""


@dataclass
class World:
    """Three buckets on one server, everyone under the documented policy of their place."""

    service: str
    server: Any
    stack: ExitStack
    policies: dict[str, Policy]
    way: str
    versions: bool
    rights: dict[str, Rights] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    runs: int = 0
    calls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    at: str = ""
    in_step: list[bool] = field(default_factory=list)

    def credential(self, place: str) -> Any:
        """Who works there: one identity for both ends where the store shall copy by itself."""
        name = "both" if self.way == "copy" and place != "workspace" else place
        policy = self.policies[place]
        if name == "both":
            policy = self.policies["source"] | self.policies["destination"]
        self.server.policies[name] = policy
        first = next(iter(self.server.credentials.values()))
        return self.server.add_credential(type(first)(name, f"secret-of-{name}"))

    def store(self, place: str) -> ObjectStore:
        """A store at a place."""
        who, bucket = self.credential(place), f"{place}-bucket"
        location = Location(scheme=self.service, conn_id=who.access_key, bucket=bucket, prefix=PLACES[place])
        store: ObjectStore
        if self.service == "s3":
            client = self.server.client(config=client_config(AWS, path_style=True), credential=who)
            store = S3Store(location, client, profile=AWS, capabilities=replace(AWS.capabilities, min_part=1))
        else:
            client = make_client(self.server.url, bucket, (who.access_key, who.secret_key), self.server.region)
            store = OSSStore(location, client, capabilities=replace(OSS, min_part=1))
        self.stack.callback(store.close)
        return store

    def put(self, key: str, body: bytes, **attributes: Any) -> None:
        """An object of the source."""
        self.server.core.put("source-bucket", f"in/{key}", body, **attributes)

    def fill(self) -> None:
        """Objects of every kind."""
        for place in PLACES if self.versions else ():
            self.server.core.bucket(f"{place}-bucket").settings.versioning = "Enabled"
        self.put("tagged", b"t" * 10, tags=TAGS, metadata=METADATA)
        self.put("bare", b"b" * 10)
        self.put("middle", b"m" * (PART + 1))
        self.put("big", bytes(range(250)) * 13, tags=TAGS, metadata=METADATA)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note which rights a step asks for."""
        self.server.asked.clear()
        self.at = name
        before = self.server.log.last_index
        yield
        for entry in self.server.log.since(before):
            self.calls[entry.operation].add(name)
        for place in PLACES:
            self.rights[name][place] |= names(self.server.asked, f"{place}-bucket")

    def run(self, **options: Any) -> Report:
        """A run step by step, as the DAG does it; a step that can't go on raises."""
        self.runs += 1
        gate, clock = Gate(clock=QuickClock()), QuickClock()
        policy = SyncPolicy(**{"concurrency": 2, **SMALL, **options})
        source, destination = self.store("source"), self.store("destination")
        spec = SyncSpec.of(source.location, destination.location, name="pair", policy=policy)
        tries = quick_retries()
        pages = Workspace(RetryingStore(self.store("workspace"), tries), pair="pair", run=f"r{self.runs}")
        run = Run(
            spec=spec,
            run=f"r{self.runs}",
            source=RetryingStore(source, tries),
            destination=RetryingStore(destination, tries),
            workspace=pages,
            gate=gate,
            clock=clock,
        )
        with self.step("prepare"), pytest.MonkeyPatch.context() as patch:
            if self.way == "stream":  # listings that have tasks of their own
                patch.setattr("airflow_bucketsync.engine.steps.prepare._is_small", lambda *_: False)
            prepared = prepare(run)
        with self.step("list"):
            for unit in prepared.units:
                list_unit(run, unit)
        with self.step("plan"):
            plan = make_plan(run)
        with self.step("copy"):
            for batch in plan.batches:
                copy_batch(run, plan, batch.number, attempt=1, progress=MemoryProgress())
        with self.step("begin_uploads"):
            groups = begin_uploads(run, plan, attempt=1) if plan.groups else ()
        with self.step("upload_parts"):
            for group in groups:
                upload_group(run, plan, group, attempt=1, progress=MemoryProgress())
        with self.step("complete_uploads"):
            units = complete_uploads(run, plan, attempt=1, progress=MemoryProgress())
        with self.step("verify"):
            for unit in units:
                verify_unit(run, plan, unit, attempt=1)
        with self.step("report"):
            report = make_report(run, failed_tasks=[], plan_digest=plan.digest).report
        with self.step("compare"):
            self.in_step.append(compare_pair(run).in_step)
        return report

    def life(self) -> Iterator[Report]:
        """A first run, one with nothing to do, one after attributes changed, one after a body changed."""
        yield self.run()
        yield self.run()
        self.server.core.clock.shift(5)  # listings tell times in whole seconds
        self.put("bare", b"b" * 10, metadata={"new": "one"}, tags={"new": "tag"})
        yield self.run()
        self.put("tagged", b"other", tags=TAGS, metadata=METADATA)
        self.put("big", bytes(range(250)) * 14, tags=TAGS, metadata=METADATA)
        yield self.run()


MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Any]]:
    """One server of each service."""
    with PolicedS3(min_part_size=1) as s3, PolicedOSS(min_part_size=1) as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture
def make_world(servers: dict[str, Any]) -> Iterator[MakeWorld]:
    """Make a world: `make_world("s3", "copy")`."""
    with ExitStack() as stack:

        def make(service: str, way: str, *, versions: bool) -> World:
            server = servers[service]
            server.reset()
            server.setup()
            for place in PLACES:
                server.core.create_bucket(f"{place}-bucket", region=server.region)
            world = World(service, server, stack, documented(service), way, versions)
            world.fill()
            return world

        yield make
    for server in servers.values():
        assert server.failures == []


WORLDS = [("copy", False), ("stream", False), ("copy", True), ("stream", True)]


@pytest.mark.parametrize("service", SERVICES)
def test_row_J7_the_documented_rights_are_enough(make_world, service):
    """Whole syncs are green, and each step asks for the rights of its row in the page's table, and no others."""
    found: dict[str, Rights] = defaultdict(lambda: defaultdict(set))
    calls: dict[str, set[str]] = defaultdict(set)
    for way, versions in WORLDS:
        world = make_world(service, way, versions=versions)
        reports = list(world.life())
        assert world.in_step == [True] * 4
        assert [report.green and report.verified for report in reports] == [True] * 4, [r.failures for r in reports]
        assert [report.lost for report in reports] == [{}] * 4
        assert [report.counts for report in reports] == [
            {"copied": 4},
            {"same": 4},
            {"same": 3, "updated": 1},
            {"copied": 2, "same": 2},
        ]
        for step, rights in world.rights.items():
            for place, actions in rights.items():
                found[step][place] |= actions
        for operation, steps in world.calls.items():
            calls[operation] |= steps
    table = [[step, *(", ".join(sorted(f"`{a}`" for a in found[step][p])) for p in PLACES)] for step in found]
    expected = ["| " + " | ".join(row) + " |" for row in table]
    lines = section(service)
    assert [line for line in expected if line not in lines] == [], "write these lines:\n" + "\n".join(expected)
    assert len([line for line in lines if line.startswith(tuple(f"| {step} |" for step in found))]) == len(table)
    said = {name: words(cells[1]) for name, cells in rows(service).items() if name in calls}
    assert said == calls, "write these steps:\n" + "\n".join(f"{name}: {sorted(calls[name])}" for name in calls)
    for name in rows(service).keys() - calls.keys():
        assert rows(service)[name][1].startswith("only "), name
    asked = {(place, action) for rights in found.values() for place in PLACES for action in rights[place]}
    allowed = {(place, action) for place, policy in documented(service).items() for action in policy.actions}
    assert asked - allowed == {(place, action) for place, action in optional(service)}


def section(service: str) -> list[str]:
    """The lines of the page about one service."""
    title = {"s3": "Amazon S3", "oss": "Alibaba OSS"}[service]
    (text,) = [part for part in re.split(r"^## ", PAGE.read_text(), flags=re.M) if part.startswith(title)]
    return text.splitlines()


def optional(service: str) -> set[tuple[str, str]]:
    """Rights that are asked for and not needed, by place, as the page has them."""
    found = [line.strip("| ").split(" | ") for line in section(service) if line.startswith("| optional ")]
    return {(place, row[2].strip("`")) for row in found for place in row[1].split(", ")}


def without(world: World, place: str, action: str) -> str:
    """What a life without one right comes to, as far as the product says it."""
    world.policies[place] = world.policies[place].without(action)
    try:
        for report in world.life():
            if report.red or report.incomplete:
                return f"the run is red: {', '.join(report.red)}"
            if report.lost:
                return f"reported as lost: {', '.join(report.lost)}"
            if not report.verified:
                return "the report says that not everything is verified"
    except BucketsyncError as error:
        return f"`{world.at}` stops: {error.reason}"
    return "green"


LIST_PARTS = {"s3": "ListMultipartUploadParts", "oss": "ListParts"}
SILENT = {
    ("destination", "ListMultipartUploadParts"): "an upload that a run left open is begun anew by the next one",
    ("destination", "ListParts"): "an upload that a run left open is begun anew by the next one",
    ("destination", "AbortMultipartUpload"): "an upload that nobody can complete any more stays open",
    ("destination", "GetObjectTagging"): "tags that stand there are not compared, and the report says so",
    ("destination", "GetObjectVersionTagging"): "tags that stand there are not compared, and the report says so",
    ("workspace", "DeleteObject"): "pages that are no longer needed stay",
}
"""Rights without which a run is green all the same, and what is lost; each is proven by a test below."""
RIGHTS = [
    (service, place, action)
    for service in SERVICES
    for place, policy in documented(service).items()
    for action in policy.actions
]


@pytest.mark.parametrize(("service", "place", "action"), RIGHTS)
def test_row_J7_each_documented_right_is_needed(make_world, service, place, action):
    """What is lost without it is what the page says."""
    world = make_world(service, "stream", versions=action.startswith("GetObjectVersion"))
    found = without(world, place, action)
    assert (found == "green") == ((place, action) in SILENT)
    line = f"| without | {place} | `{action}` | {SILENT.get((place, action), found)} |"
    assert line in section(service), f"write this line:\n{line}"


def test_no_right_is_described_that_is_not_given():
    for service in SERVICES:
        described = [line for line in section(service) if line.startswith("| without ")]
        assert len(described) == len([right for right in RIGHTS if right[0] == service])


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_right_to_abort_an_upload_stays_open(make_world, service):
    for taken in ((), ("AbortMultipartUpload",)):
        world = make_world(service, "stream", versions=False)
        for action in taken:
            world.policies["destination"] = world.policies["destination"].without(action)
        world.server.faults.add(
            Fault("status", operation="UploadPart", key="out/big", status=403, code="AccessDenied", times=1)
        )
        assert world.run().red == ("failed",)
        assert len(world.server.core.uploads("destination-bucket")) == 1, "it is gone on with as soon as it may be"
        world.put("big", bytes(range(240)) * 14)
        assert world.run().green
        assert len(world.server.core.uploads("destination-bucket")) == len(taken)


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_right_to_list_parts_all_are_sent_again(make_world, service):
    sent = []
    for taken in ((), (LIST_PARTS[service],)):
        world = make_world(service, "stream", versions=False)
        for action in taken:
            world.policies["destination"] = world.policies["destination"].without(action)
        world.server.faults.add(
            Fault(
                "status",
                operation="UploadPart",
                key="out/big",
                query={"partNumber": "4"},
                status=403,
                code="AccessDenied",
                times=1,
            )
        )
        assert world.run().red == ("failed",)
        before = world.server.log.last_index
        assert world.run().green
        sent.append([entry.operation for entry in world.server.log.since(before)].count("UploadPart"))
        assert world.server.core.uploads("destination-bucket") == []
    assert sent == [1, 4]


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_right_to_read_tags_there_they_are_not_looked_at(make_world, service):
    for taken in ((), ("GetObjectTagging",)):
        world = make_world(service, "stream", versions=False)
        for action in taken:
            world.policies["destination"] = world.policies["destination"].without(action)
        report = world.run()
        assert report.green
        assert any("were not compared" in warning for warning in report.warnings) == bool(taken)
        assert world.in_step[-1] == (not taken), "who may not look can't say that it is in step"


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_right_to_delete_pages_stay(make_world, service):
    left = []
    for taken in ((), ("DeleteObject",)):
        world = make_world(service, "stream", versions=False)
        for action in taken:
            world.policies["workspace"] = world.policies["workspace"].without(action)
        list(world.life())
        left.append(len(world.server.core.keys("workspace-bucket")))
    assert left[0] < left[1]


@pytest.mark.parametrize("service", SERVICES)
def test_source_and_workspace_are_written_as_documented(make_world, service):
    """The source policy has no right to change anything, whatever is asked for."""
    policies = documented(service)
    assert not [action for action in policies["source"].actions if not action.startswith(("Get", "List"))]
    assert not [action for action in policies["destination"].actions if action.startswith("Delete")]
    world = make_world(service, "copy", versions=False)
    world.run()
    assert {entry.bucket for entry in world.server.log.writes()} == {"destination-bucket", "workspace-bucket"}
