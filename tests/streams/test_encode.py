"""Features of a stream, part by part."""

import itertools

import pytest
import torch

from torch_cgprune import Encoder
from torch_cgprune.errors import CacheMismatchError
from torch_cgprune.streams import encode_stream
from torch_cgprune.streams.features import FeatureFolder

N = 23
ROWS = torch.rand(N, 1, 4, 4, generator=torch.Generator().manual_seed(0))
NAMES = {"image": "image", "label": "kind", "key": "id"}


def samples():
    return [{"image": ROWS[i], "kind": i % 2, "id": f"n{i}"} for i in range(N)]


class StoppedError(Exception):
    pass


def test_an_interrupted_stream_goes_on_at_the_next_part(tmp_path):
    encoder = Encoder(torch.nn.Flatten())

    def until(n):
        yield from itertools.islice(samples(), n)
        raise StoppedError

    with pytest.raises(StoppedError):
        encode_stream(until(18), encoder, tmp_path, **NAMES, part_size=5, progress=False)
    there = sorted(path.name for path in tmp_path.iterdir())
    assert there == [f"stream-00000{i}.features" for i in range(3)]
    done = encode_stream(samples(), encoder, tmp_path, **NAMES, part_size=5, progress=False)
    assert done == N - 15
    found = FeatureFolder(tmp_path)
    assert torch.equal(found.rows[:N], ROWS.reshape(N, -1).half())
    assert found.labels == [str(i % 2) for i in range(N)]
    assert found.names[7] == "stream-000001/n7"
    assert encode_stream(samples(), encoder, tmp_path, **NAMES, part_size=5, progress=False) == 0
    other = Encoder(torch.nn.Flatten(), resize=2)
    with pytest.raises(CacheMismatchError, match="another encoder"):
        encode_stream(samples(), other, tmp_path, **NAMES, part_size=5, progress=False)


def test_samples_without_a_key_are_numbered_through_all_parts(tmp_path):
    names = {**NAMES, "key": None}
    encode_stream(samples(), Encoder(torch.nn.Flatten()), tmp_path, **names, part_size=9)
    (tmp_path / "stream-000002.features").unlink()
    encode_stream(samples(), Encoder(torch.nn.Flatten()), tmp_path, **names, part_size=9)
    found = FeatureFolder(tmp_path)
    assert [*found.names] == [f"stream-{i // 9:06d}/{i}" for i in range(N)]


def test_a_stream_of_datasets(tmp_path):
    datasets = pytest.importorskip("datasets")
    kinds = datasets.Features(
        {
            "image": datasets.Array3D((1, 4, 4), "float32"),
            "kind": datasets.ClassLabel(names=["ant", "bee"]),
            "id": datasets.Value("string"),
        }
    )
    plain = [{**sample, "image": sample["image"].tolist()} for sample in samples()]
    rows = datasets.Dataset.from_list(plain, features=kinds).with_format("torch")
    stream = rows.to_iterable_dataset(num_shards=2)
    encoder = Encoder(torch.nn.Flatten())
    options = {"part_size": 9, "progress": False}
    assert encode_stream(stream, encoder, tmp_path, **NAMES, **options) == N
    (tmp_path / "stream-000002.features").unlink()
    assert encode_stream(stream, encoder, tmp_path, **NAMES, **options) == N - 18
    found = FeatureFolder(tmp_path)
    assert found.names[10] == "stream-000001/n10"
    assert found.labels == [("ant", "bee")[i % 2] for i in range(N)]
    assert torch.allclose(found.rows[:N].float(), ROWS.reshape(N, -1), atol=1e-3)
    plain[3]["kind"] = -1
    nameless = datasets.Dataset.from_list(plain, features=kinds).to_iterable_dataset()
    with pytest.raises(ValueError, match=r"The sample 'n3' has no label"):
        encode_stream(nameless, encoder, tmp_path / "other", **NAMES, **options)
