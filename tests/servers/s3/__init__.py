"""The Amazon S3 dialect of the strict server."""

from tests.servers.s3.credentials import Allow, Credential
from tests.servers.s3.quirks import Quirks
from tests.servers.s3.server import S3Server

__all__ = ["Allow", "Credential", "Quirks", "S3Server"]
