"""What filtering a stream costs: `python examples/benchmarks/stream.py [EXAMPLES]`.

Tar shards of JPEG files of 160 x 160 in the temporary folder, read by webdataset in this process:
all of them, and through `select(keep)` with nine tenths, and with half, kept. Each is timed in
turn, five times, and the best counts. "Read" is examples that go past the filter a second, "kept"
those that come out, both beside the bare pipeline; "to as many" is the time to as many kept
examples, beside decoding all and filtering then. Time is that of the processor, which other work on
the machine does not stretch as much.
"""

import io
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import webdataset as wds
from measuring import machine
from PIL import Image

from torch_cgprune import KeepList

EXAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
SHARDS, SIDE, TIMES = 4, 160, 5


def jpeg(rng: np.random.Generator) -> bytes:
    small = Image.fromarray(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file, "jpeg", quality=90)
    return file.getvalue()


def write(folder: Path) -> list[str]:
    """Write the shards; return their paths."""
    rng = np.random.default_rng(0)
    paths = []
    for shard, numbers in enumerate(np.array_split(np.arange(EXAMPLES), SHARDS)):
        paths.append(str(folder / f"train-{shard:03d}.tar"))
        with tarfile.open(paths[-1], "w") as tar:
            for number in numbers.tolist():
                content = jpeg(rng)
                info = tarfile.TarInfo(f"{number:08d}.jpg")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return paths


def whole(paths: list[str]) -> Any:
    return wds.WebDataset(paths, shardshuffle=False, nodesplitter=None, workersplitter=None)


def pipelines(
    paths: list[str], keep: KeepList, *, decode: bool
) -> dict[str, Callable[[], Iterable[Any]]]:
    """Return the bare pipeline, the one that is filtered first, and the one filtered last."""

    def decoded(dataset: Any) -> Any:
        return dataset.decode("rgb8") if decode else dataset

    return {
        "bare": lambda: decoded(whole(paths)),
        "select": lambda: decoded(whole(paths).select(keep)),
        "late": lambda: decoded(whole(paths)).select(keep),
    }


def best(pipelines: dict[str, Callable[[], Iterable[Any]]]) -> dict[str, tuple[float, int]]:
    """Return the least seconds of each pipeline, and how many examples it gives."""
    found: dict[str, tuple[float, int]] = {}
    for _ in range(TIMES):
        for name, pipeline in pipelines.items():
            start = time.process_time()
            count = sum(1 for _ in pipeline())
            seconds = time.process_time() - start
            found[name] = min(found.get(name, (seconds, count)), (seconds, count))
    return found


def row(name: str, found: dict[str, tuple[float, int]], share: float) -> str:
    bare, kept, late = (found[key] for key in ("bare", "select", "late"))
    read = bare[0] / kept[0]
    out = (kept[1] / kept[0]) / (bare[1] / bare[0])
    return (
        f"| {name} | {share:.0%} | {EXAMPLES / bare[0]:,.0f}/s | {read:.3f} | {out:.3f} | "
        f"{kept[0] / late[0]:.2f} |"
    )


def main() -> None:
    print(f"{EXAMPLES} JPEG files of {SIDE} x {SIDE} in {SHARDS} shards; {machine()}\n")
    print("| pipeline | kept | bare | read | kept | to as many |")
    print("|---|---:|---:|---:|---:|---:|")
    keys = [f"{number:08d}" for number in range(EXAMPLES)]
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder))
        for share in (0.9, 0.5):
            kept = np.random.default_rng(1).permutation(EXAMPLES)[: round(share * EXAMPLES)]
            keep = KeepList.by_key(keys, kept)
            plain = best(pipelines(paths, keep, decode=False))
            print(row("bytes", plain, share), flush=True)
            decoded = best(pipelines(paths, keep, decode=True))
            print(row("decoded", decoded, share), flush=True)


if __name__ == "__main__":
    main()
