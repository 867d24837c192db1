"""``torch-cgprune apply`` to shards, tar files or MDS: shards of what a list keeps."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch_cgprune.cli.output import UsageError, say, shows_progress
from torch_cgprune.inputs.tars import Example, read_examples
from torch_cgprune.lists import check_relabels
from torch_cgprune.lists.decisions import is_fine
from torch_cgprune.lists.formats import entries
from torch_cgprune.report.summary import many, table
from torch_cgprune.streams import KeepList
from torch_cgprune.streams.copying import Form, even_shards, write_shards
from torch_cgprune.streams.keep import check_met
from torch_cgprune.streams.mds import MdsShard
from torch_cgprune.streams.mds_copies import KeptRow, encoded, mds_form
from torch_cgprune.streams.members import URL, shard_name
from torch_cgprune.streams.rows import keys_of
from torch_cgprune.streams.tar_copies import TAR, Kept


@dataclass(frozen=True)
class Source:
    """Shards to take examples from.

    Attributes:
        shards: their paths, with the keys of their examples and what each of these is.
        kept: from a path, what an example is, and its new label or None, to what is written.
        form: how that is written.

    """

    shards: Sequence[tuple[str, Sequence[tuple[str, Any]]]]
    kept: Callable[[str, Any, str | None], Any]
    form: Form


def tar_source(paths: Sequence[str], label: str | None) -> Source:
    """Return tar shards as a source; labels are in the members of an ending, ``cls``."""
    ending = label or "cls"

    def kept(path: str, example: Example, new: str | None) -> Kept:
        if new is None:
            return Kept(path, example, {})
        if ending not in example.members:
            raise ValueError(
                f"The example {example.key!r} of the shard {path!r} has no .{ending} to write the "
                f"label {new!r} to. It has {sorted(example.members)}: name one with --label-column."
            )
        return Kept(path, example, {ending: new.encode("utf-8", "surrogateescape")})

    return Source([(path, [(e.key, e) for e in read_examples(path)]) for path in paths], kept, TAR)


def mds_source(paths: Sequence[str], label: str | None) -> Source:
    """Return MDS shards as a source; labels are in a column, ``label``."""
    shards, column = {path: MdsShard(path) for path in paths}, label or "label"

    def kept(path: str, index: int, new: str | None) -> KeptRow:
        replaced = {} if new is None else {column: encoded(shards[path], column, new)}
        return KeptRow(path, index, replaced)

    keyed = [(path, [*zip(keys_of(s), range(len(s)), strict=True)]) for path, s in shards.items()]
    return Source(keyed, kept, mds_form(shards))


def run(
    args: argparse.Namespace,
    shards: Sequence[str],
    opened: Callable[[Sequence[str], str | None], Source],
) -> None:
    """Write new shards of what a list keeps of others.

    Args:
        args: of the command.
        shards: their paths.
        opened: from these, and what holds labels, to a source.

    """
    _check(args, shards)
    source = opened(shards, args.label_column)
    chosen = _chosen(args.kept, source, _relabels(args.relabel, source))
    told = _told(source, chosen)
    how = "nothing is written (--dry-run)"
    if not args.dry_run:
        made = even_shards(chosen, [*map(shard_name, shards)], told["examples"])
        progress = shows_progress(args)
        before = write_shards(made, Path(args.output), told, source.form, progress=progress)
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


def _told(source: Source, chosen: Sequence[Any]) -> dict[str, Any]:
    """Return how many examples there are, kept and with new labels, in all and of each shard."""
    counts = Counter(one.path for one in chosen)
    return {
        "examples": sum(len(here) for _, here in source.shards),
        "kept": len(chosen),
        "relabelled": sum(1 for one in chosen if one.replaced),
        "source": [
            {"name": shard_name(path), "examples": len(here), "kept": counts[path]}
            for path, here in source.shards
        ],
    }


def _chosen(path: str, source: Source, relabels: dict[str, str | None]) -> list[Any]:
    """Return what is written of the examples that a list keeps: all but what has no right label.

    Raises:
        ValueError: nothing is; and as :func:`_kept`.

    """
    found = []
    for shard, key, example in _kept(path, source.shards):
        new = relabels.get(f"{shard_name(shard)}/{key}", "")
        if new is not None:
            found.append(source.kept(shard, example, new or None))
    if not found:
        raise ValueError(f"The list {path!r} keeps nothing that has a right label.")
    return found


def _kept(
    path: str, shards: Sequence[tuple[str, Sequence[tuple[str, Any]]]]
) -> list[tuple[str, str, Any]]:
    """Return what a list keeps of shards.

    Args:
        path: of the list.
        shards: paths, with the keys of their examples and what is to be returned of these.

    Returns:
        The shard of each that is kept, its key, and what is to be returned of it.

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
    return [(sample[URL], sample["__key__"], sample["example"]) for sample in kept]


def _keys_of(path: str) -> KeepList | None:
    """Return the list by key; None where it has none that tell examples."""
    try:
        return KeepList.load(path)
    except ValueError:
        return None


def _relabels(path: str | None, source: Source) -> dict[str, str | None]:
    """Return new labels by the names of examples: None of what is wrong, "" of what is fine.

    Raises:
        ValueError: a name that there is not, or of several examples; no label and no decision, or
            two for one name.

    """
    if path is None:
        return {}
    known = Counter(
        f"{shard_name(shard)}/{key}" for shard, here in source.shards for key, _ in here
    )
    found: dict[str, str | None] = {}
    for entry in entries(check_relabels(path)):
        place = f"The list {path!r}, line {entry.line}"
        new = (entry.new_label or "").strip()
        decided = "" if is_fine(entry, place) else new or None
        if entry.name not in known or not (new or entry.decision):
            raise ValueError(
                f"{place}: it must name an example of the shards, as {min(known)!r}, and its "
                f"'new_label'. Got {entry.name!r} and {new!r}."
            )
        if known[entry.name] > 1:
            raise ValueError(
                f"{place}: {known[entry.name]} examples are called {entry.name!r}, and a new label "
                "is for one of them. Give them keys of their own, or leave out --relabel."
            )
        if found.setdefault(entry.name, decided) != decided:
            raise ValueError(
                f"{place}: {entry.name!r} has another 'new_label' or 'decision' further up."
            )
    return found


def _in_words(told: dict[str, Any]) -> str:
    rows = [*told["source"], {**told, "name": "all"}]
    head = ("shard", "examples", "kept")
    return table(head, [[str(row[n]) for n in ("name", "examples", "kept")] for row in rows])
