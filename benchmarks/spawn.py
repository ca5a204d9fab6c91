"""Run one command and say what it cost, from a process so small that its own memory never counts.

Linux counts what a process held before it became another program: started by a large parent, every command would seem
at least as large. Stands alone: standard library only. Arguments: file for the result, file for the output, command.
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    result, output, *command = sys.argv[1:]
    began = time.monotonic()
    with open(output, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    cost = {
        "status": process.returncode,
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.monotonic() - began,
        "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    with open(result, "w") as file:
        json.dump(cost, file)
