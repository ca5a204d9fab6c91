"""A PostgreSQL server of our own, from the binaries that this machine has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.system.processes import Process, clean_environment, free_port, wait_until

HOW_TO_GET = (
    "no PostgreSQL server was found on PATH, by pg_config or below /usr/lib/postgresql: install it, on Debian and "
    "Ubuntu with `apt-get install postgresql`, on macOS with `brew install postgresql`, or put the folder that holds "
    "`initdb` and `postgres` on PATH"
)


class NoPostgres(RuntimeError):
    """There is no server to start, or nobody to start it as."""


def find_binaries() -> Path:
    """The folder that holds `initdb` and `postgres`.

    :raises NoPostgres: says how to install them
    """
    folders = [Path(found).resolve().parent for found in (shutil.which("initdb"), shutil.which("postgres")) if found]
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(answer.stdout.strip()))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgres(HOW_TO_GET)


class Postgres:
    """A server on a free port of the loopback interface, with an empty database `airflow`, for as long as needed."""

    def __init__(self) -> None:
        self.binaries = find_binaries()
        self.port = free_port()
        self.url = f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"
        self._owner = _owner()
        # Not below a test's own folder: the server's user could not enter it.
        self.folder = Path(tempfile.mkdtemp(prefix="bucketsync-postgres-"))
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
        self._server: Process | None = None

    def __enter__(self) -> Self:
        data = self.folder / "data"
        try:
            self._call("initdb", "-D", str(data), "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync")
            options = {"user": self._owner.pw_uid, "group": self._owner.pw_gid} if self._owner else {}
            listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
            fast = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
            self._server = Process(
                "postgres",
                [str(self.binaries / "postgres"), "-D", str(data), "-p", str(self.port), *listen, *fast],
                env=clean_environment(),
                folder=self.folder,
                cwd=self.folder,
                **options,
            )
            wait_until(
                lambda: "ready to accept connections" in self._server.tail(100),  # type: ignore[union-attr]
                what="a ready PostgreSQL",
                timeout=30,
                watched=[self._server],
            )
            self._call("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "airflow", "airflow")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _call(self, name: str, *words: str) -> None:
        options = {"user": self._owner.pw_uid, "group": self._owner.pw_gid} if self._owner else {}
        answer = subprocess.run(
            [str(self.binaries / name), *words],
            env=clean_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **options,  # type: ignore[call-overload]
        )
        if answer.returncode:
            raise NoPostgres(f"{name} ended with {answer.returncode}:\n{answer.stdout}{answer.stderr}")


def _owner() -> pwd.struct_passwd | None:
    """Whom to run the server as; None = as ourselves. It refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")
