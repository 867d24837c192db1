"""Lists of examples in files: written by ``select`` and the report's page, read for training.

Four formats, told by the ending: ``.txt`` (a file name or an index a line), ``.csv`` (columns
``index``, ``path``, ``label``, and ``new_label`` in the page's), ``.json`` and ``.npy`` (indices).
"""

from torch_cgprune.lists.formats import FORMATS, listed
from torch_cgprune.lists.lookup import check_relabels, read_examples, read_relabels

__all__ = ["FORMATS", "check_relabels", "listed", "read_examples", "read_relabels"]
