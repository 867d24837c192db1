"""Scripts run as users run them: in processes of their own, alone or under torchrun."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch


def run_script(script, processes, *arguments):
    """Run a script of this folder, by plain python or with as many ranks; return how it ended."""
    launcher = [sys.executable]
    if processes is not None:
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.run(
        [*launcher, Path(__file__).with_name(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def warned(said):
    """Whether a sampler said on stderr that it is of the wrong kind."""
    return "knows nothing of ranks" in said or "gives each rank its share" in said


def write_record(folder, rank, record):
    (Path(folder) / f"{rank}.json").write_text(json.dumps(record))


def records(script, processes, folder, *arguments):
    """Run a script that leaves one record per rank; return them, and what was said on stderr."""
    folder.mkdir(exist_ok=True)
    done = run_script(script, processes, folder, *arguments)
    assert done.returncode == 0, done.stderr
    ranks = range(processes or 1)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in ranks], done.stderr


def leave_group():
    """Take the process group down, all ranks together: one that outlives its threads aborts."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
