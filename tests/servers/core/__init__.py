"""One in-memory object store, without HTTP and without any dialect."""

from tests.servers.core.body import Body, ConcatBody, SyntheticBody
from tests.servers.core.model import Checksum, Lock, ObjectVersion
from tests.servers.core.store import ObjectStore

__all__ = ["Body", "Checksum", "ConcatBody", "Lock", "ObjectStore", "ObjectVersion", "SyntheticBody"]
