"""Chunks of litdata on the command line, read by litdata itself."""

import numpy as np
import pytest
from PIL import Image
from shell import run
from torch.utils.data import Subset

from torch_cgprune import CGScores, KeepList
from torch_cgprune.streams.features import FeatureFolder
from torch_cgprune.streams.litdata_chunks import LitChunk, chunks_in

litdata = pytest.importorskip("litdata")

N = 40


@pytest.fixture
def folder(tmp_path):
    from litdata.streaming.writer import BinaryWriter  # noqa: PLC0415 (it may not be there)

    rng = np.random.default_rng(0)
    writer = BinaryWriter(str(tmp_path / "data"), chunk_size=15)
    for i in range(N):
        pixels = rng.integers(0, 156, (8, 8, 3)) + 100 * (i % 2)
        image = Image.fromarray(pixels.astype(np.uint8))
        row = rng.normal(size=6).astype(np.float32) + i % 2
        writer[i] = {"image": image, "label": i % 2, "id": f"n{i}", "row": row}
    writer.done()
    writer.merge()
    assert [len(LitChunk(path)) for path in chunks_in(tmp_path / "data")] == [15, 15, 10]
    return tmp_path / "data"


def test_a_list_of_chunks_makes_a_subset(folder, tmp_path, capsys):
    scores, kept = tmp_path / "s.safetensors", tmp_path / "kept.parquet"
    assert run(capsys, "score", folder, "-o", scores, "-q") == (0, "", "")
    found = CGScores.load(scores)
    assert found.names[16] == "chunk-0-1.bin/n16"
    assert found.labels.tolist() == [i % 2 for i in range(N)]
    assert run(capsys, "select", scores, "--keep", "0.5", "-o", kept, "-q") == (0, "", "")
    keep = KeepList.load(kept, key="id")
    dataset = litdata.StreamingDataset(str(folder), shuffle=False)
    chosen = [i for i in range(N) if keep(dataset[i])]
    assert len(chosen) == len(keep)
    part = Subset(dataset, chosen)
    assert [part[i]["id"] for i in range(len(part))] == [f"n{i}" for i in chosen]


def test_embeddings_of_a_column_are_features(folder, tmp_path, capsys):
    out = tmp_path / "features"
    assert run(capsys, "encode", folder, "--feature-columns", "row", "-o", out, "-q")[0] == 0
    found = FeatureFolder(out)
    dataset = litdata.StreamingDataset(str(folder), shuffle=False)
    rows = np.stack([dataset[i]["row"] for i in range(N)])
    assert np.array_equal(found.rows[:N].numpy(), rows.astype(np.float16))
    assert found.labels == [str(i % 2) for i in range(N)]
