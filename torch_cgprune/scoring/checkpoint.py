"""What is finished kept in a file, so that an interrupted scoring is taken up where it stopped."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch_cgprune.errors import CacheError
from torch_cgprune.scoring.sums import Sums
from torch_cgprune.solver import State
from torch_cgprune.utils.files import check_writable, read_safetensors, write_safetensors

_log = logging.getLogger(__name__)

# Of what a file holds. Where that changes, an older file is passed over.
_FORMAT = 2
# Seconds between two states of an iteration: to write one takes a fraction of one.
_EVERY = 20


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
        self.job = json.dumps({**job, "format": _FORMAT}, sort_keys=True)

    def save(self, sums: Sums, runs: int) -> None:
        """Replace the file, as a whole, by the sums over the first ``runs`` runs."""
        self.write(sums.state, runs=str(runs))

    def sums(self, empty: Callable[[], Sums]) -> tuple[Sums | None, int]:
        """Return the sums in the file, restored into empty ones, and how many runs they cover.

        None and 0 where there are none.
        """
        tensors, metadata = self.found()
        if "runs" not in metadata:
            return None, 0
        sums = empty()
        sums.restore(tensors)
        runs = int(metadata["runs"])
        _log.info("taking up after %d finished runs in %s", runs, self.path)
        return sums, runs

    @property
    def iteration(self) -> Iteration:
        """Where the state of the one run that is an iteration is kept."""
        return Iteration(self)

    def write(self, tensors: State, **metadata: str) -> None:
        """Replace the file, as a whole."""
        if self.path is not None:
            write_safetensors(self.path, tensors, {"job": self.job, **metadata})

    def found(self) -> tuple[State, dict[str, str]]:
        """Return the tensors and metadata of the file, empty where it is not of this job."""
        if self.path is None or not self.path.is_file():
            return {}, {}
        try:
            tensors, metadata = read_safetensors(self.path)
        except CacheError as error:
            _log.warning("%s Starting anew.", error)
            return {}, {}
        return (tensors, metadata) if metadata.get("job") == self.job else ({}, {})

    def remove(self) -> None:
        """Delete the file: the job is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class Iteration:
    """The state of an iteration in the file of a checkpoint, every now and then."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint, self._saved = checkpoint, time.monotonic()

    def load(self) -> State:
        """Return the state in the file, empty where there is none."""
        state, metadata = self._checkpoint.found()
        if "iterations" not in metadata:
            return {}
        _log.info(
            "taking up after %s iterations in %s", metadata["iterations"], self._checkpoint.path
        )
        return state

    def save(self, state: State) -> None:
        """Replace the file by a state, unless it has one that is nearly as good."""
        if time.monotonic() - self._saved >= _EVERY:
            self._checkpoint.write(state, iterations=str(int(state["counts"][0])))
            self._saved = time.monotonic()
