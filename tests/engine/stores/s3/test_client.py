"""Is the client set up and watched as the store needs it?"""

from __future__ import annotations

import io
import logging
import re
import threading
from datetime import UTC, datetime

import pytest

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.s3.client import client_config, quiet_logs
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.engine.stores.s3.conftest import MakeStore
from tests.engine.stores.s3.test_keys import read
from tests.servers.s3 import Credential, S3Server
from tests.servers.web.faults import Fault


def test_what_the_config_says() -> None:
    config = client_config(max_pool_connections=77, path_style=True)
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert config.max_pool_connections == 77
    assert config.s3["addressing_style"] == "path"
    assert (config.connect_timeout, config.read_timeout) == (10.0, 60.0)
    assert config.request_checksum_calculation == "when_required"
    assert config.response_checksum_validation == "when_required"
    assert client_config().s3["addressing_style"] == "auto"


def test_it_is_an_object_store(store: S3Store) -> None:
    assert isinstance(store, ObjectStore)


def test_the_user_agent_names_us(server: S3Server, store: S3Store) -> None:
    store.list_page()
    assert "airflow-bucketsync" in server.log.entries[0].headers["user-agent"]


def test_requests_are_counted_by_operation(server: S3Server, make_store: MakeStore) -> None:
    one, two = make_store(), make_store()
    one.put("a", b"x")
    one.list_page()
    two.head("a")
    server.faults.add(Fault("status", operation="HeadObject", status=500))
    with pytest.raises(Exception, match="store failed"):
        two.head("a")
    assert one.requests == {"PutObject": 1, "ListObjectsV2": 1}
    assert two.requests == {"HeadObject": 2}


def test_many_threads_share_a_store(server: S3Server, store: S3Store) -> None:
    """Each thread's body and headers stay its own, and no request goes uncounted."""

    def work(number: int) -> None:
        for turn in range(10):
            store.put(f"{number}/{turn}", f"{number}/{turn}".encode(), attributes=ObjectAttributes(expires=f"{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.requests == {"PutObject": 80}
    for number in range(8):
        for turn in range(10):
            key = f"{number}/{turn}"
            assert read(store, key) == key.encode()
            assert store.head(key).attributes.expires == f"{number}"


def test_header_and_body_of_a_request_are_not_left_behind(store: S3Store, bucket: str) -> None:
    store.put("a", b"x", attributes=ObjectAttributes(expires="0"))
    store._session.client.put_object(Bucket=bucket, Key="b", Body=b"yy")
    assert store.head("b").attributes.expires is None
    assert read(store, "b") == b"yy"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-10-21T07:28:00.123Z", datetime(2026, 10, 21, 7, 28, 0, 123000, tzinfo=UTC)),
        ("2026-10-21T07:28:00Z", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
        ("2026-10-21T09:28:00+02:00", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
        ("Wed, 21 Oct 2026 07:28:00 GMT", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
        ("1792567680", datetime(2026, 10, 21, 7, 28, tzinfo=UTC)),
    ],
)
def test_times_in_answers(server: S3Server, store: S3Store, bucket: str, text: str, time: datetime) -> None:
    server.core.put(bucket, "a", b"x")
    server.faults.add(
        Fault(
            "substitute",
            transform=lambda body: re.sub(rb"<LastModified>[^<]*<", f"<LastModified>{text}<".encode(), body),
        )
    )
    assert store.list_page().items[0].last_modified == time


def test_debug_logs_show_no_secret(server: S3Server, make_store: MakeStore) -> None:
    secret = Credential("canary-access-key", "canary-secret-key", session_token="canary-session-token")
    server.add_credential(secret)
    seen = io.StringIO()
    handler = logging.StreamHandler(seen)
    root = logging.getLogger()
    level = root.level
    loggers = [logging.getLogger(name) for name in ("botocore", "botocore.auth", "urllib3.connectionpool")]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        store = make_store(credential=secret)
        store.put("a", b"body-canary")
        store.list_page()
        with pytest.raises(Exception, match="not there"):
            store.head("missing")
        logging.getLogger("botocore.auth").debug("a control that must not be seen")
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
    logger = logging.getLogger("botocore")
    before = logger.level
    try:
        logger.setLevel(logging.ERROR)
        quiet_logs()
        assert logger.level == logging.ERROR
    finally:
        logger.setLevel(before)


def test_over_tls_bodies_are_held_by_their_checksum_and_not_hashed_twice(make_store: MakeStore) -> None:
    with S3Server(tls=True, buckets=["secure-bucket"]) as secure:
        store = make_store(place="secure-bucket", at=secure)
        store.put("a", b"x")
        sent = secure.log.select(operation="PutObject")[0].headers
        assert sent["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
        assert "x-amz-checksum-crc64nvme" in sent
        store.close()


def test_an_untrusted_certificate_is_a_matter_of_configuration(server: S3Server, bucket: str) -> None:
    with S3Server(tls=True, buckets=["secure-bucket"]) as secure:
        client = secure.client(config=client_config(path_style=True), verify=True)
        store = S3Store(Location.parse("s3://secure-bucket/"), client)
        with pytest.raises(InvalidConfiguration, match="certificate"):
            store.list_page()
        store.close()
