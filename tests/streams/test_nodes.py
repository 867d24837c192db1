"""The whole way on two nodes, which are processes here: a node is killed in each step."""

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tars
import torch
from halting import marker
from processes import environment, killed_at, wait_for

from torch_cgprune import CGScores, KeepList
from torch_cgprune.streams.features import FeatureFolder

pytest.importorskip("torchdata.stateful_dataloader")
pytestmark = pytest.mark.slow

SIZES = (40, 30, 50, 40)


def nodes(*command, log):
    """Start a command on two nodes, of one process each, as torchrun starts it on machines."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    launcher += ["--master-addr=127.0.0.1", f"--master-port={port}", "--max-restarts=0"]
    with log.open("a") as said:
        return [
            subprocess.Popen(
                [*launcher, f"--node-rank={rank}", *map(str, command)],
                env=environment(),
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


def interrupted(folder, pattern, number, *command, log, ranks=(0, 1)):
    """Kill a module on two nodes, when ranks are about to move in such a file for that time."""
    folder.mkdir()
    started = nodes("-m", "halting", folder, pattern, number, *command, log=log)
    try:
        wait_for([marker(folder, rank) for rank in ranks], started)
    finally:
        kill(started)


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


def shell(*argv):
    command = [sys.executable, "-m", "torch_cgprune", *map(str, argv)]
    subprocess.run(command, check=True, capture_output=True, env=environment())


def times(folder, pattern):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob(pattern)}


def encode(data, log):
    """Each node is killed when it has one of its two shards, which is not made again."""
    out = data / "features"
    command = ["torch_cgprune", "encode", data / "in-{0..3}.tar", "--text-column", "txt"]
    command += ["--encoder", f"transformers:{data / 'bert'}", "-o", out]
    interrupted(data / "encode", f"{out}/in-*", 2, *command, log=log)
    before = times(out, "in-*")
    assert sorted(before) == ["in-0.tar.features", "in-1.tar.features"]
    finish(nodes("-m", *command, log=log), log)
    assert before.items() <= times(out, "in-*").items()
    found = FeatureFolder(out)
    assert len({*found.names}) == len(found.names) == sum(SIZES)
    return out


def score(data, features, log):
    """The first node is killed after one run of three; the scores are those of one process."""
    command = ["torch_cgprune", "score", features, "--method", "local", "--runs", 3]
    command += ["--block-size", 40, "-o"]
    out, alone, partial = (
        data / name for name in ("s.safetensors", "alone.safetensors", "s.safetensors.partial")
    )
    interrupted(data / "score", str(partial), 2, *command, out, log=log, ranks=[0])
    assert partial.is_file()
    assert not out.exists()
    finish(nodes("-m", *command, out, log=log), log)
    assert not partial.exists()
    shell(*command[1:], alone)
    found, expected = CGScores.load(out), CGScores.load(alone)
    assert found.names == expected.names
    torch.testing.assert_close(found.terms, expected.terms, rtol=1e-3, atol=1e-5)
    return out


def select(data, scores):
    """The process is killed before the list is there; the next one writes what any other does."""
    out, alone = data / "kept.parquet", data / "alone.parquet"
    command = ["select", scores, "--keep", "0.5", "-o"]
    (data / "select").mkdir()
    killed_at(data / "select", str(out), *command, out)
    assert not out.exists()
    for path in (out, alone):
        shell(*command, path)
    assert out.read_bytes() == alone.read_bytes()
    return out


def train(data, kept, log):
    """Both ranks are killed in the first epoch, and again in the second."""
    out = data / "seen"
    out.mkdir()
    command = ["run_stream", out, data / "in-{0..3}.tar", kept]
    # An epoch is 20 batches of two a rank: a state for each, and one at its end. What is delivered
    # with the 7th state is lost with it; the 19th of the next start is the 4th of its second epoch.
    for number, delivered in ((7, [12]), (19, [40, 6])):
        folder = data / f"train-{number}"
        interrupted(folder, f"{out}/*.pickle", number, *command, log=log)
        assert not [*out.glob("*.json")]
        for rank in range(2):
            seen, *_ = pickle.loads((out / f"{rank}.pickle").read_bytes())
            assert [*map(len, seen)] == delivered
    finish(nodes("-m", *command, log=log), log)
    return [json.loads((out / f"{rank}.json").read_text()) for rank in range(2)]


def test_from_shards_to_training_on_two_nodes_each_step_interrupted(data):
    log = data / "log.txt"
    kept = select(data, score(data, encode(data, log), log))
    keep = KeepList.load(kept)
    keys = [f"k{i:04d}" for i in range(sum(SIZES))]
    wanted = {key: 1 for key in keys if keep({"__key__": key})}
    assert len(wanted) == len(keep) == sum(SIZES) // 2
    seen = train(data, kept, log)
    for epoch in range(2):
        assert Counter([*seen[0][epoch], *seen[1][epoch]]) == wanted
