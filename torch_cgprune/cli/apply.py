"""``torch-cgprune apply``: from a list of what to keep to a dataset that has nothing else."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch_cgprune.cli import apply_shards
from torch_cgprune.cli.array_files import ARRAYS
from torch_cgprune.cli.chosen import Chosen, choose
from torch_cgprune.cli.class_folders import ClassFolders, is_read
from torch_cgprune.cli.output import UsageError, check_output, say, shows_progress
from torch_cgprune.cli.reading import add_reading
from torch_cgprune.cli.saved_datasets import PREFIX
from torch_cgprune.cli.shard_sources import SUFFIX
from torch_cgprune.cli.source import KNOWN
from torch_cgprune.lists.copying import check_apart, copy_files
from torch_cgprune.lists.placing import Kept, Placed, place
from torch_cgprune.lists.rewriting import Rows, rewrite, table_ending
from torch_cgprune.report.summary import many, table
from torch_cgprune.streams.mds import is_mds, shards_in
from torch_cgprune.streams.shards import expanded

EXAMPLES = """examples:
  torch-cgprune apply kept.txt animals/train -o animals/clean
  torch-cgprune apply kept.txt animals/train -o animals/clean --relabel relabel.csv --link
  torch-cgprune apply kept.csv train.csv -o clean.csv
  torch-cgprune apply kept.parquet 'train-{000..099}.tar' -o clean

A folder gets one folder per class; a file with a new label goes into the folder of that class, and
is numbered (a-2.png) where its name is taken there. Of .tar and MDS shards come shards of even
size, in which examples are copied as they are, and manifest.json, which has their counts and
digests. Run it again after an interruption: it goes on.
"""

_log = logging.getLogger(__name__)


def add_options(command: argparse.ArgumentParser) -> None:
    """Tell the parser what the command takes."""
    command.set_defaults(mismatch="Name what the list is of, or make the list anew.")
    command.add_argument("kept", metavar="KEPT", help="a list that select has written")
    command.add_argument(
        "source",
        metavar="SOURCE",
        help="what was scored: a folder with one folder of images per class, a table, .tar shards, "
        "as 'train-{000..099}.tar', or a folder of MDS shards; it is not touched",
    )
    command.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="a new folder, or of a table a file"
    )
    command.add_argument(
        "--relabel",
        metavar="FILE",
        help="a .csv with new labels, as the page makes it; what is wrong without one is left out",
    )
    command.add_argument("--link", action="store_true", help="make hard links, not copies")
    command.add_argument(
        "--dry-run", action="store_true", help="show what is kept of each class, and write nothing"
    )
    command.add_argument(
        "--scores", metavar="FILE", help="that the list is of: compares the source with them"
    )
    add_reading(command, items=False)


def run(args: argparse.Namespace) -> None:
    """Write what a list keeps of a source to a new folder or table."""
    if args.source.endswith(SUFFIX):
        apply_shards.run(args, expanded(args.source), apply_shards.tar_source)
        return
    if is_mds(Path(args.source)):
        apply_shards.run(args, shards_in(Path(args.source)), apply_shards.mds_source)
        return
    _check_kinds(args)
    if table_ending(args.output):
        check_output(args.output, args.source, args.kept, args.relabel, args.scores)
    chosen = choose(args)
    found = {**_by_class(chosen), "output": args.output}
    told = _to_table(chosen, args) if table_ending(args.output) else _to_folder(chosen, args)
    _tell(found, chosen.numbered)
    what = "nothing is written (--dry-run)" if args.dry_run else told
    say(args, f"{_in_words(found)}\n\n{args.output}: {what}", found)


def _check_kinds(args: argparse.Namespace) -> None:
    """Raise UsageError where there is nothing to copy, or an output of another kind."""
    source, ending = args.source, table_ending(args.source)
    name, colon, _ = source.partition(":")
    if (colon and name in KNOWN) or source.startswith(PREFIX):
        raise _no_files(args)
    if Path(source).suffix.lower() in ARRAYS and not Path(source).is_dir():
        raise UsageError(
            f"{source!r} holds arrays, which are no files to copy. In Python, with the indices of "
            f"select -o kept.npy: kept = numpy.load('kept.npy'), and "
            "numpy.savez('clean.npz', features=x[kept], labels=y[kept])."
        )
    wanted = table_ending(args.output)
    if wanted and Path(source).is_dir():
        raise UsageError(f"Of a folder comes a folder. Name one with -o, not {args.output!r}.")
    if wanted and wanted != ending:
        raise UsageError(f"The file {args.output!r} must end as the source does, in {ending}.")
    if args.link and wanted:
        raise UsageError("The option --link is for a folder of files. Leave it out for a table.")
    if wanted and args.relabel and args.labels:
        raise UsageError(
            "The labels are in the file of --labels, and not in the table: change them there, and "
            "leave out --relabel."
        )


def _no_files(args: argparse.Namespace) -> UsageError:
    """Return the error that a source has no files of its own, and what to do instead."""
    ending = table_ending(args.source)
    if ending:
        return UsageError(f"Of a table comes a table: name one with -o, as clean{ending}.")
    if args.source.startswith(PREFIX):
        return UsageError(
            f"What datasets has saved, as {args.source!r}, is written by datasets. In Python, with "
            "the indices of select -o kept.npy: kept = numpy.load('kept.npy'), and "
            "datasets.load_from_disk(FOLDER).select(kept).save_to_disk('clean')."
        )
    return UsageError(
        f"The images of {args.source!r} are no files to copy. In Python take a part of the "
        f"dataset: train = CGScoredDataset(dataset), and PrunedSampler(train, keep={args.kept!r})"
        ".subset(train)."
    )


def _to_folder(chosen: Chosen, args: argparse.Namespace) -> str:
    """Copy or link files, and say how many."""
    dataset, folder = chosen.dataset, Path(args.output)
    if not (isinstance(dataset, ClassFolders) or getattr(dataset, "samples_are_files", False)):
        raise _no_files(args)
    files = place(_kept_files(chosen))
    _check_read_again(files)
    if isinstance(dataset, ClassFolders):
        check_apart(folder, Path(dataset.root), [path for path, _ in dataset.samples])
    if args.dry_run:
        return ""
    before = copy_files(files, folder, link=args.link, progress=shows_progress(args))
    if before == len(files):
        return "was there, all of it"
    done = f"{many(len(files) - before, 'file')} {'linked' if args.link else 'copied'}"
    return f"{done}, {before:,} were there" if before else done


def _kept_files(chosen: Chosen) -> Iterator[Kept]:
    """Yield the files that are kept, with their labels and the names below these."""
    dataset = chosen.dataset
    for index, label in zip(chosen.places, chosen.names, strict=True):
        path = dataset.samples[index][0]
        if isinstance(dataset, ClassFolders):
            own, *parts = Path(path).relative_to(dataset.root).parts
            yield Kept(path, label, "/".join(parts), stays=own == label)
        else:
            yield Kept(path, label, Path(path).name, stays=False)


def _check_read_again(files: list[Placed]) -> None:
    """Raise ValueError for a file that a folder of classes would be read without."""
    out = next((file for file in files if not is_read(Path(file.target))), None)
    if out is not None:
        raise ValueError(
            f"The file {out.origin!r} would be {out.target!r}, which is left out where a folder is "
            "read: for its ending, or as hidden. Write a table instead, as -o clean.csv."
        )


def _to_table(chosen: Chosen, args: argparse.Namespace) -> str:
    """Write the rows that are kept, and say how many."""
    lists_files = getattr(chosen.dataset, "samples_are_files", False)
    new = zip(chosen.rows, chosen.names, chosen.relabelled.tolist(), strict=True)
    rows = Rows(
        kept=chosen.rows,
        labels={row: name for row, name, changed in new if changed},
        column=chosen.opened.label_column or "label",
        paths=(chosen.reading.get("path_column") or "path") if lists_files else None,
    )
    if not args.dry_run:
        rewrite(Path(args.source), Path(args.output), rows)
    return f"{many(len(chosen.rows), 'row')} written"


def _by_class(chosen: Chosen) -> dict[str, Any]:
    """Return how many are kept of each class, as labelled before and as labelled now."""
    examples, k = chosen.examples, len(chosen.examples.class_names)
    there = examples.labels.bincount(minlength=k).tolist()
    kept = chosen.labels[chosen.kept].bincount(minlength=k).tolist()
    into = chosen.labels[chosen.kept][chosen.relabelled].bincount(minlength=k).tolist()
    names = ("class", "examples", "kept", "relabelled")
    rows = zip(examples.class_names, there, kept, into, strict=True)
    return {
        "examples": len(examples),
        "kept": len(chosen.kept),
        "relabelled": sum(into),
        "per_class": [dict(zip(names, row, strict=True)) for row in rows],
    }


def _tell(found: dict[str, Any], numbered: str | None) -> None:
    """Warn of what was not compared, and of classes of which nothing is left."""
    if numbered:
        _log.warning(
            "The list %r tells examples by their numbers: pass --scores, of which it is, to have "
            "the source compared with them.",
            numbered,
        )
    for row in found["per_class"]:
        if not row["kept"]:
            _log.warning("Nothing is kept of the class %r.", row["class"])


def _in_words(found: dict[str, Any]) -> str:
    rows = [*found["per_class"], {**found, "class": "all"}]
    head = ("class", "examples", "kept", "relabelled")
    return table(head, [[str(row[name]) for name in head] for row in rows])
