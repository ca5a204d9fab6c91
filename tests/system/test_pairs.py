"""What does each of the nine pairs of stores keep? 500 objects each, field by field, in a real Airflow."""

from __future__ import annotations

import email.header
import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.world import World, world

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

KINDS = ("s3", "oss", "file")
PAIRS = list(itertools.product(KINDS, KINDS))
OBJECTS = 500
MIB = 1024 * 1024
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "kept.md"
OPTIONS = {
    "preserve": ["headers", "user_metadata", "tags", "redirect", "mtime", "mode"],
    "storage_class": "keep",
    "small_threshold": "1 MiB",
    "large_threshold": "6 MiB",
    "part_size": "5 MiB",
}
HEADERS = {
    "content-type": "text/csv; charset=utf-8",
    "content-encoding": "identity",
    "content-disposition": "attachment",
    "content-language": "de-CH",
    "cache-control": "max-age=60",
    "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
}
FIELDS = (
    *(name.replace("-", "_") for name in HEADERS),
    "user_metadata", "tags", "tags_unicode", "redirect", "storage_class", "mtime", "mode",
)  # fmt: skip
OTHER_CLASS = {"STANDARD_IA": "IA", "IA": "STANDARD_IA", "STANDARD": "Standard", "Standard": "STANDARD"}
PLAIN_TYPES = (None, "binary/octet-stream", "application/octet-stream")


@dataclass
class Thing:
    """An object as it stands in a store, in words that all stores share; None = this store can't have such a field."""

    body: bytes
    fields: dict[str, object] = field(default_factory=dict)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    options = ", ".join(OPTIONS)
    env = {"AIRFLOW__BUCKETSYNC__MANUAL_OPTIONS": f"dry_run, verify, compare, {options}"}
    with world(tmp_path_factory.mktemp("pairs"), postgres=True, **env) as made:
        yield made


def place(here: World, kind: str, name: str, side: str) -> str:
    """The location of one side."""
    if kind == "file":
        return f"file://{here.folder}/data/{name}-{side}/"
    return f"{kind}://{'store' if kind == 's3' else 'ali'}@{side}/{name}/"


def seed(here: World, kind: str, name: str) -> None:
    """500 objects, each with something of its own: headers, metadata, tags, classes, large ones, empty ones."""
    made = random.Random(name)
    for number in range(OBJECTS):
        key = f"d{number % 7}/object \u00fc {number:03d}.bin"
        size = 11 * MIB if number in (100, 300) else 0 if number % 50 == 7 else made.randrange(1, 4000)
        body = made.randbytes(size)
        if kind == "file":
            path = here.folder / "data" / f"{name}-source" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            path.chmod(0o640 if number % 2 else 0o755)
            os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
            continue
        server = here.server if kind == "s3" else here.oss
        metadata = {"plain": f"v{number}"} if number % 5 == 0 else {}
        if number % 5 == 1:
            raw = "Gr\u00fc\u00dfe \u4e2d\u6587"  # OSS keeps the bytes that came, S3 the text they stand for
            metadata["unicode"] = raw if kind == "s3" else raw.encode().decode("latin-1")
        tags = {"team": "data", "path": "a/b:c"} if number % 5 in (0, 2) else {}
        if number % 5 == 2 and kind == "s3":
            tags["gr\u00f6\u00dfe"] = "\u4e2d@"
        ia = "STANDARD_IA" if kind == "s3" else "IA"
        version = server.core.put(
            "source",
            f"{name}/{key}",
            body,
            headers=HEADERS if number % 5 in (0, 3) else {"content-type": "image/png"},
            metadata=metadata,
            tags=tags,
            storage_class=ia if number % 5 == 4 else None,
        )
        if kind == "s3" and number % 50 == 7:
            server.core.find("source", f"{name}/{key}").attributes.extra["x-amz-website-redirect-location"] = "/to"
        assert version is not None


def things(here: World, kind: str, name: str, side: str) -> dict[str, Thing]:
    """What stands on one side, read behind the product's back."""
    if kind == "file":
        root = here.folder / "data" / f"{name}-{side}"
        found = {}
        for path in root.rglob("*"):
            if path.is_file():
                state = path.stat()
                fields: dict[str, object] = {"mtime": f"{state.st_mtime:.6f}", "mode": f"{state.st_mode & 0o777:04o}"}
                found[str(path.relative_to(root))] = Thing(path.read_bytes(), fields)
        return found
    core = (here.server if kind == "s3" else here.oss).core
    return {
        key.removeprefix(f"{name}/"): _stored(core, side, key, kind)
        for key in core.keys(side)
        if key.startswith(f"{name}/")
    }


def _stored(core, bucket, key, kind):  # type: ignore[no-untyped-def]
    attributes = core.find(bucket, key).attributes
    metadata = {name: _text(value, kind) for name, value in attributes.metadata.items()}
    fields: dict[str, object] = {name.replace("-", "_"): attributes.headers.get(name) for name in HEADERS}
    fields["content_type"] = None if fields["content_type"] in PLAIN_TYPES else fields["content_type"]
    fields["mtime"], fields["mode"] = metadata.pop("mtime", None), metadata.pop("mode", None)
    fields["user_metadata"] = metadata
    plain = {name: value for name, value in attributes.tags.items() if (name + value).isascii()}
    fields["tags"] = plain
    fields["tags_unicode"] = {name: value for name, value in attributes.tags.items() if name not in plain}
    fields["redirect"] = attributes.extra.get("x-amz-website-redirect-location")
    fields["storage_class"] = attributes.storage_class
    return Thing(core.body(bucket, key), fields)


def _text(value: str, kind: str) -> str:
    """Metadata as text: words of RFC 2047 decoded, and raw UTF-8 where OSS keeps bytes."""
    text = str(email.header.make_header(email.header.decode_header(value)))
    return text.encode("latin-1").decode() if kind == "oss" and not value.isascii() else text


def kept_fields(
    source: str, destination: str, here_: dict[str, Thing], there: dict[str, Thing], outcomes: dict
) -> dict:  # type: ignore[type-arg]
    """Per field `kept`, `mapped`, `named` (as lost), or `none` (the source has no such thing); never anything else."""
    found: dict[str, set[str]] = {name: set() for name in FIELDS}
    for key, thing in here_.items():
        lost = {"tags_unicode" if word == "tags" and thing.fields.get("tags_unicode") else word for word in
                outcomes[key].get("lost", ())}  # fmt: skip
        if "tags_unicode" in lost and destination == "file":
            lost.add("tags")
        for name in FIELDS:
            wanted = thing.fields.get(name)
            if wanted in (None, {}) or (name == "storage_class" and wanted in ("STANDARD", "Standard")):
                continue
            got = there[key].fields.get(name)
            if got == wanted:
                found[name].add("kept")
            elif name == "storage_class" and got == OTHER_CLASS[str(wanted)]:
                found[name].add("mapped")
            elif name in lost or (name == "storage_class" and destination == "file"):
                found[name].add("named" if name in lost else "none")
            else:
                raise AssertionError(f"{source} to {destination}, {key!r}: {name} was {wanted!r}, is {got!r}, not said")
    return {name: " ".join(sorted(words)) or "none" for name, words in found.items()}


TABLE: dict[tuple[str, str], dict[str, str]] = {}


@pytest.mark.parametrize(("source", "destination"), PAIRS)
def test_rows_A1_to_A6_E1_E2_E7_every_pair(here: World, source: str, destination: str) -> None:
    name = f"{source}-{destination}"
    seed(here, source, name)
    ends = place(here, source, name, "source"), place(here, destination, name, "destination")
    run = here.sync(*ends, timeout=400, **OPTIONS)
    assert run.state == "success", run.log("bucket_sync.report")
    report = run.xcom("bucket_sync.report")
    assert report["verified"]
    assert report["counts"] == {"copied": OBJECTS}
    sides = things(here, source, name, "source"), things(here, destination, name, "destination")
    assert sides[0].keys() == sides[1].keys()
    assert len(sides[0]) == OBJECTS
    assert all(sides[1][key].body == thing.body for key, thing in sides[0].items())
    TABLE[source, destination] = kept_fields(source, destination, *sides, here.outcomes(run))
    by_itself = source == destination
    assert report["route"]["transport"] == ("server" if by_itself else "stream"), report["route"]

    servers = (here.server, here.oss)
    before = [server.log.last_index for server in servers]
    again = here.sync(*ends, **OPTIONS)
    assert again.state == "success"
    assert again.xcom("bucket_sync.report")["counts"] == {"same": OBJECTS}
    asked = [entry for server, at in zip(servers, before, strict=True) for entry in server.log.since(at)]
    asked = [entry for entry in asked if entry.bucket in ("source", "destination")]
    read = [entry.key for entry in asked if entry.is_write() or entry.operation == "GetObject"]
    assert not [key for key in read if "/_bucketsync/lock-" not in key], "but for one look at the lock"


def test_the_document_shows_what_each_pair_keeps(here: World) -> None:
    """Last in the file: it holds the page against what the nine runs showed."""
    assert TABLE.keys() == set(PAIRS)
    header = ["| | " + " | ".join(f"{one} to {two}" for one, two in PAIRS) + " |", "|---" * (len(PAIRS) + 1) + "|"]
    rows = [f"| `{name}` | " + " | ".join(TABLE[pair][name] for pair in PAIRS) + " |" for name in FIELDS]
    expected = "\n".join([*header, *rows])
    assert expected in DOCUMENT.read_text(), "write these lines:\n" + expected
