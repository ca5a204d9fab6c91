"""What did one command cost: CPU, wall time, memory, and which requests did the server see?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo.servers import Server

SPAWN = Path(__file__).with_name("spawn.py")


@dataclass(frozen=True)
class Cost:
    """What one command cost.

    :param cpu: seconds, user and system, of the process and its children
    :param wall: seconds
    :param memory: the highest resident set of the process, bytes
    :param requests: by operation, as the server names them
    """

    cpu: float
    wall: float
    memory: int
    requests: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class CommandFailed(Exception):
    """A command of the benchmark did not end with 0."""


def measure(server: Server, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Cost:
    """Run a command to its end and return what it cost.

    :raises CommandFailed: it did not end with 0; the message holds the end of its output
    """
    server.forget_log()
    result = log.with_suffix(".cost")
    subprocess.run([sys.executable, "-I", "-S", SPAWN, result, log, *command], env=environment, check=True)
    cost = json.loads(result.read_text())
    if cost["status"] != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise CommandFailed(f"{' '.join(command[:3])} … ended with {cost['status']}:\n{tail}")
    requests = {name: count for name, count in server.stats()["operations"].items() if name != "Control"}
    return Cost(cost["cpu"], cost["wall"], cost["memory"], requests)
