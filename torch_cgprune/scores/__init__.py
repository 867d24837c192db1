"""What a scoring run returns: the scores, what follows from them, their file."""

from torch_cgprune.scores.calibration import Calibration
from torch_cgprune.scores.scores import CGScores

__all__ = ["CGScores", "Calibration"]
