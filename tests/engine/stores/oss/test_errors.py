"""Which of our errors is an error of OSS or of its client?"""

from __future__ import annotations

import base64

import oss2.exceptions as client_errors
import pytest
import requests.exceptions as http_errors
import urllib3.exceptions as wire_errors

from airflow_bucketsync.engine import errors
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.errors import translated
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import Allow, Credential, OSSServer
from tests.servers.web.faults import Fault

PLACE = Location.parse("oss://my_conn@the-bucket/in/")


def answer(
    code: str,
    status: int = 400,
    message: str = "words of the store",
    headers: dict[str, str] | None = None,
    **said: str,
) -> client_errors.ServerError:
    details = {"Code": code, "Message": message, **said} if code else {}
    return client_errors.ServerError(status, headers or {}, b"", details)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, errors.ObjectNotFound),
        ("", 404, errors.ObjectNotFound),
        ("NoSuchVersion", 404, errors.ObjectNotFound),
        ("NoSuchBucket", 404, errors.ObjectNotFound),
        ("NoSuchUpload", 404, errors.ObjectNotFound),
        ("SymlinkTargetNotExist", 404, errors.ObjectNotFound),
        ("PreconditionFailed", 412, errors.ObjectChanged),
        ("", 412, errors.ObjectChanged),
        ("", 304, errors.ObjectChanged),
        ("FileAlreadyExists", 409, errors.ObjectChanged),
        ("InvalidObjectState", 403, errors.ObjectArchived),
        ("RestoreAlreadyInProgress", 409, errors.ObjectArchived),
        ("QpsLimitExceeded", 429, errors.Throttled),
        ("QpsLimitExceeded", 503, errors.Throttled),
        ("TotalQpsLimitExceeded", 503, errors.Throttled),
        ("MetaOperationQpsLimitExceeded", 503, errors.Throttled),
        ("ActiveRequestLimitExceeded", 503, errors.Throttled),
        ("CpuLimitExceeded", 503, errors.Throttled),
        ("DownloadTrafficRateLimitExceeded", 503, errors.Throttled),
        ("UploadTrafficRateLimitExceeded", 503, errors.Throttled),
        ("ServiceUnavailable", 503, errors.Throttled),
        ("", 503, errors.Throttled),
        ("", 429, errors.Throttled),
        ("InternalError", 500, errors.ServerError),
        ("BadRequest", 400, errors.ServerError),
        ("BadGateway", 502, errors.ServerError),
        ("RequestTimeout", 400, errors.ConnectionLost),
        ("InvalidDigest", 400, errors.BodyCorrupted),
        ("AccessDenied", 403, errors.AccessDenied),
        ("", 403, errors.AccessDenied),
        ("UserDisable", 403, errors.AccessDenied),
        ("InvalidAccessKeyId", 403, errors.AccessDenied),
        ("SignatureDoesNotMatch", 403, errors.AccessDenied),
        ("InvalidSecurityToken", 403, errors.AccessDenied),
        ("SecurityTokenExpired", 403, errors.AccessDenied),
        ("FileImmutable", 409, errors.AccessDenied),
        ("KmsServiceNotEnabled", 403, errors.AccessDenied),
        ("KMS.Throttling", 400, errors.Throttled),
        ("KMS.Broken", 500, errors.ServerError),
        ("RequestTimeTooSkewed", 403, errors.InvalidConfiguration),
        ("SecondLevelDomainForbidden", 403, errors.InvalidConfiguration),
        ("InvalidArgument", 400, errors.NotSupported),
        ("EntityTooLarge", 400, errors.NotSupported),
        ("InvalidObjectName", 400, errors.NotSupported),
        ("InvalidTag", 400, errors.NotSupported),
        ("InvalidTargetType", 409, errors.NotSupported),
        ("NotImplemented", 501, errors.NotSupported),
        ("MethodNotAllowed", 405, errors.NotSupported),
        ("InvalidPart", 400, errors.FinalError),
        ("NeverHeardOfIt", 400, errors.FinalError),
        ("NeverHeardOfIt", 403, errors.AccessDenied),
        ("NeverHeardOfIt", 404, errors.ObjectNotFound),
        ("NeverHeardOfIt", 409, errors.ServerError),
        ("NeverHeardOfIt", 599, errors.ServerError),
        ("", 302, errors.ServerError),
    ],
)
def test_kind_of_an_answer(code: str, status: int, kind: type[errors.BucketsyncError]) -> None:
    error = translated(answer(code, status), "GetObject", PLACE, "a")
    assert type(error) is kind
    assert error.location == "oss://my_conn@the-bucket/in/"
    assert error.code == (code or str(status))
    assert "GetObject" in str(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (http_errors.ConnectTimeout("canary"), errors.Unreachable),
        (http_errors.ReadTimeout("canary"), errors.ConnectionLost),
        (http_errors.ProxyError("canary"), errors.Unreachable),
        (http_errors.ConnectionError("canary"), errors.Unreachable),
        (http_errors.SSLError("canary"), errors.ConnectionLost),
        (http_errors.SSLError("certificate verify failed canary"), errors.InvalidConfiguration),
        (http_errors.InvalidHeader("canary"), errors.NotSupported),
        (http_errors.InvalidURL("canary"), errors.FinalError),
    ],
)
def test_kind_of_an_exception_of_the_http_library(error: Exception, kind: type[errors.BucketsyncError]) -> None:
    for caught in (error, client_errors.RequestError(error)):
        found = translated(caught, "GetObject", PLACE, "a")
        assert type(found) is kind
        assert "canary" not in str(found)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (http_errors.ChunkedEncodingError("canary"), errors.ConnectionLost),
        (wire_errors.ProtocolError("canary"), errors.ConnectionLost),
        (wire_errors.IncompleteRead(1, 2), errors.ConnectionLost),
        (wire_errors.ReadTimeoutError(None, "canary", "canary"), errors.ConnectionLost),
        (client_errors.ClientError("canary"), errors.TransientError),
        (client_errors.InconsistentError("canary"), errors.BodyCorrupted),
        (client_errors.OpenApiFormatError("canary"), errors.FinalError),
        (ConnectionResetError("canary"), errors.ConnectionLost),
        (UnicodeEncodeError("latin-1", "canary", 0, 1, "canary"), errors.NotSupported),
    ],
)
def test_kind_of_other_exceptions(error: Exception, kind: type[errors.BucketsyncError]) -> None:
    found = translated(error, "GetObject", PLACE, "a")
    assert type(found) is kind
    assert "canary" not in str(found)


def test_a_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        translated(ZeroDivisionError(), "GetObject", PLACE)


def test_expired_credentials_heal_only_where_the_client_can_renew_them() -> None:
    expired = answer("SecurityTokenExpired", 403)
    assert type(translated(expired, "GetObject", PLACE, refreshable=True)) is errors.TransientError
    assert "renew" in str(translated(expired, "GetObject", PLACE))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"x-oss-qos-delay-time": "2500"}, 2.5),
        ({"Retry-After": "7", "x-oss-qos-delay-time": "2500"}, 7.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert translated(answer("QpsLimitExceeded", 503, headers=headers), "GetObject", PLACE).retry_after == wait


def test_a_locked_object_is_said_to_be_locked() -> None:
    assert "retention policy" in str(translated(answer("FileImmutable", 409), "PutObject", PLACE, "a"))


def test_words_of_the_store_are_quoted_without_secrets_in_one_line() -> None:
    message = (
        "no\r\nline http://h/b?x-oss-signature=canary1 Credential=canary2 Signature: canary3 "
        "LTAICANARY4CANARY4 STS.NCANARY5CANARY x-oss-security-token=canary6 " + "x" * 1000
    )
    text = str(translated(answer("AccessDenied", 403, message), "GetObject", PLACE, "a"))
    assert "no\\u000d\\u000aline http://h/b?…" in text
    assert "canary" not in text.lower()
    assert "\n" not in text
    assert len(text) < 500


# By the server


def test_a_denied_request(server: OSSServer, make_store: MakeStore) -> None:
    server.add_credential(reader := Credential("reader-access", "reader-secret", allow=(Allow("ListObjects"),)))
    with pytest.raises(errors.AccessDenied, match="PutObject: the store says: You have no right") as caught:
        make_store(credential=reader).put("a", b"x")
    assert caught.value.key == "a"
    with pytest.raises(errors.AccessDenied):
        make_store(credential=reader).head("missing")


def test_wrong_secret_unknown_key_and_bucket(make_store: MakeStore) -> None:
    with pytest.raises(errors.AccessDenied, match="SignatureDoesNotMatch") as caught:
        make_store(credential=Credential("test-access", "canary-secret")).put("a", b"x")
    assert "canary" not in str(caught.value)
    with pytest.raises(errors.AccessDenied, match="InvalidAccessKeyId") as caught:
        make_store(credential=Credential("canary-access", "canary-secret")).list_page()
    assert "canary" not in str(caught.value)
    with pytest.raises(errors.ObjectNotFound, match="bucket does not exist") as missing:
        make_store(place="not-there-at-all").put("a", b"")
    assert missing.value.key is None


def test_an_expired_token(server: OSSServer, make_store: MakeStore) -> None:
    server.add_credential(old := Credential("STS.old", "secret", session_token="token-canary", expires=1.0))
    with pytest.raises(errors.AccessDenied, match="expired; renew") as caught:
        make_store(credential=old).head("a")
    assert "canary" not in str(caught.value)


def test_no_cause_or_context_carries_the_answer_on(store: OSSStore) -> None:
    with pytest.raises(errors.ObjectNotFound) as caught:
        store.head("missing")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_head_is_refused_with_the_words_in_its_header(server: OSSServer, store: OSSStore) -> None:
    """A HEAD has no body: OSS puts the document into a header."""
    said = b"<Error><Code>AccessDenied</Code><Message>because of the moon</Message></Error>"
    headers = {"x-oss-err": base64.b64encode(said).decode()}
    server.faults.add(Fault("substitute", operation="HeadObject", status=403, body=b"", headers=headers))
    with pytest.raises(errors.AccessDenied, match="because of the moon"):
        store.head("a")


def test_throttled_once(server: OSSServer, store: OSSStore) -> None:
    server.faults.add(Fault("status", status=503, code="QpsLimitExceeded", headers={"x-oss-qos-delay-time": "1500"}))
    with pytest.raises(errors.Throttled) as caught:
        store.put("a", b"x")
    assert caught.value.retry_after == 1.5
    assert server.log.count(operation="PutObject") == 1
    assert store.requests == {"PutObject": 1}


@pytest.mark.parametrize("action", ["reset", "lose_reply", "drop_request"])
def test_a_lost_connection_is_tried_once(server: OSSServer, store: OSSStore, action: str) -> None:
    server.faults.add(Fault(action, operation="PutObject"))
    with pytest.raises(errors.ConnectionLost):
        store.put("a", b"x")
    assert server.log.count(operation="PutObject") == 1


def test_a_late_answer(server: OSSServer, bucket: str, make_store: MakeStore) -> None:
    client = make_client(server.url, bucket, ("test-access", "test-secret"), server.region, read_timeout=0.2)
    server.faults.add(Fault("delay", seconds=1.0, operation="HeadObject"))
    with pytest.raises(errors.ConnectionLost, match="no bytes came in time"):
        make_store(client=client).head("a")


def test_an_endpoint_that_is_not_there(make_store: MakeStore) -> None:
    with OSSServer() as gone:
        store = make_store(place="nowhere", at=gone)
    with pytest.raises(errors.ConnectionLost):
        store.head("a")


def test_a_bucket_of_another_region_names_its_endpoint(server: OSSServer, make_store: MakeStore) -> None:
    server.core.create_bucket("far-bucket", region="cn-beijing")
    store = make_store(place="far-bucket")
    for ask in (lambda: store.put("a", b""), lambda: store.head("a"), store.list_page):
        with pytest.raises(errors.InvalidConfiguration, match=r"oss-cn-beijing\.aliyuncs\.com"):
            ask()


def test_a_wrong_signing_region(server: OSSServer, bucket: str, make_store: MakeStore) -> None:
    client = make_client(server.url, bucket, ("test-access", "test-secret"), "cn-shanghai")
    with pytest.raises(errors.InvalidConfiguration, match="set the connection's region"):
        make_store(client=client).put("a", b"")


def test_clocks_that_differ(server: OSSServer, store: OSSStore) -> None:
    server.clock_skew = 3600.0
    with pytest.raises(errors.InvalidConfiguration, match="clock"):
        store.head("a")


def test_two_hundred_with_an_error_inside(server: OSSServer, store: OSSStore) -> None:
    store.put("a", b"x")
    server.faults.add(Fault("error200", operation="CopyObject", code="InternalError"))
    with pytest.raises(errors.ServerError, match="InternalError"):
        store.copy("b", source_store=store, source_key="a", source=Condition.ANY)


def test_an_answer_that_is_no_document(server: OSSServer, store: OSSStore) -> None:
    upload = store.begin_upload("a")
    part = store.upload_part("a", upload, 1, b"x")
    server.faults.add(Fault("empty_body", operation="CompleteMultipartUpload"))
    with pytest.raises(errors.ServerError, match="no complete XML"):
        store.complete_upload("a", upload, [part], size=1)


def test_an_object_under_retention(server: OSSServer, store: OSSStore, bucket: str) -> None:
    store.put("a", b"x")
    server.protect(bucket, "a")
    for ask in (lambda: store.put("a", b"y"), lambda: store.delete("a")):
        with pytest.raises(errors.AccessDenied, match="retention policy") as caught:
            ask()
        assert caught.value.code == "FileImmutable"


def test_an_archived_body(server: OSSServer, store: OSSStore) -> None:
    store.put("cold", b"x", attributes=ObjectAttributes(storage_class="Archive"))
    with pytest.raises(errors.ObjectArchived), store.open("cold"):
        pass
    with pytest.raises(errors.ObjectArchived) as caught:
        store.copy("warm", source_store=store, source_key="cold", source=Condition.ANY)
    assert caught.value.key == "cold"
