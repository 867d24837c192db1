"""Run a module up to a place, and no further: `python -m halting FOLDER PATTERN NUMBER MODULE ...`.

The place is where the NUMBER-th file whose path fits PATTERN would be moved in. Instead, a file in
FOLDER says that the process is there, and it waits to be killed: nothing depends on how fast it is.
"""

import fnmatch
import os
import runpy
import sys
import time
from pathlib import Path


def marker(folder, rank=0):
    return Path(folder, f"halted-{rank}")


def halt_at(folder, pattern, number):
    left = number

    def stop(event, args):
        nonlocal left
        if event != "os.rename" or not fnmatch.fnmatch(os.fspath(args[1]), pattern):
            return
        left -= 1
        if left == 0:
            marker(folder, os.environ.get("RANK", "0")).touch()
            time.sleep(600)
            os._exit(1)  # who should have killed it is gone

    sys.addaudithook(stop)


if __name__ == "__main__":
    where, what, which, module = sys.argv[1:5]
    sys.argv[:] = sys.argv[4:]
    halt_at(where, what, int(which))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
