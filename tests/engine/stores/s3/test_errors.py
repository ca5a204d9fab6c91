"""Which of our errors is an error of S3 or of its client?"""

from __future__ import annotations

from typing import Any

import botocore.exceptions as client_errors
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from airflow_bucketsync.engine import errors
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.s3.errors import translated
from tests.engine.stores.s3.conftest import MakeStore
from tests.servers.s3 import Allow, Credential, S3Server
from tests.servers.web.faults import Fault

PLACE = Location.parse("s3://my_conn@the-bucket/in/")


def answer(
    code: str,
    status: int = 400,
    message: str = "words of the store",
    headers: dict[str, str] | None = None,
    **said: Any,
) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message, **said},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
        },  # type: ignore[arg-type]
        "GetObject",
    )


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, errors.ObjectNotFound),
        ("404", 404, errors.ObjectNotFound),
        ("NoSuchVersion", 404, errors.ObjectNotFound),
        ("NoSuchBucket", 404, errors.ObjectNotFound),
        ("NoSuchUpload", 404, errors.ObjectNotFound),
        ("PreconditionFailed", 412, errors.ObjectChanged),
        ("412", 412, errors.ObjectChanged),
        ("ConditionalRequestConflict", 409, errors.ServerError),
        ("OperationAborted", 409, errors.ServerError),
        ("InvalidObjectState", 403, errors.ObjectArchived),
        ("SlowDown", 503, errors.Throttled),
        ("503", 503, errors.Throttled),
        ("429", 429, errors.Throttled),
        ("TooManyRequests", 429, errors.Throttled),
        ("RequestLimitExceeded", 400, errors.Throttled),
        ("InternalError", 500, errors.ServerError),
        ("InternalError", 200, errors.ServerError),
        ("500", 500, errors.ServerError),
        ("BadGateway", 502, errors.ServerError),
        ("RequestTimeout", 400, errors.ConnectionLost),
        ("IncompleteBody", 400, errors.ConnectionLost),
        ("BadDigest", 400, errors.BodyCorrupted),
        ("InvalidDigest", 400, errors.BodyCorrupted),
        ("XAmzContentSHA256Mismatch", 400, errors.BodyCorrupted),
        ("AccessDenied", 403, errors.AccessDenied),
        ("403", 403, errors.AccessDenied),
        ("InvalidAccessKeyId", 403, errors.AccessDenied),
        ("SignatureDoesNotMatch", 403, errors.AccessDenied),
        ("ExpiredToken", 400, errors.AccessDenied),
        ("RequestTimeTooSkewed", 403, errors.InvalidConfiguration),
        ("PermanentRedirect", 301, errors.InvalidConfiguration),
        ("301", 301, errors.InvalidConfiguration),
        ("AuthorizationHeaderMalformed", 400, errors.InvalidConfiguration),
        ("InvalidRequest", 400, errors.NotSupported),
        ("EntityTooLarge", 400, errors.NotSupported),
        ("KeyTooLongError", 400, errors.NotSupported),
        ("MetadataTooLarge", 400, errors.NotSupported),
        ("NotImplemented", 501, errors.NotSupported),
        ("InvalidPart", 400, errors.FinalError),
        ("NeverHeardOfIt", 400, errors.FinalError),
        ("NeverHeardOfIt", 403, errors.AccessDenied),
        ("NeverHeardOfIt", 404, errors.ObjectNotFound),
        ("NeverHeardOfIt", 409, errors.ServerError),
        ("NeverHeardOfIt", 418, errors.FinalError),
        ("NeverHeardOfIt", 599, errors.ServerError),
        ("", 200, errors.ServerError),
    ],
)
def test_kind_of_an_answer(code: str, status: int, kind: type[errors.BucketsyncError]) -> None:
    error = translated(answer(code, status), "GetObject", PLACE, "a")
    assert type(error) is kind
    assert error.location == "s3://my_conn@the-bucket/in/"
    assert "GetObject" in str(error)


def _http(kind: type[Exception], **fields: Any) -> Exception:
    return kind(endpoint_url="http://h/bucket/a?X-Amz-Signature=canary", error="e", **fields)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_http(client_errors.EndpointConnectionError), errors.Unreachable),
        (_http(client_errors.ConnectTimeoutError), errors.Unreachable),
        (_http(client_errors.ReadTimeoutError), errors.ConnectionLost),
        (_http(client_errors.ConnectionClosedError), errors.ConnectionLost),
        (client_errors.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.ConnectionLost),
        (client_errors.ResponseStreamingError(error="e"), errors.ConnectionLost),
        (client_errors.HTTPClientError(error="e"), errors.ConnectionLost),
        (_http(client_errors.SSLError), errors.ConnectionLost),
        (
            client_errors.SSLError(endpoint_url="https://h", error="certificate verify failed"),
            errors.InvalidConfiguration,
        ),
        (ConnectionResetError("e"), errors.ConnectionLost),
        (client_errors.NoCredentialsError(), errors.InvalidConfiguration),
        (client_errors.CredentialRetrievalError(provider="p", error_msg="canary"), errors.TransientError),
        (client_errors.ParamValidationError(report="canary"), errors.NotSupported),
        (client_errors.UnknownServiceError(service_name="x", known_service_names=[]), errors.FinalError),
    ],
)
def test_kind_of_an_exception_of_the_client(error: Exception, kind: type[errors.BucketsyncError]) -> None:
    found = translated(error, "GetObject", PLACE, "a")
    assert type(found) is kind
    assert "canary" not in str(found)


def test_an_answer_that_is_no_xml_is_the_stores_failure() -> None:
    assert type(translated(ResponseParserError("x"), "CopyObject", PLACE)) is errors.ServerError


def test_a_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        translated(ZeroDivisionError(), "GetObject", PLACE)


def test_expired_credentials_heal_only_where_the_client_can_renew_them() -> None:
    assert type(translated(answer("ExpiredToken"), "GetObject", PLACE, refreshable=True)) is errors.TransientError
    assert "renew" in str(translated(answer("ExpiredToken"), "GetObject", PLACE))


@pytest.mark.parametrize("value", ["7", "7.0"])
def test_retry_after_is_passed_on(value: str) -> None:
    error = translated(answer("SlowDown", 503, headers={"retry-after": value}), "GetObject", PLACE)
    assert error.retry_after == 7.0


def test_retry_after_as_a_date_is_left_to_the_backoff() -> None:
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert translated(answer("SlowDown", 503, headers=headers), "GetObject", PLACE).retry_after is None


@pytest.mark.parametrize(
    "error",
    [
        answer("AuthorizationHeaderMalformed", Region="eu-west-7"),
        answer("PermanentRedirect", 301, headers={"x-amz-bucket-region": "eu-west-7"}),
        answer("301", 301, headers={"x-amz-bucket-region": "eu-west-7"}),
    ],
)
def test_a_wrong_region_is_named(error: ClientError) -> None:
    assert "eu-west-7" in str(translated(error, "HeadObject", PLACE, "a"))


def test_a_missing_bucket_is_no_missing_object() -> None:
    error = translated(answer("NoSuchBucket", 404), "HeadObject", PLACE, "a")
    assert error.key is None
    assert "bucket does not exist" in str(error)


def test_words_of_the_store_are_quoted_without_secrets_in_one_line() -> None:
    message = (
        "no\r\nline http://h/b?X-Amz-Signature=canary1 Credential=canary2 Signature: canary3 "
        "AKIACANARY4CANARY4 x-amz-security-token=canary5 " + "x" * 1000
    )
    text = str(translated(answer("AccessDenied", 403, message), "GetObject", PLACE, "a"))
    assert "no\\u000d\\u000aline http://h/b?…" in text
    assert "canary" not in text.lower()
    assert "\n" not in text
    assert len(text) < 500


def test_a_denied_request_names_operation_and_principal(server: S3Server, make_store: MakeStore) -> None:
    reader = Credential("reader-access", "reader-secret", allow=(Allow("ListBucket"),))
    server.add_credential(reader)
    with pytest.raises(errors.AccessDenied) as caught:
        make_store(credential=reader).put("a", b"x")
    assert "PutObject" in str(caught.value)
    assert "User: arn:aws:iam::" in str(caught.value)
    assert caught.value.key == "a"


def test_a_denied_head_is_not_a_missing_object(server: S3Server, make_store: MakeStore) -> None:
    """Without ListBucket S3 says 403 for what is not there: unknown, not absent."""
    blind = Credential("blind-access", "blind-secret", allow=(Allow("GetObject"),))
    server.add_credential(blind)
    with pytest.raises(errors.AccessDenied):
        make_store(credential=blind).head("missing")


def test_wrong_secret_unknown_key_and_bucket(server: S3Server, make_store: MakeStore) -> None:
    wrong = Credential("test-access", "canary-secret")
    with pytest.raises(errors.AccessDenied, match="SignatureDoesNotMatch") as caught:
        make_store(credential=wrong).put("a", b"x")
    assert "canary" not in str(caught.value)
    unknown = Credential("canary-access", "canary-secret")
    with pytest.raises(errors.AccessDenied, match="InvalidAccessKeyId") as caught:
        make_store(credential=unknown).list_page()
    assert "canary" not in str(caught.value)
    with pytest.raises(errors.ObjectNotFound, match="bucket does not exist"):
        make_store(place="not-there-at-all").list_page()


def test_no_cause_or_context_carries_the_answer_on(make_store: MakeStore) -> None:
    with pytest.raises(errors.ObjectNotFound) as caught:
        make_store().head("missing")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_slow_down_is_tried_once(server: S3Server, make_store: MakeStore) -> None:
    store = make_store()
    server.faults.add(Fault("status", status=503, code="SlowDown", retry_after=3))
    with pytest.raises(errors.Throttled) as caught:
        store.put("a", b"x")
    assert caught.value.retry_after == 3.0
    assert server.log.count(operation="PutObject") == 1
    assert store.requests == {"PutObject": 1}


@pytest.mark.parametrize("action", ["reset", "lose_reply", "drop_request"])
def test_a_lost_connection_is_tried_once(server: S3Server, make_store: MakeStore, action: str) -> None:
    server.faults.add(Fault(action, operation="PutObject"))
    with pytest.raises(errors.ConnectionLost):
        make_store().put("a", b"x")
    assert server.log.count(operation="PutObject") == 1


def test_an_endpoint_that_is_not_there(make_store: MakeStore) -> None:
    with S3Server() as gone:
        store = make_store(place="nowhere", at=gone)
    with pytest.raises(errors.ConnectionLost, match="can't be reached"):
        store.head("a")


def test_wrong_region_is_refused_without_a_request_elsewhere(server: S3Server, make_store: MakeStore) -> None:
    server.core.create_bucket("far-bucket", region="eu-west-9")
    store = make_store(place="far-bucket")
    with pytest.raises(errors.InvalidConfiguration, match="eu-west-9"):
        store.head("a")
    with pytest.raises(errors.InvalidConfiguration, match="eu-west-9"):
        store.put("a", b"")
    assert store.requests == {"HeadObject": 1, "PutObject": 1}


def test_another_owner_is_refused(make_store: MakeStore, server: S3Server, bucket: str) -> None:
    account = server.core.bucket(bucket).settings.account
    make_store(expected_bucket_owner=account).put("a", b"x")
    with pytest.raises(errors.AccessDenied):
        make_store(expected_bucket_owner="999999999999").head("a")


def test_an_archived_body(server: S3Server, make_store: MakeStore) -> None:
    store = make_store()
    store.put("cold", b"x", attributes=ObjectAttributes(storage_class="GLACIER"))
    assert store.head("cold").info.storage_class == "GLACIER"
    with pytest.raises(errors.ObjectArchived), store.open("cold"):
        pass
