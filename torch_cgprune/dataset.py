"""A dataset that knows the scores of its examples."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from torch_cgprune import cache as caching
from torch_cgprune.errors import CacheMismatchError, check_choice
from torch_cgprune.features import as_matrix, check_map_style, is_array
from torch_cgprune.files import check_writable
from torch_cgprune.labels import Labels, encode_labels, find_labels
from torch_cgprune.options import resolve_options
from torch_cgprune.ranks import current_ranks
from torch_cgprune.reading import read_dataset, read_labels, read_rows
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring import cg_scores
from torch_cgprune.views import column_view

_log = logging.getLogger(__name__)

# Items read to recognise a dataset when a cache is loaded.
_SAMPLE = 32


class CGScoredDataset(Dataset[Any]):
    """Wrap a labelled map-style dataset with its CG-scores, computed or loaded from a file.

    Items come back as the wrapped dataset returns them, and attributes the wrapper lacks are the
    wrapped dataset's. The scores see the images without random augmentation: a torchvision
    dataset's own transform is left out for scoring (see ``transform``).

    Where a ``torch.distributed`` process group is up, all its ranks must make this at once: rank 0
    looks at the cache and writes it, the scoring is shared, and all have the same scores.

    Args:
        dataset: n items ``(image, label, ...)``; images are PIL, numpy or tensors, of one size. Or
            mappings, as a ``datasets.Dataset`` has them; then name two columns as ``features`` and
            ``labels``. Such a table is read without its format or transform.
        cache: a file to load the scores from if it exists, and to write them to if not; replaced
            only as a whole. None computes them at every start. Beside it, in ``<cache>.partial``,
            the finished runs of an interrupted scoring wait to be taken up.
        features: what to score instead of the dataset's own items: an (n, ...) tensor or array, or
            another map-style dataset (the same one without augmentation, say), or a column's name.
        labels: n integers or strings, instead of the dataset's own, or a column's name.
        transform: from an image to what is scored, deterministic; for a torchvision dataset (also
            inside ``Subset`` or ``ConcatDataset``) it takes the place of the training transform,
            for any other it follows the dataset's own. None scores images as they are.
        num_workers: worker processes to read items; None chooses by size.
        verify: what of the data is compared with the cache: ``"sample"``, 32 items, and all labels
            if they are given or attributes of the dataset; or ``"full"``, every item.
        on_mismatch: with a cache of other data or other options, ``"error"`` or ``"recompute"``.
        progress: show progress bars.
        device: where to compute; see :func:`cg_scores`.
        storage: a folder for what finds no room there; see :func:`cg_scores`.
        options: ``method``, ``ratio``, ``runs``, ``block_size``, ``ridge``, ``dtype``, ``seed`` of
            :func:`cg_scores`.

    Attributes:
        dataset: the wrapped dataset, untouched.
        scores: the :class:`CGScores`.

    Raises:
        CacheMismatchError: the cache is of other data or other options; it says what differs.
        CacheError: the cache is truncated or no score file.
        FileNotFoundError, PermissionError: the cache's folder is missing or cannot be written,
            found out before anything is computed.
        UnstableDatasetError: the items change from one read to the next.
        MemoryError: more rows together than fit.
        TypeError, ValueError: data that cannot be scored, or a bad option.

    Example:
        >>> from torch.utils.data import DataLoader, TensorDataset
        >>> from torch_cgprune import PrunedSampler
        >>> images, labels = torch.randn(20, 3, 4, 4), torch.arange(20) % 2
        >>> train = CGScoredDataset(TensorDataset(images, labels), progress=False)
        >>> loader = DataLoader(train, batch_size=4, sampler=PrunedSampler(train, keep=0.6))
        >>> len(loader)
        3

    """

    def __init__(
        self,
        dataset: Any,
        *,
        cache: str | os.PathLike[str] | None = None,
        features: Any = None,
        labels: Labels | str | None = None,
        transform: Callable[[Any], Any] | None = None,
        num_workers: int | None = None,
        verify: str = "sample",
        on_mismatch: str = "error",
        progress: bool = True,
        device: torch.device | str | None = None,
        storage: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        self.dataset = dataset
        ranks = current_ranks()
        with ranks.together():
            check_choice("verify", "CGScoredDataset", verify, ("sample", "full"))
            check_choice("on_mismatch", "CGScoredDataset", on_mismatch, ("error", "recompute"))
            data = _Data(dataset, features, labels, transform, num_workers, progress=progress)
            resolve_options([len(data)], **options)  # a bad option fails before anything is read
            device = None if device is None else torch.device(device)
            path = None if cache is None else Path(cache)
            known = None
            if path is not None and ranks.rank == 0:
                known = _load(path, data, options, verify=verify, on_mismatch=on_mismatch)
        known = ranks.tell(known)
        if known is None:
            with ranks.together():
                read = data.read()
            known = cg_scores(
                *read,
                device=device,
                storage=storage,
                progress=progress,
                checkpoint=None if path is None else f"{path}.partial",
                **options,
            )
            with ranks.together():
                if path is not None and ranks.rank == 0:
                    known.save(path)
        self.scores: CGScores = known

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[index]

    def __getitems__(self, indices: list[int]) -> Any:
        """Fetch a batch the way the wrapped dataset does: the ``DataLoader`` prefers this."""
        batched = getattr(self.dataset, "__getitems__", None)
        return batched(indices) if batched else [self.dataset[i] for i in indices]

    def __getattr__(self, name: str) -> Any:
        # While unpickling or copying there is no wrapped dataset yet to ask.
        if name.startswith("__") or "dataset" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.dataset, name)


class _Data:
    """Where features and labels of a dataset come from, and how to read them."""

    def __init__(
        self,
        dataset: Any,
        features: Any,
        labels: Labels | str | None,
        transform: Callable[[Any], Any] | None,
        num_workers: int | None,
        *,
        progress: bool,
    ) -> None:
        check_map_style(dataset)
        if isinstance(features, str) or isinstance(labels, str):
            image, features = (features, None) if isinstance(features, str) else (None, features)
            label, labels = (labels, None) if isinstance(labels, str) else (None, labels)
            if image is None and features is None:
                raise ValueError(
                    f"The 'features' must name a column too, as 'labels' does ({label!r}), or hold "
                    "what is to be scored."
                )
            dataset = column_view(dataset, image, label)
        self.dataset, self.transform = dataset, transform
        self.source = dataset if features is None else features
        self.num_workers, self.progress = num_workers, progress
        check_map_style(self.source)
        self._check_length("features", self.source, "row")
        self.carried = find_labels(dataset) if labels is None else None
        self.labels: Labels | None = self.carried if labels is None else labels
        if self.labels is not None:
            self._check_length("labels", self.labels, "label")
            encode_labels(self.labels)  # bad ones fail before anything is read

    def _check_length(self, name: str, given: Any, what: str) -> None:
        if len(given) != len(self.dataset):
            raise ValueError(
                f"The {name!r} must be one {what} per item of the dataset. "
                f"Got {len(given)} for {len(self.dataset)} items instead."
            )

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self) -> tuple[Any, Labels]:
        """Read everything: (n, d) features and n labels."""
        features: Any = self.source
        labels: Labels | None = self.labels
        if not is_array(features):
            features, read = read_dataset(
                features,
                expected=self.carried,
                transform=self.transform,
                num_workers=self.num_workers,
                progress=self.progress,
            )
            labels = read if labels is None else labels
        if labels is None and self.source is not self.dataset:
            labels = read_labels(self.dataset, num_workers=self.num_workers, progress=self.progress)
        if labels is None:
            raise ValueError("The dataset's items carry no labels. Pass labels=... instead.")
        return features, labels

    def check(self, scores: CGScores, where: str, *, everything: bool) -> None:
        """Raise CacheMismatchError unless ``scores`` are of these data."""
        caching.check_length(scores, len(self), where)
        if everything:
            features, labels = self.read()
            caching.check_labels(scores, *encode_labels(labels), where)
            caching.check_rows(scores, range(len(self)), as_matrix(features), where)
            return
        rng = np.random.default_rng(0)
        sample = sorted(rng.choice(len(self), min(_SAMPLE, len(self)), replace=False).tolist())
        rows, read = read_rows(self.source, sample, self.transform)
        if self.labels is not None:
            caching.check_labels(scores, *encode_labels(self.labels), where)
        else:  # those of the items compared have to do
            names = read or read_labels(self.dataset, sample)
            caching.check_names(scores, sample, names or [None] * len(sample), where)
        caching.check_rows(scores, sample, rows, where)


def _load(
    cache: Path, data: _Data, options: dict[str, Any], *, verify: str, on_mismatch: str
) -> CGScores | None:
    """Return the scores in the file, or None where they are to be computed."""
    if cache.is_file():
        scores = CGScores.load(cache)
        try:
            counts = scores.labels.bincount().tolist()
            data.check(scores, str(cache), everything=verify == "full")
            caching.check_options(scores, resolve_options(counts, **options), str(cache))
        except CacheMismatchError as mismatch:
            if on_mismatch == "error":
                raise
            _log.warning("%s Computing anew.", mismatch)
        else:
            return scores
    check_writable(cache)
    return None
