"""What may a test in another process ask and change over HTTP?

GET/POST/DELETE /_control/faults, GET/DELETE /_control/log, GET /_control/stats, POST /_control/clock {"shift": s},
POST /_control/knobs {"latency": s, "max_requests_per_second": n}. From loopback only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.servers.web.exchange import Reply
from tests.servers.web.faults import Fault

if TYPE_CHECKING:
    from tests.servers.web.host import StoreServer

PREFIX = "/_control/"
KNOBS = ("latency", "max_requests_per_second")


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def answer_control(server: StoreServer, method: str, path: str, body: bytes) -> Reply:
    """Answer one control request."""
    try:
        match method, path.removeprefix(PREFIX):
            case "GET", "faults":
                return _json([fault.to_json() for fault in server.faults])
            case "POST", "faults":
                value = json.loads(body)
                rules = [Fault.from_json(item) for item in (value if isinstance(value, list) else [value])]
                return _json([server.faults.add(rule).id for rule in rules], 201)
            case "DELETE", "faults":
                server.faults.clear()
                return Reply(204)
            case "GET", "log":
                return Reply(200, {"Content-Type": "application/jsonl"}, server.log.json_lines())
            case "DELETE", "log":
                server.log.clear()
                return Reply(204)
            case "GET", "stats":
                return _json(server.log.stats())
            case "POST", "clock":
                server.core.clock.shift(float(json.loads(body)["shift"]))
                return _json({"now": server.core.now()})
            case "POST", "knobs":
                for name, value in json.loads(body).items():
                    if name not in KNOBS:
                        raise ValueError(f"unknown knob {name!r}")
                    setattr(server, name, value)
                return Reply(204)
            case _:
                return _json({"error": "no such control path"}, 404)
    except (ValueError, TypeError, KeyError) as error:
        return _json({"error": str(error)}, 400)
