"""Does the S3 store hold the contract of all stores on real servers?"""

from __future__ import annotations

import pytest

from tests.engine.stores import contract
from tests.real.deviations import DEVIATIONS


class RealContract(contract.StoreContract):
    """The suite on one server; what it does otherwise stands in deviations.py."""

    server: str
    can_delete_conditionally = False

    @pytest.fixture
    def store(self, make_store, bucket):
        return make_store(self.server, bucket, "some/prefix/")

    @pytest.fixture
    def second_store(self, make_store, bucket):
        return make_store(self.server, bucket, "another/")

    @pytest.fixture(autouse=True)
    def without_folders_as_files(self, monkeypatch):
        """Where keys are paths, a key and those below it can't stand together: the deeper ones do, as for files."""
        together = contract.fillable

        def fillable(store):
            keys = together(store)
            return [key for key in keys if not any(other.startswith(key + "/") for other in keys)]

        monkeypatch.setattr(contract, "fillable", fillable)


class TestVersitygw(RealContract):
    """Versity S3 Gateway."""

    server = "versitygw"


class TestMinio(RealContract):
    """MinIO."""

    server = "minio"


def test_every_deviation_names_a_server_and_a_test():
    """A line that names no test would never be held against a server."""
    classes = {case.server: case for case in (TestVersitygw, TestMinio)}
    for server, declared in DEVIATIONS.items():
        for name in declared:
            function, _, parameter = name.partition("[")
            test = getattr(classes[server], function)
            values = [value for mark in getattr(test, "pytestmark", ()) for value in mark.args[1]]
            assert parameter.removesuffix("]") in (values or [""]), name
