"""``torch-cgprune apply`` to tar shards: shards of what a list keeps."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch_cgprune.cli.output import UsageError, say, shows_progress
from torch_cgprune.inputs.tars import Example, read_examples
from torch_cgprune.lists import check_relabels
from torch_cgprune.lists.formats import entries
from torch_cgprune.report.summary import many, table
from torch_cgprune.streams import KeepList
from torch_cgprune.streams.copying import Kept, even_shards, write_shards
from torch_cgprune.streams.keep import check_met
from torch_cgprune.streams.mds import MdsShard, shards_in, size_limit_of, write_mds
from torch_cgprune.streams.members import URL, shard_name
from torch_cgprune.streams.rows import keys_of


def run(args: argparse.Namespace, shards: list[str]) -> None:
    """Write new shards of what a list keeps of others."""
    _check(args, shards)
    found = [(path, read_examples(path)) for path in shards]
    kept = _kept(args.kept, [(path, [(e.key, e) for e in here]) for path, here in found])
    relabels = _relabels(args, found)
    names = [*map(shard_name, shards)]
    label = args.label_column or "cls"
    chosen = [Kept(path, example, _new(path, example, relabels, label)) for path, example in kept]
    examples = sum(len(here) for _, here in found)
    made = even_shards(chosen, names, examples)
    counts = Counter(shard_name(one.path) for one in chosen)
    told: dict[str, Any] = {
        "examples": examples,
        "kept": len(chosen),
        "relabelled": sum(1 for one in chosen if one.replaced),
        "source": [
            {"name": name, "examples": len(here), "kept": counts[name]}
            for name, (_, here) in zip(names, found, strict=True)
        ],
    }
    how = "nothing is written (--dry-run)"
    if not args.dry_run:
        before = write_shards(made, Path(args.output), told, progress=shows_progress(args))
        how = f"{many(len(made) - before, 'shard')} written"
        how += f", {before:,} were there" if before else ""
    say(args, f"{_in_words(told)}\n\n{args.output}: {how}", {**told, "output": args.output})


def _check(args: argparse.Namespace, shards: Sequence[str]) -> None:
    if args.link or args.scores:
        raise UsageError("The options --link and --scores are not for shards. Leave them out.")
    if Path(args.kept).suffix.lower() != ".parquet":
        raise UsageError(
            "A list of examples of shards is a .parquet file, which says their shards and places. "
            f"Got {args.kept!r}: write it with select -o kept.parquet."
        )
    out = Path(args.output).resolve()
    if out.is_file() or out in {Path(shard).resolve().parent for shard in shards}:
        raise UsageError(f"The output must be a new folder. Got {args.output!r} instead.")


def run_mds(args: argparse.Namespace) -> None:
    """Write a new folder of MDS shards of what a list keeps of another."""
    if args.relabel:
        raise UsageError("The option --relabel is for .tar shards. Leave it out for MDS.")
    source = Path(args.source)
    shards = {path: MdsShard(path) for path in shards_in(source)}
    _check(args, [*shards])
    kept = _kept(
        args.kept,
        [(path, [*zip(keys_of(s), range(len(s)), strict=True)]) for path, s in shards.items()],
    )
    told = {"examples": sum(map(len, shards.values())), "kept": len(kept), "output": args.output}
    how = "nothing is written (--dry-run)"
    if not args.dry_run:
        raw = (shards[path].raw(index) for path, index in kept)
        first = next(iter(shards.values()))
        write_mds(Path(args.output), first, raw, size_limit_of(source))
        how = f"{many(len(kept), 'example')} of {told['examples']:,} written"
    say(args, f"{args.output}: {how}", told)


def _kept(path: str, shards: Sequence[tuple[str, list[tuple[str, Any]]]]) -> list[tuple[str, Any]]:
    """Return what a list keeps of shards.

    Args:
        path: of the list.
        shards: paths, with the keys of their examples and what is to be returned of these.

    Returns:
        The shard of each that is kept, and what is to be returned of it.

    Raises:
        ValueError: a list of other data: it says how many are not there, or have other keys.

    """
    samples = [
        {URL: shard, "__key__": key, "example": example}
        for shard, examples in shards
        for key, example in examples
    ]
    by_place = KeepList.load(path, key=None)
    known = {shard_name(shard) for shard, _ in shards}
    others = [name for name in by_place.counts or {} if name not in known]
    lost = sum((by_place.counts or {})[name] for name in others)
    if lost:
        check_met(len(by_place) - lost, len(by_place), f"shards (of {others[0]!r}, say)")
    kept = [*by_place.only(samples)]
    check_met(len(kept), len(by_place), "shards")
    keys = _keys_of(path)
    other = [sample for sample in kept if keys is not None and not keys(sample)]
    if other:
        raise ValueError(
            f"{len(other)} of the {len(kept)} examples at the places of the list {path!r} have "
            f"other keys, first {other[0]['__key__']!r}: it is of other data. Make it anew."
        )
    return [(sample[URL], sample["example"]) for sample in kept]


def _keys_of(path: str) -> KeepList | None:
    """Return the list by key; None where it has none that tell examples."""
    try:
        return KeepList.load(path)
    except ValueError:
        return None


def _relabels(args: argparse.Namespace, shards: list[tuple[str, list[Example]]]) -> dict[str, str]:
    """Return new labels by the names of their examples.

    Raises:
        ValueError: a name that there is not, or no label.

    """
    if args.relabel is None:
        return {}
    known = {f"{shard_name(shard)}/{example.key}" for shard, here in shards for example in here}
    found: dict[str, str] = {}
    for entry in entries(check_relabels(args.relabel)):
        new = (entry.new_label or "").strip()
        if entry.name not in known or not new:
            raise ValueError(
                f"The list {args.relabel!r}, line {entry.line}: it must name an example of the "
                f"shards, as {min(known)!r}, and its 'new_label'. Got {entry.name!r} and {new!r}."
            )
        found[entry.name] = new
    return found


def _new(path: str, example: Example, relabels: dict[str, str], label: str) -> dict[str, bytes]:
    """Return the new content of an example's label; of most there is none."""
    new = relabels.get(f"{shard_name(path)}/{example.key}")
    if new is None:
        return {}
    if label not in example.members:
        raise ValueError(
            f"The example {example.key!r} of the shard {path!r} has no .{label} to write the label "
            f"{new!r} to. It has {sorted(example.members)}: name one with --label-column."
        )
    return {label: new.encode("utf-8", "surrogateescape")}


def _in_words(told: dict[str, Any]) -> str:
    rows = [*told["source"], {**told, "name": "all"}]
    head = ("shard", "examples", "kept")
    return table(head, [[str(row[n]) for n in ("name", "examples", "kept")] for row in rows])
