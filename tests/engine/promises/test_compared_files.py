"""What does a comparison say of files: their times, names that are no objects, and what lies behind these?"""

from __future__ import annotations

import os

import pytest

from airflow_bucketsync.engine.model.preserve import PRESERVED
from airflow_bucketsync.engine.model.selection import Selection
from tests.engine.comparing import compare
from tests.engine.stand import Stand

STAMP = 1_790_000_000.5
KEPT = {"mtime": "1790000000.500000"}


@pytest.fixture
def file(stand: Stand) -> None:
    """A file with a time of its own."""
    (stand.folder / "files").mkdir()
    (stand.folder / "files" / "a.txt").write_bytes(b"abc")
    os.utime(stand.folder / "files" / "a.txt", (STAMP, STAMP))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (KEPT, {}),
        ({}, {}),
        ({"mtime": "1790000060.500000"}, {"a.txt": [("mtime", (), None)]}),
        ({**KEPT, "more": "1"}, {"a.txt": [("user_metadata", ("more",), None)]}),
    ],
    ids=["kept", "not kept", "another", "more"],
)
@pytest.mark.usefixtures("file")
def test_row_H3_times_of_files_and_of_their_objects(
    stand: Stand, metadata: dict[str, str], told: dict[str, object]
) -> None:
    bucket = stand.bucket()
    stand.server.core.put(bucket, "a.txt", b"abc", headers={"content-type": "text/plain"}, metadata=metadata)
    assert compare(stand, stand.local("files"), stand.s3(bucket)).told == told
    if "more" not in metadata:
        assert compare(stand, stand.s3(bucket), stand.local("files")).told == told


@pytest.mark.usefixtures("file")
def test_row_H3_names_that_are_no_objects(stand: Stand) -> None:
    (stand.folder / "files" / "link").symlink_to("a.txt")
    (stand.folder / "files" / "behind").symlink_to("/tmp")
    bucket = stand.bucket()
    for key in ("a.txt", "behind/x", "link"):
        stand.server.core.put(bucket, key, b"abc", headers={"content-type": "text/plain"}, metadata=KEPT)
    found = compare(stand, stand.local("files"), stand.s3(bucket), fail_on_extra=True)
    assert found.report.counts == {"same": 1, "skipped": 3}, "what there is behind a link is not known"
    assert found.report.in_step


@pytest.mark.usefixtures("file")
def test_row_H5_names_that_are_no_objects_at_the_destination(stand: Stand) -> None:
    bucket = stand.bucket()
    stand.server.core.put(bucket, "a.txt", b"abc", metadata=KEPT)
    (stand.folder / "files" / "link").symlink_to("a.txt")
    (stand.folder / "files" / "link.log").symlink_to("a.txt")
    (stand.folder / "files" / ".bucketsync-run-1.tmp").write_bytes(b"unfinished")
    found = compare(stand, stand.s3(bucket), stand.local("files"), selection=Selection(exclude=("*.log",)))
    assert found.told == {"link": [("extra", (), None)]}
    assert found.report.first_extra == ("link",)


def test_row_H3_what_the_store_itself_refuses_is_content_with_its_place(stand: Stand) -> None:
    server = stand.oss_server
    source, destination = stand.bucket(at=server), stand.bucket(at=server)
    for bucket in (source, destination):
        server.core.put(bucket, "k", b"0123456789")
    server.core.replace_current(destination, "k", body=b"01234X6789", size=10)
    found = compare(stand, stand.oss(source), stand.oss(destination), preserve=PRESERVED)
    assert found.told == {"k": [("content", (), 5)]}
