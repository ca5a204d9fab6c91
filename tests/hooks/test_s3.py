"""What does an AWS connection say to us alone, whose role is used on which side, and where is a bucket?"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, InvalidConfiguration, TransientError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.retrying import RetryingStore, unwrapped
from airflow_bucketsync.hooks import s3_renewal
from airflow_bucketsync.hooks.access import Accesses, session_name
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.operators.base import SyncOperator
from tests.hooks.token_services import AwsSts
from tests.servers.s3 import Credential, S3Server
from tests.servers.web.faults import Fault

SECRET = "canary-secret-of-the-base-credentials"
OWNER = "123456789012"


@pytest.fixture(scope="module")
def shared():
    with S3Server(credentials=[Credential("BASEKEY", SECRET)]) as made:
        yield made


@pytest.fixture
def server(shared):
    shared.reset()
    shared.core.create_bucket("bucket", region="us-east-1")
    shared.core.put("bucket", "a", "body")
    yield shared
    assert shared.failures == []


@pytest.fixture
def sts(server):
    with AwsSts(lambda *made: server.add_credential(Credential(*made))) as made:
        yield made


@pytest.fixture
def connect(monkeypatch, server):
    def connect(name="store", *, login="BASEKEY", password=SECRET, **extra):
        extra = {"endpoint_url": server.url, "region_name": "us-east-1", **extra}
        value = {"conn_type": "aws", "login": login, "password": password, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))

    return connect


def opened(url="s3://store@bucket/", **options):
    return open_store(Location.parse(url), gate=Gate(), **options)


def watched(server):
    """The requests that come from here on, whole."""
    calls = []
    server.faults.add(Fault("before", hook=calls.append))
    return calls


def role(sts, name, **kwargs):
    """The extra of a connection with a role."""
    return {
        "role_arn": f"arn:aws:iam::{OWNER}:role/{name}",
        "assume_role_kwargs": kwargs,
        "service_config": {"sts": {"endpoint_url": sts.url}},
    }


# Keys of ours in the extra


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("bucketsync_anonymus", True, "did you mean bucketsync_anonymous?"),
        ("bucketsync_zzz", 1, "is no key of ours; known are"),
        ("bucketsync_anonymous", "true", "must be true or false, not 'true'"),
        ("bucketsync_requester_pays", 1, "must be true or false, not 1"),
        ("bucketsync_expected_owner", 123456789012, "must be a text"),
        ("bucketsync_expected_owner", "1234", "must be the 12 digits of an account, not '1234'"),
        ("bucketsync_profile", ["aws"], "must be a text"),
        ("bucketsync_profile", "minioo", "there is no profile 'minioo'; did you mean 'minio'?"),
        ("config_kwargs", {"no_such_option": 1}, "no_such_option"),
        ("config_kwargs", "text", "config_kwargs must be an object"),
        ("assume_role_method", "telepathy", "telepathy"),
    ],
)
def test_wrong_extra_names_connection_key_and_what_to_write(connect, key, value, words):
    connect(**{key: value, "role_arn": "arn:aws:iam::1:role/x"} if key == "assume_role_method" else {key: value})
    with pytest.raises(InvalidConfiguration) as caught:
        opened()
    assert "connection 'store'" in str(caught.value)
    assert words in str(caught.value)
    assert "s3://store@bucket/" in str(caught.value)


@pytest.mark.parametrize("said", [{"bucketsync_anonymous": True}, {"config_kwargs": {"signature_version": "unsigned"}}])
def test_anonymous_signs_nothing_and_needs_no_credentials(connect, server, monkeypatch, said):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    connect(login=None, password=None, **said)
    server.core.bucket("bucket").settings.public_read = True
    calls = watched(server)
    store = opened()
    assert [info.key for info in store.list_page().items] == ["a"]
    assert store.head("a").info.size == 4
    with pytest.raises(AccessDenied):
        store.put("b", b"not ours to write")
    assert len(calls) == 3
    assert not [call for call in calls if "Authorization" in call.headers or call.principal is not None]


def test_anonymous_with_credentials_is_refused(connect):
    connect(bucketsync_anonymous=True)
    with pytest.raises(InvalidConfiguration, match="has login and password as well"):
        opened()


def test_requester_pays_is_said_with_every_request(connect, server):
    server.core.bucket("bucket").settings.extra["requester_pays"] = True
    server.core.bucket("bucket").settings.account = "999999999999"
    connect()
    with pytest.raises(AccessDenied):
        opened().list_page()
    connect(bucketsync_requester_pays=True)
    assert opened().head("a").info.size == 4
    assert len(opened().list_page().items) == 1


def test_bucket_of_another_owner_is_refused(connect, server):
    connect(bucketsync_expected_owner="999999999999")
    with pytest.raises(AccessDenied):
        opened().list_page()
    connect(bucketsync_expected_owner=OWNER)
    assert len(opened().list_page().items) == 1


# Roles


def test_each_side_uses_its_own_role_in_the_name_of_the_run(connect, server, sts):
    run = "nightly__manual__2026-01-02T03:04:05+00:00"
    connect("one", **role(sts, "reader", ExternalId="canary-external-one"))
    connect("two", **role(sts, "writer", ExternalId="canary-external-two"))
    accesses = Accesses(session_name=run)
    source, destination = opened("s3://one@bucket/", accesses=accesses), opened("s3://two@bucket/", accesses=accesses)
    asked = [(item["RoleArn"].rpartition("/")[2], item["ExternalId"], item["RoleSessionName"]) for item in sts.asked]
    name = "nightly__manual__2026-01-02T03-04-05-00-00"
    assert asked == [("reader", "canary-external-one", name), ("writer", "canary-external-two", name)]
    calls = watched(server)
    source.head("a")
    destination.put("b", b"x")
    assert [call.principal.credential.access_key for call in calls] == ["ROLEKEY1", "ROLEKEY2"]
    assert source.requests.total() == destination.requests.total() == 1


def test_operators_name_the_session_after_their_run(connect, sts):
    connect(**role(sts, "keeper"))
    location = Location.parse("s3://store@bucket/pages/")
    run = "dag__manual__2026-01-02"
    with SyncOperator(task_id="t").open_workspace(location, pair="pair", run=run) as workspace:
        assert workspace.store.list_page().items == ()
    assert [item["RoleSessionName"] for item in sts.asked] == [run]


def test_name_of_the_session_in_the_connection_is_kept(connect, sts):
    connect(**role(sts, "reader", RoleSessionName="ours"))
    opened(accesses=Accesses(session_name="run"))
    assert [item["RoleSessionName"] for item in sts.asked] == ["ours"]


def test_role_that_may_not_be_assumed(connect, sts):
    text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    sts.failure = (403, text)
    connect(**role(sts, "reader", ExternalId="canary-external-one"))
    with pytest.raises(AccessDenied) as caught:
        opened()
    assert "connection 'store', AssumeRole arn:aws:iam::123456789012:role/reader: the store says: not you" in str(
        caught.value
    )
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"), [("a" * 100, "a" * 31 + ".." + "a" * 31), ("ä", "bucketsync"), ("", "bucketsync")]
)
def test_session_names_are_what_both_clouds_take(text, name):
    assert session_name(text) == name


# Credentials that expire (F37)


def expire(server, key):
    """The store calls the credentials with this access key expired, as after a clock that went wrong."""
    server.add_credential(replace(server.credentials[key], expires=1.0))


@pytest.mark.parametrize("verb", ["head", "list_page", "put"])
def test_F37_expired_token_of_a_role_is_renewed_once(connect, server, sts, verb):
    """HEAD answers without words; the others say ExpiredToken."""
    masker = _secrets_masker()
    masker.reset_masker()
    connect(**role(sts, "reader"))
    store = opened()
    quick = RetryingStore(unwrapped(store), Retries(gate=Gate(), draw=lambda _: 0.0))
    quick.head("a")
    expire(server, "ROLEKEY1")
    for _ in range(3):
        {"head": lambda: quick.head("a"), "list_page": quick.list_page, "put": lambda: quick.put("b", b"x")}[verb]()
    assert len(sts.asked) == 2
    assert masker.redact("canary-role-secret-2 canary-role-token-2") == "*** ***"


def test_F37_renewal_that_fails_leaves_the_task_to_a_retry(connect, server, sts):
    connect(**role(sts, "reader"))
    store = opened()
    expire(server, "ROLEKEY1")
    sts.failure = (500, "out of order")
    with pytest.raises(TransientError, match="the session token has expired") as caught:
        unwrapped(store).list_page()
    assert caught.value.code == "ExpiredToken"
    with pytest.raises(TransientError):
        unwrapped(store).list_page()
    assert sum(item.get("Action") == "AssumeRole" for item in sts.asked) <= 1 + 5  # the client's own tries, once
    tries = len(sts.asked)
    with pytest.raises(TransientError):
        unwrapped(store).list_page()
    assert len(sts.asked) == tries


def test_F37_new_credentials_refused_as_well_are_not_fetched_for_ever(connect, server, sts, monkeypatch):
    sts.admit = lambda key, secret, token: server.add_credential(Credential(key, secret, token, expires=1.0))
    connect(**role(sts, "reader"))
    store = opened()
    for _ in range(4):
        with pytest.raises(BucketsyncError):
            unwrapped(store).list_page()
    assert len(sts.asked) == 2
    monkeypatch.setattr(s3_renewal, "SELDOM", 0.0)
    with pytest.raises(TransientError):
        unwrapped(store).list_page()
    assert len(sts.asked) == 3


def test_F37_token_in_the_connection_can_not_be_renewed(connect, server):
    server.add_credential(Credential("STATIC", SECRET, "canary-static-token", expires=1.0))
    connect(login="STATIC", aws_session_token="canary-static-token")
    with pytest.raises(AccessDenied, match="renew the connection's credentials"):
        opened().list_page()


def test_plain_400_of_a_head_stays_what_it_is(connect, server, sts):
    """Other reasons for 400 than a token cost one renewal, and are told."""
    connect(**role(sts, "reader"))
    store = unwrapped(opened())
    server.faults.add(Fault("status", status=400, code="InvalidRequest", operation="HeadObject"))
    errors = []
    for _ in range(3):
        with pytest.raises(BucketsyncError) as caught:
            store.head("a")
        errors.append(caught.value.transient)
    assert errors == [True, False, False]
    assert len(sts.asked) == 2


# Regions (A9)


@pytest.fixture
def amazon(server, monkeypatch):
    """The strict server as Amazon's endpoint: what a connection without an endpoint reaches."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    server.core.create_bucket("far", region="eu-central-1")
    server.core.put("far", "a", "body")
    return server


def at_amazon(monkeypatch, **extra):
    value = {"conn_type": "aws", "login": "BASEKEY", "password": SECRET, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(value))


def test_region_of_a_bucket_is_found_once_per_task(amazon, monkeypatch):
    at_amazon(monkeypatch)
    accesses = Accesses()
    for url in ("s3://store@far/", "s3://store@far/in/", "s3://store@bucket/"):
        opened(url, accesses=accesses).list_page()
    assert accesses.regions == {("store", "far"): "eu-central-1", ("store", "bucket"): "us-east-1"}
    assert [entry.bucket for entry in amazon.log.select(operation="HeadBucket")] == ["far", "bucket"]


def test_region_of_a_bucket_is_found_where_nothing_is_signed(amazon, monkeypatch):
    amazon.core.bucket("far").settings.public_read = True
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps({"conn_type": "aws", "extra": {"bucketsync_anonymous": True}}))
    assert len(opened("s3://store@far/").list_page().items) == 1


def test_region_in_the_connection_is_not_doubted_and_the_right_one_is_named(amazon, monkeypatch):
    at_amazon(monkeypatch, region_name="us-east-1")
    with pytest.raises(InvalidConfiguration, match="'eu-central-1'"):
        opened("s3://store@far/").list_page()
    assert amazon.log.select(operation="HeadBucket") == []


def test_other_endpoints_have_a_region_without_asking(connect, server):
    connect(region_name=None)
    assert len(opened().list_page().items) == 1
    assert server.log.select(operation="HeadBucket") == []


def test_store_with_regions_needs_one_named(connect):
    connect(region_name=None, bucketsync_profile="b2")
    with pytest.raises(InvalidConfiguration, match="names no region, and Backblaze B2 has several: set region_name"):
        opened()


# What was asked for (encryption, classes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"settings": WriteSettings(encryption="SM4")},
            "encryption: connection 'store' knows no 'SM4', only default, AES256",
        ),
        (
            {"classes": ["IA"]},
            "storage_class: connection 'store' knows no 'IA', only default, keep, STANDARD, STANDARD_IA",
        ),
    ],
)
def test_what_a_store_does_not_know_is_told_before_anything_is_done(connect, server, options, words):
    connect()
    with pytest.raises(InvalidConfiguration) as caught:
        opened(**options)
    assert str(caught.value).startswith(words)
    assert "[s3://store@bucket/]" in str(caught.value)
    assert server.log.entries == []


def test_what_it_knows_is_sent(connect, server):
    connect()
    store = opened(settings=WriteSettings(encryption="AES256"), classes=["default", "keep", "Standard", "GLACIER_IR"])
    store.put("b", b"x")
    assert server.log.entries[-1].headers["x-amz-server-side-encryption"] == "AES256"


def test_folder_knows_neither(tmp_path):
    with pytest.raises(InvalidConfiguration, match="a folder knows no 'AES256', only default"):
        opened(f"file://{tmp_path}/", settings=WriteSettings(encryption="AES256"))
    with pytest.raises(InvalidConfiguration, match="a folder knows no 'IA', only default, keep, STANDARD"):
        opened(f"file://{tmp_path}/", classes=["IA"])
