"""Lists of examples in files: written by ``select`` and the report's page, read for training.

Formats, told by the ending: ``.txt`` (a file name or an index a line), ``.csv`` and ``.parquet``
(tables with the columns of ``CGScores.to_pandas()``; the page's ``.csv`` has ``new_label`` and
``decision``), ``.json`` and ``.npy`` (indices).
"""

from torch_cgprune.lists.decisions import (
    check_relabels,
    read_decisions,
    read_excluded,
    read_relabels,
    reviewed,
)
from torch_cgprune.lists.formats import FORMATS, TABLES, listed
from torch_cgprune.lists.lookup import read_examples

__all__ = [
    "FORMATS",
    "TABLES",
    "check_relabels",
    "listed",
    "read_decisions",
    "read_examples",
    "read_excluded",
    "read_relabels",
    "reviewed",
]
