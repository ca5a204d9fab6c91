"""Does a connection to Alibaba OSS become the right store, whatever signs for it, and is nothing secret told?"""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import requests.adapters
from airflow.sdk._shared.secrets_masker import _secrets_masker

from airflow_bucketsync.engine.errors import AccessDenied, BucketsyncError, InvalidConfiguration, TransientError
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.engine.stores.retries import Retries
from airflow_bucketsync.engine.stores.retrying import RetryingStore, unwrapped
from airflow_bucketsync.hooks import oss_credentials
from airflow_bucketsync.hooks.access import Accesses
from airflow_bucketsync.hooks.oss import OssHook
from airflow_bucketsync.hooks.store import open_store
from tests.hooks.token_services import AlibabaSts, Metadata
from tests.servers.oss import Credential, OSSServer
from tests.servers.web.faults import Fault
from tests.servers.web.tls import make_certificate

SECRET, TOKEN, EXTERNAL = "canary/secret+of/oss", "canary-token-of-oss", "canary-external-id-of-oss"
OIDC = "canary-oidc-token-of-the-pod"
ROLE = "acs:ram::1234567890123456:role/reader"
VARIABLES = (*(name for names in oss_credentials.VARIABLES for name in names), "ALIBABA_CLOUD_ROLE_ARN")


@pytest.fixture(scope="module")
def shared():
    with OSSServer(credentials=[Credential("OSSKEY", SECRET), Credential("STSKEY", SECRET, TOKEN)]) as made:
        yield made


@pytest.fixture
def server(shared, monkeypatch):
    shared.reset()
    shared.core.create_bucket("bucket", region="cn-hangzhou")
    shared.core.put("bucket", "in/a", "body")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield shared
    assert shared.failures == []


@pytest.fixture
def connect(monkeypatch, server):
    def connect(name="store", *, login="OSSKEY", password=SECRET, conn_type="bucketsync_oss", **extra):
        if conn_type == "bucketsync_oss":
            here = {"endpoint_kind": "custom", "endpoint": server.url, "region": "cn-hangzhou", "addressing": "path"}
            extra = {name: value for name, value in {**here, **extra}.items() if value is not Ellipsis}
        value = {"conn_type": conn_type, "login": login, "password": password, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))

    return connect


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def sts(server, certificate, monkeypatch):
    """A token service that the library trusts: it takes what the HTTP library trusts, and nothing else can be told."""
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate[0]))
    with AlibabaSts(lambda *made: server.add_credential(Credential(*made)), tls=certificate) as made:
        yield made


def opened(url="oss://store@bucket/in/", **options):
    return open_store(Location.parse(url), gate=Gate(), **options)


def listed(store):
    return [info.key for info in store.list_page().items]


def ram_role(sts, **extra):
    return {"credential": "ram_role", "role_arn": ROLE, "sts_endpoint": sts.host, **extra}


# What a connection says


def test_bucket_by_its_connection(connect):
    connect()
    store = opened()
    assert isinstance(store, RetryingStore)
    assert listed(store) == ["a"]
    store.put("b", b"more")
    assert store.head("b").info.size == 4
    store.close()


def test_no_connection_named_is_the_default_one(connect):
    connect("oss_default")
    assert listed(opened("oss://bucket/in/")) == ["a"]


def test_session_token(connect):
    connect(credential="sts", login="STSKEY", security_token=TOKEN)
    assert listed(opened()) == ["a"]


def test_connection_of_the_other_provider_is_read(connect, server):
    extra = {"auth_type": "AK", "access_key_id": "OSSKEY", "access_key_secret": SECRET, "region": "cn-hangzhou"}
    connect(conn_type="oss", login=None, password=None, endpoint=server.url, **extra)
    assert listed(opened()) == ["a"]
    connect(conn_type="oss", login=None, password=None, **extra)
    assert unwrapped(opened())._session.client.endpoint == "https://oss-cn-hangzhou.aliyuncs.com"
    connect(conn_type="oss", login=None, password=None, **{**extra, "auth_type": "STS"})
    with pytest.raises(InvalidConfiguration, match=r"auth_type 'STS' is not known, only 'AK'; use .* bucketsync_oss"):
        opened()


@pytest.mark.parametrize(
    ("extra", "endpoint"),
    [
        ({"region": "cn-beijing"}, "https://oss-cn-beijing.aliyuncs.com"),
        ({"region": "oss-cn-beijing", "endpoint_kind": "public"}, "https://oss-cn-beijing.aliyuncs.com"),
        ({"region": "cn-beijing", "endpoint_kind": "internal"}, "https://oss-cn-beijing-internal.aliyuncs.com"),
        ({"region": "cn-beijing", "endpoint_kind": "accelerate"}, "https://oss-accelerate.aliyuncs.com"),
        (
            {"endpoint_kind": "custom", "endpoint": "oss-cn-beijing-internal.aliyuncs.com"},
            "https://oss-cn-beijing-internal.aliyuncs.com",
        ),
        (
            {"endpoint_kind": "custom", "endpoint": "http://files.example.com:8080/", "region": "cn-beijing"},
            "http://files.example.com:8080",
        ),
    ],
)
def test_endpoints(connect, extra, endpoint):
    connect(**{"endpoint": ..., "region": ..., "endpoint_kind": ..., "addressing": "", **extra})
    client = unwrapped(opened())._session.client
    assert (client.endpoint, client.region) == (endpoint, "cn-beijing")


def test_time_outs_pool_addressing_and_proxy_reach_the_client(connect):
    connect(connect_timeout=3, read_timeout=7, addressing="cname", proxy="http://me:canary-of-the-proxy@127.0.0.1:1")
    client = unwrapped(open_store(Location.parse("oss://store@bucket/"), gate=Gate(concurrency=5)))._session.client
    assert client.timeout == (3, 7)
    assert client._make_url.is_cname
    assert client.session.session.get_adapter("https://x")._pool_maxsize == 9
    assert client.session.session.proxies["https"] == "http://me:canary-of-the-proxy@127.0.0.1:1"
    assert _secrets_masker().redact("canary-of-the-proxy") == "***"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"regoin": "cn-hangzhou"}, "regoin is no field; did you mean region?"),
        ({"zzz": 1}, "zzz is no field; see credential, "),
        ({"requester_pays": "yes"}, "requester_pays must be true or false, not str"),
        ({"read_timeout": "60"}, "read_timeout must be a whole number, not str"),
        ({"read_timeout": 0}, "read_timeout must be 1 to 3600 seconds, not 0"),
        ({"credential": "AK"}, "credential: 'AK' is none of ak, sts, ram_role"),
        ({"login": None}, "credential ak needs login (AccessKey ID)"),
        ({"login": "", "password": ""}, "credential ak needs login (AccessKey ID) and password (AccessKey secret)"),
        ({"credential": "sts"}, "credential sts needs security_token"),
        ({"credential": "ram_role"}, "credential ram_role needs role_arn"),
        (
            {"credential": "oidc", "login": None, "password": None, "role_arn": ROLE},
            "credential oidc needs oidc_provider_arn and oidc_token_file",
        ),
        ({"role_arn": ROLE}, "credential ak does not use role_arn: clear it, or choose another credential"),
        ({"credential": "anonymous"}, "credential anonymous does not use login and password"),
        ({"credential": "environment", "login": None, "password": None}, "credential environment found neither"),
        ({"endpoint": ...}, "endpoint_kind custom needs an endpoint"),
        ({"endpoint": "https://host/path"}, "endpoint must be https://host"),
        ({"endpoint": "https://user@host"}, "endpoint must be https://host"),
        ({"endpoint": "https://oss-accelerate.aliyuncs.com", "region": ...}, "region is needed: requests are signed"),
        ({"endpoint_kind": "public"}, "endpoint_kind public does not use endpoint: clear it, or choose custom"),
        ({"endpoint_kind": "public", "endpoint": ..., "region": ...}, "region is needed, as in cn-hangzhou"),
        ({"endpoint_kind": "public", "endpoint": ..., "region": "a.evil/"}, "region 'a.evil/' is none"),
    ],
)
def test_wrong_connection_names_field_and_remedy(connect, said, words):
    connect(**said)
    with pytest.raises(InvalidConfiguration) as caught:
        opened()
    assert str(caught.value).startswith("connection 'store': " + words)
    assert "[oss://store@bucket/in/]" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("url", ["oss://nobody@bucket/", "oss://bucket/"])
def test_missing_connection_says_what_to_do(url):
    with pytest.raises(InvalidConfiguration, match=r"airflow connections add .* --conn-type bucketsync_oss"):
        opened(url)


def test_connection_of_another_type(connect):
    connect(conn_type="aws")
    with pytest.raises(InvalidConfiguration, match="is of type 'aws', not 'bucketsync_oss'"):
        opened()


def test_what_oss_does_not_know_is_told_before_anything_is_done(connect, server):
    connect()
    with pytest.raises(InvalidConfiguration, match="'store' knows no 'aws:kms', only default, AES256, KMS, SM4"):
        opened(settings=WriteSettings(encryption="aws:kms"))
    with pytest.raises(
        InvalidConfiguration, match="'store' knows no 'GLACIER', only default, keep, STANDARD, IA, Arch"
    ):
        opened(classes=["keep", "GLACIER"])
    assert server.log.entries == []
    opened(settings=WriteSettings(encryption="SM4"), classes=["IA"]).put("b", b"x")
    assert server.log.entries[-1].headers["x-oss-server-side-encryption"] == "SM4"


# Who signs


def test_anonymous_signs_nothing(connect, server):
    calls = []
    server.faults.add(Fault("before", hook=calls.append))
    server.core.bucket("bucket").settings.public_read = True
    connect(credential="anonymous", login=None, password=None)
    assert opened().head("a").info.size == 4
    with pytest.raises(AccessDenied):
        opened().put("b", b"not ours to write")
    assert calls
    assert not [call for call in calls if "Authorization" in call.headers or call.principal is not None]


def test_requester_pays(connect, server):
    connect(requester_pays=True)
    opened().head("a")
    assert server.log.entries[-1].headers["x-oss-request-payer"] == "requester"


@pytest.mark.parametrize("names", oss_credentials.VARIABLES)
def test_environment(connect, monkeypatch, names):
    _secrets_masker().reset_masker()
    connect(credential="environment", login=None, password=None)
    for name, value in zip(names, ("STSKEY", SECRET, TOKEN), strict=True):
        monkeypatch.setenv(name, value)
    assert listed(opened()) == ["a"]
    assert _secrets_masker().redact(f"{SECRET} {TOKEN}") == "*** ***"


def test_role_is_assumed_once_per_task_in_the_name_of_the_run(connect, sts):
    connect(**ram_role(sts, external_id=EXTERNAL))
    accesses = Accesses(session_name="nightly__manual__2026-01-02T03:04:05")
    for _ in range(3):
        assert listed(opened(accesses=accesses)) == ["a"]
    (asked,) = sts.asked
    assert asked["Action"] == "AssumeRole"
    assert (asked["AccessKeyId"], asked["RoleArn"], asked["ExternalId"]) == ("OSSKEY", ROLE, EXTERNAL)
    assert asked["RoleSessionName"] == "nightly__manual__2026-01-02T03-04-05"


def test_each_side_uses_its_own_role(connect, server, sts):
    connect("one", **ram_role(sts, external_id=EXTERNAL))
    connect("two", **ram_role(sts, role_arn=ROLE.replace("reader", "writer"), role_session_name="ours"))
    accesses = Accesses(session_name="run")
    sides = [opened(f"oss://{name}@bucket/in/", accesses=accesses) for name in ("one", "two")]
    calls = []
    server.faults.add(Fault("before", hook=calls.append))
    assert [listed(side) for side in sides] == [["a"], ["a"]]
    assert [call.principal.credential.access_key for call in calls] == ["ROLEKEY1", "ROLEKEY2"]
    assert [asked["RoleArn"].rpartition("/")[2] for asked in sts.asked] == ["reader", "writer"]
    assert [asked["RoleSessionName"] for asked in sts.asked] == ["run", "ours"]
    assert sides[0].can_copy_from(sides[1]) is not None


def test_oidc(connect, sts, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(OIDC)
    connect(credential="oidc", login=None, password=None, sts_endpoint=sts.host, role_session_name="pod")
    monkeypatch.setenv("ALIBABA_CLOUD_ROLE_ARN", ROLE)
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p")
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(tmp_path / "token"))
    assert listed(opened()) == ["a"]
    (asked,) = sts.asked
    assert asked["Action"] == "AssumeRoleWithOIDC"
    assert (asked["OIDCToken"], asked["RoleSessionName"]) == (OIDC, "pod")
    monkeypatch.setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidConfiguration, match=r"the token file '.*none' can't be read"):
        opened()


@pytest.mark.parametrize("name", ["", "named"])
def test_role_of_the_machine(connect, server, monkeypatch, name):
    connect(credential="ecs_role", login=None, password=None, ecs_role_name=name)
    with Metadata(lambda *made: server.add_credential(Credential(*made))) as metadata:
        monkeypatch.setenv("HTTP_PROXY", metadata.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert listed(opened()) == ["a"]
        last = metadata.asked[-1]
        assert last["path"].endswith(f"/ram/security-credentials/{name or 'role-of-the-machine'}")
        assert last["header x-aliyun-ecs-metadata-token"] == "hardened"
        metadata.failure = (404, "no role")
        with pytest.raises(AccessDenied, match="connection 'store', the role of the machine: refused"):
            opened()


def test_package_that_is_missing_is_named(connect, sts, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "alibabacloud_credentials"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "alibabacloud_credentials", None)
    connect(**ram_role(sts))
    with pytest.raises(InvalidConfiguration, match=r"pip install 'airflow-bucketsync\[alibaba-credentials\]'"):
        opened()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "NoPermission", AccessDenied),
        (404, "EntityNotExist.Role", AccessDenied),
        (400, "Throttling.User", TransientError),
        (429, "TooMany", TransientError),
        (503, "ServiceUnavailable", TransientError),
    ],
)
def test_role_that_is_not_given(connect, sts, caplog, capfd, status, code, kind):
    sts.failure = (status, json.dumps({"Code": code, "Message": f"not for OSSKEY, {EXTERNAL}, {SECRET}"}))
    connect(**ram_role(sts, external_id=EXTERNAL))
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as caught:
        opened()
    assert str(caught.value).startswith(f"connection 'store', AssumeRole {ROLE}: ")
    assert caught.value.code == code
    out = capfd.readouterr()
    for secret in (EXTERNAL, SECRET, "not for"):
        assert secret not in f"{caught.value} {caplog.text} {out.err} {out.out}"
    assert caught.value.__cause__ is None


def test_token_service_that_is_not_there(connect, sts):
    connect(**ram_role(sts, sts_endpoint="127.0.0.1:9"))
    with pytest.raises(TransientError, match="no credentials were given"):
        opened()


# Credentials that expire (F37)


def later(monkeypatch, seconds):
    """The time of whoever holds credentials, and nobody else's, as a list of one."""
    now = [time.time() + seconds]
    clock = SimpleNamespace(time=lambda: now[0], monotonic=time.monotonic)
    monkeypatch.setattr(oss_credentials, "time", clock)
    return now


def test_credentials_are_used_until_shortly_before_they_expire(connect, sts, monkeypatch):
    connect(**ram_role(sts))
    store = opened()
    now = later(monkeypatch, 0)
    store.list_page()
    now[0] += 3600 - 310
    store.list_page()
    assert len(sts.asked) == 1
    now[0] += 20
    store.list_page()
    assert len(sts.asked) == 2


def test_short_lives_are_used_as_well(connect, sts):
    """The library's own rule is a quarter of an hour, which would fetch for every request."""
    sts.lifetime = 900
    connect(**ram_role(sts))
    store = opened()
    for _ in range(3):
        store.list_page()
    assert len(sts.asked) == 1


def test_token_service_in_trouble_does_not_end_what_still_works(connect, sts, monkeypatch):
    connect(**ram_role(sts))
    store = unwrapped(opened())
    sts.failure = (503, "{}")
    now = later(monkeypatch, 3400)
    assert listed(store) == ["a"]
    assert listed(store) == ["a"]
    assert len(sts.asked) == 2  # not for every request
    now[0] += 300
    with pytest.raises(TransientError, match="no credentials were given"):
        store.list_page()


@pytest.mark.parametrize("verb", ["head", "list_page", "put"])
def test_F37_expired_token_of_a_role_is_renewed_once(connect, server, sts, verb):
    masker = _secrets_masker()
    masker.reset_masker()
    connect(**ram_role(sts))
    store = unwrapped(opened())
    quick = RetryingStore(store, Retries(gate=Gate(), draw=lambda _: 0.0))
    quick.head("a")
    server.add_credential(replace(server.credentials["ROLEKEY1"], expires=1.0))
    for _ in range(3):
        {"head": lambda: quick.head("a"), "list_page": quick.list_page, "put": lambda: quick.put("b", b"x")}[verb]()
    assert len(sts.asked) == 2
    assert masker.redact("canary-role-secret-2 canary-role-token-2") == "*** ***"


def test_F37_new_credentials_refused_as_well_are_not_fetched_for_ever(connect, server, sts):
    sts.admit = lambda key, secret, token: server.add_credential(Credential(key, secret, token, expires=1.0))
    connect(**ram_role(sts))
    store = unwrapped(opened())
    for _ in range(4):
        with pytest.raises(TransientError, match="expired"):
            store.list_page()
    assert len(sts.asked) == 2


def test_F37_token_in_the_connection_can_not_be_renewed(connect, server):
    server.add_credential(Credential("STATIC", SECRET, TOKEN, expires=1.0))
    connect(credential="sts", login="STATIC", security_token=TOKEN)
    with pytest.raises(AccessDenied, match="renew the connection's credentials"):
        opened().list_page()


# Nothing secret is told


def test_promise_P9_secrets_are_masked_and_unlogged(connect, server, sts, caplog, capfd):
    """Everything the connection holds, at DEBUG, with requests that work and requests that fail."""
    masker = _secrets_masker()
    masker.reset_masker()
    connect(**ram_role(sts, login="STSKEY", security_token=TOKEN, external_id=EXTERNAL))
    errors = []
    with caplog.at_level(logging.DEBUG):
        for name in ("oss2", "urllib3", "credentials"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        store = opened()
        store.list_page()
        for url, key in (("oss://store@bucket/", "missing"), ("oss://store@no-such-bucket/", "x")):
            with pytest.raises(BucketsyncError) as caught:
                opened(url).head(key)
            errors.append(repr(caught.value))
        server.add_credential(replace(server.credentials["ROLEKEY1"], secret_key="another"))
        with pytest.raises(AccessDenied) as caught:
            unwrapped(store).list_page()
        errors.append(repr(caught.value))
    out = capfd.readouterr()
    for secret in (SECRET, TOKEN, EXTERNAL, "canary-role-secret-1", "canary-role-token-1"):
        assert masker.redact(f"x {secret} y") == "x *** y"
        assert secret not in "".join(errors) + caplog.text + out.out + out.err
    assert "Authorization" not in caplog.text


# The button `Test` of the form


def test_connection_can_be_tested(connect, sts):
    connect(**ram_role(sts))
    ok, words = OssHook("store").test_connection()
    assert ok
    assert words.endswith("signed for cn-hangzhou by ram_role")
    sts.failure = (403, '{"Code": "NoPermission"}')
    assert OssHook("store").test_connection() == (
        False,
        f"connection 'store', AssumeRole {ROLE}: refused; check the role and who may assume it (NoPermission)",
    )
