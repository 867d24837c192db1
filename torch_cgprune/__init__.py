"""Value, prune and clean a labelled dataset before training on it.

``CGScoredDataset`` wraps a dataset with its complexity-gap scores; ``PrunedSampler`` and
``WindowSampler`` hand the part that matters to the ``DataLoader`` one already has.

Public are the names listed in ``__all__`` here, and those that ``__all__`` lists in the packages
``advice``, ``dataset``, ``encoders``, ``noise``, ``policies``, ``report``, ``samplers``,
``scores``, ``scoring``, ``solver`` and ``streams``. All other modules and names may change from one
version to the next.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for who reads or checks the code; a name is imported when it is first used
    from torch_cgprune.advice import Advice, advise
    from torch_cgprune.dataset import CGScoredDataset
    from torch_cgprune.encoders import Encoder
    from torch_cgprune.errors import (
        CacheError,
        CacheMismatchError,
        NotPositiveDefiniteError,
        UnreadableItemError,
        UnstableDatasetError,
    )
    from torch_cgprune.inputs.image_loader import load_image
    from torch_cgprune.noise import NoiseRate, NoiseReport, estimate_noise_rate, noise_report
    from torch_cgprune.policies import LinearSchedule
    from torch_cgprune.samplers import (
        DistributedPrunedSampler,
        DistributedSelectionSampler,
        DistributedWindowSampler,
        PrunedSampler,
        SelectionSampler,
        WindowSampler,
    )
    from torch_cgprune.scores import CGScores
    from torch_cgprune.scoring import NearCopies, cg_scores, near_copies
    from torch_cgprune.streams import KeepList, PrunedStream, Shards

__all__ = [
    "Advice",
    "CGScoredDataset",
    "CGScores",
    "CacheError",
    "CacheMismatchError",
    "DistributedPrunedSampler",
    "DistributedSelectionSampler",
    "DistributedWindowSampler",
    "Encoder",
    "KeepList",
    "LinearSchedule",
    "NearCopies",
    "NoiseRate",
    "NoiseReport",
    "NotPositiveDefiniteError",
    "PrunedSampler",
    "PrunedStream",
    "SelectionSampler",
    "Shards",
    "UnreadableItemError",
    "UnstableDatasetError",
    "WindowSampler",
    "advise",
    "cg_scores",
    "estimate_noise_rate",
    "load_image",
    "near_copies",
    "noise_report",
]

_HOMES = {
    "Advice": "advice",
    "CGScoredDataset": "dataset",
    "CGScores": "scores",
    "CacheError": "errors",
    "CacheMismatchError": "errors",
    "DistributedPrunedSampler": "samplers",
    "DistributedSelectionSampler": "samplers",
    "DistributedWindowSampler": "samplers",
    "Encoder": "encoders",
    "KeepList": "streams",
    "LinearSchedule": "policies",
    "NearCopies": "scoring",
    "NoiseRate": "noise",
    "NoiseReport": "noise",
    "NotPositiveDefiniteError": "errors",
    "PrunedSampler": "samplers",
    "PrunedStream": "streams",
    "SelectionSampler": "samplers",
    "Shards": "streams",
    "UnreadableItemError": "errors",
    "UnstableDatasetError": "errors",
    "WindowSampler": "samplers",
    "advise": "advice",
    "cg_scores": "scoring",
    "estimate_noise_rate": "noise",
    "load_image": "inputs.image_loader",
    "near_copies": "scoring",
    "noise_report": "noise",
}


_PACKAGES = (
    "advice",
    "dataset",
    "encoders",
    "noise",
    "policies",
    "report",
    "samplers",
    "scores",
    "scoring",
    "solver",
    "streams",
)


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562): torch takes seconds, and ``--help`` needs none of it."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("torch-cgprune")
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES, "__version__"})
