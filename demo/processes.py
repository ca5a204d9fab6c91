"""How does the demo leave no program behind, whatever happens to it?"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from collections.abc import Iterator

import psutil

PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """End every program below this one at the end of the block; a second Ctrl-C does not stop that."""
    if sys.platform == "linux":
        # Orphans come to us instead of to init, so that none is lost when its parent ends first.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, left = psutil.wait_procs(left, timeout=3)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=3)
        signal.signal(signal.SIGINT, before)
