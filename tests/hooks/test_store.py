"""Does a location with its connection become the right store, and does nothing secret get out on the way?"""

from __future__ import annotations

import json
import logging

import pytest
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, InvalidConfiguration, ObjectNotFound
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retrying import RetryingStore, unwrapped
from airflow_bucketsync.hooks.access import Accesses
from airflow_bucketsync.hooks.store import open_destination, open_source, open_store, open_workspace
from tests.servers.s3 import Credential, S3Server

SECRET, TOKEN, EXTERNAL = "canary/secret+of/the/connection", "canary-token-of-the-connection", "canary-external-id"


@pytest.fixture(scope="module")
def server():
    credential = Credential("CANARYKEY", SECRET, session_token=TOKEN)
    with S3Server(credentials=[credential], buckets=["bucket"]) as made:
        yield made


@pytest.fixture
def connect(monkeypatch, server):
    def connect(name="store", *, conn_type="aws", password=SECRET, **extra):
        extra = {"endpoint_url": server.url, "region_name": "us-east-1", "aws_session_token": TOKEN, **extra}
        value = {"conn_type": conn_type, "login": "CANARYKEY", "password": password, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))

    return connect


def opened(url, **options):
    return open_store(Location.parse(url), gate=Gate(), **options)


def test_bucket_by_its_connection(connect, server):
    connect()
    server.core.put("bucket", "in/a", "body")
    store = opened("s3://store@bucket/in/")
    assert isinstance(store, RetryingStore)
    assert [info.key for info in store.list_page().items] == ["a"]
    config = unwrapped(store)._session.client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.s3["addressing_style"] == "path"
    store.close()


def test_connection_may_set_the_wire_but_not_what_the_store_stands_on(connect):
    connect(
        config_kwargs={
            "read_timeout": 7,
            "retries": {"max_attempts": 9},
            "request_checksum_calculation": "when_supported",
            "s3": {"addressing_style": "virtual"},
        }
    )
    config = unwrapped(opened("s3://store@bucket/"))._session.client.meta.config
    assert config.read_timeout == 7
    assert config.retries["total_max_attempts"] == 1
    assert config.request_checksum_calculation == "when_required"
    assert config.s3["addressing_style"] == "virtual"
    assert config.s3["payload_signing_enabled"] is False


def test_no_connection_named_is_the_default_one(connect, server):
    connect("aws_default")
    server.core.put("bucket", "default/a", "body")
    assert opened("s3://bucket/default/").head("a").info.size == 4


def test_two_connections_are_two_stores(connect):
    connect()
    connect("other", password="wrong-secret-of-the-other")
    with pytest.raises(AccessDenied):
        opened("s3://other@bucket/").list_page()
    assert opened("s3://store@bucket/").list_page().next_after is None


@pytest.mark.parametrize("url", ["s3://nobody@bucket/", "s3://bucket/"])
def test_missing_connection_says_what_to_do(url, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT", raising=False)
    with pytest.raises(InvalidConfiguration, match="airflow connections add"):
        opened(url)


def test_connection_of_another_type(connect):
    connect(conn_type="http")
    with pytest.raises(InvalidConfiguration, match="is of type 'http', not 'aws'"):
        opened("s3://store@bucket/")


def test_no_credentials_anywhere(connect, monkeypatch, tmp_path, server):
    value = {"conn_type": "aws", "extra": {"endpoint_url": server.url}}
    monkeypatch.setenv("AIRFLOW_CONN_BARE", json.dumps(value))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidConfiguration, match="has no credentials"):
        opened("s3://bare@bucket/")


def test_folder_needs_no_connection(tmp_path):
    (tmp_path / "a").write_text("body")
    store = opened(f"file://{tmp_path}/")
    assert store.head("a").info.size == 4
    missing = Location.parse(f"file://{tmp_path}/none/")
    assert open_store(missing, gate=Gate(), may_be_missing=True).list_page().items == ()
    with pytest.raises(ObjectNotFound):
        open_store(missing, gate=Gate()).list_page()


@pytest.mark.parametrize("url", ["memory://bucket/"])
def test_schemes_without_a_store(url):
    with pytest.raises(InvalidConfiguration, match="s3://, oss:// or file://"):
        opened(url)


def test_secrets_are_masked_and_unlogged(connect, caplog, server):
    """Everything the connection holds, at DEBUG, with requests that work and requests that fail."""
    masker = _secrets_masker()
    masker.reset_masker()
    connect(
        assume_role_kwargs={"ExternalId": EXTERNAL, "DurationSeconds": 900},
        session_kwargs={"aws_secret_access_key": "canary-in-session-kwargs", "region_name": "eu-nowhere-1"},
    )
    errors = []
    with caplog.at_level(logging.DEBUG):
        store = opened("s3://store@bucket/")
        store.list_page()
        for url, key in (("s3://store@bucket/", "missing"), ("s3://store@no-such-bucket/", "x")):
            with pytest.raises(BucketsyncError) as caught:
                opened(url).head(key)
            errors.append(repr(caught.value))
    for secret in (SECRET, TOKEN, EXTERNAL, "canary-in-session-kwargs"):
        assert masker.redact(f"x {secret} y") == "x *** y"
        assert secret not in "".join(errors)
        assert secret not in caplog.text
    assert masker.redact("eu-nowhere-1") == "eu-nowhere-1"
    assert "Authorization" not in caplog.text


def test_one_connection_is_one_session_but_a_client_for_each_store(connect, monkeypatch):
    connect()
    accesses = Accesses()
    one, two = (opened(url, accesses=accesses) for url in ("s3://store@bucket/a/", "s3://store@bucket/b/"))
    monkeypatch.delenv("AIRFLOW_CONN_STORE")
    three = opened("s3://store@bucket/c/", accesses=accesses)
    assert list(accesses.given) == ["store"]
    assert len({id(unwrapped(store)._session.client) for store in (one, two, three)}) == 3
    one.list_page()
    assert (one.requests.total(), two.requests.total()) == (1, 0)


def test_secrets_found_elsewhere_are_masked(monkeypatch, server):
    """Credentials of the machine (or of a role), which Airflow never saw."""
    masker = _secrets_masker()
    masker.reset_masker()
    monkeypatch.setenv("AIRFLOW_CONN_BARE", json.dumps({"conn_type": "aws", "extra": {"endpoint_url": server.url}}))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "CANARYKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    opened("s3://bare@bucket/").list_page()
    assert masker.redact(f"{SECRET} {TOKEN}") == "*** ***"


def test_sides_of_a_sync_get_what_its_policy_says_of_them(connect, tmp_path, server):
    connect()
    (tmp_path / "a").write_text("body")
    (tmp_path / "link").symlink_to("a")
    policy = SyncPolicy(follow_links="inside_root", encryption="AES256", storage_class="STANDARD_IA")
    source = open_source(Location.parse(f"file://{tmp_path}/"), policy, gate=Gate(), accesses=Accesses())
    assert [info.key for info in source.list_page().items] == ["a", "link"]
    destination = open_destination(Location.parse("s3://store@bucket/"), policy, gate=Gate(), accesses=Accesses())
    assert destination.settings == policy.write_settings
    workspace = open_workspace(Location.parse("s3://store@bucket/"), gate=Gate(), accesses=Accesses())
    assert workspace.settings == WriteSettings()
    missing = Location.parse(f"file://{tmp_path}/none/")
    with pytest.raises(ObjectNotFound):
        open_source(missing, policy, gate=Gate(), accesses=Accesses()).list_page()
    assert open_workspace(missing, gate=Gate(), accesses=Accesses()).list_page().items == ()
    plain = SyncPolicy()
    assert open_destination(missing, plain, gate=Gate(), accesses=Accesses()).list_page().items == ()


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"storage_class": "IA"}, "IA"), ({"storage_class_map": {"IA": "GLACIER_DEEP"}}, "GLACIER_DEEP")],
)
def test_classes_of_a_policy_are_those_of_the_destination(connect, wrong, name):
    connect()
    location = Location.parse("s3://store@bucket/")
    with pytest.raises(InvalidConfiguration, match=f"storage_class: connection 'store' knows no '{name}'"):
        open_destination(location, SyncPolicy(**wrong), gate=Gate(), accesses=Accesses())
    open_source(location, SyncPolicy(**wrong), gate=Gate(), accesses=Accesses())


def test_symlinks_of_a_source_are_treated_as_the_policy_says(monkeypatch):
    value = {"conn_type": "bucketsync_oss", "login": "a-key", "password": SECRET, "extra": {"region": "cn-hangzhou"}}
    monkeypatch.setenv("AIRFLOW_CONN_OSS_DEFAULT", json.dumps(value))
    location = Location.parse("oss://bucket/")
    for word in ("follow", "skip"):
        store = open_source(location, SyncPolicy(symlink_objects=word), gate=Gate(), accesses=Accesses())
        assert unwrapped(store)._symlink_objects == word
