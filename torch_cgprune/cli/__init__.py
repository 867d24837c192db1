"""The command line: ``torch-cgprune score``, ``select``, ``report`` and ``info``."""

from torch_cgprune.cli.entry import main

__all__ = ["main"]
