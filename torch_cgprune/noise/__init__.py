"""Which labels look wrong, how many are, and what a filter of them drops."""

from torch_cgprune.noise.rate import NoiseRate, estimate_noise_rate
from torch_cgprune.noise.report import NoiseReport, noise_report
from torch_cgprune.noise.rules import RULES, evidence

__all__ = [
    "RULES",
    "NoiseRate",
    "NoiseReport",
    "estimate_noise_rate",
    "evidence",
    "noise_report",
]
