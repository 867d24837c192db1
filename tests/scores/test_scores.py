import json
import stat

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from torch_cgprune import CacheError, CGScores, cg_scores
from torch_cgprune.utils.files import read_safetensors


@pytest.fixture(params=["exact", "stochastic", "local"])
def scores(request, rng):
    labels = ["ant", "bee", "cat"] * 10
    return cg_scores(
        torch.randn(30, 6, generator=rng), labels, method=request.param, progress=False
    )


def test_saving_and_loading_gives_the_same(scores, tmp_path):
    path = tmp_path / "s.safetensors"
    scores.save(path)
    loaded = CGScores.load(path)
    for name in (
        "values",
        "terms",
        "cg_prime",
        "labels",
        "complexity",
        "bound",
        "digests",
        "suspects",
    ):
        assert torch.equal(getattr(loaded, name), getattr(scores, name))
    for name in ("own", "rival", "margin", "loo"):
        assert (getattr(loaded, name) is None) == (
            scores.metadata["options"]["method"] == "stochastic"
        )
    assert loaded.classes == ("ant", "bee", "cat")
    assert loaded.metadata == scores.metadata
    assert stat.S_IMODE(path.stat().st_mode) & 0o044  # others in the group may load it


def test_near_copies_are_saved_too_where_they_were_asked_for(tmp_path, rng):
    path, x = tmp_path / "s.safetensors", torch.randn(20, 2, generator=rng)
    for near, pairs in ((0.99, 5), (1, 0)):
        scores = cg_scores(x, [0, 1] * 10, near=near, progress=False)
        assert len(scores.near_copies) >= pairs
        scores.save(path)
        loaded = CGScores.load(path)
        for name in ("near_copies", "near_cosines", "copy_groups", "later_copies"):
            assert torch.equal(getattr(loaded, name), getattr(scores, name))
    cg_scores(x, [0, 1] * 10, progress=False).save(path)
    assert CGScores.load(path).near_copies is CGScores.load(path).near_cosines is None


def test_a_file_from_before_there_were_pairs_tells_of_its_twins(tmp_path, rng):
    path = tmp_path / "s.safetensors"
    cg_scores(torch.randn(20, 5, generator=rng), [0, 1] * 10, progress=False).save(path)
    tensors, strings = read_safetensors(path)
    assert strings.pop("twins") == "0"
    save_file(tensors, path, {**strings, "near_copies": "3"})
    loaded = CGScores.load(path)
    assert loaded.near_copies is None
    assert loaded.metadata["twins"] == 3
    assert "near_copies" not in loaded.metadata


def test_scores_of_one_class_are_saved_too(tmp_path, rng):
    alone = cg_scores(torch.randn(6, 4, generator=rng), [7] * 6, progress=False)
    alone.save(tmp_path / "s.safetensors")
    assert torch.equal(CGScores.load(tmp_path / "s.safetensors").rival, alone.rival)


def test_the_file_says_what_it_is_in_strings(scores, tmp_path):
    path = tmp_path / "s.safetensors"
    scores.save(path)
    with safe_open(path, "pt") as file:
        metadata = {name: json.loads(text) for name, text in file.metadata().items()}
    assert metadata["format"] == "torch-cgprune scores 2"
    assert metadata["options"]["method"] in ("exact", "stochastic", "local")
    assert metadata["classes"] == ["ant", "bee", "cat"]
    assert len(metadata["fingerprint"]) == 64
    assert metadata["library_version"]


def test_the_fingerprint_is_of_features_and_labels(rng):
    x, y = torch.randn(10, 3, generator=rng), [0, 1] * 5

    def fingerprint(x, y):
        return cg_scores(x, y, progress=False).metadata["fingerprint"]

    changed = x.clone()
    changed[9, 2] += 1e-6
    prints = {
        fingerprint(x, y),
        fingerprint(changed, y),
        fingerprint(x, [1, *y[1:]]),
        fingerprint(x, ["0", "1"] * 5),
    }
    assert len(prints) == 4
    assert fingerprint(x.clone(), y) == fingerprint(x, y)


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    for metadata in (None, {"format": "pt"}, {"format": '"torch-cgprune scores 99"'}):
        save_file({"weight": torch.zeros(2)}, path, metadata)
        with pytest.raises(CacheError, match=r"no scores of the format .*Delete it"):
            CGScores.load(path)
    with pytest.raises(FileNotFoundError, match="no score file"):
        CGScores.load(tmp_path / "missing")


def test_a_judgement_with_something_missing_is_refused(tmp_path):
    path = tmp_path / "scores.safetensors"
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    cg_scores(x, torch.arange(40) % 2, progress=False).save(path)
    tensors, strings = read_safetensors(path)
    numbers = json.loads(strings["judgement"])
    assert {"threshold", "agreement"} < {*numbers}
    for name in numbers:
        fewer = json.dumps({other: numbers[other] for other in numbers if other != name})
        save_file(tensors, path, {**strings, "judgement": fewer})
        with pytest.raises(CacheError, match=r"no scores of the format .*Delete it"):
            CGScores.load(path)
    for name in ("wrong", "joint"):
        save_file({key: tensors[key] for key in tensors if key != name}, path, strings)
        with pytest.raises(CacheError, match=r"no scores of the format .*Delete it"):
            CGScores.load(path)
    save_file(tensors, path, strings)
    assert CGScores.load(path).judgement is not None


def test_the_repr_tells_what_is_in_it(scores):
    text = repr(scores)
    assert "30 examples, 3 classes" in text
    assert f"method='{scores.metadata['options']['method']}'" in text
    assert f"suspects: {int(scores.suspects.sum())} (" in text
    assert f"median {float(scores.values.median()):.4g}" in text
    assert len(scores) == 30


def test_it_is_frozen(scores):
    with pytest.raises(AttributeError):
        scores.values = torch.zeros(30)
