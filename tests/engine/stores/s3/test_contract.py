"""Does the S3 store hold the contract of all stores, on the strict server and on moto?"""

from __future__ import annotations

import pytest

from airflow_bucketsync.engine.errors import FinalError, ObjectNotFound, ServerError
from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.stores.s3.profiles import AWS, OTHER
from tests.engine.stores.contract import OTHER_VERSION, StoreContract, listing, read


class TestStrictServer(StoreContract):
    """The strict server decides."""

    @pytest.fixture
    def store(self, make_store):
        return make_store("some/prefix/", profile=AWS)

    @pytest.fixture
    def second_store(self, make_store):
        return make_store("another/", profile=AWS)


class TestStrictServerOfUnknownKind(StoreContract):
    """As a store that nothing is known of."""

    can_delete_conditionally = False

    @pytest.fixture
    def store(self, make_store):
        return make_store("some/prefix/", profile=OTHER)

    @pytest.fixture
    def second_store(self, make_store):
        return make_store("another/", profile=OTHER)


class TestStrictServerTwoBuckets(StoreContract):
    """From bucket to bucket, at their roots, one of them with versions."""

    @pytest.fixture
    def store(self, make_store):
        return make_store(profile=AWS)

    @pytest.fixture
    def second_store(self, server, bucket, make_store):
        name = f"{bucket}-two"
        server.core.create_bucket(name, region=server.region)
        server.core.bucket(name).settings.versioning = "Enabled"
        return make_store(place=name, profile=AWS)


class TestMoto(StoreContract):
    """A second opinion. What moto does otherwise is declared here, each by a test that fails when moto learns it."""

    can_delete_conditionally = False

    @pytest.fixture
    def store(self, moto_store):
        return moto_store("some/prefix/")

    @pytest.fixture
    def second_store(self, moto_store):
        return moto_store("another/")

    @pytest.mark.parametrize("verb", ["put"])
    def test_conditions_of_a_write(self, store, verb):
        super().test_conditions_of_a_write(store, verb)

    def test_conditions_of_copies_and_completions_are_ignored(self, store):
        put = store.put("o", b"made")
        store.put("from", b"copied")
        store.copy("o", source_store=store, source_key="from", source=Condition.ANY, destination=Condition.ABSENT)
        assert read(store, "o") == b"copied"
        upload = store.begin_upload("o")
        part = store.upload_part("o", upload, 1, b"made")
        assert store.complete_upload("o", upload, [part], size=4, destination=OTHER_VERSION).etag != put.etag

    def test_a_copy_is_pinned_to_its_source(self, store, second_store):
        """It is not: moto ignores the condition on the source."""
        second_store.put("from", b"other")
        store.copy("to", source_store=second_store, source_key="from", source=Condition(etag="0" * 32, size=5))
        assert read(store, "to") == b"other"

    def test_parts_from_a_range_of_another_object(self, store, second_store):
        """They are not pinned either."""
        second_store.put("from", b"0123456789")
        upload = store.begin_upload("to")
        part = store.copy_part(
            "to", upload, 1, source_store=second_store, source_key="from", start=2, length=5, source=OTHER_VERSION
        )
        store.complete_upload("to", upload, [part], size=5)
        assert read(store, "to") == b"23456"

    @pytest.mark.parametrize("mode", ["stream"])
    def test_transfer_many_brings_objects_and_says_what_became_of_each(self, store, second_store, mode):
        super().test_transfer_many_brings_objects_and_says_what_became_of_each(store, second_store, mode)

    def test_an_aborted_upload_is_gone(self, store):
        """Except that a part sent to it is a failure of the server."""
        upload = store.begin_upload("o")
        store.abort_upload("o", upload)
        store.abort_upload("o", upload)
        with pytest.raises(ServerError):
            store.upload_part("o", upload, 1, b"x")
        with pytest.raises(ObjectNotFound):
            store.list_parts("o", upload)
        assert list(store.list_uploads()) == []

    def test_what_is_refused_is_not_written(self, store):
        """What S3 refuses; moto itself takes keys that it can't list."""
        for key in ("x" * 2000, "é" * 520):
            with pytest.raises(FinalError):
                store.put(key, b"")
        assert listing(store) == []
