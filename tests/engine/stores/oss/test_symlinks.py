"""Is a symlink what it stands for, or refused by name?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import NotSupported, ObjectChanged, ObjectNotFound, Throttled
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.base import Transfer
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import listing, read
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import OSSServer
from tests.servers.web.faults import Fault

BODY = b"what it stands for"
PLAIN = ObjectAttributes()


@pytest.fixture
def linked(server: OSSServer, bucket: str, make_store: MakeStore) -> OSSStore:
    """A store with an object outside of its prefix, a link to it, and a plain object."""
    server.core.put(bucket, "elsewhere/a b?c", BODY, metadata={"of": "object"}, tags={"of": "object"})
    store = make_store("in/")
    server.bucket(bucket).put_symlink("elsewhere/a b?c", "in/link", headers={"x-oss-meta-of": "link"})
    store.put("plain", b"x")
    server.log.clear()
    store.requests.clear()
    return store


def test_followed_in_a_listing(linked: OSSStore) -> None:
    link, plain = linked.list_page().items
    assert (link.key, link.size, plain.key, plain.size) == ("link", len(BODY), "plain", 1)
    head = linked.head("link").info
    assert (link.size, link.etag) == (head.size, head.etag)
    assert head.checksum is None
    assert read(linked, "link", source=Condition.matching(link)) == BODY
    assert read(linked, "link", start=5, length=2, source=Condition.matching(link)) == BODY[5:7]
    assert linked.requests == {"ListObjectsV2": 1, "HeadObject": 2, "GetObject": 2}


def test_a_listed_link_stays_one_where_other_answers_do_not_say_so(server: OSSServer, linked: OSSStore) -> None:
    server.faults.add(
        Fault("substitute", operation=("HeadObject", "GetObject"), headers={"x-oss-object-type": "Normal"})
    )
    info = linked.list_page().items[0]
    assert read(linked, "link", source=Condition.matching(info)) == BODY
    linked.copy("copied", source_store=linked, source_key="link", source=Condition.matching(info), attributes=PLAIN)
    server.faults.clear()
    assert not str(linked.head("copied").info.etag).startswith("symlink:")


def test_row_B14_of_a_link_no_version_is_named(server: OSSServer, bucket: str, linked: OSSStore) -> None:
    """Whose version an answer names, the link's or its object's, OSS does not say: the ETag is the pin."""
    server.core.bucket(bucket).settings.versioning = "Enabled"
    server.bucket(bucket).put_symlink("elsewhere/a b?c", "in/link", headers={"x-oss-meta-of": "link"})
    server.log.clear()
    info = linked.head("link").info
    pin = Condition.matching(info)
    assert info.version_id is None
    assert read(linked, "link", source=pin) == BODY
    linked.tags("link", version_id=info.version_id)
    linked.copy("copied", source_store=linked, source_key="link", source=pin)
    assert read(linked, "copied") == BODY
    for entry in server.log.entries:
        assert "versionId" not in entry.query
        assert "versionId" not in entry.headers.get("x-oss-copy-source", "")
    server.core.put(bucket, "elsewhere/a b?c", BODY[::-1])
    with pytest.raises(ObjectChanged):
        read(linked, "link", source=pin)
    with pytest.raises(ObjectChanged):
        linked.copy("copied", source_store=linked, source_key="link", source=pin)


def test_skipped_with_the_reason(make_store: MakeStore, linked: OSSStore) -> None:
    page = make_store("in/", symlink_objects="skip").list_page()
    assert [item.key for item in page.items] == ["plain"]
    assert page.refused == (("link", "symlink"),)
    assert page.next_after is None


@pytest.mark.parametrize("symlink_objects", ["follow", "skip"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_go_on_after_links(
    server: OSSServer, make_store: MakeStore, bucket: str, symlink_objects: str, limit: int
) -> None:
    for number in range(7):
        server.core.put(bucket, f"{number}", b"x")
        server.bucket(bucket).put_symlink("0", f"{number}-link")
    store = make_store(symlink_objects=symlink_objects)
    keys = listing(store, limit=limit)
    links = [f"{number}-link" for number in range(7)]
    assert [key for key in keys if "-" not in key] == [*"0123456"]
    assert [key for key in keys if "-" in key] == (links if symlink_objects == "follow" else [])
    assert listing(store, until="3-link", limit=limit)[-1] == ("3-link" if symlink_objects == "follow" else "3")


def test_what_can_not_be_followed_is_refused(server: OSSServer, bucket: str, linked: OSSStore) -> None:
    server.bucket(bucket).put_symlink("nowhere", "in/dangling")
    server.bucket(bucket).put_symlink("in/link", "in/link-to-link")
    page = linked.list_page()
    assert [item.key for item in page.items] == ["link", "plain"]
    reasons = dict(page.refused)
    assert "not there" in reasons["dangling"]
    assert "another symlink" in reasons["link-to-link"]


def test_a_link_that_can_not_be_looked_at_just_now_is_not_refused(server: OSSServer, linked: OSSStore) -> None:
    server.faults.add(Fault("status", operation="HeadObject", status=503))
    with pytest.raises(Throttled):
        linked.list_page()


def test_a_copy_is_the_object_and_no_link(
    server: OSSServer, linked: OSSStore, make_store: MakeStore, bucket: str
) -> None:
    server.core.create_bucket(f"{bucket}-to", region=server.region)
    store = make_store(place=f"{bucket}-to")
    info = linked.list_page().items[0]
    result = store.copy("copied", source_store=linked, source_key="link", source=Condition.matching(info))
    assert read(store, "copied") == BODY
    found = store.head("copied")
    assert (result.size, result.etag) == (len(BODY), found.info.etag)
    assert found.attributes.user_metadata == {"of": "link"} == linked.head("link").attributes.user_metadata
    assert store.tags("copied") == linked.tags("link")
    assert not any(
        "symlink" in str(version.attributes.extra) for version in server.core.bucket(f"{bucket}-to").current.values()
    )


def test_a_copy_is_the_object_also_where_nothing_is_pinned(linked: OSSStore) -> None:
    linked.copy("copied", source_store=linked, source_key="link", source=Condition.ANY, keep_tags=False)
    assert read(linked, "copied") == BODY
    assert not str(linked.head("copied").info.etag).startswith("symlink:")


def test_parts_come_from_the_object(linked: OSSStore) -> None:
    info = linked.list_page().items[0]
    upload = linked.begin_upload("copied")
    part = linked.copy_part(
        "copied", upload, 1, source_store=linked, source_key="link", start=5, length=2, source=Condition.matching(info)
    )
    linked.complete_upload("copied", upload, [part], size=2)
    assert read(linked, "copied") == BODY[5:7]


@pytest.mark.parametrize("mode", ["stream", "server_copy"])
def test_transferred(linked: OSSStore, make_store: MakeStore, mode: str) -> None:
    store = make_store("out/")
    info = linked.list_page().items[0]
    transfer = Transfer(source_store=linked, source=info, key="t", destination=Condition.ABSENT, mode=mode)  # type: ignore[arg-type]
    (answer,) = store.transfer_many([transfer], gate=Gate())
    assert answer.error is None
    assert read(store, "t") == BODY


def test_what_changed_behind_a_link_is_seen(server: OSSServer, bucket: str, linked: OSSStore) -> None:
    planned = Condition.matching(linked.list_page().items[0])
    server.core.put(bucket, "elsewhere/a b?c", b"another of the len")
    for ask in (
        lambda: read(linked, "link", source=planned),
        lambda: linked.copy("c", source_store=linked, source_key="link", source=planned),
    ):
        with pytest.raises(ObjectChanged) as caught:
            ask()
        assert caught.value.key == "link"
    server.core.put(bucket, "in/link", BODY)
    with pytest.raises(ObjectChanged):
        linked.copy("c", source_store=linked, source_key="link", source=planned)
    with pytest.raises(ObjectChanged, match="no symlink"):
        linked.copy("c", source_store=linked, source_key="link", source=planned, attributes=ObjectAttributes())
    linked.delete("link")
    with pytest.raises(ObjectNotFound):
        linked.copy("c", source_store=linked, source_key="link", source=planned)


def test_at_a_destination_a_link_is_replaced_or_deleted_and_its_object_stays(
    server: OSSServer, bucket: str, linked: OSSStore
) -> None:
    info = linked.head("link").info
    linked.set_attributes("link", ObjectAttributes(content_type="a/b"), destination=Condition.replacing(info))
    assert linked.head("link").attributes.content_type == "a/b"
    assert read(linked, "link") == BODY
    assert linked.list_page().items[0].etag == linked.head("link").info.etag != info.etag
    server.bucket(bucket).put_symlink("elsewhere/a b?c", "in/link")
    linked.put("link", b"over it", destination=Condition.replacing(linked.head("link").info))
    assert read(linked, "link") == b"over it"
    server.bucket(bucket).put_symlink("elsewhere/a b?c", "in/link")
    linked.delete("link", destination=Condition.replacing(linked.head("link").info))
    assert listing(linked) == ["plain"]
    assert bytes(server.core.find(bucket, "elsewhere/a b?c").body) == BODY


def test_a_link_to_a_link_can_not_be_read(server: OSSServer, bucket: str, linked: OSSStore) -> None:
    server.bucket(bucket).put_symlink("in/link", "in/link-to-link")
    with pytest.raises(NotSupported):
        linked.head("link-to-link")
