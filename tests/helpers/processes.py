"""Scripts run as users run them: in processes of their own, alone or under torchrun."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import halting
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


def environment():
    """Return that of a process which may import what is in this folder."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def wait_for(files, started):
    """Wait until processes have written files; none of them may end before, or hang."""
    start = time.monotonic()
    while not all(file.exists() for file in files):
        ended = [process for process in started if process.poll() is not None]
        assert not ended, f"it ended with {ended[0].returncode}, before it was where to halt"
        assert time.monotonic() - start < 300, "it hangs"
        time.sleep(0.01)


def killed_at(folder, pattern, *command):
    """Run `torch-cgprune`, and kill it where it would move in the first file of that pattern."""
    argv = [sys.executable, "-m", "halting", folder, pattern, 1, "torch_cgprune", *command]
    process = subprocess.Popen([*map(str, argv)], env=environment())
    try:
        wait_for([halting.marker(folder)], [process])
    finally:
        process.kill()
        process.wait()
