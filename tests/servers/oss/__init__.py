"""The Alibaba Cloud OSS dialect of the strict server."""

from tests.servers.oss.credentials import Allow, Credential
from tests.servers.oss.server import OSSServer

__all__ = ["Allow", "Credential", "OSSServer"]
