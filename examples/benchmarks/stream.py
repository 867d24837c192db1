"""What filtering a stream costs: `python examples/benchmarks/stream.py [EXAMPLES]`.

Tar shards of JPEG files of 160 x 160 in the temporary folder, read in this process by webdataset,
and by `datasets` from that: all of them, and with nine tenths, and with half, kept. Pipelines of
one kind take turns. Time is that of the processor, by pieces of 20 examples that are read, of each
the least of all turns: other work on the machine is seldom there in all of them. "Read" is examples
that go past the filter a second, "out" those that come out, both beside the bare pipeline; then
"read" of odd and of even turns, which differ by what the measurement leaves open. "Nothing" keeps
all, without a look at them: what the library's own filter costs. "Long" is a list of a million
keys, of which these are some. "A set" is one of Python numbers, the hashes of what is kept: what a
list would cost that takes many times the memory.
"""

import io
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import numpy as np
import webdataset as wds
from measuring import machine
from PIL import Image

from torch_cgprune import KeepList, PrunedStream
from torch_cgprune.lists.keys import key_hash

EXAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SHARDS, SIDE, TURNS, PIECE = 4, 160, 40, 20
LONG = 1_000_000  # keys of a list that has more than these shards
KEYS = [f"{number:08d}" for number in range(LONG)]
MARKS: list[int] = []  # the processor time before every piece that the present pipeline reads

Pipelines: TypeAlias = dict[str, Callable[[], Iterable[Any]]]


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


def marked(samples: Iterable[Any]) -> Iterator[Any]:
    for number, sample in enumerate(samples):
        if number % PIECE == 0:
            MARKS.append(time.process_time_ns())
        yield sample


def whole(paths: list[str]) -> Any:
    dataset = wds.WebDataset(paths, shardshuffle=False, nodesplitter=None, workersplitter=None)
    return dataset.compose(marked)


def everything(_: Any) -> bool:
    return True


def lists(paths: list[str], share: float) -> tuple[KeepList, KeepList]:
    """Return which examples are kept: by their keys, and by their positions."""
    kept = np.random.default_rng(1).permutation(EXAMPLES)[: round(share * EXAMPLES)]
    inside = np.array_split(np.isin(np.arange(EXAMPLES), kept), SHARDS)
    sizes = {path: len(mask) for path, mask in zip(paths, inside, strict=True)}
    places = {path: np.flatnonzero(mask) for path, mask in zip(paths, inside, strict=True)}
    return KeepList.by_key(KEYS[:EXAMPLES], kept), KeepList.by_position(sizes, places)


def long_list(share: float) -> KeepList:
    return KeepList.by_key(KEYS, np.random.default_rng(1).permutation(LONG)[: round(share * LONG)])


def kinds(paths: list[str], share: float) -> dict[str, Pipelines]:
    """Return pipelines by their kind, the bare one first."""
    (keep, placed), long = lists(paths, share), long_list(share)
    numbers = {key_hash(key) for key in KEYS[:EXAMPLES] if keep({"__key__": key})}
    table = datasets.IterableDataset.from_generator(whole, gen_kwargs={"paths": paths})
    return {
        "webdataset": {
            "bare": lambda: whole(paths),
            "select(nothing)": lambda: whole(paths).select(everything),
            "select(keep)": lambda: whole(paths).select(keep),
            "select(a set)": lambda: whole(paths).select(
                lambda s: key_hash(s["__key__"]) in numbers
            ),
            "select(keep), long": lambda: whole(paths).select(long),
            "compose(keep.only)": lambda: whole(paths).compose(keep.only),
            "compose(keep.only), by position": lambda: whole(paths).compose(placed.only),
            "PrunedStream": lambda: PrunedStream(whole(paths), keep),
        },
        "webdataset, decoded": {
            "bare": lambda: whole(paths).decode("rgb8"),
            "select(keep), then decode": lambda: whole(paths).select(keep).decode("rgb8"),
            "decode, then select(keep)": lambda: whole(paths).decode("rgb8").select(keep),
        },
        "datasets": {
            "bare": lambda: table,
            "filter(nothing)": lambda: table.filter(everything),
            "filter(keep)": lambda: table.filter(keep),
        },
    }


def in_turn(pipelines: Pipelines) -> tuple[dict[str, Any], dict[str, int]]:
    """Return of each pipeline (turns, pieces) nanoseconds, and how many examples it gives."""
    times: dict[str, list[Any]] = {name: [] for name in pipelines}
    counts = {}
    for _ in range(TURNS):
        for name, pipeline in pipelines.items():
            MARKS[:] = [time.process_time_ns()]
            counts[name] = sum(1 for _ in pipeline())
            MARKS.append(time.process_time_ns())
            times[name].append(np.diff(MARKS))
    return {name: np.stack(turns) for name, turns in times.items()}, counts


def rows(kind: str, pipelines: Pipelines, share: float) -> Iterator[str]:
    times, counts = in_turn(pipelines)

    def rate(name: str, turns: slice = slice(None)) -> float:
        return float(EXAMPLES / (times[name][turns].min(axis=0).sum() / 1e9))

    for name, count in counts.items():
        read, odd, even = (
            rate(name, turns) / rate("bare", turns)
            for turns in (slice(None), slice(0, None, 2), slice(1, None, 2))
        )
        yield (
            f"| {kind} | {share:.0%} | {name} | {rate(name):,.0f}/s | {read:.3f} | "
            f"{odd:.3f}, {even:.3f} | {read * count / EXAMPLES:.3f} |"
        )


def main() -> None:
    print(f"{EXAMPLES} JPEG files of {SIDE} x {SIDE} in {SHARDS} shards; {machine()}\n")
    print("| stream | kept | pipeline | rate | read | odd, even | out |")
    print("|---|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder))
        for share in (0.9, 0.5):
            for kind, pipelines in kinds(paths, share).items():
                print(*rows(kind, pipelines, share), sep="\n", flush=True)


if __name__ == "__main__":
    main()
