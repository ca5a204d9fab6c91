"""What oss2 bucket do tests talk through?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oss2

if TYPE_CHECKING:
    from tests.servers.oss.credentials import Credential
    from tests.servers.oss.server import OSSServer


class _Keys(oss2.credentials.CredentialsProvider):  # type: ignore[misc]
    """The keys of one credential."""

    def __init__(self, credential: Credential) -> None:
        self._found = oss2.credentials.Credentials(
            credential.access_key, credential.secret_key, credential.session_token or ""
        )

    def get_credentials(self) -> Any:
        return self._found


def _read_documents(response: Any, *_: Any, **__: Any) -> None:
    """Read what oss2 leaves unread, as the answers to copies and completions: their connections would be lost."""
    if response.headers.get("Content-Type") == "application/xml" and response.request.method != "GET":
        response.content  # noqa: B018 - reading it is the effect


def make_session(server: OSSServer) -> Any:
    """Return the pool of connections that all buckets of a server share."""
    session = oss2.Session(pool_size=32)
    session.session.hooks["response"].append(_read_documents)
    session.session.trust_env = False  # a bundle of certificates named there would be preferred to ours
    if server.ca_file is not None:
        session.session.verify = server.ca_file
    return session


def make_bucket(server: OSSServer, name: str, *, credential: Credential | None = None, **settings: Any) -> Any:
    """Return an oss2 bucket signing version 4 for the server's region, unless ``settings`` say otherwise."""
    chosen = credential or next(iter(server.credentials.values()))
    known = {"region": server.region, "session": server.session, "connect_timeout": (5, 30), **settings}
    auth = known.pop("auth", None) or oss2.ProviderAuthV4(_Keys(chosen))
    return oss2.Bucket(auth, known.pop("endpoint", server.url), name, **known)
