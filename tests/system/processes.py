"""Start commands, wait for them, and stop them with everything they started: each by its recorded id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil


class NotReady(RuntimeError):
    """Something that was started did not get ready; the end of its output is in the message."""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A command in the background, with its output in a file.

    :param name: names the file of its output
    :param command: the words of the command
    :param env: its whole environment
    :param folder: where the output goes
    """

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], folder: Path, **options: Any
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.output = folder / f"{name}.log"
        with self.output.open("ab") as output:
            # A session of its own: Ctrl-C in a terminal is for us, we stop our children in order.
            self._child = subprocess.Popen(
                list(command),
                env=dict(env),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **options,
            )
        self.pid = self._child.pid
        self._known: dict[int, psutil.Process] = {}

    def remember(self) -> list[psutil.Process]:
        """The processes below this one that were seen so far and still live: some outlive their parent."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.pid).children(recursive=True):
                self._known.setdefault(process.pid, process)
        return [process for process in self._known.values() if process.is_running()]

    @property
    def ended(self) -> int | None:
        """The exit status; None = it runs."""
        return self._child.poll()

    def tail(self, lines: int = 30) -> str:
        """The end of the output."""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-lines:])

    def ask(self) -> None:
        """Ask it to end."""
        self.remember()
        if self.ended is None:
            self._child.send_signal(signal.SIGTERM)

    def stop(self, *, patience: float = 5.0) -> None:
        """Ask it to end, then end it and all it left behind."""
        self.ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(patience)
        left = self.remember()
        if self.ended is None:
            self._child.kill()
            self._child.wait(patience)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=patience)

    def kill(self) -> None:
        """End it as a crash does; what it started lives on until `stop`."""
        self.remember()
        self._child.kill()
        self._child.wait(10)

    def kill_all(self) -> None:
        """End it and all it started at once, as a machine that loses its power does."""
        self.kill()
        kill_processes(self.remember())


def kill_processes(processes: Sequence[psutil.Process]) -> None:
    """End processes as a crash does, each with all that it started."""
    found = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.children(recursive=True)
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=10)


def wait_until(
    asked: Callable[[], Any], *, what: str, timeout: float, pause: float = 0.25, watched: Sequence[Process] = ()
) -> Any:
    """What `asked` answers as soon as it is something.

    :raises NotReady: when the time is over, or a watched process ended
    """
    end = time.monotonic() + timeout
    while True:
        if answer := asked():
            return answer
        for process in watched:
            if process.ended is not None:
                raise NotReady(f"{process.name} ended with {process.ended}:\n{process.tail()}")
        if time.monotonic() > end:
            tails = "\n".join(f"--- {process.name}\n{process.tail()}" for process in watched)
            raise NotReady(f"{what} was not seen within {timeout:.0f} s\n{tails}")
        time.sleep(pause)


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would steer another Airflow or cloud client."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_", "_AIRFLOW"))}
    return kept | more
