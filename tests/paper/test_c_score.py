"""C-scores that others published: in which order, and when they are refused."""

import numpy as np
import pytest
import torch
from paper.baselines.c_score import c_score

from torch_cgprune import PrunedSampler

# Six images in the original order, and where a folder has them.
LABELS = torch.tensor([1, 0, 1, 2, 0, 2])
C = torch.tensor([0.9, 0.8, 0.1, 0.7, 0.2, 0.6])
FOLDER = [1, 4, 0, 2, 3, 5]


@pytest.fixture
def published(tmp_path):
    np.savez(tmp_path / "published.npz", labels=LABELS.numpy(), scores=C.numpy())
    return tmp_path / "published.npz"


@pytest.fixture
def folder(tmp_path):
    names = [f"train/{'abc'[LABELS[i]]}/{n}.webp" for n, i in enumerate(FOLDER)]
    arrays = {"path": np.array(names), "original_index": np.array(FOLDER)}
    np.savez(tmp_path / "folder.npz", **arrays, c_score=C[FOLDER].numpy())
    return tmp_path / "folder.npz"


def test_high_is_irregular_in_the_order_of_the_labels(published, folder):
    for path in (published, folder):
        torch.testing.assert_close(c_score(path, LABELS), 1 - C)
    torch.testing.assert_close(c_score(folder, LABELS[FOLDER]), (1 - C)[FOLDER])


def test_a_sampler_takes_them(published):
    sampler = PrunedSampler((c_score(published, LABELS), LABELS), 0.5, "low-first")
    assert sorted(sampler) == [2, 4, 5]


def test_another_order_is_refused(published, folder):
    said = r"not in the order of the data set: it has 6 labels, the file 6, and [1-6] differ"
    for path in (published, folder):
        with pytest.raises(ValueError, match=said):
            c_score(path, LABELS.flip(0)[[0, 1, 2, 3, 5, 4]])
    with pytest.raises(ValueError, match=r"it has 5 labels, the file 6\. Give the whole"):
        c_score(published, LABELS[:5])


def test_no_such_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"fetch cifar10-cscores-orig-order\.npz"):
        c_score(tmp_path / "none.npz", LABELS)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"holds \['x'\], not the C-scores"):
        c_score(tmp_path / "other.npz", LABELS)
