"""The first screen: what a person wants to know at once, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from torch_cgprune.advice import Advice
from torch_cgprune.report.summary import many
from torch_cgprune.report.suspects import worst_classes
from torch_cgprune.scores import CGScores

# A column of a class that is called hardest or easiest has so many examples at least.
_ENOUGH = 5


class Card(NamedTuple):
    """An answer of the first screen.

    Attributes:
        title: what it is about.
        value: the answer, in a word or a number.
        text: a sentence on it.
        target: id of its section.
        more: what there is to see there.
        command: that acts on it.

    """

    title: str
    value: str
    text: str
    target: str
    more: str
    command: str


def cards(
    scores: CGScores,
    found: dict[str, Any],
    flagged: Tensor,
    advice: Advice | None,
    called: str | None,
) -> Sequence[Card]:
    """Return the cards of the first screen.

    Args:
        scores: of a dataset.
        found: its :func:`~torch_cgprune.report.summary.facts`.
        flagged: (n,) bool, the labels that look wrong.
        advice: on how much can be dropped; None where nobody has asked.
        called: the file of the scores, for commands of the shell; None for Python's.

    """
    return [
        _labels(scores, found, flagged, called),
        _amount(advice, called),
        _copies(found, called),
        _classes(scores, found, flagged, called),
        _scored(scores, found, called),
    ]


def _labels(scores: CGScores, found: dict[str, Any], flagged: Tensor, called: str | None) -> Card:
    count = int(flagged.sum())
    python = 'PrunedSampler(train, keep=0.6, exclude="suspects")'
    return Card(
        "Likely wrong labels",
        f"{count:,}",
        " ".join([_sure(scores, flagged), *_estimated(found)]),
        "suspects",
        "Review them" if count else "See the list",
        python
        if called is None
        else f"torch-cgprune select {called} --policy noise-filter -o kept.txt",
    )


def _sure(scores: CGScores, flagged: Tensor) -> str:
    if len(scores.classes) == 1:
        return "There is one class alone: no label can be compared with another."
    if not flagged.any():
        return "No label looks wrong."
    share = f"{float(flagged.double().mean()):.1%} of all"
    wrong = scores.wrong_probability
    if wrong is None:
        return f"{share}, by the sign of the paper's partial score, which tells no probability."
    tenths = round(10 * float(wrong[flagged].mean()))
    how = "hardly any" if tenths == 0 else "nearly all" if tenths == 10 else f"about {tenths} in 10"
    return f"{share}; {how} of them really wrong."


def _estimated(found: dict[str, Any]) -> list[str]:
    rate = found["wrong_labels"]
    if not rate:
        return []
    low, high = (max(rate["estimate"] + sign * rate["error"], 0) for sign in (-1, 1))
    return [f"In all, {low:.0%} to {high:.0%} of the labels are estimated to be wrong."]


def _amount(advice: Advice | None, called: str | None) -> Card:
    if advice is None:
        command = "print(advise(train))" if called is None else f"torch-cgprune advise {called}"
        text = "Nobody has measured it yet: this takes minutes, and trains nothing."
        return Card("Can be dropped", "not known", text, "prune", "What policies keep", command)
    share = f"{advice.lossless:g}" if advice.lossless < 1 else f"{advice.shares[-1]:g}"
    command = (
        f'PrunedSampler(train, keep={share}, policy="auto")'
        if called is None
        else f"torch-cgprune select {called} --keep {share} --policy auto -o kept.txt"
    )
    value = f"{1 - advice.lossless:.0%}" if advice.lossless < 1 else "nothing sure"
    return Card("Can be dropped", value, advice.verdict, "prune", "See what is lost", command)


def _copies(found: dict[str, Any], called: str | None) -> Card:
    near, exact = found["near_copies"], found["duplicates"]
    parts = [f"{exact:,} exact of the same label" if exact else "No exact ones of the same label"]
    if near:
        parts.append(f"{many(near['pairs'], 'pair')} of cosine {near['cosine']:g} or more")
    else:
        parts.append("near ones were not looked for")
    conflicts = found["conflicts"]
    text = f"{', '.join(parts)}."
    if conflicts:
        text += f" {many(conflicts, 'example')} with a copy of another label: one must be wrong."
    groups = near["groups"] if near else exact + conflicts
    command = 'PrunedSampler(train, keep=0.6, exclude="copies")'
    if called is not None:
        command = f"torch-cgprune select {called} --keep 1 --exclude copies -o kept.txt"
    title = "Groups of copies" if near else "Copies"
    return Card(title, f"{groups:,}", text, "copies", "See them side by side", command)


def _classes(scores: CGScores, found: dict[str, Any], flagged: Tensor, called: str | None) -> Card:
    command = "print(noise_report(train.scores))"
    if called is not None:
        command = f"torch-cgprune info {called}"
    rows = [row for row in found["per_class"] if row["examples"] >= _ENOUGH]
    if len(rows) < 2:
        return Card(
            "Classes", f"{found['classes']:,}", "Too few to compare.", "classes", "See all", command
        )
    hardest, easiest = (pick(rows, key=lambda row: row["mean"]) for pick in (max, min))
    text = f"The easiest is “{easiest['class']}”, by the mean of the scores."
    if flagged.any():
        code = worst_classes(scores, flagged)[0]
        share = float(flagged[scores.labels == code].double().mean())
        text += f" Most doubted: “{scores.class_names[code]}”, {share:.0%} of its labels."
    return Card("Hardest class", hardest["class"], text, "classes", "Class by class", command)


def _scored(scores: CGScores, found: dict[str, Any], called: str | None) -> Card:
    name = _space(scores)
    words = []
    if scores.loo is not None and len(scores.classes) > 1:
        right = scores.calibration.accuracy
        words.append(f"It tells the given label of {right:.0%} of the examples without seeing it.")
    if found["photographs_as_pixels"]:
        words.append("An encoder sees more in photographs than their pixels.")
    skipped = len(found["skipped"])
    words.append(f"{many(skipped, 'file')} could not be read." if skipped else "All was read.")
    command = "train.scores.to_pandas()"
    if called is not None:
        command = f"torch-cgprune export {called} -o table.csv"
        if found["photographs_as_pixels"] and found["source"]:
            encoder = "--encoder torchvision:resnet50"
            command = f"torch-cgprune score {found['source']} {encoder} -o {called}"
    return Card("Scored on", name, " ".join(words), "about", "How it was scored", command)


def _space(scores: CGScores) -> str:
    """Return what was scored, in a word or two."""
    noted = scores.metadata.get("source", {})
    if noted.get("encoder"):
        return str(noted["encoder"]).rpartition(":")[2]
    if scores.metadata.get("encoder"):
        return "an encoder"
    if noted.get("features"):
        return "given features"
    return "pixels" if scores.metadata.get("photographs_as_pixels") else "raw values"
