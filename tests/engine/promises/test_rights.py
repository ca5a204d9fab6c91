"""Are the documented rights enough, and is each of them needed? (row J7)"""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError
from tests.engine.conformance.test_calls import rows, words
from tests.engine.promises.policies import PAGE, Policy, added, documented
from tests.engine.promises.rights import PLACES, SERVICES, Rights, World
from tests.servers.web.faults import Fault

PURPOSES = {"deleting": {"delete": True}, "moving": {"move": True}}
"""Options of the runs that need more rights than others."""
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
        assert not [warning for report in reports for warning in report.warnings if "lock" in warning]
        removed = list(world.removals())
        assert [report.green and report.verified for report in removed] == [True] * 3, [r.failures for r in removed]
        assert [report.counts for report in removed] == [
            {"copied": 2, "same": 2},
            {"same": 2, "trashed": 2},
            {"moved": 3},
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
    allowed |= {(place, action) for _, place, action in added_rights(service)}
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


def added_rights(service: str) -> list[tuple[str, str, str]]:
    """Purpose, place and action of each right that only some runs need."""
    return [
        (purpose, place, action)
        for purpose in PURPOSES
        for place, policy in added(service, purpose).items()
        for action in policy.actions
    ]


LIST_PARTS = {"s3": "ListMultipartUploadParts", "oss": "ListParts"}
SILENT = {
    ("destination", "ListMultipartUploadParts"): "an upload that a run left open is begun anew by the next one",
    ("destination", "ListParts"): "an upload that a run left open is begun anew by the next one",
    ("destination", "AbortMultipartUpload"): "an upload that nobody can complete any more stays open",
    ("destination", "GetObjectTagging"): "tags that stand there are not compared, and the report says so",
    ("destination", "GetObjectVersionTagging"): "tags that stand there are not compared, and the report says so",
    (
        "destination",
        "DeleteObject",
    ): "the lock stays, which the report says; the next run of this Airflow takes it over",
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
        described = [line for line in section(service) if re.match(r"\| \w+, without ", line)]
        assert len(described) == len(added_rights(service))


ADDED = [(service, *right) for service in SERVICES for right in added_rights(service)]


@pytest.mark.parametrize(("service", "purpose", "place", "action"), ADDED)
def test_row_J7_each_right_to_delete_or_move_is_needed(make_world, service, purpose, place, action):
    """What is lost without it is what the page says, and nothing was taken away."""
    world = make_world(service, "stream", versions=False)
    world.run()
    world.server.core.delete("source-bucket", "in/bare")
    before = keys(world)
    allowed = world.policies[place]
    world.allow(purpose)
    world.policies[place] = allowed | added(service, purpose)[place].without(action)
    writes = world.server.log.last_index
    try:
        report = world.run(**PURPOSES[purpose])
        reasons = {item["reason"] for item in report.failures}
        found = f"the run is red: {', '.join(report.red)} ({', '.join(reasons)})"
        assert (report.counts["withheld"], set(report.red)) == (1, {"withheld"})
    except BucketsyncError as error:
        found = f"`{world.at}` stops: {error.reason}"
        written = [entry for entry in world.server.log.since(writes) if entry.operation in ("PutObject", "CopyObject")]
        assert written == [], "nothing was begun"
    assert [key for key in before if key not in keys(world)] == []
    line = f"| {purpose}, without | {place} | `{action}` | {found} |"
    assert line in section(service), f"write this line:\n{line}"


def keys(world: World) -> list[str]:
    """What stands at both sides."""
    core = world.server.core
    return [f"{place}/{key}" for place in ("source", "destination") for key in core.keys(f"{place}-bucket")]


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_right_to_delete_the_lock_stays_and_is_said(make_world, service):
    world = make_world(service, "stream", versions=False)
    world.policies["destination"] = world.policies["destination"].without("DeleteObject")
    report = world.run()
    assert report.green
    assert any("could not be released" in warning for warning in report.warnings)
    assert [key for key in world.server.core.keys("destination-bucket") if "/lock-" in key]
    world.put("late", b"l")
    report = world.run()
    assert report.counts["copied"] == 1
    assert any("was taken over: that run has ended" in warning for warning in report.warnings)


def test_without_the_right_to_list_the_whole_bucket_s3_does_not_tell_whether_a_lock_stands_there(make_world):
    """With a condition on the prefix, "not there" is answered as "denied"."""
    world = make_world("s3", "stream", versions=False)
    policy = world.policies["destination"]
    (whole,) = [item for item in policy.statements if item["Action"] == ["s3:ListBucket"]]
    condition = {"StringLike": {"s3:prefix": "out/*"}}
    world.policies["destination"] = Policy(
        (*policy.without("ListBucket").statements, {**whole, "Condition": condition})
    )
    report = world.run()
    assert report.green
    assert any(warning.startswith("no lock keeps other runs") for warning in report.warnings)
    world.allow("deleting")
    with pytest.raises(AccessDenied, match="the lock of the pair needs rights"):
        world.run(delete=True)
    assert world.at == "plan"


@pytest.mark.parametrize("service", SERVICES)
def test_row_A7_a_destination_that_may_only_be_written_to_has_no_lock(make_world, service):
    world = make_world(service, "stream", versions=False)
    policy = world.policies["destination"]
    for action in set(policy.actions) - {"PutObject", "PutObjectTagging"}:
        policy = policy.without(action)
    world.policies["destination"] = policy
    report = world.run(verify="none")
    assert (report.green, report.counts) == (True, {"copied": 4})
    assert any(warning.startswith("no lock keeps other runs") for warning in report.warnings)
    assert not [key for key in world.server.core.keys("destination-bucket") if "_bucketsync" in key]


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
def test_source_and_destination_are_written_as_documented(make_world, service):
    """The source policy has no right to change anything, and that of the destination deletes only our own state."""
    policies = documented(service)
    assert not [action for action in policies["source"].actions if not action.startswith(("Get", "List"))]
    deleting = [item for item in policies["destination"].statements if f"{service}:DeleteObject" in item["Action"]]
    assert [str(item["Resource"]).rpartition(":")[2] for item in deleting] == ["destination-bucket/out/_bucketsync/*"]
    world = make_world(service, "copy", versions=False)
    world.run()
    assert {entry.bucket for entry in world.server.log.writes()} == {"destination-bucket", "workspace-bucket"}


@pytest.mark.parametrize("service", SERVICES)
def test_no_version_is_deleted_and_no_retention_bypassed(service):
    named = {action for policy in documented(service).values() for action in policy.actions}
    named |= {action for _, _, action in added_rights(service)}
    assert [action for action in sorted(named) if "Delete" in action or "Bypass" in action] == ["DeleteObject"]
