"""The first pass over features and labels: what they are, and whether they can be scored."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from torch_cgprune.errors import ArgumentValueError
from torch_cgprune.inputs.bad_rows import bad_rows, find_bad_rows
from torch_cgprune.inputs.fingerprints import fingerprint, row_digests
from torch_cgprune.inputs.frames import check_aligned
from torch_cgprune.inputs.labels import (
    ClassName,
    Labels,
    encode_labels,
    look_like_identifiers,
    printed_alike,
)
from torch_cgprune.inputs.names import names_of_column
from torch_cgprune.inputs.rows import as_matrix
from torch_cgprune.kernel import Scaling, unit_rows
from torch_cgprune.scoring.columns import scaling_of
from torch_cgprune.scoring.copies import Copies
from torch_cgprune.scoring.finish import Examples
from torch_cgprune.scoring.limits import Limits
from torch_cgprune.scoring.options import resolve_options
from torch_cgprune.scoring.position import on_a_plane
from torch_cgprune.scoring.problem import CONFLICT_RIDGE
from torch_cgprune.utils.checks import wrong_value
from torch_cgprune.utils.progress import in_parts
from torch_cgprune.utils.ranks import Ranks
from torch_cgprune.utils.warn import warn_caller

# Rows read at a time.
_ROWS = 4096


@dataclass(frozen=True)
class Survey:
    """What is scored, and how.

    Attributes:
        matrix: (n, d) features.
        scaling: of their columns; None leaves them as they are.
        codes: (n,) int64 class codes, into ``classes``.
        classes: k class names.
        options: as :func:`~torch_cgprune.scoring.options.resolve_options` returns them.
        digests: (n,) int64 hashes of the rows.
        unit_digests: (n,) int64 hashes of the unit rows in float32, equal for copies, scaled too.
        sketch: (n, s) random projection of the unit rows.
        job: options and fingerprint, as JSON values: what the scores depend on.
        class_names: k of them, where labels say what their numbers stand for.

    """

    matrix: Tensor
    scaling: Scaling | None
    codes: Tensor
    classes: tuple[ClassName, ...]
    options: dict[str, Any]
    digests: Tensor
    unit_digests: Tensor
    sketch: Tensor
    job: dict[str, Any]
    class_names: list[str] | None

    def share(self, ranks: Ranks) -> None:
        """Let all ranks go on from the same.

        Raises:
            ValueError: they were given other features, labels or options.

        """
        ranks.check_same(self.job, "features, labels and options")
        # Other processors may round otherwise.
        for tensor in (self.unit_digests, self.sketch, *(self.scaling or ())):
            ranks.broadcast(tensor, 0)

    def examples(self, copies: Copies) -> Examples:
        """Return what goes into the scores as it is."""
        named = {} if self.class_names is None else {"class_names": self.class_names}
        metadata = {
            **self.job,
            **named,
            "library_version": version("torch-cgprune"),
            "conflict_ridge": CONFLICT_RIDGE if copies.conflicts.any() else 0.0,
        }
        position = on_a_plane(self.sketch)
        return Examples(copies, self.codes, self.classes, self.digests, position, metadata)


def survey(
    features: Any,
    labels: Labels,
    limits: Limits,
    *,
    progress: bool = False,
    remarks: bool = True,
    **requested: Any,
) -> Survey:
    """Check features, labels and options, and read all rows once.

    Args:
        features: as in :func:`~torch_cgprune.scoring.cg_scores`, like ``labels``.
        labels: likewise.
        limits: on what is kept.
        progress: show a progress bar, in rows.
        remarks: warn of columns of different units, and of classes that are probably none.
        requested: the options that :func:`~torch_cgprune.scoring.options.resolve_options` takes.

    Raises:
        TypeError, ValueError: they cannot be scored; the message names the cure.

    """
    check_aligned("features", features, "labels", labels)
    matrix = as_matrix(features)
    codes, classes = encode_labels(labels)
    _check_data(matrix, codes, requested.get("ridge"))
    if remarks:
        _warn_of_classes(len(codes), classes)
    options = resolve_options(codes.bincount().tolist(), **requested)
    standardise, scaling = options.get("standardise", False), None
    try:
        scaling = scaling_of(matrix, standardise=standardise, remarks=remarks)
        width, kind = limits.sketch_of(len(matrix))
        sketch = torch.empty(len(matrix), width, dtype=kind)
        digests, unit_digests = _read(
            matrix, scaling, sketch, options.get("seed", 0), progress=progress
        )
    except ArgumentValueError as error:  # there is seldom one bad row alone
        if not error.rows:
            raise
        not_finite, zeros = find_bad_rows(matrix, scaling and scaling.__call__)
        if standardise and scaling is None:  # zeros are a row like others to what comes then
            zeros = []
        raise bad_rows(not_finite, zeros, centred=standardise) from error
    job = {"options": options, "fingerprint": fingerprint(digests, codes, classes)}
    return Survey(
        matrix,
        scaling,
        codes,
        classes,
        options,
        digests,
        unit_digests,
        sketch,
        job,
        names_of_column(labels, classes),
    )


def _warn_of_classes(n: int, classes: tuple[ClassName, ...]) -> None:
    """Warn of classes that are probably none, or one and the same."""
    if look_like_identifiers(n, len(classes)):
        warn_caller(
            f"The {n} labels are of {len(classes)} classes: are these identifiers of the examples? "
            "A score compares examples of one class with others."
        )
    alike = printed_alike(classes)
    if alike is not None:
        warn_caller(
            "The classes %r and %r print alike, and are scored as two. Are they one? Then strip "
            "the blanks from the labels.",
            *alike,
        )


def _check_data(matrix: Tensor, codes: Tensor, ridge: float | str | None) -> None:
    if len(matrix) != len(codes):
        raise ValueError(
            f"The 'labels' must be one per row of the 'features'. Got {len(codes)} labels for "
            f"{len(matrix)} rows instead."
        )
    if len(matrix) < 2:
        raise ValueError(
            "The 'features' must have at least 2 rows: a score compares examples. Got 1."
        )
    if isinstance(ridge, str) and ridge == "auto" and not codes.any():
        raise wrong_value(
            "ridge",
            "cg_scores",
            "a number where all labels are the same",
            ridge,
            got="%r, which compares predictions of classes.",
        )


def _read(
    matrix: Tensor, scaling: Scaling | None, sketch: Tensor, seed: int, *, progress: bool
) -> tuple[Tensor, Tensor]:
    """Read all rows once, in order, as many at a time as fit beside a memory-mapped file.

    Args:
        matrix: (n, d) features.
        scaling: of their columns.
        sketch: (n, s) numbers, overwritten with the random projection.
        seed: of the projection.
        progress: show a progress bar, in rows.

    Returns:
        ``digests`` and ``unit_digests`` of a :class:`Survey`.

    """
    rng = torch.Generator().manual_seed(seed)
    size = (matrix.shape[1], sketch.shape[1])
    projection = torch.randn(size, generator=rng, dtype=torch.float32)
    # Written where they stay: small tensors kept between large ones that go would leave holes in
    # the memory, of which nothing is made again.
    digests, unit_digests = (torch.empty(len(matrix), dtype=torch.int64) for _ in range(2))
    everyone = torch.arange(len(matrix))
    for part in in_parts(len(matrix), _ROWS, "Looking at rows", show=progress):
        rows = unit_rows(
            matrix, dtype=torch.float32, device="cpu", chosen=everyone[part], scaling=scaling
        )
        digests[part], unit_digests[part] = row_digests(matrix[part]), row_digests(rows)
        sketch[part] = rows @ projection
    return digests, unit_digests
