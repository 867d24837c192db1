"""What the study of wrong labels measures and prints: one record a setting, and their summary."""

from collections.abc import Iterator
from typing import Any

import torch
from noise_methods import Verdict
from noise_settings import Source
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score
from torch import Tensor

from torch_cgprune import CGScores, estimate_noise_rate

Record = dict[str, Any]  # of JSON values

DEFAULT = "posterior"  # the library's rule, which the others are compared with
RULES = (
    DEFAULT,
    "centred-sign",
    "adjusted",
    "margin",
    "confident",
    "cleanlab on pred_probs",
    "partial-sign",
    "vote of 10 neighbours",
    "cleanlab on 10 neighbours",
    "cleanlab on log. regression",
)
BESIDE = "posterior, ridge 0"  # shown, but no rule of its own
FAR, MANY = 0.05, 50  # behind in F1, wrong labels: what single settings are named for
BINS = 15  # of equally many examples


def measured(verdict: Verdict, wrong: Tensor) -> Record:
    """Compare what a method says with (n,) which labels are wrong; None where nothing follows."""
    found: Record = dict.fromkeys(("auroc", "ap", "flagged", "precision", "recall", "f1"))
    flagged = verdict.flagged
    if wrong.any():
        found["auroc"] = float(roc_auc_score(wrong, verdict.evidence))
        found["ap"] = float(average_precision_score(wrong, verdict.evidence))
    if flagged is not None:
        found["flagged"] = float(flagged.double().mean())
    if wrong.any() and flagged is not None:
        p, r, f, _ = precision_recall_fscore_support(
            wrong, flagged, average="binary", zero_division=0
        )
        found |= {"precision": float(p), "recall": float(r), "f1": float(f)}
    return {**found, "seconds": verdict.seconds}


def calibration_error(probs: Tensor, wrong: Tensor) -> float:
    """Return the mean difference of (n,) probabilities and shares of what is wrong, in bins."""
    bins = probs.argsort(stable=True).tensor_split(min(BINS, len(probs)))
    gaps = [len(b) * (probs[b].mean() - wrong[b].double().mean()).abs() for b in bins]
    return float(sum(gaps)) / len(probs)


def record_of(
    source: Source, noise: str, scores: CGScores, true: Tensor, verdicts: list[Verdict]
) -> Record:
    """Return what is kept of a setting."""
    wrong, suspects = scores.labels != true, scores.suspects
    right = (scores.suggested_labels == true)[suspects].double().mean()
    assert scores.wrong_probability is not None
    estimate = estimate_noise_rate(scores)
    return {
        "family": source.family,
        "data": source.data,
        "features": source.features,
        "noise": noise,
        "n": len(true),
        "k": len(scores.classes),
        "wrong": int(wrong.sum()),
        "methods": {verdict.method: measured(verdict, wrong) for verdict in verdicts},
        "ridge": scores.metadata["ridge"]["chosen"],
        "calibration_error": calibration_error(scores.wrong_probability, wrong),
        "true_rate": float(wrong.double().mean()),
        "estimated_rate": None if estimate is None else estimate.rate,
        "estimated_error": None if estimate is None else estimate.error,
        "suggestions_right": float(right) if suspects.any() else None,
    }


def title(record: Record) -> str:
    return f"{record['data']}, {record['features']}, {record['noise']}"


def ranking(record: Record) -> tuple[int, str, float]:
    """Return the default's rank by F1, the best other rule, and how far it is behind that one."""
    scores = {rule: record["methods"][rule]["f1"] for rule in RULES if rule in record["methods"]}
    own = scores.pop(DEFAULT)
    best = max(scores, key=lambda rule: scores[rule])
    return 1 + sum(f > own for f in scores.values()), best, max(scores[best] - own, 0.0)


def show(record: Record) -> None:
    """Print a setting."""
    rate, error = record["estimated_rate"], record["estimated_error"]
    estimate = "none" if rate is None else f"{rate:.1%} ± {error:.1%}"
    right = record["suggestions_right"]
    print(
        f"{title(record)}: {record['n']} examples, {record['k']} classes, ridge "
        f"{record['ridge']:g}, calibration error {record['calibration_error']:.3f}, suggestions "
        f"right {'-' if right is None else f'{right:.3f}'}, estimated noise {estimate} "
        f"(true {record['true_rate']:.1%})\n"
    )
    names = ("AUROC", "av. prec.", "flagged", "precision", "recall", "F1")
    columns = ("auroc", "ap", "flagged", "precision", "recall", "f1")
    print(f"| {'method':<27} | {' | '.join(f'{name:>9}' for name in names)} |   time |")
    print(f"|{'-' * 29}|{'----------:|' * len(names)}-------:|")
    for method, found in record["methods"].items():
        cells = (found[column] for column in columns)
        shown = " | ".join(f"{'' if x is None else f'{x:.3f}':>9}" for x in cells)
        print(f"| {method:<27} | {shown} | {found['seconds']:4.0f} s |")
    if record["wrong"]:
        rank, best, behind = ranking(record)
        place = f"{behind:.3f} behind {best}" if behind else "none is ahead"
        print(f"\n{DEFAULT}: rank {rank} by F1, {place}")
    print(flush=True)


def summarise(records: list[Record]) -> None:
    """Print how the default does against the other rules, family by family."""
    families: dict[str, list[Record]] = {}
    for record in records:
        families.setdefault(record["family"], []).append(record)
    means = [mean_f1(found) for found in families.values()]
    print("Mean F1 over the settings with wrong labels (or those of them that a rule has)\n")
    print(f"| {'rule':<27} | {' | '.join(f'{name:>17}' for name in families)} |")
    print(f"|{'-' * 29}|{'------------------:|' * len(families)}")
    for rule in (*RULES, BESIDE):
        cells = (
            shown(found, mean, rule) for found, mean in zip(families.values(), means, strict=True)
        )
        print(f"| {rule:<27} | {' | '.join(f'{cell:>17}' for cell in cells)} |")
    for (family, found), mean in zip(families.items(), means, strict=True):
        print(f"\n{family}")
        for line in of_family(found, mean):
            print(f"  {line}")


def shown(records: list[Record], mean: dict[str, float], rule: str) -> str:
    """Return a cell of the table: a mean, and of how many settings where not of all."""
    if rule not in mean:
        return ""
    noisy = [record for record in records if record["wrong"]]
    has = sum(rule in record["methods"] for record in noisy)
    return f"{mean[rule]:.3f}" + (f" ({has} of {len(noisy)})" if has < len(noisy) else "")


def mean_f1(records: list[Record]) -> dict[str, float]:
    """Return the mean F1 of every rule, over the settings with wrong labels that it has."""
    values: dict[str, list[float]] = {rule: [] for rule in (*RULES, BESIDE)}
    for record in records:
        for rule in values.keys() & record["methods"] if record["wrong"] else ():
            values[rule].append(record["methods"][rule]["f1"])
    return {rule: sum(found) / len(found) for rule, found in values.items() if found}


def of_family(records: list[Record], mean: dict[str, float]) -> Iterator[str]:
    """Yield lines about the settings of one family."""
    noisy = [record for record in records if record["wrong"]]
    clean = [record for record in records if not record["wrong"]]
    yield f"{len(records)} settings, {len(noisy)} with wrong labels"
    if noisy:
        yield from against_others(noisy, mean)
    if clean:
        for rule in (DEFAULT, "centred-sign"):
            shares = torch.tensor([record["methods"][rule]["flagged"] for record in clean])
            yield f"clean data, {rule}: flags {shares.mean():.1%}, {shares.max():.1%} at most"
    worst = max(records, key=lambda record: float(record["calibration_error"]))
    yield f"worst calibration error: {worst['calibration_error']:.3f}, {title(worst)}"
    yield from noise_rates(records)


def against_others(noisy: list[Record], mean: dict[str, float]) -> Iterator[str]:
    """Yield how the default does against the other rules."""
    best = max((mean[rule], rule) for rule in mean if rule not in (DEFAULT, BESIDE))
    ahead = mean[DEFAULT] - best[0]
    side = "ahead of" if ahead >= 0 else "behind"
    yield f"{DEFAULT}: {abs(ahead):.3f} {side} {best[1]}, the best other rule on average"
    places = [(*ranking(record), record) for record in noisy]
    first = sum(rank == 1 for rank, *_ in places)
    close = sum(behind <= FAR for _, _, behind, _ in places)
    yield f"{DEFAULT}: first in {first} settings, at most {FAR} behind the best in {close}"
    far = [(b, o, r) for _, o, b, r in places if b > FAR and r["wrong"] >= MANY]
    yield f"of those with {MANY} wrong labels, more than {FAR} behind in {len(far)}"
    for behind, other, record in far:
        yield f"  {title(record)}: {behind:.3f} behind {other}"


def noise_rates(records: list[Record]) -> Iterator[str]:
    """Yield how good the estimated shares of wrong labels are."""
    given = [
        (record["estimated_rate"], record["estimated_error"], record["true_rate"])
        for record in records
        if record["estimated_rate"] is not None
    ]
    near = sum(abs(rate - true) <= 2 * error for rate, error, true in given)
    twice = [true / 2 <= rate <= 2 * true for rate, _, true in given if true]
    yield (
        f"noise rate: given in {len(given)} of {len(records)} settings; within two standard errors "
        f"in {near}; of the {len(twice)} with wrong labels, within a factor of two in {sum(twice)}"
    )
