"""How much is computed: for the tests, for two cores, or as much as the paper did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """What differs from one scale to the next.

    Attributes:
        name: of the scale.
        data: the data set that stands for all of the paper's; None for these themselves.
        examples: of a data set, drawn at random; None takes all.
        runs: draws that stochastic scores are averaged over.
        seeds: repetitions with other draws (noise, blocks), for the spread.
        samples: Gaussian samples of each class (paper sec. 3.3).
        dimensions: of these samples.

    """

    name: str
    data: str | None
    examples: int | None
    runs: int
    seeds: int
    samples: int
    dimensions: int


SCALES = {
    scale.name: scale
    for scale in (
        Scale("smoke", "digits", 200, runs=2, seeds=1, samples=60, dimensions=100),
        Scale("small", None, 10_000, runs=10, seeds=3, samples=1000, dimensions=3000),
        Scale("paper", None, None, runs=10, seeds=5, samples=1000, dimensions=3000),
    )
}
