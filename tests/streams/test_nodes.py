"""The whole way on two nodes, which are processes here: a node is killed in each step."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tars

from torch_cgprune import CGScores, KeepList
from torch_cgprune.streams.features import FeatureFolder

pytest.importorskip("torchdata.stateful_dataloader")
pytestmark = pytest.mark.slow

SIZES = (40, 30, 50, 40)
HELPERS = Path(__file__).parents[1] / "helpers"


def nodes(*command, log):
    """Start a command on two nodes, of one process each, as torchrun starts it on machines."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    launcher += ["--master-addr=127.0.0.1", f"--master-port={port}", "--max-restarts=0"]
    path = os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    with log.open("a") as said:
        return [
            subprocess.Popen(
                [*launcher, f"--node-rank={rank}", *map(str, command)],
                env=env,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            for rank in range(2)
        ]


def finish(started, log):
    codes = [node.wait(timeout=300) for node in started]
    assert codes == [0, 0], log.read_text()[-9000:]


def kill(started):
    """Kill the second node as a lost machine is, and then what is left of the first.

    What torchrun starts is in sessions of its own, and would go on beside the next try.
    """
    for node in reversed(started):
        tasks = Path(f"/proc/{node.pid}/task").glob("*/children")
        children = [int(child) for file in tasks for child in file.read_text().split()]
        for leader in (node.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)
        node.wait()


def when(ready, started):
    """Wait until something is there, or the nodes have ended."""
    while not ready() and any(node.poll() is None for node in started):
        time.sleep(0.01)


@pytest.fixture
def data(tmp_path):
    """Shards of texts in two classes, and an encoder of them."""
    pytest.importorskip("transformers")
    import tiny_texts  # noqa: PLC0415 (it needs transformers)

    rng, n = np.random.default_rng(0), 0
    for shard, size in enumerate(SIZES):
        members = []
        for number in range(n, n + size):
            words = " ".join(rng.choice([*"abcdefgh"], 6)) + " " + ("good", "bad")[number % 2]
            key = f"k{number:04d}"
            members += [(f"{key}.txt", words.encode()), (f"{key}.cls", b"%d" % (number % 2))]
        tars.write_tar(tmp_path / f"in-{shard}.tar", members)
        n += size
    tiny_texts.write_texts(tmp_path / "bert")
    return tmp_path


def test_from_shards_to_training_on_two_nodes_each_step_interrupted(data):
    log, cli = data / "log.txt", ["-m", "torch_cgprune"]
    encode = [
        *cli,
        "encode",
        data / "in-{0..3}.tar",
        "--text-column",
        "txt",
        "-o",
        data / "features",
    ]
    encode += ["--encoder", f"transformers:{data / 'bert'}"]
    started = nodes(*encode, log=log)
    when(lambda: [*(data / "features").glob("in-*")], started)
    kill(started)
    finish(nodes(*encode, log=log), log)
    found = FeatureFolder(data / "features")
    assert len({*found.names}) == len(found.names) == sum(SIZES)

    score = [*cli, "score", data / "features", "-o", data / "s.safetensors"]
    started = nodes(*score, log=log)
    time.sleep(4)
    kill(started)
    finish(nodes(*score, log=log), log)
    assert len(CGScores.load(data / "s.safetensors")) == sum(SIZES)

    kept = data / "kept.parquet"
    select = [sys.executable, *cli, "select", data / "s.safetensors", "--keep", "0.5", "-o", kept]
    subprocess.run([*map(str, select)], check=True, capture_output=True)
    keep = KeepList.load(kept)

    out = data / "seen"
    out.mkdir()
    train = [HELPERS / "run_stream.py", out, data / "in-{0..3}.tar", kept]
    started = nodes(*train, "0.2", log=log)
    when(lambda: len([*out.glob("*.pickle")]) == 2, started)
    time.sleep(1)
    kill(started)
    assert not [*out.glob("*.json")]
    finish(nodes(*train, "0", log=log), log)
    seen = [json.loads((out / f"{rank}.json").read_text()) for rank in range(2)]
    wanted = {f"k{i:04d}" for i in range(sum(SIZES)) if keep({"__key__": f"k{i:04d}"})}
    for epoch in range(2):
        times = Counter([*seen[0][epoch], *seen[1][epoch]])
        assert times.keys() == wanted
        assert times.total() == len(keep) + len(keep) % 2
