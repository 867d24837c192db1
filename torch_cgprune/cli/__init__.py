"""The command line: ``torch-cgprune score``, ``select``, ``report``, ``info`` and ``near``."""

from torch_cgprune.cli.entry import main

__all__ = ["main"]
