"""Does the OSS store hold the contract of all stores, on the strict server?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import ObjectChanged
from airflow_bucketsync.engine.model.condition import Condition
from tests.engine.stores.contract import OTHER_VERSION, StoreContract, read


class TestStrictServer(StoreContract):
    """The strict server decides."""

    can_delete_conditionally = False

    @pytest.fixture
    def store(self, make_store):
        return make_store("some/prefix/")

    @pytest.fixture
    def second_store(self, make_store):
        return make_store("another/")

    @pytest.mark.parametrize("verb", ["put", "copy", "complete"])
    def test_conditions_that_the_store_lacks_are_looked_at_before(self, store, verb):
        """Beyond `create_only`, which the capabilities declare: a HEAD stands in for the other conditions."""

        def write(body: bytes, destination: Condition) -> None:
            if verb == "put":
                store.put("o", body, destination=destination)
            elif verb == "copy":
                store.put("source", body)
                store.copy("o", source_store=store, source_key="source", source=Condition.ANY, destination=destination)
            else:
                upload = store.begin_upload("o")
                part = store.upload_part("o", upload, 1, body)
                store.complete_upload("o", upload, [part], size=len(body), destination=destination)

        with pytest.raises(ObjectChanged, match="nothing stands there"):
            write(b"over nothing", OTHER_VERSION)
        write(b"made", Condition.ABSENT)
        info = store.head("o").info
        with pytest.raises(ObjectChanged):
            write(b"over another", OTHER_VERSION)
        assert read(store, "o") == b"made"
        write(b"over this", Condition.replacing(info))
        with pytest.raises(ObjectChanged):
            write(b"over what was", Condition.replacing(info))
        assert read(store, "o") == b"over this"


class TestStrictServerTwoBuckets(TestStrictServer):
    """From bucket to bucket, at their roots, both with versions, where OSS ignores that nothing may be overwritten."""

    @pytest.fixture
    def store(self, server, bucket, make_store):
        server.core.bucket(bucket).settings.versioning = "Enabled"
        return make_store()

    @pytest.fixture
    def second_store(self, server, bucket, make_store):
        name = f"{bucket}-two"
        server.core.create_bucket(name, region=server.region)
        server.core.bucket(name).settings.versioning = "Enabled"
        return make_store(place=name)


class TestOverTls(TestStrictServer):
    """The same with checksums compared instead of sent."""

    @pytest.fixture
    def store(self, secure, bucket, make_store):
        secure.core.create_bucket(bucket, region=secure.region)
        return make_store("some/prefix/", at=secure)

    @pytest.fixture
    def second_store(self, secure, make_store, store):
        return make_store("another/", at=secure)
