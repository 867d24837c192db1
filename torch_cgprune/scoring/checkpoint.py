"""Finished runs kept in a file, so that an interrupted scoring is taken up where it stopped."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from torch_cgprune.errors import CacheError
from torch_cgprune.scoring.sums import Sums
from torch_cgprune.utils.files import check_writable, read_safetensors, write_safetensors

_log = logging.getLogger(__name__)


class Checkpoint:
    """The sums over the finished runs of one job, in a file of bounded size.

    Args:
        path: the file, or None to keep nothing.
        job: what the sums depend on (fingerprint, options), as JSON values. Sums of another job are
            passed over.

    Raises:
        FileNotFoundError, PermissionError: the file's folder is missing or cannot be written.

    """

    def __init__(self, path: str | os.PathLike[str] | None, job: dict[str, Any]) -> None:
        if path is not None:
            check_writable(path)
        self.path = None if path is None else Path(path)
        self.job = json.dumps(job, sort_keys=True)

    def save(self, sums: Sums, runs: int) -> None:
        """Replace the file, as a whole, by the sums over the first ``runs`` runs."""
        if self.path is not None:
            write_safetensors(self.path, sums.state, {"job": self.job, "runs": str(runs)})

    def load_into(self, sums: Sums) -> int:
        """Fill ``sums`` with those of the file and return how many runs they cover: 0 without."""
        if self.path is None or not self.path.is_file():
            return 0
        try:
            tensors, metadata = read_safetensors(self.path)
        except CacheError as error:
            _log.warning("%s Starting anew.", error)
            return 0
        if metadata.get("job") != self.job:
            return 0
        sums.restore(tensors)
        runs = int(metadata["runs"])
        _log.info("taking up after %d finished runs in %s", runs, self.path)
        return runs

    def remove(self) -> None:
        """Delete the file: the job is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
