"""How long may a connection take to be made, and to move a byte?

The HTTP libraries count the seconds of connecting once for each address of a host, and give all of a request's body no
more time than connecting has. Here connecting has so many seconds altogether, and a body as long as its bytes move.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from itertools import zip_longest
from typing import Any, TypeVar

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError
from urllib3.util.connection import allowed_gai_family

from airflow_bucketsync.engine.stores.clock import SystemClock

PIECE = 64 * 1024
"""Bytes that have so many seconds to leave."""
_SHARES = 4
"""Each of a host's addresses has this part of what is left of the time to connect, the last one all of it."""
_LEAST = 0.01
_CLOCK = SystemClock()
_NOT_SENT = getattr(socket, "TCP_NOTSENT_LOWAT", None)

Pool = TypeVar("Pool", bound=HTTPConnectionPool)


def patient(pools: type[Pool], *, silence: float) -> type[Pool]:
    """The same kind of connections, which bear slow ones and give up silent ones.

    :param silence: seconds without a byte sent, after which a request failed
    """
    base: Any = pools.ConnectionCls
    if issubclass(base, _Patient):
        return pools
    connection = type("PatientConnection", (_Patient, base), {"silence": silence})
    return type("PatientPool", (pools,), {"ConnectionCls": connection})


class _Patient:
    """Connects to one of a host's addresses in time, and sends a body piece by piece."""

    silence: float
    sock: Any
    host: str
    port: int
    timeout: Any
    _dns_host: str

    def _new_conn(self) -> socket.socket:
        """A connection to the first address that answers; all of them together have the time that one had."""
        name, seconds = self._dns_host, self.timeout
        try:
            addresses = _addresses(name, self.port)
        except (OSError, UnicodeError):
            addresses = [name]  # which fails for the same reason, in the library's words
        until = None if seconds is None else _CLOCK.monotonic() + seconds
        try:
            for left in range(len(addresses), 0, -1):
                self._dns_host = addresses[-left]
                if until is not None:
                    self.timeout = max(_LEAST, (until - _CLOCK.monotonic()) / min(left, _SHARES))
                try:
                    made = self._connected()
                except (ConnectTimeoutError, NewConnectionError):
                    if left == 1 or (until is not None and _CLOCK.monotonic() >= until):
                        raise
                else:
                    made.settimeout(seconds)
                    return made
            raise NewConnectionError(self, f"{name} has no address")  # type: ignore[arg-type]
        finally:
            self._dns_host, self.timeout = name, seconds

    def _connected(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        if _NOT_SENT is not None:
            # What waits in the system's own buffer can't be seen to move, and may be megabytes on a slow line.
            with suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, _NOT_SENT, 2 * PIECE)
        return made

    def send(self, data: Any) -> None:
        """Send it, with a time limit for each piece."""
        if not isinstance(data, bytes | bytearray | memoryview) or self.sock is None:
            super().send(data)  # type: ignore[misc]
            return
        self.sock.settimeout(self.silence)
        with memoryview(data).cast("B") as view:
            try:
                for at in range(0, len(view), PIECE):
                    super().send(view[at : at + PIECE])  # type: ignore[misc]
            except TimeoutError as error:
                raise ReadTimeoutError(
                    None,  # type: ignore[arg-type]
                    "",
                    f"no bytes went out in {self.silence} s",
                ) from error


def _addresses(name: str, port: int) -> list[str]:
    """The addresses of a host, in the system's order, but by turns of each family: one of them may lead nowhere."""
    found = socket.getaddrinfo(name.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append(str(address[0]))
    turns = zip_longest(*families.values())
    return [address for turn in turns for address in turn if address is not None]
