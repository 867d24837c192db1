"""The paper's scores against their definition, and labels that are wrong."""

import numpy as np
import pytest
import torch
from paper.cache import digest, kept
from paper.data import Data
from paper.scale import SCALES
from paper.scored import exact_scores, mislabelled, options

from torch_cgprune import cg_scores


@pytest.fixture(scope="module")
def data():
    return Data(SCALES["smoke"])


def naive(pixels, labels):
    """Return alpha² / d in float64, of the targets ±1 of each example's own class."""
    rows = pixels.flatten(1).double().numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.clip(rows @ rows.T, -1, 1)
    inverse = np.linalg.inv(cosines * (np.pi - np.arccos(cosines)) / (2 * np.pi))
    targets = np.where(labels[:, None] == labels, 1.0, -1.0)
    return (inverse * targets).sum(1) ** 2 / np.diag(inverse)


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 0), (0.2, 0), (0.2, 3)])
def test_exact_scores_are_of_the_labels_as_given(data, noise, seed):
    examples = data.examples("digits")
    given, wrong = mislabelled(data, "digits", noise, seed)
    assert int(wrong.sum()) == round(noise * 200)
    assert torch.equal(wrong, given != examples.labels)
    scores = exact_scores(data, "digits", noise, seed)
    np.testing.assert_allclose(scores.values, naive(examples.pixels, given.numpy()), rtol=1e-2)
    assert scores is exact_scores(data, "digits", noise, seed)


def test_other_seeds_are_other_labels(data):
    one, other = (mislabelled(data, "digits", 0.5, seed)[0] for seed in (0, 1))
    assert not torch.equal(one, other)


def test_draws_are_those_of_the_seed(data):
    examples = data.examples("digits")
    found = [
        cg_scores(examples.pixels, examples.labels, **options(2, runs, seed)).values
        for runs, seed in ((1, 0), (1, 0), (1, 1), (2, 0))
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])


def test_what_is_kept_is_computed_once(tmp_path):
    asked, path = [], tmp_path / "some" / "x.pt"

    def compute():
        asked.append(len(asked))
        return torch.arange(3), {"a": torch.ones(2)}

    for _ in range(2):
        numbers, named = kept(path, compute)
        assert numbers.tolist() == [0, 1, 2]
        assert named["a"].tolist() == [1, 1]
    assert asked == [0]
    assert [*path.parent.iterdir()] == [path]
    kept(None, compute)
    assert asked == [0, 1]


def test_files_are_told_by_all_that_they_are_of(tmp_path):
    data, labels = Data(SCALES["smoke"], cache=tmp_path), torch.arange(4)
    small = Data(SCALES["small"], cache=tmp_path)
    made = [
        data.file("trained", "digits", "aum", 0, labels),
        data.file("pruned", "digits", "aum", 0, labels),
        data.file("trained", "mnist", "aum", 0, labels),
        data.file("trained", "digits", "el2n", 0, labels),
        data.file("trained", "digits", "aum", 1, labels),
        data.file("trained", "digits", "aum", 0, labels.flip(0)),
        data.file("trained", "digits", "aum", 0, labels, labels),
        small.file("trained", "digits", "aum", 0, labels),
    ]
    assert len({*made}) == len(made)
    assert made[0] == data.file("trained", "digits", "aum", 0, labels.clone())
    assert Data(SCALES["smoke"]).file("trained", "digits", "aum", 0, labels) is None
    assert len(digest(labels)) == 16
