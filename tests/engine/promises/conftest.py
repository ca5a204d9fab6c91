"""The stand that every test here runs on."""

from tests.engine.promises.rights import make_world, policed
from tests.engine.stand import any_pair, copied, one_server, other, pair, server, stand, streamed, two_oss, two_servers

__all__ = [
    "any_pair",
    "copied",
    "make_world",
    "one_server",
    "other",
    "pair",
    "policed",
    "server",
    "stand",
    "streamed",
    "two_oss",
    "two_servers",
]
