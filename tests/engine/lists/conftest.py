"""The stand that tests with real stores run on."""

from tests.engine.stand import one_server, other, server, stand, two_oss, two_servers

__all__ = ["one_server", "other", "server", "stand", "two_oss", "two_servers"]
