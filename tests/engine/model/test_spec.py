from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.key_mapping import KeyMapping
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.routing import Routed, RoutingTable
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec, pair_id
from airflow_bucketsync.engine.model.units import MIB
from tests.engine.model.nouns import policies, quick, selections, specs, through_json

SOURCE, DESTINATION = Location.parse("s3://b1c/in/"), Location.parse("file:///data/out")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@quick
@given(selections)
def test_selection_round_trip(selection):
    assert through_json(selection) == selection


@quick
@given(policies)
def test_policy_round_trip(policy):
    assert through_json(policy) == policy


@quick
@given(specs)
def test_spec_round_trip(spec):
    again = through_json(spec)
    assert again == spec
    assert again.fingerprint() == spec.fingerprint()
    assert again.pair_fingerprint() == spec.pair_fingerprint()


def test_defaults_are_not_written():
    assert Selection().to_json() == {}
    assert SyncPolicy().to_json() == {}
    assert SyncPolicy(verify="none").to_json() == {"verify": "none"}
    assert Selection(min_size=0).to_json() == {"min_size": 0}  # not the same as no bound
    assert through_json(Selection(min_size=0)).min_size == 0


def test_defaults_destroy_nothing():
    policy = SyncPolicy()
    assert policy.tolerate == ()
    assert (policy.acl, policy.on_collision, policy.follow_links) == ("none", "refuse", "none")


def test_an_option_of_a_later_release_is_passed_over():
    assert SyncPolicy.from_json({"verify": "none", "from_tomorrow": 1}) == SyncPolicy(verify="none")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compare": "sizes"}, "compare: 'sizes' is none of auto, exists"),
        ({"verify": "all"}, "verify: 'all' is none of none, listing"),
        ({"on_missing": "ignore"}, "on_missing: 'ignore' is none of skip, fail"),
        ({"on_collision": "last"}, "on_collision: 'last' is none of refuse, fail, first"),
        ({"folder_markers": "drop"}, "folder_markers: 'drop' is none of copy, skip"),
        ({"follow_links": "all"}, "follow_links: 'all' is none of none, inside_root"),
        ({"acl": "public-read"}, "acl: 'public-read' is none of none, bucket-owner-full-control"),
        ({"tolerate": ("gone", "faled")}, "tolerate: 'faled' is none of copied"),
        ({"tolerate": "gone"}, "tolerate is a list of words"),
        ({"small_threshold": 2, "large_threshold": 1}, "small_threshold (2) must not be above large_threshold (1)"),
        ({"small_threshold": -1}, "small_threshold (-1)"),
        ({"part_size": 0}, "part_size must be above 0"),
        ({"max_drift": 1.1}, "max_drift must be 0.0 to 1.0"),
        ({"max_drift": -0.1}, "max_drift must be 0.0 to 1.0"),
        ({"apply_plan": "../" + "0" * 61}, "is no digest of a plan"),
        ({"apply_plan": "A" * 64}, "is no digest of a plan"),
        ({"apply_plan": "0" * 64 + "\n"}, "is no digest of a plan"),
        ({"apply_plan": "0" * 64, "mode": "until_quiet"}, "apply_plan with mode until_quiet"),
        ({"apply_plan": "0" * 64, "move": True}, "apply_plan with move"),
        ({"apply_plan": "0" * 64, "since_watermark": True}, "apply_plan with since_watermark"),
        ({"apply_plan": "0" * 64, "max_objects": 1}, "apply_plan with max_objects"),
        ({"apply_plan": "0" * 64, "max_bytes": 1}, "apply_plan with max_bytes"),
        ({"max_batches": 0}, "max_batches must be 1 to 1024"),
        ({"max_batches": 1025}, "max_batches must be 1 to 1024"),
        ({"batch_objects": 0}, "batch_objects"),
        ({"batch_bytes": 0}, "batch_bytes"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 257}, "concurrency"),
        ({"buffer_size": MIB - 1}, "buffer_size"),
        ({"max_errors": -1}, "max_errors"),
    ],
)
def test_policies_that_cant_be_meant(options, words):
    for make in (lambda: SyncPolicy(**options), lambda: SyncPolicy.from_json(options)):
        with pytest.raises(InvalidConfiguration) as caught:
            make()
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"include": "*.csv"}, "include is a list"),
        ({"exclude": "*.csv"}, "exclude is a list"),
        ({"storage_classes": "GLACIER"}, "storage_classes is a list"),
        ({"modified_after": NOON.replace(tzinfo=None)}, "modified_after: 2026-03-01T12:00:00 has no time zone"),
        ({"modified_before": NOON.replace(tzinfo=None)}, "modified_before: 2026-03-01T12:00:00 has no time zone"),
        ({"modified_after": "2026-03-01T12:00:01+00:00", "modified_before": "2026-03-01T12:00:00+00:00"}, "later"),
        ({"min_size": -1}, "min_size must not be negative"),
        ({"max_size": -1}, "max_size must not be negative"),
        ({"min_size": 2, "max_size": 1}, "min_size (2) is above max_size (1)"),
    ],
)
def test_selections_that_cant_be_meant(rules, words):
    with pytest.raises(InvalidConfiguration) as caught:
        Selection.from_json(rules)
    assert words in str(caught.value)


def test_bounds_may_meet():
    assert Selection(min_size=1, max_size=1, modified_after=NOON, modified_before=NOON).max_size == 1


def test_an_unnamed_pair_is_named_by_its_locations():
    spec = SyncSpec.of(SOURCE, DESTINATION)
    assert spec.pair == pair_id(SOURCE, DESTINATION)
    assert len(spec.pair) == 16
    assert spec.pair != pair_id(DESTINATION, SOURCE)
    assert SyncSpec.of(SOURCE, DESTINATION, name="nightly").pair == "nightly"


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../x", "a/b", "/etc", "a\\b", "a b", "a\n", "-rf", ".hidden", "é", "p" * 251, "a\x00", "{{ x }}"],
)
def test_a_pair_can_t_name_another_folder(name):
    with pytest.raises(InvalidConfiguration, match="can't name a pair"):
        SyncSpec.of(SOURCE, DESTINATION, name=name)


@pytest.mark.parametrize("name", ["a", "nightly-copy_2.b", "_x", "0", "p" * 250])
def test_plain_pair_names(name):
    assert SyncSpec.of(SOURCE, DESTINATION, name=name).pair == name


def test_a_fingerprint_changes_with_what_makes_a_checkpoint_useless():
    spec = SyncSpec.of(SOURCE, DESTINATION, name="p")
    other = Location.parse("s3://c@b1c/in/")
    assert replace(spec, pair="q").fingerprint() == spec.fingerprint()
    assert replace(spec, policy=SyncPolicy(verify="none")).fingerprint() == spec.fingerprint()
    changed = [
        replace(spec, source=other),
        replace(spec, destination=other),
        replace(spec, source=DESTINATION, destination=SOURCE),
        *(replace(spec, selection=selection) for selection in one_rule_each()),
    ]
    fingerprints = [spec.fingerprint(), *(each.fingerprint() for each in changed)]
    assert len(set(fingerprints)) == len(fingerprints)
    of_the_pair = [each.pair_fingerprint() for each in changed]
    assert spec.pair_fingerprint() not in of_the_pair[:3]
    renamed = [each.selection.key_mapping.kind != "keep" for each in changed[3:]]
    assert [found != spec.pair_fingerprint() for found in of_the_pair[3:]] == renamed
    assert sum(renamed) == 1


def one_rule_each():
    values = {
        "include": ("a",),
        "within": ("a",),
        "exclude": ("a",),
        "extensions": ("a",),
        "recursive": False,
        "prefixes": ("a/",),
        "start_after": "a",
        "modified_after": NOON,
        "modified_before": NOON,
        "min_size": 0,
        "max_size": 0,
        "storage_classes": ("a",),
        "tags": {"a": "b"},
        "key_mapping": KeyMapping(kind="flatten"),
        "routed": Routed(table=RoutingTable.from_json({"rules": [{"match": ["*.a"], "to": "a"}]}), to="a"),
        "source_list": "s3://lists/a.csv",
        "list_encoding": "url",
        "max_expansion": 5,
    }
    assert set(values) == {item.name for item in fields(Selection)}
    return [Selection(**{name: value}) for name, value in values.items()]
