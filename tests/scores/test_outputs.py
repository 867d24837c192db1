import torch
from torch.nn.functional import one_hot

from torch_cgprune.scores.judging import judge, verdicts
from torch_cgprune.scores.posterior import Outputs

# So many outputs that they are not all in work at a time.
N, K = 6000, 400


def drawn(rng):
    codes = torch.randint(K, (N,), generator=rng)
    loo = 0.5 * one_hot(codes, K) + 0.1 * torch.randn(N, K, generator=rng)
    return loo.float(), codes, codes.bincount(minlength=K).double() / N


def test_outputs_add_the_shares_of_the_others(rng):
    loo, codes, priors = drawn(rng)
    counts = codes.bincount(minlength=K)
    expected = loo.double() + (counts - one_hot(codes, K)) / (N - 1)
    outputs = Outputs(loo, codes, priors, N)
    torch.testing.assert_close(outputs[torch.arange(N)], expected)
    parts = [*outputs.parts()]
    assert len(parts) > 1
    assert torch.equal(torch.cat([outputs[rows] for rows in parts]), outputs[:])


def test_labels_are_judged_one_by_one(rng):
    loo, codes, priors = drawn(rng)
    found = judge(loo, codes, priors)
    some = torch.tensor([0, 2620, 2621, 2622, N - 1])  # at both sides of a part's end
    alone = verdicts(found.posterior, Outputs(loo[some], codes[some], priors, N))
    for name in ("wrong", "suggested", "doubted"):
        torch.testing.assert_close(getattr(alone, name), getattr(found, name)[some])
