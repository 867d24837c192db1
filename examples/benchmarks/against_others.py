"""The sweep against other ways to the same scores: `python examples/benchmarks/against_others.py`.

In one run, float64 where the paper has it: the paper's per-sample algorithm (invert once, then
bring every sample's row and column to the end, two copies of the matrix each), the inverse by
`torch.linalg.inv` or by `cholesky_inverse` with the closed form alpha_i^2 / d_i, and `cg_scores`.
"""

from collections.abc import Callable
from functools import partial

import torch
from measuring import clustered, machine, measured
from torch import Tensor

from torch_cgprune import cg_scores
from torch_cgprune.kernel import gram_tile, unit_rows


def gram(x: Tensor, dtype: torch.dtype) -> Tensor:
    rows = unit_rows(x, dtype=dtype, device="cpu")[None]
    h = torch.empty(1, len(x), len(x), dtype=dtype)
    gram_tile(rows, 0, len(x), h)
    return h[0]


def signs(labels: Tensor, dtype: torch.dtype) -> Tensor:
    return 2 * torch.nn.functional.one_hot(labels).to(dtype) - 1


def ours(x: Tensor, labels: Tensor) -> Tensor:
    return cg_scores(x, labels, method="exact", ridge=0, progress=False).values


def per_sample(x: Tensor, labels: Tensor) -> Tensor:
    """Paper, eq. 4 to 6, as written there: the Schur complement of each sample, one by one."""
    inverse, y = torch.linalg.inv(gram(x, torch.float64)), signs(labels, torch.float64)
    n = len(x)
    scores = torch.empty(n, dtype=torch.float64)
    for i in range(n):
        order = [*range(i), *range(i + 1, n), i]
        moved = inverse[order]  # one copy
        moved = moved[:, order]  # and another
        targets = y[order, int(labels[i])]
        b, d = moved[:-1, -1], moved[-1, -1]
        scores[i] = (b @ targets[:-1] + targets[-1] * d) ** 2 / d
    return scores


def closed_form(x: Tensor, labels: Tensor, invert: Callable[[Tensor], Tensor]) -> Tensor:
    inverse = invert(gram(x, torch.float32))
    alpha = (inverse @ signs(labels, torch.float32)).gather(1, labels[:, None])[:, 0]
    return alpha**2 / inverse.diagonal()


def cholesky_inverse(h: Tensor) -> Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(h))


def main() -> None:
    print(f"512 features, 10 classes; {machine()}")
    print("|      n | algorithm                      |     time | of cg_scores | peak memory |")
    print("|-------:|--------------------------------|---------:|-------------:|------------:|")
    for n in (1_000, 2_000, 12_000):
        x, y = clustered(n)
        ways: dict[str, partial[Tensor]] = {
            "cg_scores, float32": partial(ours, x, y),
            "cholesky_inverse, float32": partial(closed_form, x, y, cholesky_inverse),
            "linalg.inv, float32": partial(closed_form, x, y, torch.linalg.inv),
        }
        if n <= 2_000:  # hours beyond
            ways["paper, per sample, float64"] = partial(per_sample, x, y)
        reference, first, _ = measured(partial(ours, x, y))  # which warms torch up, too
        for name, way in ways.items():
            scores, seconds, peak = measured(way)
            first = seconds if way.func is ours else first
            torch.testing.assert_close(scores.double(), reference, rtol=1e-2, atol=1e-2)
            print(
                f"| {n:6} | {name:30} | {seconds:6.2f} s | {seconds / first:12.1f} "
                f"| {peak / 1e9:8.2f} GB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
