"""What may be dropped, and how: selections graded without training."""

from torch_cgprune.advice.advice import Advice, Grade
from torch_cgprune.advice.candidates import Candidate
from torch_cgprune.advice.compare import advise

__all__ = ["Advice", "Candidate", "Grade", "advise"]
