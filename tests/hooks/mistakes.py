"""Which mistakes do users make, and how is each made for real?

A mistake is a function that runs into the error; `docs/mistakes.md` has a row for each, and `test_mistakes.py` holds
the two against each other.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_bucketsync import bucket_sync
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.model.preserve import WriteSettings
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.hooks.store import open_store
from tests.engine.clocks import FakeClock
from tests.operators.fakes import FlowRun, Store
from tests.servers.oss import Allow as OssAllow
from tests.servers.oss import Credential as OssCredential
from tests.servers.oss import OSSServer
from tests.servers.s3 import Allow as S3Allow
from tests.servers.s3 import Credential as S3Credential
from tests.servers.s3 import Quirks, S3Server
from tests.servers.web.faults import Fault

SECRET, TOKEN = "canary/secret+of/the/user", "canary-token-of-the-user"
KEY, SESSION_KEY = "CANARYKEY", "CANARYSESSIONKEY"
NOBODY = 65534
OLD = 1_000_000_000.0

Make = Callable[["World", str], object]
MISTAKES: dict[tuple[str, str], Make] = {}
"""By the words of the documents and the kind of store: what makes it."""


def mistake(words: str, *kinds: str) -> Callable[[Make], Make]:
    """Enter a function as the maker of this mistake at these kinds of stores."""

    def enter(make: Make) -> Make:
        for kind in kinds:
            assert (words, kind) not in MISTAKES
            MISTAKES[words, kind] = make
        return make

    return enter


@dataclass
class World:
    """The servers, the folders and the connection `my_store` of one mistake."""

    s3: S3Server
    oss: OSSServer
    folder: Path
    patch: pytest.MonkeyPatch
    clock: FakeClock = field(default_factory=FakeClock)
    places: list[str] = field(default_factory=list)
    """The locations that were named, last one last."""
    stores: list[ObjectStore] = field(default_factory=list)
    """What was opened."""

    def server(self, kind: str) -> Any:
        """The server of this kind of store."""
        return self.s3 if kind == "S3" else self.oss

    def url(self, kind: str, bucket: str = "bucket") -> str:
        """The location that the mistake is made at."""
        return f"file://{self.folder}/in/" if kind == "folder" else f"{kind.lower()}://my_store@{bucket}/in/"

    def add(self, value: dict[str, Any], name: str = "my_store") -> None:
        """A connection as Airflow finds it in the environment."""
        self.patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))

    def connect(self, kind: str, *, login: str | None = KEY, password: str | None = SECRET, **extra: Any) -> None:
        """The connection of this kind; an extra that is ... is left out."""
        here: dict[str, Any] = {"endpoint_url": self.s3.url, "region_name": "us-east-1"}
        if kind == "OSS":
            here = {"endpoint_kind": "custom", "endpoint": self.oss.url, "region": "cn-hangzhou", "addressing": "path"}
        extra = {name: value for name, value in {**here, **extra}.items() if value is not ...}
        conn_type = "aws" if kind == "S3" else "bucketsync_oss"
        self.add({"conn_type": conn_type, "login": login, "password": password, "extra": extra})

    def connect_to(self, kind: str, endpoint: str) -> None:
        """The connection with another endpoint."""
        self.connect(kind, **{"endpoint_url" if kind == "S3" else "endpoint": endpoint})

    def allow(self, kind: str, *actions: str, **other: Any) -> None:
        """A connection of somebody who may do only this."""
        credential, allow = (S3Credential, S3Allow) if kind == "S3" else (OssCredential, OssAllow)
        self.server(kind).add_credential(credential(KEY, SECRET, allow=(allow(actions),), **other))
        self.connect(kind)

    def open(self, kind: str, bucket: str = "bucket", **options: Any) -> ObjectStore:
        """The store as a task opens it; its waits take no time."""
        return self.opened(self.url(kind, bucket), **options)

    def opened(self, url: str, **options: Any) -> ObjectStore:
        """The store of a URL."""
        self.places.append(url)
        self.stores.append(open_store(Location.parse(url), gate=Gate(clock=self.clock), **options))
        return self.stores[-1]

    def sync(self, source: str, destination: str, before: dict[str, Any] | None = None, **options: Any) -> None:
        """A whole run; what its first failed task raised is raised."""
        self.places += [source, destination, f"file://{self.folder}/work/"]
        self.patch.setenv("AIRFLOW__BUCKETSYNC__WORKSPACE", self.places[-1])
        with DAG("dag", schedule=None) as dag:
            bucket_sync(source, destination, **options)
        run = FlowRun(dag, state=Store()).run(before=before)
        if run.errors:
            raise next(iter(run.errors.values()))


@contextmanager
def world_of(s3: S3Server, oss: OSSServer, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """Servers with a bucket each, folders, and nothing in the environment that signs."""
    for server, kind in ((s3, S3Credential), (oss, OssCredential)):
        server.reset()
        server.add_credential(kind(KEY, SECRET))  # type: ignore[arg-type]
    s3.core.create_bucket("bucket", region="us-east-1")
    oss.core.create_bucket("bucket", region="cn-hangzhou")
    for server in (s3, oss):
        server.core.put("bucket", "in/a", "body")
    (folder / "in").mkdir()
    (folder / "in/a").write_text("body")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, str(folder / "none"))
    made = World(s3, oss, folder, patch)
    yield made
    for store in made.stores:
        store.close()
    assert s3.failures == []
    assert oss.failures == []


# Credentials


@mistake("the secret is another", "S3", "OSS")
def wrong_secret(world: World, kind: str) -> object:
    world.connect(kind, password="canary-mistyped")
    return world.open(kind).list_page()


@mistake("the access key id is another", "S3", "OSS")
def unknown_key(world: World, kind: str) -> object:
    world.connect(kind, login="CANARYOTHER")
    return world.open(kind).list_page()


def _session(world: World, kind: str, token: str, **known: Any) -> object:
    credential = S3Credential if kind == "S3" else OssCredential
    world.server(kind).add_credential(credential(SESSION_KEY, SECRET, TOKEN, **known))
    extra = {"aws_session_token": token} if kind == "S3" else {"credential": "sts", "security_token": token}
    world.connect(kind, login=SESSION_KEY, **extra)
    return world.open(kind).list_page()


@mistake("the session token has expired", "S3", "OSS")
def expired_token(world: World, kind: str) -> object:
    return _session(world, kind, TOKEN, expires=OLD)


@mistake("the session token is none", "S3", "OSS")
def wrong_token(world: World, kind: str) -> object:
    return _session(world, kind, "canary-other-token")


@mistake("the connection has no credentials", "S3", "OSS")
def no_credentials(world: World, kind: str) -> object:
    world.connect(kind, login=None, password=None)
    return world.open(kind).list_page()


@mistake("the connection has half of its credentials", "S3", "OSS")
def half_credentials(world: World, kind: str) -> object:
    world.connect(kind, password=None)
    return world.open(kind).list_page()


@mistake("the bucket is not open to everybody", "S3", "OSS")
def anonymous(world: World, kind: str) -> object:
    extra = {"bucketsync_anonymous": True} if kind == "S3" else {"credential": "anonymous"}
    world.connect(kind, login=None, password=None, **extra)
    return world.open(kind).list_page()


@mistake("the worker's clock is wrong", "S3", "OSS")
def wrong_clock(world: World, kind: str) -> object:
    world.server(kind).clock_skew = 3600.0
    world.connect(kind)
    return world.open(kind).list_page()


# Bucket and region


@mistake("the region is another", "S3")
def wrong_region(world: World, kind: str) -> object:
    world.s3.core.create_bucket("far", region="eu-west-9")
    world.connect(kind)
    return world.open(kind, "far").list_page()


@mistake("the region is another, seen by HEAD", "S3")
def wrong_region_head(world: World, kind: str) -> object:
    world.s3.core.create_bucket("far", region="eu-west-9")
    world.connect(kind)
    return world.open(kind, "far").head("a")


@mistake("the region is not that of the endpoint", "S3", "OSS")
def wrong_signing_region(world: World, kind: str) -> object:
    world.connect(kind, **({"region_name": "eu-west-9"} if kind == "S3" else {"region": "cn-beijing"}))
    return world.open(kind).list_page()


@mistake("the endpoint is of another region", "OSS")
def wrong_endpoint_region(world: World, kind: str) -> object:
    world.oss.core.create_bucket("far", region="cn-beijing")
    world.connect(kind)
    return world.open(kind, "far").list_page()


@mistake("the bucket does not exist", "S3", "OSS")
def no_bucket(world: World, kind: str) -> object:
    world.connect(kind)
    return world.open(kind, "missing").list_page()


@mistake("the bucket's name can't be one", "OSS")
def bucket_name(world: World, kind: str) -> object:
    world.connect(kind)
    return world.open(kind, "My_Bucket").list_page()


@mistake("the bucket belongs to somebody else", "S3")
def other_owner(world: World, kind: str) -> object:
    world.connect(kind, bucketsync_expected_owner="999999999999")
    return world.open(kind).list_page()


@mistake("the buckets are not where they must be", "S3", "OSS")
def required_region(world: World, kind: str) -> object:
    world.connect(kind)
    return world.sync(world.url("folder"), world.url(kind), require_region=["eu-central-1"])


# Permissions


@mistake("may not list", "S3", "OSS")
def may_not_list(world: World, kind: str) -> object:
    world.allow(kind, "GetObject", "PutObject")
    return world.open(kind).list_page()


@mistake("may not look at an object", "S3", "OSS")
def may_not_head(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "PutObject")
    return world.open(kind).head("a")


@mistake("may not read", "S3", "OSS")
def may_not_read(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "PutObject")
    with world.open(kind).open("a") as body:
        return body


@mistake("may not write", "S3", "OSS")
def may_not_write(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "GetObject")
    return world.open(kind).put("b", b"body")


@mistake("may not write parts", "S3", "OSS")
def may_not_write_parts(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "GetObject")
    return world.open(kind).begin_upload("b")


@mistake("may not read tags", "S3", "OSS")
def may_not_read_tags(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "GetObject")
    return world.open(kind).tags("a")


@mistake("may not write tags", "S3", "OSS")
def may_not_write_tags(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "GetObject", "PutObject")
    return world.open(kind).put("b", b"body", attributes=ObjectAttributes(tags={"team": "blue"}))


@mistake("may not delete", "S3", "OSS")
def may_not_delete(world: World, kind: str) -> object:
    world.allow(kind, "ListBucket", "ListObjects", "GetObject", "PutObject")
    return world.open(kind).delete("a")


@mistake("may not use the key of the encryption", "S3", "OSS")
def may_not_use_key(world: World, kind: str) -> object:
    key = "arn:aws:kms:us-east-1:123456789012:key/mine" if kind == "S3" else "0a1b-mine"
    world.connect(kind)
    world.oss.denied_kms_keys.add(key)
    # The strict server of S3 has no key service; this is what Amazon says.
    words = (
        f"User: arn:aws:iam::123456789012:user/tester is not authorized to perform: kms:GenerateDataKey on resource: "
        f"{key} because no identity-based policy allows the kms:GenerateDataKey action"
    )
    world.s3.faults.add(Fault("status", operation="PutObject", status=403, code="AccessDenied", message=words))
    settings = WriteSettings(encryption="aws:kms" if kind == "S3" else "KMS", encryption_key=key)
    return world.open(kind, settings=settings).put("b", b"body")


# Endpoint


@mistake("the endpoint's name is mistyped", "S3", "OSS")
def unknown_host(world: World, kind: str) -> object:
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        if "exmaple" in str(host):  # no test asks a name service
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **options)

    world.patch.setattr(socket, "getaddrinfo", resolve)
    world.connect_to(kind, "https://store.exmaple")
    return world.open(kind).list_page()


@mistake("nothing listens at the endpoint", "S3", "OSS")
def closed_port(world: World, kind: str) -> object:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        world.connect_to(kind, f"http://127.0.0.1:{unused.getsockname()[1]}")
        return world.open(kind).list_page()


@contextmanager
def website(status: int) -> Iterator[str]:
    """A server that answers everything with a page for people."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = b"<!DOCTYPE html><html><head><title>Console<br></head><body>Sign in</body></html>"
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@mistake("the endpoint is a web page", "S3", "OSS")
def web_page(world: World, kind: str) -> object:
    with website(200) as url:
        world.connect_to(kind, url)
        return world.open(kind).list_page()


@mistake("the endpoint is a web page that knows no such address", "S3", "OSS")
def missing_web_page(world: World, kind: str) -> object:
    with website(404) as url:
        world.connect_to(kind, url)
        return world.open(kind).list_page()


@mistake("the endpoint is a web page that forbids this", "S3", "OSS")
def forbidden_web_page(world: World, kind: str) -> object:
    with website(403) as url:
        world.connect_to(kind, url)
        return world.open(kind).list_page()


@mistake("https is written where http is spoken", "S3", "OSS")
def https_for_http(world: World, kind: str) -> object:
    world.connect_to(kind, world.server(kind).url.replace("http://", "https://"))
    return world.open(kind).list_page()


@mistake("http is written where https is spoken", "S3", "OSS")
def http_for_https(world: World, kind: str) -> object:
    with (S3Server if kind == "S3" else OSSServer)(tls=True) as server:
        world.connect_to(kind, server.url.replace("https://", "http://"))
        return world.open(kind).list_page()


@mistake("the certificate is not trusted", "S3", "OSS")
def untrusted_certificate(world: World, kind: str) -> object:
    with (S3Server if kind == "S3" else OSSServer)(tls=True) as server:
        world.connect_to(kind, server.url)
        return world.open(kind).list_page()


# The connection


@mistake("there is no such connection", "S3", "OSS")
def no_connection(world: World, kind: str) -> object:
    return world.open(kind)


@mistake("the connection is of another type", "S3", "OSS")
def other_type(world: World, kind: str) -> object:
    world.add({"conn_type": "http", "host": "example.com"})
    return world.open(kind)


@mistake("the connection is that of the other cloud", "S3", "OSS")
def other_cloud(world: World, kind: str) -> object:
    world.connect("OSS" if kind == "S3" else "S3")
    return world.open(kind)


@mistake("the endpoint is that of the other protocol", "S3")
def endpoint_of_oss(world: World, kind: str) -> object:
    world.connect_to(kind, "https://oss-cn-hangzhou.aliyuncs.com")
    return world.open(kind)


@mistake("a key of the extra is mistyped", "S3", "OSS")
def unknown_extra(world: World, kind: str) -> object:
    world.connect(kind, **({"bucketsync_profil": "minio"} if kind == "S3" else {"regoin": "cn-hangzhou"}))
    return world.open(kind)


@mistake("a value of the extra is of another kind", "S3", "OSS")
def wrong_extra(world: World, kind: str) -> object:
    world.connect(kind, **({"bucketsync_requester_pays": "yes"} if kind == "S3" else {"requester_pays": "yes"}))
    return world.open(kind)


# The profile of a store that speaks S3


@mistake("the profile is mistyped", "S3")
def unknown_profile(world: World, kind: str) -> object:
    world.connect(kind, bucketsync_profile="mimio")
    return world.open(kind)


@mistake("the profile has tags, the store has none", "S3")
def profile_tags(world: World, kind: str) -> object:
    world.s3.quirks = Quirks(refuses={"x-amz-tagging": "NotImplemented"})
    world.connect(kind)
    return world.open(kind).put("b", b"body", attributes=ObjectAttributes(tags={"team": "blue"}))


@mistake("the profile lists by version 2, the store by version 1", "S3")
def profile_list(world: World, kind: str) -> object:
    world.s3.quirks = Quirks(first_listing_only=True)
    world.connect(kind)
    return world.open(kind).list_page()


@mistake("the profile has the bucket in the path, the store wants it in the host", "S3")
def profile_addressing(world: World, kind: str) -> object:
    world.s3.quirks = Quirks(virtual_only=True)
    world.connect(kind)
    return world.open(kind).list_page()


@mistake("the profile sends no Content-MD5, the store wants it", "S3")
def profile_md5(world: World, kind: str) -> object:
    world.s3.quirks = Quirks(needs={"PutObject": ("content-md5", "MissingContentMD5")})
    world.connect(kind)
    return world.open(kind).put("b", b"body")


# The location


@mistake("the scheme is unknown", "S3", "folder")
def unknown_scheme(world: World, kind: str) -> object:
    return world.opened("s3a://my_store@bucket/in/" if kind == "S3" else str(world.folder))


@mistake("the location is a web address", "S3")
def web_address(world: World, kind: str) -> object:
    return world.opened("https://bucket.s3.amazonaws.com/in/")


@mistake("the location has no bucket", "S3")
def no_bucket_named(world: World, kind: str) -> object:
    return world.opened("s3://my_store@/in/")


@mistake("the location holds a key and its secret", "S3")
def secret_in_location(world: World, kind: str) -> object:
    return world.opened(f"s3://{KEY}:{SECRET}@bucket/in/")


@mistake("the folder is not absolute", "folder")
def relative_folder(world: World, kind: str) -> object:
    return world.opened("file://data/in/")


@mistake("the folder's path goes up", "folder")
def folder_goes_up(world: World, kind: str) -> object:
    return world.opened("file:///data/../in/")


@mistake("source and destination overlap", "S3", "folder")
def overlap(world: World, kind: str) -> object:
    world.connect("S3")
    return world.sync(world.url(kind), world.url(kind) + "copy/")


# Folders


@mistake("the folder does not exist", "folder")
def no_folder(world: World, kind: str) -> object:
    shutil.rmtree(world.folder / "in")
    return world.sync(world.url(kind), f"file://{world.folder}/out/")


@mistake("the folder is a file", "folder")
def file_for_folder(world: World, kind: str) -> object:
    return world.opened(f"file://{world.folder}/in/a/").list_page()


@contextmanager
def as_nobody() -> Iterator[None]:
    """As somebody who is not root; the right to read all is left for as long as the block runs."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@mistake("the folder may not be read", "folder")
def unreadable_folder(world: World, kind: str) -> object:
    (world.folder / "in/sub").mkdir()
    (world.folder / "in/sub").chmod(0)
    with as_nobody():
        return world.open(kind).list_page()


@mistake("a file may not be read", "folder")
def unreadable_file(world: World, kind: str) -> object:
    (world.folder / "in/a").chmod(0)
    with as_nobody(), world.open(kind).open("a") as body:
        return body


@mistake("the folder may not be written", "folder")
def unwritable_folder(world: World, kind: str) -> object:
    (world.folder / "in").chmod(0o555)
    with as_nobody():
        return world.open(kind).put("b", b"body")


# Options


@mistake("the storage class is unknown", "S3", "OSS", "folder")
def storage_class(world: World, kind: str) -> object:
    world.connect(kind)
    there = world.url(kind) if kind != "folder" else f"file://{world.folder}/out/"
    return world.sync(world.url("folder"), there, storage_class="GLACIAL")


@mistake("the encryption is unknown", "S3", "OSS", "folder")
def encryption(world: World, kind: str) -> object:
    world.connect(kind)
    there = world.url(kind) if kind != "folder" else f"file://{world.folder}/out/"
    return world.sync(world.url("folder"), there, encryption="AES-256")


@mistake("an ACL is asked for where there is none", "OSS", "folder")
def no_acl(world: World, kind: str) -> object:
    world.connect(kind)
    there = world.url(kind) if kind != "folder" else f"file://{world.folder}/out/"
    return world.sync(world.url("folder"), there, acl="bucket-owner-full-control")


@mistake("the bucket takes no ACL", "S3")
def acl_refused(world: World, kind: str) -> object:
    refusal = Fault(
        "status", operation="PutObject", status=400, code="AccessControlListNotSupported", message="No ACLs here"
    )
    world.s3.faults.add(refusal)
    world.connect(kind)
    return world.open(kind, settings=WriteSettings(acl="bucket-owner-full-control")).put("b", b"body")


@mistake("the object is archived", "S3", "OSS")
def archived(world: World, kind: str) -> object:
    world.connect(kind)
    store = world.open(kind)
    cold = "GLACIER" if kind == "S3" else "Archive"
    store.put("cold", b"body", attributes=ObjectAttributes(storage_class=cold))
    with store.open("cold") as body:
        return body


@mistake("the workspace is not shared", "folder")
def private_workspace(world: World, kind: str) -> object:
    def other_worker() -> None:
        shutil.rmtree(world.folder / "work")

    return world.sync(world.url(kind), f"file://{world.folder}/out/", before={"copy": other_worker})


@mistake("two workers have two workspaces", "folder")
def two_workspaces(world: World, kind: str) -> object:
    def other_worker() -> None:
        world.patch.setenv("AIRFLOW__BUCKETSYNC__WORKSPACE", f"file://{world.folder}/elsewhere/")

    return world.sync(world.url(kind), f"file://{world.folder}/out/", before={"copy": other_worker})
