"""The command line: ``torch-cgprune score``, ``select``, ``apply`` and others."""

from torch_cgprune.cli.entry import main

__all__ = ["main"]
