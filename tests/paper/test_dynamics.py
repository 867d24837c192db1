"""Scores of a user's own loop, against histories made by hand."""

import doctest
import itertools
import math
import textwrap

import pytest
import torch
import training_dynamics
from paper.baselines.forgetting import forgetting
from torch import nn
from training_dynamics import TrainingDynamics, error_norm, margin

from torch_cgprune import PrunedSampler

# Of five examples, whether each was right in six epochs, and how often it was forgotten.
HISTORY = {"111111": 0, "000111": 0, "101010": 3, "010011": 1, "000000": 6}


def right():
    return torch.tensor([[bit == "1" for bit in row] for row in HISTORY]).T


def test_forgetting_of_a_history():
    assert forgetting(right()).tolist() == [*HISTORY.values()]


def test_the_callback_comes_to_the_same():
    dynamics, labels = TrainingDynamics(5), torch.tensor([0, 1, 0, 1, 1])
    for row in right():
        logits = nn.functional.one_hot(torch.where(row, labels, 1 - labels), 2).float()
        for part in torch.randperm(5).split(2):
            dynamics.record(part, logits[part], labels[part])
    assert dynamics.forgetting.tolist() == [*HISTORY.values()]


def test_never_learned_comes_last_after_one_epoch():
    dynamics = TrainingDynamics(2)
    dynamics.record(torch.arange(2), torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([0, 1]))
    assert dynamics.forgetting.tolist() == [0, 1]


def naive(passes, n, early):
    """Return forgetting, EL2N and minus the area under the margin from lists of passes."""
    rows = []
    for i in range(n):
        own = [(z, y) for index, z, y in passes if index == i]
        hits = [int(z.argmax()) == y for z, y in own]
        lost = sum(a and not b for a, b in itertools.pairwise(hits))
        margins = [z[y] - max(z[c] for c in range(len(z)) if c != y) for z, y in own]
        z, y = own[min(early, len(own)) - 1]
        p = z.double().exp() / z.double().exp().sum()
        error = sum((p[c] - int(c == y)) ** 2 for c in range(len(z))) ** 0.5
        rows.append([lost if any(hits) else None, float(error), -float(sum(margins)) / len(own)])
    never = max(len([1 for index, _, _ in passes if index == i]) for i in range(n))
    return torch.tensor([[never if row[0] is None else row[0], *row[1:]] for row in rows])


@pytest.mark.parametrize("early", [2, 20])
def test_all_scores_of_a_loop_in_which_examples_recur(early):
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (6,), generator=rng)
    dynamics, passes = TrainingDynamics(6, early), []
    for _ in range(9):
        indices = torch.randint(0, 6, (7,), generator=rng)  # some are there twice
        logits = torch.randn(7, 3, generator=rng, requires_grad=True)
        dynamics.record(indices, logits, labels[indices])
        rows = zip(indices, logits.detach().double(), strict=True)
        passes += [(int(i), z, int(labels[i])) for i, z in rows]
    expected = naive(passes, 6, early)
    found = torch.stack([dynamics.forgetting, dynamics.el2n, dynamics.aum], 1)
    torch.testing.assert_close(found, expected)


def test_error_and_margin_by_hand():
    logits, labels = torch.tensor([[0.0, 0.0], [0.0, 3.0]]).log_softmax(1), torch.tensor([0, 0])
    other = torch.tensor([0.5, 1 / (1 + math.exp(-3))])  # the probability of the other class
    torch.testing.assert_close(error_norm(logits, labels), 2**0.5 * other)
    torch.testing.assert_close(margin(logits, labels), torch.tensor([0.0, -3.0]))


def test_examples_that_were_in_no_batch_are_named():
    dynamics = TrainingDynamics(3)
    dynamics.record(torch.tensor([0]), torch.eye(2)[:1], torch.tensor([0]))
    with pytest.raises(ValueError, match=r"2 of 3 examples were in no batch, the first .* 1\."):
        _ = dynamics.aum


def test_the_loop_in_the_docstring_runs():
    code = textwrap.dedent(training_dynamics.__doc__.split("::", 1)[1].split("\n\nOf all")[0])
    assert len(code.strip().splitlines()) == 10
    pixels, targets = torch.randn(20, 4), torch.arange(20) % 2
    train = torch.utils.data.TensorDataset(torch.arange(20), pixels, targets)
    train.targets = targets
    model = nn.Linear(4, 2)
    names = {
        **vars(training_dynamics),
        "train": train,
        "epochs": 3,
        "model": model,
        "PrunedSampler": PrunedSampler,
        "loader": torch.utils.data.DataLoader(train, 5, shuffle=True),
        "optimizer": torch.optim.SGD(model.parameters(), 0.1),
    }
    exec(code, names)
    assert len(names["sampler"]) == 12


def test_the_examples_of_the_docstrings_hold():
    assert doctest.testmod(training_dynamics).failed == 0
