"""``python -m torch_cgprune``: the same as ``torch-cgprune``."""

import sys

from torch_cgprune.cli import main

if __name__ == "__main__":
    sys.exit(main())
