"""The stand that every test here runs on."""

from tests.engine.stand import copied, one_server, other, pair, server, stand, streamed, two_servers

__all__ = ["copied", "one_server", "other", "pair", "server", "stand", "streamed", "two_servers"]
