"""torch's global settings, set aside while scores are computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Compute in full precision, without gradients, whatever torch's global settings are.

    TF32 or bfloat16 products would cost the scores their digits; what names no device is host data.
    """
    with _full_precision(), torch.no_grad(), torch.device("cpu"):
        yield


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    mkldnn: Any = torch.backends.mkldnn
    backends: list[Any] = [torch.backends.cuda.matmul, getattr(mkldnn, "matmul", None)]
    if not all(hasattr(backend, "fp32_precision") for backend in backends):  # torch < 2.9
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    settings = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, setting in zip(backends, settings, strict=True):
            backend.fp32_precision = setting
