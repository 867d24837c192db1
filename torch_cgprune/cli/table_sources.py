"""Tables as datasets to score: which column holds what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from torch_cgprune.cli import arrow_tables, text_tables
from torch_cgprune.cli.columns import Columns, Table, found, label_column, whole
from torch_cgprune.cli.image_files import ListedImages
from torch_cgprune.cli.number_columns import matrix_of
from torch_cgprune.cli.opened import Opened
from torch_cgprune.inputs.bad_rows import some_of
from torch_cgprune.inputs.image_loader import EncodedImage
from torch_cgprune.inputs.label_arrays import label_array
from torch_cgprune.utils.arrays import is_whole_number

TABLES = (*text_tables.SUFFIXES, *arrow_tables.SUFFIXES)


class Texts(Dataset[tuple[str, int | None]]):
    """Texts with their labels.

    Args:
        texts: n of them.
        labels: n numbers of classes, or None.
        classes: the k names that these number.

    Attributes:
        targets: the n labels.

    """

    def __init__(
        self, texts: Sequence[str], labels: Sequence[int | None], classes: Sequence[str]
    ) -> None:
        self.texts, self.targets, self.classes = [*texts], [*labels], [*classes]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[str, int | None]:
        return self.texts[index], self.targets[index]


def is_table(path: Path) -> bool:
    """Return whether a file is a table, by its ending."""
    return path.name.lower().endswith(TABLES)


def open_table(path: Path, columns: Columns) -> Table:
    """Open a table file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, or no table.
        ImportError: pyarrow is not installed, for a typed table.

    """
    match path.suffix.lower():
        case ".parquet":
            return arrow_tables.open_parquet([path], str(path))
        case ".jsonl":
            return arrow_tables.open_jsonl(path)
    return text_tables.TextTable(path, columns.wanted)


def kind_of(table: Table, columns: Columns) -> str:
    """Return what a table is of: ``"images"``, ``"texts"`` or ``"features"``.

    Raises:
        ValueError: columns of several of these are named.

    """
    kinds = {"images": columns.path, "texts": columns.text, "features": columns.features}
    named = [kind for kind, column in kinds.items() if column is not None]
    if named[1:]:
        raise ValueError(
            f"The columns of {' and of '.join(named)} are named. Name one of --path-column, "
            "--text-column and --feature-columns: a table is of one of these."
        )
    if named:
        return named[0]
    return "images" if "path" in table.names or _image_columns(table) else "features"


def _image_columns(table: Table) -> list[str]:
    return [name for name in table.names if table.holds_images(name)]


def open_rows(
    table: Table, columns: Columns, kind: str, *, labelled: bool, lenient: bool
) -> Opened:
    """Return a table as a dataset to score.

    Args:
        table: n rows.
        columns: which hold what.
        kind: what the table is of, see :func:`kind_of`.
        labelled: whether the table has the labels.
        lenient: leave cells that are no numbers to be found later, as NaN.

    Raises:
        ValueError: columns that there are not, cells that are empty or no numbers, no rows.

    """
    if len(table) == 0:
        raise ValueError(f"The table {table.path!r} is empty: there is nothing to score.")
    label = label_column(table, columns) if labelled else columns.label or "label"
    labels = whole(table, label, table.labels(label), "label") if labelled else None
    if labels is not None:
        label_array(labels)  # what can be no class is told, before it is taken for one
    rows = range(len(table))
    if kind == "features":
        matrix = matrix_of(table, columns, label, lenient=lenient)
        given = labels and numbered(labels)
        return Opened(matrix, matrix, given, rows=rows, label_column=label)
    codes, classes = (
        coded(labels, table.class_names(label)) if labels else ([None] * len(table), [])
    )
    dataset = (
        Texts(_texts(table, columns), codes, classes)
        if kind == "texts"
        else ListedImages(table.root, _images(table, columns), codes, classes)
    )
    return Opened(dataset, rows=rows, label_column=label)


def coded(labels: list[Any], order: list[str] | None) -> tuple[list[int | None], list[str]]:
    """Return labels as numbers of classes, and the names of these: in their order, or sorted."""
    classes = sorted({*labels} - {None}) if order is None else order
    codes = {name: code for code, name in enumerate(classes)}
    return [codes.get(label) for label in labels], [str(name) for name in classes]


def numbered(labels: list[Any]) -> list[Any]:
    """Return labels as integers where all are such, written as Python writes them: not as 01."""
    if not all(isinstance(label, str) for label in labels):
        return labels
    known = {label: int(label) for label in {*labels} if is_whole_number(label)}
    if len(known) < len({*labels}) or any(str(number) != text for text, number in known.items()):
        return labels
    return [known[label] for label in labels]


def _texts(table: Table, columns: Columns) -> list[str]:
    name = found(table, columns.text or "text", "text")
    texts = whole(table, name, table.texts(name), "text")
    broken = [table.place(row) for row, text in enumerate(texts) if not _is_utf8(text)]
    if broken:
        raise ValueError(
            f"The table {table.path!r} is no UTF-8 text in {some_of(broken)}. Save it as such."
        )
    return texts


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _images(table: Table, columns: Columns) -> list[str | EncodedImage]:
    name = columns.path or "path"
    if columns.path is None and "path" not in table.names:
        holding = _image_columns(table)
        if len(holding) > 1:
            raise ValueError(
                f"The table {table.path!r} has images in the columns {holding}. Name one of them "
                "with --path-column."
            )
        name = holding[0]
    name = found(table, name, "path")
    images = table.images(name) if table.holds_images(name) else table.texts(name)
    return whole(table, name, images, "path")
