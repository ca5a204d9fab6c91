"""Hypothesis strategies for the nouns, and the round trip each of them must survive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import orjson
from hypothesis import settings
from hypothesis import strategies as st

from airflow_bucketsync.engine.model.drift import DRIFTED, Drift
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import Checksum, Fingerprint, ObjectInfo
from airflow_bucketsync.engine.model.pages import PageRef
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.preserve import PRESERVED
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.spec import SyncSpec

quick = settings(deadline=None, max_examples=150)


def through_json(noun):
    """The noun, written as the bytes of a page and read back."""
    return type(noun).from_json(orjson.loads(orjson.dumps(noun.to_json())))


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = text.filter(bool)
words = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
sizes = st.one_of(st.integers(0, 2**31), st.sampled_from([0, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1]))
zones = st.one_of(st.just(UTC), st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))))
times = st.datetimes(min_value=datetime(1960, 1, 1), max_value=datetime(2100, 1, 1), timezones=zones)
counts = st.dictionaries(words, st.integers(0, 2**53 + 1), max_size=4)
per_side = st.dictionaries(st.sampled_from(["source", "destination", "workspace"]), counts, max_size=3)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
warnings = st.lists(text, max_size=3).map(tuple)

drifts = st.builds(
    Drift,
    same=st.integers(0, 10**9),
    counts=st.dictionaries(st.sampled_from(DRIFTED), st.integers(1, 10**9)),
    first=st.dictionaries(st.sampled_from(DRIFTED), st.lists(keys, max_size=3)),
)

checksums = st.builds(
    Checksum,
    algorithm=st.sampled_from(["crc32", "crc32c", "crc64nvme", "crc64xz", "sha1", "sha256", "md5"]),
    value=st.text("0123456789abcdef", min_size=8, max_size=64),
    parts=st.one_of(st.none(), st.integers(1, 10_000)),
)
infos = st.builds(
    ObjectInfo,
    key=keys,
    size=sizes,
    last_modified=times,
    etag=st.one_of(st.none(), text),
    version_id=st.one_of(st.none(), text),
    storage_class=st.one_of(st.none(), st.just("GLACIER")),
    checksum=st.one_of(st.none(), checksums),
)
fingerprints = st.builds(
    Fingerprint,
    size=sizes,
    etag=st.one_of(st.none(), text),
    version_id=st.one_of(st.none(), text),
    last_modified=st.one_of(st.none(), times),
)
page_refs = st.builds(PageRef, name=keys, count=st.integers(0, 10**9), size=sizes, digest=digests)
conn_ids = st.text("abcXYZ019_.-", min_size=1, max_size=12)
buckets = st.builds(
    lambda first, rest: first + rest, st.sampled_from("abz09"), st.text("abz09.-", min_size=2, max_size=20)
)
prefixes = st.one_of(
    st.just(""),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(lambda p: p + "/"),
)
segments = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=10).filter(
    lambda segment: segment not in (".", "..")
)
bucket_locations = st.builds(
    Location,
    scheme=st.sampled_from(["s3", "oss", "memory"]),
    conn_id=st.one_of(st.none(), conn_ids),
    bucket=buckets,
    prefix=prefixes,
)
folder_locations = st.builds(
    Location,
    scheme=st.just("file"),
    conn_id=st.one_of(st.none(), conn_ids),
    bucket=st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
)
locations = st.one_of(bucket_locations, folder_locations)
early = st.datetimes(max_value=datetime(2020, 1, 1), timezones=zones)
late = st.datetimes(min_value=datetime(2020, 1, 3), timezones=zones)
selections = st.builds(
    Selection,
    include=st.lists(text, max_size=3).map(tuple),
    exclude=st.lists(text, max_size=3).map(tuple),
    start_after=text,
    modified_after=st.one_of(st.none(), early),
    modified_before=st.one_of(st.none(), late),
    min_size=st.one_of(st.none(), st.integers(0, 100)),
    max_size=st.one_of(st.none(), st.integers(100, 2**53 + 1)),
    storage_classes=st.lists(words, max_size=2).map(tuple),
)
policies = st.builds(
    SyncPolicy,
    compare=st.sampled_from(["auto", "exists", "always"]),
    verify=st.sampled_from(["none", "listing", "metadata", "content"]),
    dry_run=st.booleans(),
    small_threshold=st.integers(0, 100),
    large_threshold=st.integers(100, 2**53 + 1),
    part_size=st.integers(1, 2**40),
    max_batches=st.integers(1, 1024),
    concurrency=st.integers(1, 256),
    group_bytes=st.integers(1, 2**53 + 1),
    bandwidth=st.one_of(st.none(), st.integers(1024, 2**40)),
    requests_per_second=st.one_of(st.none(), st.integers(1, 10_000)),
    max_errors=st.integers(0, 1000),
    max_error_share=st.integers(0, 1000).map(lambda thousandths: thousandths / 1000),
    on_collision=st.sampled_from(["refuse", "fail"]),
    preserve=st.sets(st.sampled_from(PRESERVED)).map(sorted).map(tuple),
    storage_class=st.sampled_from(["default", "keep", "IA"]),
    storage_class_map=st.dictionaries(words, words, max_size=2),
    require_region=st.lists(words, max_size=2).map(tuple),
    tolerate=st.sets(st.sampled_from(["gone", "failed", "refused"])).map(sorted).map(tuple),
)
pairs = st.text("abcXYZ019_.-", min_size=1, max_size=12).map(lambda rest: "p" + rest)
specs = st.builds(SyncSpec, pair=pairs, source=locations, destination=locations, selection=selections, policy=policies)
