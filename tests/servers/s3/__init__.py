"""The Amazon S3 dialect of the strict server."""

from tests.servers.s3.credentials import Allow, Credential
from tests.servers.s3.server import S3Server

__all__ = ["Allow", "Credential", "S3Server"]
