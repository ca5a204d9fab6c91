"""Is the region of a bucket found, by whatever the store is willing to say?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import AccessDenied, ConnectionLost, ObjectNotFound, ServerError
from airflow_bucketsync.engine.stores.s3.regions import location_region
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.faults import Fault

SILENT = {"x-amz-bucket-region": ""}


def silent(server: S3Server) -> None:
    """HeadBucket answers as a store that doesn't tell the region."""
    server.faults.add(Fault("status", operation="HeadBucket", status=200))


def test_it_is_asked_once(server: S3Server, store: S3Store) -> None:
    assert store.region() == server.region
    assert store.region() == server.region
    assert store.requests == {"HeadBucket": 1}


@pytest.mark.parametrize("status", [301, 400])
def test_a_redirect_names_it(server: S3Server, make_store: MakeStore, status: int) -> None:
    """The endpoint is another region's; the request was signed for it, or for a third one."""
    server.core.create_bucket(f"far-{status}", region="eu-west-9")
    if status == 400:
        server.faults.add(
            Fault(
                "status",
                operation="HeadBucket",
                status=400,
                code="AuthorizationHeaderMalformed",
                headers={"x-amz-bucket-region": "eu-west-9"},
            )
        )
    store = make_store(place=f"far-{status}")
    assert store.region() == "eu-west-9"
    assert store.requests == {"HeadBucket": 1}


def test_a_refusal_names_it_too(server: S3Server, make_store: MakeStore) -> None:
    server.faults.add(Fault("status", operation="HeadBucket", status=403, headers={"x-amz-bucket-region": "eu-west-9"}))
    assert make_store().region() == "eu-west-9"


@pytest.mark.parametrize("constraint", [("us-east-1", "us-east-1"), ("EU", "eu-west-1"), ("ap-south-1", "ap-south-1")])
def test_the_location_is_asked_for_where_the_head_says_nothing(
    server: S3Server, make_store: MakeStore, bucket: str, constraint: tuple[str, str]
) -> None:
    told, region = constraint
    silent(server)
    text = "" if told == "us-east-1" else told
    page = f'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{text}</LocationConstraint>'
    server.faults.add(Fault("substitute", operation="GetBucketLocation", status=200, body=page.encode()))
    store = make_store()
    assert store.region() == region
    assert store.requests == {"HeadBucket": 1, "GetBucketLocation": 1}
    assert location_region(None) == "us-east-1"


def test_a_refused_head_without_a_region_asks_for_the_location(server: S3Server, make_store: MakeStore) -> None:
    server.faults.add(Fault("status", operation="HeadBucket", status=403))
    assert make_store().region() == server.region


@pytest.mark.parametrize("status", [403, 501])
def test_who_may_not_know_is_told_nothing(server: S3Server, make_store: MakeStore, status: int) -> None:
    code = {403: "AccessDenied", 501: "NotImplemented"}[status]
    silent(server)
    server.faults.add(Fault("status", operation="GetBucketLocation", status=status, code=code))
    assert make_store().region() is None


def test_a_missing_bucket_is_an_error(make_store: MakeStore) -> None:
    with pytest.raises(ObjectNotFound):
        make_store(place="not-there-at-all").region()


def test_a_failure_is_no_answer(server: S3Server, make_store: MakeStore) -> None:
    fault = server.faults.add(Fault("status", operation="HeadBucket", status=500))
    store = make_store()
    with pytest.raises(ServerError):
        store.region()
    server.faults.remove(fault)
    assert store.region() == server.region
    server.faults.add(Fault("reset", operation="HeadBucket"))
    with pytest.raises(ConnectionLost):
        make_store().region()


def test_another_owner_is_asked_nothing_more(server: S3Server, make_store: MakeStore) -> None:
    store = make_store(expected_bucket_owner="999999999999")
    assert store.region() is None
    owners = {entry.headers.get("x-amz-expected-bucket-owner") for entry in server.log.entries}
    assert owners == {"999999999999"}


def test_who_may_only_list_is_told(server: S3Server, make_store: MakeStore) -> None:
    lister = Credential("lister-access", "lister-secret", allow=(Allow("ListBucket"),))
    assert make_store(credential=server.add_credential(lister)).region() == server.region
    writer = Credential("writer-access", "writer-secret", allow=(Allow("PutObject"),))
    store = make_store(credential=server.add_credential(writer))
    with pytest.raises(AccessDenied):
        store.list_page()
    assert store.region() is None
