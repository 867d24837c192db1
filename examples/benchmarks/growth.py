"""How time and memory grow with n: `python examples/benchmarks/growth.py`.

Exact, and local at a fixed block size, on clustered rows of 512 features; every line beside the
line of half as many rows.
"""

import functools

from measuring import clustered, machine, measured

from torch_cgprune import cg_scores

SIZES = {"exact": (5_000, 10_000, 20_000), "local": (10_000, 20_000, 40_000, 80_000, 160_000)}


def main() -> None:
    print(f"features 512, classes 10, local blocks of 2,048 in 5 runs, float32; {machine()}")
    print("| method |      n |    time | of half n | peak memory |")
    print("|--------|-------:|--------:|----------:|------------:|")
    for method, sizes in SIZES.items():
        before = None
        for n in sizes:
            scoring = functools.partial(cg_scores, *clustered(n), method=method)
            _, seconds, peak = measured(scoring)
            factor = "" if before is None else f"{seconds / before:.2f}"
            before = seconds
            print(
                f"| {method:6} | {n:6} | {seconds:5.1f} s | {factor:>9} | {peak / 1e9:8.2f} GB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
