"""Is each entry of a pairs file read as it was meant, and does each mistake say where it stands and what to do?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from airflow_bucketsync.configuration.durations import read_duration
from airflow_bucketsync.configuration.options import OPTION_NAMES, read_options
from airflow_bucketsync.configuration.pair import Broken, Pair, Sync
from airflow_bucketsync.configuration.pairs_file import MAX_BYTES, read_pairs_file
from airflow_bucketsync.configuration.sync_model import DefaultsPart, ResourcesPart, SyncPart
from airflow_bucketsync.configuration.tasks import TASKS, TaskName
from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.task_groups.resources import FIELDS
from tests.configuration.broken_pairs import ENTRIES, FILES, FINE

SOURCE, DESTINATION = "s3://store@incoming/", "s3://archive@backup/"


@pytest.fixture
def write(tmp_path):
    """Write a pairs file, and read it."""

    def written(text):
        path = tmp_path / "pairs.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pairs_file(path)

    return written


def entry(text: str, *, defaults: str = "") -> str:
    return f"{defaults}syncs:\n  - name: one\n    source: {SOURCE}\n    destination: {DESTINATION}\n{text}"


@pytest.mark.parametrize("name", FILES)
def test_J1_broken_file(write, name):
    text, words = FILES[name]
    with pytest.raises(InvalidConfiguration) as caught:
        write(text)
    assert caught.value.message == words


@pytest.mark.parametrize("name", ENTRIES)
def test_J1_broken_entry_leaves_the_others_alone(write, name):
    text, words = ENTRIES[name]
    file = write(FINE + "  - " + text.rstrip("\n").replace("\n", "\n    "))
    found = [file.sync(name) for name in file.entries]
    broken = [sync for sync in found if isinstance(sync, Broken)]
    assert [sync.message for sync in broken] == [words]
    if name != "name_twice":
        assert isinstance(file.sync("fine"), Sync)


def test_there_are_enough_and_all_say_where():
    assert len(FILES) + len(ENTRIES) >= 60
    for _, words in (*FILES.values(), *ENTRIES.values()):
        for line in words.splitlines():
            assert line.startswith("pairs.yaml, line "), line
            assert "verysecret" not in line
            assert "AKIA" not in line
            assert "Input should" not in line


def test_J1_three_syncs(write):
    file = write(
        "defaults:\n"
        "  pool: transfers\n"
        "  retries: 5\n"
        "  schedule: '@daily'\n"
        "  options: {exclude: ['*.tmp'], part_size: 64 MiB, max_objects: 10}\n"
        "  dag: {owner: storage, tags: [all], dagrun_timeout: 6 hours}\n"
        "  resources: {copy: {queue: near}}\n"
        "syncs:\n"
        "  - {name: plain, source: file:///in/a/, destination: file:///out/a/}\n"
        "  - name: own\n"
        "    description: Says everything itself\n"
        "    source: 's3://store@incoming/{{ ds }}/'\n"
        "    destination: oss://ali@backup/\n"
        "    schedule: [ready]\n"
        "    pool: null\n"
        "    retries: 0\n"
        "    max_active_copies: 2\n"
        "    workspace: s3://pages@workspace/\n"
        "    asset: arrived\n"
        "    options: {exclude: [], mode: auto, max_objects: null}\n"
        "    timeouts: {copy: 1 day 12 hours}\n"
        "    resources: {copy: {pool_slots: 2}, verify: {executor_config: {a: 1}}}\n"
        "    dag: {tags: [mine], start_date: 2026-01-31, timezone: Europe/Zurich, paused: false, max_active_tasks: 3}\n"
        "  - name: many\n"
        "    source: file:///in/c/\n"
        "    schedule:\n"
        "    options: {verify: content}\n"
        "    destinations:\n"
        "      - {name: near, location: file:///out/c/, asset: near_ready}\n"
        "      - {name: far, location: s3://far@backup/, options: {verify: none, part_size: 5 MiB}}\n"
    )
    assert tuple(file.entries) == ("plain", "own", "many")
    first, own, many = (file.sync(name) for name in file.entries)
    assert isinstance(first, Sync)
    assert isinstance(own, Sync)
    assert isinstance(many, Sync)
    shared = {"exclude": ["*.tmp"], "part_size": "64 MiB", "max_objects": 10}
    assert first.pairs == {
        "bucket_sync": Pair(
            name="plain", source="file:///in/a/", destination="file:///out/a/", options=shared, pool="transfers",
            retries=5, resources={"copy": {"queue": "near"}},
        )
    }  # fmt: skip
    assert (first.schedule, first.dag.owner, first.dag.tags) == ("@daily", "storage", ("all",))
    assert first.dag.dagrun_timeout == timedelta(hours=6)
    assert own.pairs == {
        "bucket_sync": Pair(
            name="own", source="s3://store@incoming/{{ ds }}/", destination="oss://ali@backup/",
            options={"exclude": [], "part_size": "64 MiB", "mode": "auto"}, workspace="s3://pages@workspace/",
            max_active_copies=2, retries=0, timeouts={"copy": timedelta(days=1, hours=12)},
            resources={"copy": {"queue": "near", "pool_slots": 2}, "verify": {"executor_config": {"a": 1}}},
            asset="arrived",
        )
    }  # fmt: skip
    assert (own.description, own.schedule) == ("Says everything itself", ("ready",))
    assert (own.dag.start_date, own.dag.timezone) == (datetime(2026, 1, 31), "Europe/Zurich")
    assert (own.dag.tags, own.dag.paused, own.dag.max_active_tasks) == (("mine",), False, 3)
    assert own.dag.owner == "storage", "blocks are put together name by name"
    assert many.schedule is None, "null brings back what holds where nothing is said"
    assert [(group, pair.name, pair.destination, pair.asset) for group, pair in many.pairs.items()] == [
        ("near", "many.near", "file:///out/c/", "near_ready"),
        ("far", "many.far", "s3://far@backup/", None),
    ]
    assert many.pairs["near"].options == {**shared, "verify": "content"}
    assert many.pairs["far"].options == {**shared, "verify": "none", "part_size": "5 MiB"}


ROUTED = """\
syncs:
  - name: lake
    source: s3://store@incoming/
    options: {move: true, exclude: ["*.tmp"]}
    destinations:
      - {name: rest, location: "file:///data/{{ ds }}/", options: {move: false}}
      - {name: tables, location: s3://lake@tables/}
    routes:
      rules:
        - {to: tables, extensions: [csv], max_size: 1 GiB}
        - {to: rest, match: ["*.png"]}
      unmatched: default
      default: rest
"""


def test_A12_a_table_of_routes_gives_each_destination_its_part(write):
    sync = write(ROUTED).sync("lake")
    assert isinstance(sync, Sync), sync.message
    table = {
        "rules": [{"to": "tables", "extensions": ["csv"], "max_size": 2**30}, {"to": "rest", "match": ["*.png"]}],
        "unmatched": "default",
        "default": "rest",
    }
    assert list(sync.pairs) == ["rest", "tables"]
    for name, move in {"rest": False, "tables": True}.items():
        options = sync.pairs[name].options
        assert options == {"move": move, "exclude": ["*.tmp"], "routed": {"table": table, "to": name}}
        routed = read_options(options).selection().routed
        assert routed is not None
        assert (routed.to, routed.table.to_json()) == (name, table)


@pytest.mark.parametrize("unmatched", ["ignore", "fail"])
def test_A12_what_no_line_takes_may_stay_while_the_rest_is_moved(write, unmatched):
    text = ROUTED.replace("unmatched: default\n      default: rest", f"unmatched: {unmatched}")
    assert isinstance(write(text).sync("lake"), Sync)


def test_a_wrong_default_is_said_with_its_own_line(write):
    """On its own the default is right; with what the entry says it isn't."""
    sync = write(entry("    options: {max_size: 1 KiB}\n", defaults="defaults: {options: {min_size: 1 MiB}}\n")).sync(
        "one"
    )
    assert isinstance(sync, Broken)
    assert sync.message.startswith("pairs.yaml, line 1, column 32: options: min_size")


@pytest.mark.parametrize(
    ("text", "schedule"),
    [("    pools: x\n    schedule: '@daily'\n", "@daily"), ("    pools: x\n    schedule: [ready]\n", ("ready",)),
     ("    pools: x\n", None), ("    schedule: sometimes\n", "@hourly")],
)  # fmt: skip
def test_a_broken_entry_keeps_its_schedule(write, text, schedule):
    """Or it would be found out only when somebody misses the objects."""
    sync = write(entry(text)).sync("one")
    assert isinstance(sync, Broken)
    assert sync.schedule == schedule


def test_two_of_one_name_are_one_broken_sync(write):
    file = write(entry(f"  - {{name: one, source: '{SOURCE}', destination: file:///x/}}\n"))
    sync = file.sync("one")
    assert list(file.entries) == ["one"]
    assert isinstance(sync, Broken)
    assert "stands in line 2 too" in sync.message


def test_pairs_by_name(write):
    several = "  - name: bad\n  - name: many\n    source: file:///in/\n    destinations:\n"
    several += "      - {name: near, location: file:///out/}\n      - {name: far, location: file:///far/}\n"
    file = write(entry(several))
    assert file.pair("one").destination == DESTINATION
    assert file.pair("one.bucket_sync").name == "one"
    assert file.pair("many.far").destination == "file:///far/"
    for name, words in {
        "many": "write one of 'many.near', 'many.far'",
        "many.near_by": "write one of 'many.near', 'many.far'",
        "on": "did you mean `one`?",
        "bad": "source is missing",
    }.items():
        with pytest.raises(InvalidConfiguration, match=words):
            file.pair(name)


def test_files_that_can_not_be_read(tmp_path, write):
    with pytest.raises(InvalidConfiguration, match=r"no absolute path: beside a DAG file, write Path\(__file__\)"):
        read_pairs_file("pairs.yaml")
    with pytest.raises(InvalidConfiguration, match="No such file or directory: check the path"):
        read_pairs_file(tmp_path / "none.yaml")
    with pytest.raises(InvalidConfiguration, match="Is a directory"):
        read_pairs_file(tmp_path)
    with pytest.raises(InvalidConfiguration, match="larger than 512 KiB"):
        write("#" * (MAX_BYTES + 1))
    with pytest.raises(InvalidConfiguration, match="line 3: is no UTF-8: save the file as UTF-8"):
        write(b"# a\n# b\n# Z\xfcrich\n")


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(write):
    assert isinstance(write(b"\xef\xbb\xbf" + entry("").replace("\n", "\r\n").encode()).sync("one"), Sync)


def test_every_option_can_stand_in_a_file(write):
    """Also one that was added after this was written."""
    file = write(entry("    options:\n" + "".join(f"      {name}:\n" for name in OPTION_NAMES)))
    assert isinstance(file.sync("one"), Sync)


def test_models_follow_what_a_task_group_takes():
    assert set(ResourcesPart.model_fields) == set(FIELDS)
    assert get_args(TaskName) == TASKS
    assert set(DefaultsPart.model_fields) < set(SyncPart.model_fields)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 seconds", 90), ("90s", 90), ("1 second", 1), ("15 min", 900), ("15 minutes", 900), ("2h", 7200),
     ("1.5 hours", 5400), ("1 day 12 hours", 129_600), ("2 Weeks", 1_209_600), (timedelta(minutes=1), 60)],
)  # fmt: skip
def test_J3_durations(text, seconds):
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "90", 90, "1:30", "2 months", "-1 hour", "0 s", "hours", "1 hour,", "400 days", None, True]
)
def test_J3_what_is_no_duration(text):
    with pytest.raises(InvalidConfiguration, match="write a number with its unit"):
        read_duration(text)


def test_J3_sizes_and_times(write):
    sync = write(entry("    options: {min_size: 1.5 KiB, modified_after: 2026-01-31T12:00:00+01:00}\n")).sync("one")
    assert isinstance(sync, Sync)

    selection = read_options(sync.pairs["bucket_sync"].options).selection()
    assert selection.min_size == 1536
    assert selection.modified_after == datetime(2026, 1, 31, 11, tzinfo=UTC)
