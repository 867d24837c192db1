"""Lists of examples in files: written by ``select`` and the report's page, read for training.

Formats, told by the ending: ``.txt`` (a file name or an index a line), ``.csv`` and ``.parquet``
(tables with the columns of ``CGScores.to_pandas()``; the page's has ``new_label``), ``.json`` and
``.npy`` (indices).
"""

from torch_cgprune.lists.formats import FORMATS, TABLES, listed
from torch_cgprune.lists.lookup import check_relabels, read_examples, read_relabels

__all__ = ["FORMATS", "TABLES", "check_relabels", "listed", "read_examples", "read_relabels"]
