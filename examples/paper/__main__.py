"""`python examples/paper`: see ``command.py``."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # the modules here are those of a package, paper

from paper.command import main  # noqa: E402

if __name__ == "__main__":
    main()
