"""What becomes of a request that fault rules strike?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from tests.servers.web.damage import Delivery, damage
from tests.servers.web.exchange import Call, Reply
from tests.servers.web.faults import Fault

if TYPE_CHECKING:
    from tests.servers.web.host import StoreServer

NO_REPLY = Reply(0)


async def answer_faulty(
    server: StoreServer, request: web.BaseRequest, call: Call, faults: list[Fault]
) -> tuple[Reply, Delivery]:
    """Answer in the order: before, apply, after, damage."""
    delivery, times, flips, after_applying = Delivery(), 1, [], None
    for fault in faults:
        action = fault.action
        if action == "maybe_applied":
            action = fault.random.choice(("lose_reply", "drop_request"))
        match action:
            case "before":
                await _run_hook(fault, call)
            case "status" | "error200" if not fault.applied:
                await server.read_body(request, call)
                return _fault_reply(server, call, fault), delivery
            case "status" | "error200":
                after_applying = fault
            case "drop_request":
                delivery.lost = True
                return NO_REPLY, delivery
            case "reset":
                delivery.reset = True
                return NO_REPLY, delivery
            case "lose_reply":
                delivery.lost = True
            case "delay" if fault.where == "request":
                await asyncio.sleep(fault.seconds)
            case "duplicate":
                times = 2
            case "flip_request":
                flips.append(fault)
            case "stale":
                call.wants_stale = True
            case "odd_listing":
                call.oddity = fault.oddity
    reply = await server.answer(request, call, tuple(flips), times)
    for fault in faults:
        if fault.action == "after":
            await _run_hook(fault, call)
        if fault.action == "delay" and fault.where == "reply":
            await asyncio.sleep(fault.seconds)
    if after_applying is not None:
        return _fault_reply(server, call, after_applying), delivery
    return damage(reply, faults, delivery), delivery


async def _run_hook(fault: Fault, call: Call) -> None:
    if fault.hook is not None:
        await asyncio.to_thread(fault.hook, call)  # so that a hook may itself be a client of this server


def _fault_reply(server: StoreServer, call: Call, fault: Fault) -> Reply:
    status = 200 if fault.action == "error200" else fault.status
    reply = server.error_reply(call, status, fault.code or server.throttled[1], fault.message)
    if fault.keep_alive and isinstance(reply.body, bytes):
        declaration, newline, rest = reply.body.partition(b"\n")
        reply.body = declaration + newline + b" " * 512 + newline + rest
    if fault.retry_after is not None:
        reply.headers["Retry-After"] = str(fault.retry_after)
    reply.headers.update(fault.headers)
    return reply
