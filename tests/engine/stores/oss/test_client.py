"""Is the client set up as the store needs it, and does nothing of it leak?"""

from __future__ import annotations

import io
import logging
from pathlib import Path

import oss2
import pytest

from airflow_bucketsync.engine.errors import (
    AccessDenied,
    BucketsyncError,
    InvalidConfiguration,
    ServerError,
    TransientError,
)
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.oss.client import make_client, plain_region, quiet_logs, region_of_endpoint
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.oss.conftest import MakeStore, keys_of
from tests.servers.oss import Credential, OSSServer
from tests.servers.web.faults import Fault

KEYS = ("id", "secret")


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("http://oss-cn-hangzhou-internal.aliyuncs.com:80", "cn-hangzhou"),
        ("https://oss-ap-southeast-1-internal.aliyuncs.com", "ap-southeast-1"),
        ("https://cn-hongkong.oss.aliyuncs.com", "cn-hongkong"),
        ("https://oss-accelerate.aliyuncs.com", None),
        ("https://oss-accelerate-overseas.aliyuncs.com", None),
        ("https://files.example.com", None),
        ("http://127.0.0.1:9000", None),
    ],
)
def test_region_of_an_endpoint(endpoint: str, region: str | None) -> None:
    assert region_of_endpoint(endpoint) == region


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("cn-hangzhou", "cn-hangzhou"),
        ("oss-cn-hangzhou", "cn-hangzhou"),
        ("oss-cn-hangzhou-internal", "cn-hangzhou"),
        ("cn-hangzhou-internal", "cn-hangzhou"),
        (" oss-us-west-1 ", "us-west-1"),
        ("cn-wulanchabu-acdr-1", "cn-wulanchabu-acdr-1"),
        ("", ""),
    ],
)
def test_region_as_signatures_name_it(written: str, region: str) -> None:
    assert plain_region(written) == region


def test_what_the_client_is() -> None:
    client = make_client("oss-cn-hangzhou.aliyuncs.com", "the-bucket", KEYS, connect_timeout=3, read_timeout=9, pool=77)
    assert client.endpoint == "https://oss-cn-hangzhou.aliyuncs.com"
    assert client.region == "cn-hangzhou"
    assert client.auth.auth_version() == "v4"
    assert client.timeout == (3, 9)
    assert client.enable_crc is False
    assert client.session.session.get_adapter("https://x").poolmanager.connection_pool_kw["maxsize"] == 77
    assert client.session.session.get_adapter("https://x").max_retries.total == 0


def test_the_region_given_counts_and_is_needed() -> None:
    assert make_client("oss-accelerate.aliyuncs.com", "the-bucket", KEYS, "oss-cn-beijing").region == "cn-beijing"
    with pytest.raises(InvalidConfiguration, match="region_name"):
        make_client("oss-accelerate.aliyuncs.com", "the-bucket", KEYS)
    make_client("oss-accelerate.aliyuncs.com", "the-bucket")  # nothing is signed


@pytest.mark.parametrize(("endpoint", "bucket"), [("https://canary host", "b-b-b"), ("oss-cn-x.aliyuncs.com", "A!")])
def test_what_no_client_can_be_made_of(endpoint: str, bucket: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        make_client(endpoint, bucket, KEYS, "cn-x")
    assert "canary" not in str(caught.value)


def test_addresses_have_the_bucket_in_the_path_and_names_before() -> None:
    def url(endpoint: str, **kwargs: bool) -> str:
        made: str = make_client(endpoint, "the-bucket", KEYS, "cn-x", **kwargs)._make_url("the-bucket", "k")
        return made

    assert url("http://127.0.0.1:9000") == "http://127.0.0.1:9000/the-bucket/k"
    assert url("https://oss-cn-x.aliyuncs.com") == "https://the-bucket.oss-cn-x.aliyuncs.com/k"
    assert url("https://oss-cn-x.aliyuncs.com", path_style=True) == "https://oss-cn-x.aliyuncs.com/the-bucket/k"
    assert url("https://files.example.com", is_cname=True) == "https://files.example.com/k"


def test_the_user_agent_names_us(server: OSSServer, store: OSSStore) -> None:
    store.list_page()
    assert "airflow-bucketsync" in server.log.entries[0].headers["user-agent"]


def test_anonymous(server: OSSServer, bucket: str, make_store: MakeStore) -> None:
    make_store().put("a", b"x")
    anonymous = make_store(client=make_client(server.url, bucket))
    with pytest.raises(AccessDenied):
        anonymous.head("a")
    server.core.bucket(bucket).settings.public_read = True
    assert anonymous.head("a").info.size == 1
    assert "no credentials" in str(anonymous.can_copy_from(make_store()))


def test_a_session_token_is_signed_along(server: OSSServer, make_store: MakeStore) -> None:
    server.add_credential(token := Credential("STS.one", "secret", session_token="the token"))
    assert make_store(credential=token).put("a", b"x").size == 1


class Rotating(oss2.CredentialsProvider):
    """Credentials that change with every request."""

    def __init__(self, credentials: list[Credential]) -> None:
        self.credentials = credentials

    def get_credentials(self) -> oss2.credentials.Credentials:
        return oss2.credentials.Credentials(*keys_of(self.credentials.pop(0)))


def test_a_provider_is_asked_for_every_request(server: OSSServer, bucket: str, make_store: MakeStore) -> None:
    old = server.add_credential(Credential("STS.old", "secret", session_token="one", expires=1.0))
    new = server.add_credential(Credential("STS.new", "secret", session_token="two"))
    store = make_store(client=make_client(server.url, bucket, Rotating([old, new]), server.region))
    with pytest.raises(TransientError, match="expired"):
        store.put("a", b"x")
    assert store.put("a", b"x").size == 1


def test_a_provider_that_fails(server: OSSServer, bucket: str, make_store: MakeStore) -> None:
    class Failing(oss2.CredentialsProvider):
        def get_credentials(self) -> None:
            raise oss2.exceptions.ClientError("canary")

    store = make_store(client=make_client(server.url, bucket, Failing(), server.region))
    with pytest.raises(TransientError, match="credentials could not be fetched") as caught:
        store.put("a", b"x")
    assert "canary" not in str(caught.value)


def test_no_redirect_is_followed(server: OSSServer, store: OSSStore) -> None:
    """A session token in the headers would go with it."""
    with OSSServer(buckets=["elsewhere"]) as other:
        headers = {"Location": f"{other.url}/elsewhere/a"}
        server.faults.add(Fault("substitute", status=307, body=b"", headers=headers))
        with pytest.raises(ServerError):
            store.put("a", b"x")
        assert len(other.log.entries) == 0


def test_a_netrc_and_a_proxy_of_the_environment(
    server: OSSServer, bucket: str, make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The one would replace signatures, the other is honoured."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert make_store().put("a", b"x").size == 1
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(TransientError):
        make_store().put("a", b"x")
    assert make_store(client=_without_proxies(server, bucket)).put("a", b"x").size == 1


def _without_proxies(server: OSSServer, bucket: str) -> oss2.Bucket:
    return make_client(server.url, bucket, ("test-access", "test-secret"), server.region, proxies={})


def test_an_untrusted_certificate_is_a_matter_of_configuration(secure: OSSServer) -> None:
    secure.core.create_bucket("secure-bucket", region=secure.region)
    client = make_client(secure.url, "secure-bucket", ("test-access", "test-secret"), secure.region)
    store = OSSStore(Location.parse("oss://secure-bucket/"), client)
    with pytest.raises(InvalidConfiguration, match="certificate"):
        store.list_page()
    store.close()


def test_requests_are_counted_by_operation(server: OSSServer, make_store: MakeStore) -> None:
    one, two = make_store(), make_store()
    one.put("a", b"x")
    one.list_page()
    two.head("a")
    server.faults.add(Fault("status", operation="HeadObject", status=500))
    with pytest.raises(BucketsyncError):
        two.head("a")
    assert one.requests == {"PutObject": 1, "ListObjectsV2": 1}
    assert two.requests == {"HeadObject": 2}


def test_no_secret_reaches_a_log(server: OSSServer, make_store: MakeStore) -> None:
    """At DEBUG oss2 prints headers with the session token, and at INFO what a refusal quotes."""
    server.add_credential(secret := Credential("canary-access", "canary-secret", session_token="canary-token"))
    seen = io.StringIO()
    handler = logging.StreamHandler(seen)
    root = logging.getLogger()
    level = root.level
    loggers = [logging.getLogger(name) for name in ("oss2", "oss2.api", "oss2.auth", "oss2.http", "urllib3")]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        store = make_store(credential=secret)
        store.put("a", b"body-canary")
        store.list_page()
        store.delete("a")
        with pytest.raises(BucketsyncError):
            store.put("a", b"x", destination=Condition(etag="0" * 32))
        with pytest.raises(AccessDenied):
            make_store(credential=Credential("canary-access", "wrong-canary", session_token="canary-token")).list_page()
        logging.getLogger("oss2.auth").debug("a control that must not be seen")
        logging.getLogger("airflow_bucketsync").debug("a control that must be seen")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
    assert "a control that must be seen" in seen.getvalue()
    assert "canary" not in seen.getvalue()
    assert "must not be seen" not in seen.getvalue()


def test_quiet_logs_leave_louder_settings_alone() -> None:
    logger = logging.getLogger("oss2")
    before = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        quiet_logs()
        assert logger.level == logging.CRITICAL
    finally:
        logger.setLevel(before)
