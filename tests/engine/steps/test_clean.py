"""Does a clean-up delete what its rules take, that version and nothing else, and say so? (F11)"""

from __future__ import annotations

import hashlib
import itertools
from contextlib import ExitStack
from datetime import timedelta

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.cleaning import CleanLimits
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.outcome import Outcome
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.steps import clean as steps
from airflow_bucketsync.engine.steps import cleared
from airflow_bucketsync.engine.steps.clean import clean
from airflow_bucketsync.engine.steps.discarding import Discarding
from airflow_bucketsync.engine.steps.run import Run
from airflow_bucketsync.engine.steps.undo import undo_run
from airflow_bucketsync.engine.steps.undone import read_done
from airflow_bucketsync.engine.steps.workspace import Workspace
from airflow_bucketsync.engine.stores.gate import Gate, Stopped
from airflow_bucketsync.engine.stores.local import LocalStore
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.profiles import profile_named
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.steps.sweeping import KINDS, in_memory, make
from tests.servers.core.model import Lock
from tests.servers.oss import OSSServer
from tests.servers.s3 import S3Server
from tests.servers.s3.quirks import Quirks
from tests.servers.web.faults import Fault

_NAMES = itertools.count(1)
TMP = Selection(include=("*.tmp",))
ALL = CleanLimits(max_delete_share=1.0)


class Place:
    """Some objects below one location of each kind of store, and clean-ups of it."""

    def __init__(self, grounds):
        self.grounds, self.store, self.runs = grounds, grounds.destination, 0

    def put(self, *keys):
        for key in keys:
            self.store.put(key, key.encode(), attributes=ObjectAttributes(user_metadata={"of": "x"}))

    def keys(self, store=None):
        page = (store or self.store).list_page()
        return [info.key for info in page.items if "_bucketsync/" not in info.key]

    def kept(self, report):
        """What stands in the trash of a clean-up."""
        return self.keys(self.store.below(f"_bucketsync/{report.trash}"))

    def clean(self, selection=TMP, *, run=None, **options):
        self.runs += run is None
        self.run = run or f"clean-{self.runs}"
        settings = {"dry_run": False, "limits": ALL, "gate": Gate(concurrency=2, clock=self.grounds.clock)}
        settings["clock"] = _Now(self.grounds)
        return clean(self.store, self.grounds.workspace, run=self.run, selection=selection, **settings | options)

    def outcomes(self, report):
        """What the page says, by key."""
        name = f"{self.workspace().run_folder}{report.objects}"
        size, digest = read_state(self.grounds.workspace, name)
        page = PageRef(name=report.objects, count=sum(report.counts.values()), size=size, digest=digest)
        found = list(self.workspace().read_page(page, "outcomes", Outcome.from_json))
        assert [item.key for item in found] == sorted(item.key for item in found)
        return {item.key: item for item in found}

    def workspace(self):
        return Workspace(self.grounds.workspace, pair="cleans", run=self.run)


class _Now:
    """The store's own time, as the worker's clock."""

    def __init__(self, grounds):
        self.grounds = grounds

    def now(self):
        return self.grounds.now()

    def monotonic(self):
        return self.grounds.clock.monotonic()

    def wait(self, seconds, stop):
        return self.grounds.clock.wait(seconds, stop)


def read_state(store, key):
    size = store.head(key).info.size
    buffer = bytearray(size)
    with store.open(key) as body:
        done = 0
        while done < size:
            done += body.readinto(memoryview(buffer)[done:])
    return size, hashlib.sha256(buffer).hexdigest()


@pytest.fixture(scope="module")
def servers():
    """One strict server of each service."""
    with S3Server() as s3, OSSServer() as oss:
        yield {"s3": s3, "oss": oss}


@pytest.fixture(params=KINDS)
def place(request, tmp_path, servers):
    """A place on each kind of store."""
    for server in servers.values():
        server.reset()
    with ExitStack() as stack:
        yield Place(make(request.param, tmp_path, stack, servers, f"bucket-{next(_NAMES):05d}"))
    assert [failure for server in servers.values() for failure in server.failures] == []


@pytest.fixture
def memory():
    """The same in memory."""
    return Place(in_memory())


# every store --------------------------------------------------------------------------------------------------------


def test_row_F11_a_dry_run_deletes_nothing_and_a_real_one_what_the_rules_take(place):
    place.put("a.tmp", "b.txt", "deep/c.tmp", "deep/d.txt")
    dry = place.clean(dry_run=True)
    assert (dry.listed, dry.selected, dry.bytes) == (4, 2, len("a.tmpdeep/c.tmp"))
    assert dry.counts == {"withheld": 2}
    assert dry.reasons == {"withheld: dry_run": 2}
    assert dry.green
    assert dry.trash == ""
    assert place.keys() == ["a.tmp", "b.txt", "deep/c.tmp", "deep/d.txt"]

    report = place.clean(trash="none")
    assert report.counts == {"deleted": 2}
    assert report.sizes == {"deleted": dry.bytes}
    assert report.green
    assert place.keys() == ["b.txt", "deep/d.txt"]
    assert {key: item.status for key, item in place.outcomes(report).items()} == {
        "a.tmp": "deleted",
        "deep/c.tmp": "deleted",
    }
    conditional = place.store.capabilities.conditional_delete
    assert report.unguarded == (0 if conditional else 2)


def test_row_F11_by_default_what_is_deleted_is_kept_first(place):
    place.put("a.tmp", "b.txt", "deep/c.tmp")
    report = place.clean()
    assert report.counts == {"trashed": 2}
    assert place.kept(report) == ["a.tmp", "deep/c.tmp"]
    assert {item.kept for item in place.outcomes(report).values()} == {report.trash}
    copied = place.store.below(f"_bucketsync/{report.trash}").head("a.tmp")
    if place.store.capabilities.user_metadata:
        assert copied.attributes.user_metadata == {"of": "x"}
    again = place.clean()
    assert (again.selected, again.counts, again.objects) == (0, {}, None)
    assert again.listed == 1, "the trash is nothing that is there"


def test_names_of_our_own_are_never_touched(place):
    place.put("a.tmp")
    inside = place.store.below("_bucketsync/")
    inside.put("lock.tmp", b"held")
    if place.grounds.folder is None:
        place.store.below("deep/pair/").below("_bucketsync/").put("trash/x/b.tmp", b"kept")
    report = place.clean(Selection(), everything=True, trash="none")
    assert (report.listed, report.counts) == (1, {"deleted": 1})
    assert place.keys(inside) == ["lock.tmp"]
    if place.grounds.folder is None:
        assert place.keys(place.store.below("deep/pair/_bucketsync/")) == ["trash/x/b.tmp"]


def test_row_F11_an_object_that_changed_since_it_was_listed_stays(place, monkeypatch):
    place.put("a.tmp", "b.tmp", "c.tmp")
    choose = steps._choose

    def choose_then_write(run, asked):
        chosen = choose(run, asked)
        place.store.put("b.tmp", b"somebody's new work")
        place.store.delete("c.tmp")
        return chosen

    monkeypatch.setattr(steps, "_choose", choose_then_write)
    report = place.clean()
    assert report.counts == {"changed": 1, "deleted": 1, "trashed": 1}
    assert report.green
    assert place.keys() == ["b.tmp"]
    assert report.first[0]["key"] == "b.tmp"
    assert place.outcomes(report)["c.tmp"].reason == "not_there"


def test_row_F11_written_between_look_and_delete(place, monkeypatch):
    """The delete itself names the version, or a second look does."""
    place.put("a.tmp", "b.tmp")
    delete = Discarding.delete

    def write_then_delete(self, left):
        place.store.put("b.tmp", b"somebody's new work")
        yield from delete(self, left)

    monkeypatch.setattr(Discarding, "delete", write_then_delete)
    report = place.clean(trash="none")
    assert report.counts == {"changed": 1, "deleted": 1}
    assert place.keys() == ["b.tmp"]


def test_row_F11_by_age(place):
    place.put("old")
    place.grounds.pass_time(days=31)
    place.put("young")
    report = place.clean(Selection(), older_than=timedelta(days=30))
    assert report.counts == {"trashed": 1}
    assert place.keys() == ["young"]


# limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason", "words"),
    [
        (CleanLimits(max_deletes=2, max_delete_share=1.0), "too_many_deletes", "max_deletes is 2"),
        (CleanLimits(max_delete_share=0.7), "too_many_deletes", "3 of 4 objects"),
        (CleanLimits(max_delete_share=1.0, max_delete_bytes=14), "too_many_deletes", "15 bytes"),
        (CleanLimits(max_delete_share=1.0, expected_objects=2), "more_than_expected", "expected_objects says 2"),
    ],
)
def test_row_F11_limits_are_asked_before_the_first_delete(memory, limits, reason, words):
    memory.put("a.tmp", "b.tmp", "c.tmp", "d.txt")
    report = memory.clean(limits=limits)
    assert report.counts == {"withheld": 3}
    assert report.reasons == {f"withheld: {reason}": 3}
    assert words in report.withheld
    assert not report.green
    assert memory.keys() == ["a.tmp", "b.tmp", "c.tmp", "d.txt"]
    assert memory.keys(memory.store.below("_bucketsync/")) == [], "nothing was kept either"


def test_limits_that_just_hold(memory):
    memory.put("a.tmp", "b.tmp", "c.tmp", "d.txt")
    limits = CleanLimits(max_deletes=3, max_delete_share=0.75, max_delete_bytes=15, expected_objects=4)
    assert memory.clean(limits=limits).counts == {"trashed": 3}


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_deletes": -1},
        {"max_deletes": True},
        {"max_deletes": None},
        {"max_delete_bytes": 1.5},
        {"expected_objects": "3"},
        {"max_delete_share": 1.1},
        {"max_delete_share": True},
        {"max_delete_share": "0.5"},
    ],
)
def test_limits_that_are_none(wrong):
    with pytest.raises(InvalidConfiguration, match=next(iter(wrong))):
        CleanLimits(**wrong)


def test_row_F11_everything_only_when_it_is_said(memory):
    memory.put("a", "b")
    with pytest.raises(InvalidConfiguration, match="at least one rule"):
        memory.clean(Selection())
    with pytest.raises(InvalidConfiguration, match="goes with no rule"):
        memory.clean(TMP, everything=True)
    with pytest.raises(InvalidConfiguration, match="goes with no rule"):
        memory.clean(Selection(), older_than=timedelta(days=1), everything=True)
    with pytest.raises(InvalidConfiguration, match="say the same"):
        memory.clean(Selection(modified_before=memory.grounds.now()), older_than=timedelta(days=1))
    with pytest.raises(InvalidConfiguration, match="above 0"):
        memory.clean(Selection(), older_than=timedelta(0))
    with pytest.raises(InvalidConfiguration, match="trash"):
        memory.clean(trash="all")
    assert memory.keys() == ["a", "b"]
    assert memory.clean(Selection(), everything=True, limits=None).withheld, "the share stands in the way"
    assert memory.clean(Selection(), everything=True).counts == {"trashed": 2}


# later tries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trash", ["none", "deleted"])
def test_a_later_try_deletes_what_the_first_has_chosen_and_nothing_newer(memory, trash, monkeypatch):
    monkeypatch.setattr(steps, "TOGETHER", 2)
    memory.put("a.tmp", "b.tmp", "c.tmp", "d.tmp", "e.tmp")
    deletes = itertools.count(1)

    def killed(now, verb, key):
        if now == "after" and verb == "delete" and next(deletes) == 3:
            raise KeyboardInterrupt

    memory.store.hooks.append(killed)
    with pytest.raises(KeyboardInterrupt):
        memory.clean(run="run", trash=trash)
    memory.store.hooks.clear()
    assert len(memory.keys()) <= 3
    memory.put("new.tmp")
    memory.store.put("a.tmp", b"somebody's new work")
    report = memory.clean(run="run", trash=trash)
    word = "deleted" if trash == "none" else "trashed"
    assert report.selected == 5
    assert report.counts == {"changed": 1, word: 4}
    assert memory.keys() == ["a.tmp", "new.tmp"]
    if trash == "deleted":
        assert memory.kept(report) == ["a.tmp", "b.tmp", "c.tmp", "d.tmp", "e.tmp"]


def test_a_try_with_other_rules_chooses_anew(memory):
    """A task that its author changed and cleared has the same run id."""
    memory.put("a.tmp", "b.txt")
    memory.clean(run="run", dry_run=True)
    assert memory.clean(run="run").counts == {"trashed": 1}, "kept, although the dry run kept nothing"
    assert memory.clean(Selection(include=("*.txt",)), run="run").counts == {"trashed": 1}
    assert memory.keys() == []


def test_an_age_counts_from_the_first_try(memory):
    memory.put("a")
    memory.grounds.pass_time(days=10)
    memory.clean(Selection(), older_than=timedelta(days=30), run="run")
    memory.grounds.pass_time(days=25)
    assert memory.clean(Selection(), older_than=timedelta(days=30), run="run").selected == 0
    assert memory.clean(Selection(), older_than=timedelta(days=30)).counts == {"trashed": 1}


def test_the_same_bytes_written_anew_are_young(place, monkeypatch):
    place.put("a", "b")
    place.grounds.pass_time(days=31)
    choose = steps._choose

    def choose_then_write(run, asked):
        chosen = choose(run, asked)
        place.put("b")
        return chosen

    monkeypatch.setattr(steps, "_choose", choose_then_write)
    report = place.clean(Selection(), older_than=timedelta(days=30))
    assert report.counts == {"changed": 1, "trashed": 1}
    assert place.keys() == ["b"]


def test_the_same_bytes_written_anew_while_they_are_kept_are_young(place, monkeypatch):
    place.put("a", "b")
    place.grounds.pass_time(days=31)
    keep = Discarding.keep

    def keep_then_write(discarding, left):
        yield from keep(discarding, left)
        place.put("b")

    monkeypatch.setattr(Discarding, "keep", keep_then_write)
    report = place.clean(Selection(), older_than=timedelta(days=30))
    assert report.counts == {"changed": 1, "trashed": 1}
    assert place.keys() == ["b"]


def test_threat_S09_a_page_that_names_something_else_is_refused(memory):
    memory.put("a.tmp", "b.txt")
    memory.clean(run="run", dry_run=True)
    place = memory.workspace()
    document = place.read_document("clean.json", "clean")
    txt = memory.store.head("b.txt").info
    page = place.write_page("selected", "extra", iter([txt.to_json()]))
    chosen = document["chosen"] | {"page": page.to_json(), "asked": document["chosen"]["asked"] | {"dry_run": False}}
    place.write_document("clean.json", "clean", {"chosen": chosen})
    with pytest.raises(PlanMismatch, match="not selected"):
        memory.clean(run="run")
    place.write_document("clean.json", "clean", {"chosen": {"page": 1}})
    with pytest.raises(PlanMismatch, match="damaged"):
        memory.clean(run="run")
    assert memory.keys() == ["a.tmp", "b.txt"]


# errors -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def s3(tmp_path, servers):
    """A place on the strict S3 server."""
    servers["s3"].reset()
    with ExitStack() as stack:
        yield Place(make("s3", tmp_path, stack, servers, f"bucket-{next(_NAMES):05d}"))


def locked(place, *keys, versioning="Enabled"):
    bucket = place.store.location.bucket
    core = place.grounds.server.core
    core.bucket(bucket).settings.object_lock = True
    core.bucket(bucket).settings.versioning = versioning
    for key in keys:
        core.find(bucket, f"out/{key}").attributes.lock = Lock("COMPLIANCE", core.now() + 86400)


def test_row_F11_a_locked_object_is_withheld(s3):
    s3.put("a.tmp", "b.tmp")
    locked(s3, "b.tmp")
    report = s3.clean(trash="none")
    assert report.counts == {"deleted": 1, "withheld": 1}
    assert report.reasons["withheld: locked"] == 1
    assert not report.green
    assert s3.keys() == ["b.tmp"]


def test_row_F11_a_lock_that_only_the_delete_meets(tmp_path, servers, monkeypatch):
    """OSS tells of a retention rule only then; it is about some objects, no right that is missing for all."""
    monkeypatch.setattr(steps, "TOGETHER", 1)
    monkeypatch.setattr(cleared, "MAX_ERRORS", 0)
    servers["oss"].reset()
    with ExitStack() as stack:
        oss = Place(make("oss", tmp_path, stack, servers, f"bucket-{next(_NAMES):05d}"))
        oss.put("a.tmp", "b.tmp", "c.tmp")
        what = {"operation": "DeleteObject", "key": "out/a.tmp", "status": 409, "code": "FileImmutable"}
        fault = servers["oss"].faults.add(Fault("status", **what))
        report = oss.clean(trash="none")
        assert fault.occurred == 1
        assert report.reasons == {"deleted: selected": 2, "withheld: locked": 1}
        assert oss.keys() == ["a.tmp"]


def test_on_a_bucket_that_keeps_versions_nothing_is_copied(s3):
    s3.grounds.server.core.bucket(s3.store.location.bucket).settings.versioning = "Enabled"
    s3.put("a.tmp")
    report = s3.clean()
    assert report.counts == {"trashed": 1}
    assert s3.outcomes(report)["a.tmp"].kept.startswith("version/")
    assert s3.kept(report) == []


@pytest.mark.parametrize("profile", ["other", "ceph"])
def test_row_F11_a_store_that_holds_no_write_to_a_condition_is_looked_at_right_before(s3, profile, monkeypatch):
    server, location = s3.grounds.server, s3.store.location
    ignored = dict.fromkeys(("PutObject", "CopyObject", "DeleteObject"), ("If-Match", "If-None-Match"))
    monkeypatch.setattr(server, "quirks", Quirks(ignores=ignored))
    known = profile_named(profile)
    s3.store = S3Store(location, server.client(config=client_config(known, path_style=True)), profile=known)
    s3.put("a.tmp", "b.tmp", "c.tmp")
    delete = Discarding.delete

    def write_then_delete(self, left):
        server.core.put(location.bucket, "out/b.tmp", b"somebody's new work")
        yield from delete(self, left)

    monkeypatch.setattr(Discarding, "delete", write_then_delete)
    report = s3.clean()
    assert report.counts == {"changed": 1, "trashed": 2}
    assert report.unguarded == 2
    assert s3.keys() == ["b.tmp"]
    s3.store.close()


def test_row_F11_errors_of_a_bulk_delete_are_counted_key_by_key(s3):
    s3.put("a.tmp", "b.tmp", "c.tmp")
    fault = Fault(
        "substitute",
        operation="DeleteObjects",
        transform=lambda body: body.replace(
            b"<Deleted><Key>out/b.tmp</Key></Deleted>",
            b"<Error><Key>out/b.tmp</Key><Code>InternalError</Code><Message>no</Message></Error>",
        ),
    )
    s3.grounds.server.faults.add(fault)
    report = s3.clean(trash="none")
    assert fault.occurred == 1
    assert report.counts == {"deleted": 2, "withheld": 1}
    assert report.reasons["withheld: transient"] == 1
    assert not report.green


def test_after_many_errors_no_further_object_is_begun(s3, monkeypatch):
    monkeypatch.setattr(steps, "TOGETHER", 2)
    monkeypatch.setattr(cleared, "MAX_ERRORS", 3)
    s3.put(*(f"{number}.tmp" for number in range(8)))
    s3.grounds.server.faults.add(Fault("status", operation="DeleteObjects", status=403, code="AccessDenied"))
    report = s3.clean(trash="none")
    assert report.reasons == {"withheld: access_denied": 4, "withheld: too_many_errors": 4}
    assert "no further one was begun" in report.withheld
    assert len(s3.keys()) == 8


def test_fault_F01_a_listing_that_breaks_deletes_nothing(s3):
    s3.put("a.tmp", "b.tmp", "c.tmp")
    s3.grounds.server.core.bucket(s3.store.location.bucket).settings.listing_oddity = "page_cap=1"
    s3.grounds.server.faults.add(
        Fault("status", operation="ListObjectsV2", query={"start-after": "out/b.tmp"}, status=500, code="InternalError")
    )
    with pytest.raises(Exception, match="InternalError"):
        s3.clean()
    s3.grounds.server.faults.clear()
    assert s3.keys() == ["a.tmp"], "one key on each page"
    s3.grounds.server.core.bucket(s3.store.location.bucket).settings.listing_oddity = None
    assert s3.keys() == ["a.tmp", "b.tmp", "c.tmp"]


def test_stopped_in_the_middle(memory, monkeypatch):
    monkeypatch.setattr(steps, "TOGETHER", 2)
    memory.put("a.tmp", "b.tmp", "c.tmp", "d.tmp")
    gate = Gate(concurrency=1)

    def stop(now, verb, key):
        if now == "after" and verb == "delete":
            gate.stop()

    memory.store.hooks.append(stop)
    with pytest.raises(Stopped):
        memory.clean(run="run", gate=gate)
    memory.store.hooks.clear()
    left = memory.keys()
    assert {"c.tmp", "d.tmp"} <= set(left)
    assert memory.clean(run="run").counts == {"trashed": 4}


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    store = LocalStore(Location.parse(f"file://{tmp_path}/gone/"))
    pages = LocalStore(Location.parse(f"file://{tmp_path}/pages/"), may_be_missing=True)
    with pytest.raises(ObjectNotFound):
        clean(store, pages, run="run", selection=TMP, dry_run=False)


# undone -----------------------------------------------------------------------------------------------------------


def undone(place, of, *, dry_run=False):
    """Undo a clean-up, by its folder."""
    done = read_done(Workspace(place.grounds.workspace, pair="cleans", run=of))
    workspace = Workspace(place.grounds.workspace, pair=done.spec.pair, run="undo")
    gate = Gate(concurrency=2, clock=place.grounds.clock)
    run = Run(
        spec=done.spec, run="undo", source=place.store, destination=place.store, workspace=workspace, gate=gate,
        clock=_Now(place.grounds),
    )  # fmt: skip
    return undo_run(run, done, dry_run=dry_run)


def test_rows_F10_F11_a_clean_up_is_undone_but_for_what_others_wrote_since(place):
    place.put("a.tmp", "b.tmp", "deep/c.tmp", "stays")
    assert place.clean(run="of").counts == {"trashed": 3}
    assert place.keys() == ["stays"]
    place.store.put("b.tmp", b"somebody's new work")
    assert undone(place, "of", dry_run=True).counts == {"changed": 1, "would_restore": 2}
    assert undone(place, "of").counts == {"changed": 1, "restored": 2}
    assert place.keys() == ["a.tmp", "b.tmp", "deep/c.tmp", "stays"]
    if place.store.capabilities.user_metadata:
        assert place.store.head("a.tmp").attributes.user_metadata == {"of": "x"}


def test_rows_F10_F11_nothing_is_undone_of_a_dry_run_nor_of_what_was_not_kept(memory):
    memory.put("a.tmp", "stays")
    memory.clean(run="dry", dry_run=True)
    assert undone(memory, "dry").counts == {}
    memory.clean(run="gone", trash="none")
    assert undone(memory, "gone").counts == {"not_kept": 1}
    assert memory.keys() == ["stays"]


def test_a_clean_up_that_did_not_end_is_not_undone(memory):
    memory.put("a.tmp", "stays")
    memory.clean(run="of")
    place = memory.workspace()
    chosen = place.read_document("clean.json", "clean")["chosen"]
    place.write_document("clean.json", "clean", {"chosen": chosen})
    with pytest.raises(InvalidConfiguration, match=r"the clean-up in cleans/of.* did not end: clear its task"):
        undone(memory, "of")
