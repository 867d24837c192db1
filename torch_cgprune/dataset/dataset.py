"""A dataset that knows the scores of its examples."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from torch_cgprune.dataset.frames import as_dataset
from torch_cgprune.dataset.obtain import compute, load
from torch_cgprune.dataset.relabel import new_labels, relabelled
from torch_cgprune.dataset.source import Source
from torch_cgprune.inputs.frames import is_frame
from torch_cgprune.inputs.labels import Labels
from torch_cgprune.inputs.views import column_view, deterministic_view
from torch_cgprune.lists import check_relabels
from torch_cgprune.scores import CGScores
from torch_cgprune.scoring.columns import rows_as_scored
from torch_cgprune.scoring.options import check_names, resolve_options
from torch_cgprune.utils.checks import check_choice
from torch_cgprune.utils.ranks import current_ranks


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
            ``labels``. Such a table is read without its format or transform. Or a data frame of
            pandas or polars with the column of the ``labels`` named: its other columns are the
            features, and items are a row as a tensor and its label; or what is in one column, as
            texts, where ``features`` is an ``Encoder`` with that ``column``.
        cache: a file to load the scores from if it exists, and to write them to if not; replaced
            only as a whole, and always where nothing tells the encoder from another
            (``Encoder.identity``). None computes them at every start. Beside it, in
            ``<cache>.partial``, the finished runs of an interrupted scoring wait to be taken up.
        features: what to score instead of the images as they are: an ``Encoder``, or a
            ``torch.nn.Module`` or a function alone, from batches of the images to their features
            (kept in ``<cache>.features``); a pretrained one by its name, for photographs or texts,
            is ``torch_cgprune.encoders.load("torchvision:resnet50")``. Or an (n, ...) tensor, array
            or data frame, or the ``.npy``, ``.safetensors`` or ``.features`` file of one; another
            map-style dataset (the same one without augmentation, say); or a column's name.
        labels: n integers or strings, instead of the dataset's own; or where the items have theirs:
            a column's name in a dataset of mappings, or a field's number in one of tuples
            ``(image, ...)``. None is field 1; attributes as ``targets`` must agree with it.
        transform: from an image to what is scored, deterministic; for a torchvision dataset (also
            inside ``Subset`` or ``ConcatDataset``) it takes the place of the training transform,
            for any other it follows the dataset's own. None scores images as they are.
        num_workers: worker processes to read items, for datasets that open their files anew in
            each; up to 256 items are read again in this process, and must be the same. None reads
            in this process alone.
        verify: what of the data is compared with the cache: ``"sample"``, 32 items, and all labels
            if they are given or attributes of the dataset; or ``"full"``, every item.
        on_mismatch: with a cache of other data or other options, ``"error"`` or ``"recompute"``.
        progress: show progress bars, also of what a sampler asks for.
        device: where to compute; see :func:`cg_scores`.
        storage: a folder for what finds no room there; see :func:`cg_scores`.
        relabel: True gives suspects whose label is rather wrong than right
            (``scores.wrong_probability`` above 1/2) the suggested one; a CSV file as the report's
            page makes it, with what a person has decided, gives those it lists their ``new_label``,
            if they have one and are not ``fine``. Items carry it in the field that labels come
            from, in the type of their own, and the ``targets`` are these; the wrapped dataset keeps
            its labels. True warns where many more are changed than are estimated to be wrong, of
            all or of a class.
        options: ``method``, ``ratio``, ``runs``, ``block_size``, ``ridge``, ``standardise``,
            ``near``, ``dtype``, ``seed`` of :func:`cg_scores`.

    Attributes:
        dataset: the wrapped dataset, untouched; of a data frame, its rows.
        scores: the :class:`CGScores`.
        computed: whether they were computed now, not loaded from the cache.
        shows_progress: whether progress bars are shown.

    Raises:
        CacheMismatchError: the cache is of other data or other options; it says what differs.
        CacheError: the cache is truncated or no score file.
        FileNotFoundError, PermissionError: the cache's folder is missing or cannot be written,
            found out before anything is computed.
        UnstableDatasetError: the items change from one read to the next, or in worker processes.
        UnreadableItemError: the dataset fails to give an item, which is named.
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
        labels: Labels | str | int | None = None,
        transform: Callable[[Any], Any] | None = None,
        num_workers: int | None = None,
        verify: str = "sample",
        on_mismatch: str = "error",
        progress: bool = True,
        device: torch.device | str | None = None,
        storage: str | os.PathLike[str] | None = None,
        relabel: bool | str | os.PathLike[str] = False,
        **options: Any,
    ) -> None:
        ranks = current_ranks()
        with ranks.together():
            if is_frame(dataset):
                dataset, features = as_dataset(dataset, features, labels)
                labels = None
            check_choice("verify", "CGScoredDataset", verify, ("sample", "full"))
            check_choice("on_mismatch", "CGScoredDataset", on_mismatch, ("error", "recompute"))
            if not isinstance(relabel, bool):
                check_relabels(relabel)
            device = None if device is None else torch.device(device)
            data = Source(
                dataset,
                features,
                labels,
                transform=transform,
                num_workers=num_workers,
                progress=progress,
                device=device,
                cache=cache,
                on_mismatch=on_mismatch,
            )
            # A bad option fails before anything is read.
            check_names("CGScoredDataset", options)
            resolve_options([len(data)], **options)
            path = None if cache is None else Path(cache)
            known = None
            if path is not None and ranks.rank == 0:
                known = load(path, data, options, verify=verify, on_mismatch=on_mismatch)
            if relabel is not False:
                data.check_relabelled()
        known = ranks.tell(known)
        self.dataset, self.computed, self._data = dataset, known is None, data
        self._cache, self.shows_progress = path, progress
        if known is None:
            where = {"device": device, "storage": storage, "progress": progress}
            known = compute(data, ranks, path, {**where, **options})
        self.scores: CGScores = known
        self._field = labels if isinstance(labels, str | int) else 1
        self._image = data.image
        self._labels = new_labels(known, relabel=relabel, warns=ranks.rank == 0)

    @property
    def relabelled(self) -> Tensor | None:
        """(n,) bool, the examples with another label than was given; None without ``relabel``."""
        return None if self._labels is None else self._labels != self.scores.labels

    def rows(self) -> Tensor:
        """Return the (n, d) features that are scored, read again, or taken from the encoder's file.

        With ``standardise=True`` that is done to them.

        Raises:
            AttributeError: this is a copy, as those of worker processes, which knows the scores
                alone.

        """
        data: Source | None = self.__dict__.get("_data")
        if data is None:
            raise AttributeError(
                f"A copy of a {type(self).__name__} has no rows. Ask the one that was copied."
            )
        return rows_as_scored(data.read().features, self.scores.metadata)

    def save_scores(self) -> None:
        """Write the scores into their file again, if they have one, with what was added to them."""
        if self._cache is not None and current_ranks().rank == 0:
            self.scores.save(self._cache)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out where rows come from: an encoder's network is nothing for worker processes."""
        return {name: value for name, value in self.__dict__.items() if name != "_data"}

    def __repr__(self) -> str:
        if "_labels" not in self.__dict__:  # while it is made, or copied
            return f"<{type(self).__name__} without scores>"
        scores = self.scores
        words = [type(self.dataset).__name__, f"{len(scores)} examples"]
        words.append(f"{len(scores.classes)} classes")
        if scores.judgement is not None or scores.own is None:  # else it takes seconds to judge
            words.append(f"{int(scores.suspects.sum())} suspects")
        if self.relabelled is not None:
            words.append(f"{int(self.relabelled.sum())} relabelled")
        return f"{type(self).__name__}({', '.join(words)})"

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        item = self.dataset[index]
        return item if self._labels is None else self._corrected(item, index)

    def __getitems__(self, indices: list[int]) -> Any:
        """Fetch a batch the way the wrapped dataset does: the ``DataLoader`` prefers this."""
        batched = getattr(self.dataset, "__getitems__", None)
        items = batched(indices) if batched else [self.dataset[i] for i in indices]
        if self._labels is None:
            return items
        return [self._corrected(item, i) for item, i in zip(items, indices, strict=True)]

    def _corrected(self, item: Any, index: Any) -> Any:
        """Put the label that holds into an item, unless it is there."""
        new = int(self._labels[operator.index(index)])  # type: ignore[index]
        return relabelled(item, self.scores.classes[new], self._field)

    def __getattr__(self, name: str) -> Any:
        # While unpickling or copying there is no wrapped dataset yet to ask.
        if name.startswith("__") or "dataset" not in self.__dict__:
            raise AttributeError(name)
        found = getattr(self.dataset, name)
        if self.__dict__.get("_labels") is None:
            return found
        if name in ("targets", "labels"):  # what the items have, for whoever reads these instead
            return [self.scores.classes[code] for code in self._labels.tolist()]  # type: ignore[union-attr]
        return None if name == "target_transform" else found


def shown_view(dataset: Any) -> Any:
    """Return a view of a dataset whose items start with what a person is to see.

    That is the image without the training transform; of a ``CGScoredDataset`` of mappings the
    column that was scored.
    """
    image = None
    if isinstance(dataset, CGScoredDataset):
        dataset, image = dataset.dataset, dataset._image  # noqa: SLF001 (of this module)
    if image is not None:
        return column_view(dataset, image, None)
    return deterministic_view(dataset, None)
