"""How is a reply damaged before it is sent?"""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.core.body import Body, body_bytes, body_slice, concat
from tests.servers.web.exchange import Reply
from tests.servers.web.faults import Fault


@dataclass(slots=True)
class Delivery:
    """How the bytes go out: cut after n, lost, reset, paused."""

    cut_at: int | None = None
    lost: bool = False
    reset: bool = False
    pause_body: float = 0.0
    pause_chunks: float = 0.0
    chunk: int = 1024 * 1024


def flip_bit(body: Body, at: int, bit: int) -> Body:
    """Return the body with one bit inverted; an empty body stays as it is."""
    if not len(body):
        return body
    at = at % len(body)
    inverted = bytes([body_bytes(body_slice(body, at, at + 1))[0] ^ (1 << (bit % 8))])
    return concat([body_slice(body, 0, at), inverted, body_slice(body, at + 1, len(body))])


def damage(reply: Reply, faults: list[Fault], delivery: Delivery) -> Reply:
    """Return the reply as the faults leave it, and note in ``delivery`` how it is to be sent."""
    for fault in faults:
        if fault.action == "delay":
            reply.headers.update(fault.headers)  # a store that slows a reply down may say so
        match fault.action:
            case "empty_body":
                reply.body, reply.length = b"", None
            case "truncate":
                reply.body = body_slice(reply.body, 0, min(len(reply.body), fault.at))
            case "flip":
                reply.body = flip_bit(reply.body, fault.at, fault.bit)
            case "substitute":
                body = reply.body if fault.body is None else fault.body
                if fault.transform is not None:
                    body = fault.transform(body_bytes(body))
                status = fault.status if fault.body is not None and fault.status != 503 else reply.status
                length = reply.length if fault.body is None and fault.transform is None else None
                reply = Reply(status, {**reply.headers, **fault.headers}, body, reply.error_code, length)
            case "cut":
                delivery.cut_at = fault.at
            case "delay" if fault.where == "body":
                delivery.pause_body += fault.seconds
            case "delay" if fault.where == "chunks":
                delivery.pause_chunks, delivery.chunk = fault.seconds, fault.chunk
    return reply
