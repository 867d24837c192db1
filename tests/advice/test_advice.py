"""What advice says, and whether it is right where the answer is known."""

import dataclasses
import json
import logging

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from torch_cgprune import CGScoredDataset, CGScores, advise, cg_scores
from torch_cgprune.advice import Advice, Candidate, Grade
from torch_cgprune.advice.rounds import DRAWS, grades


def of(keep, *gains, control=0.8, error=0.01, all_data=0.85, loss_error=0.01, **more):
    """Return advice on one share: the gains of herding, low-first, .. over a random choice."""
    names = ("random", "herding", "low-first")
    found = tuple(
        Grade(keep, Candidate(n), control + g, g, error, all_data - control - g, loss_error)
        for n, g in zip(names, (0.0, *gains), strict=False)
    )
    return Advice(found, all_data, 1000, 1000, 5, **{"pixels": False, **more})


def joined(*parts):
    return dataclasses.replace(parts[0], grades=tuple(g for part in parts for g in part.grades))


def test_random_is_taken_unless_something_is_clearly_better():
    assert of(0.3, 0.031, 0.02).best(0.3).candidate == Candidate("herding")
    assert of(0.3, 0.029, 0.02).best(0.3).candidate == Candidate("random")
    assert of(0.3, -0.2, -0.1).best(0.3).candidate == Candidate("random")
    assert of(0.3, 0.04, 0.05).best(0.3).candidate == Candidate("low-first")


def test_by_pixels_nothing_is_better_than_random():
    advice = of(0.3, 0.2, pixels=True)
    assert advice.best(0.3).candidate == Candidate("random")
    assert "take an encoder" in advice.verdict
    assert "is lost" not in advice.verdict


def test_the_lossless_share_is_the_least_above_which_nothing_is_lost():
    lossless = [of(0.9, 0.0, control=0.85), of(0.7, 0.0, control=0.84)]
    lossy, beyond = of(0.5, 0.0, control=0.8), of(0.3, 0.0, control=0.84)
    assert joined(*lossless, lossy, beyond).lossless == 0.7
    assert lossy.lossless == 1
    assert lossless[0].lossless == 0.9
    assert joined(of(0.5, 0.05, control=0.8), lossless[0]).lossless == 0.5  # by the best there
    # Random loses at 90%, herding does not, but is not clearly better: no reason to keep all.
    unclear = of(0.9, 0.02, control=0.825)
    assert joined(unclear, of(0.5, 0.05, control=0.8)).lossless == 0.5
    assert unclear.lossless == 1


def test_the_verdict_is_the_advice():
    both = joined(of(0.6, 0.0, control=0.85), of(0.1, 0.05, control=0.7))
    assert both.verdict == (
        "Keep 60%, at random: nothing measurable is lost. At 10% take herding: 10.0 points are "
        "lost, 15.0 at random."
    )
    more = joined(both, of(0.2, 0.05, control=0.7), of(0.3, 0.0, control=0.8))
    assert more.verdict == (
        "Keep 60%, at random: nothing measurable is lost. At 20% and below take herding: at 10% "
        "10.0 points are lost, 15.0 at random."
    )
    assert of(0.9, 0.0).verdict == (
        "Every share that was tried, 90% too, loses something. At 90%, at random, 5.0 points are "
        "lost."
    )
    assert str(both).splitlines()[1].split()[:2] == ["60%", "random"]


def test_a_loss_that_the_error_may_hide_is_no_reason_to_drop():
    told, hidden = (of(0.9, 0.0, control=0.85, loss_error=e) for e in (0.01, 0.011))
    assert (told.lossless, hidden.lossless) == (0.9, 1)
    assert hidden.verdict == (
        "There are too few different examples to tell what may be dropped: at 90%, at random, up "
        "to 2.2 points may be lost."
    )
    lossy = of(0.1, 0.1, control=0.6)
    assert joined(hidden, lossy).verdict == (
        f"{hidden.verdict} At 10% take herding: 15.0 points are lost, 25.0 at random."
    )
    assert of(0.9, control=0.89, loss_error=0.02).lossless == 0.9  # the error allows for no loss
    # What is clear at one share is not said of others.
    assert joined(hidden, of(0.5, control=0.85)).lossless == 0.5
    assert joined(hidden, of(0.5, control=0.6)).verdict == (
        f"{hidden.verdict} At 50%, at random, 25.0 points are lost."
    )
    assert joined(hidden, of(0.5, control=0.84, loss_error=0.02)).verdict == hidden.verdict


def test_a_share_that_was_not_graded_is_named():
    with pytest.raises(KeyError, match=r"0\.5.*0\.3"):
        of(0.3, 0.0).best(0.5)


def test_json_keeps_all_of_it():
    advice = joined(of(0.6, 0.1, 0.2), of(0.1, 0.05))
    assert Advice.from_json(json.loads(json.dumps(advice.as_json()))) == advice


def test_earlier_shares_stay_where_the_examples_are_the_same():
    first, second, other = of(0.6, 0.1), of(0.1, 0.0), of(0.3, 0.0, all_data=0.9)
    assert second.joined(first).shares == (0.1, 0.6)
    assert other.joined(first).shares == (0.3,)
    assert of(0.6, 0.2).joined(first).grades == of(0.6, 0.2).grades
    assert first.joined(None) is first


def test_grades_are_means_and_errors_over_the_same_examples():
    rng = np.random.default_rng(0)
    right = torch.from_numpy(rng.random((DRAWS + 12, 50)) < 0.7)  # 12 candidates keep a half
    right = torch.cat([right, right[:7]])[: DRAWS + 15]
    full = torch.from_numpy(rng.random(50) < 0.9)
    found = grades(0.5, right, full, torch.arange(50))
    control = right[:DRAWS].double().mean(0).numpy()
    assert found[0].accuracy == pytest.approx(control.mean())
    assert found[0].gain == 0

    def error(gaps):  # two more deviate by 1
        return (50 * gaps.var() + 2) ** 0.5 / 50

    for grade, one in zip(found[1:], right[DRAWS:].double().numpy(), strict=True):
        assert grade.gain == pytest.approx((one - control).mean())
        assert grade.gain_error == pytest.approx(error(one - control))
        assert grade.loss == pytest.approx((full.numpy() - one).mean())
        assert grade.loss_error == pytest.approx(error(full.numpy() - one))


def test_copies_count_as_one_for_the_error():
    rng = np.random.default_rng(0)
    right = torch.from_numpy(rng.random((DRAWS + 15, 40)) < 0.7)
    full, alone = torch.from_numpy(rng.random(40) < 0.9), torch.arange(40)
    once = grades(0.5, right, full, alone)
    four = grades(0.5, *(one.repeat_interleave(4, -1) for one in (right, full, alone)))
    assert [one.gain_error for one in four] == pytest.approx([one.gain_error for one in once])
    assert [one.loss_error for one in four] == pytest.approx([one.loss_error for one in once])


def clusters(n=600, wrong=0.0, seed=0):
    """Return rows of four classes apart from each other, and labels, of which a share is wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 4, n)
    rows = 2 * rng.normal(size=(4, 20))[true] + rng.normal(size=(n, 20))
    flipped = rng.random(n) < wrong
    labels = np.where(flipped, (true + rng.integers(1, 4, n)) % 4, true)
    return torch.from_numpy(rows).float(), torch.from_numpy(labels)


def test_the_hardest_are_no_choice_where_labels_are_wrong():
    rows, labels = clusters(wrong=0.3)
    scores = cg_scores(rows, labels, progress=False)
    advice = advise((rows, scores), keep=0.4, progress=False)
    by_name = {str(grade.candidate): grade for grade in advice.at(0.4)}
    assert by_name["low-first"].gain < -3 * by_name["low-first"].gain_error
    assert by_name["high-first"].accuracy > by_name["low-first"].accuracy + 0.2
    assert advice.best(0.4).candidate.policy != "low-first"


def test_where_nothing_can_be_learned_it_is_a_random_choice():
    rows, _ = clusters()
    labels = torch.arange(600) % 4
    advice = advise((rows, cg_scores(rows, labels, progress=False)), 0.3, progress=False)
    assert advice.best(0.3).candidate == Candidate("random")


@pytest.mark.parametrize("apart", [0.5, 4])  # hard and easy
@pytest.mark.parametrize("n", [4, 6, 20, 60])
def test_few_examples_cannot_tell(n, apart):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 3
    rows = apart * torch.eye(3).repeat(1, 4)[labels] + torch.randn(n, 12, generator=generator)
    advice = advise((rows, cg_scores(rows, labels, progress=False)), [0.1, 0.9], progress=False)
    start = "There are too few different examples to tell what may be dropped: at 90%, at random, "
    assert advice.verdict.startswith(start)
    assert advice.at(0.9)[0].may_lose <= 1
    assert advice.lossless == 1
    assert {str(advice.best(keep).candidate) for keep in (0.1, 0.9)} == {"random"}


@pytest.mark.parametrize("n", [200, 1000])
def test_what_is_predicted_alike_is_lossless_of_a_few_hundred(n):
    labels = torch.arange(n) % 3
    noise = torch.randn(n, 12, generator=torch.Generator().manual_seed(0))
    rows = 6 * torch.eye(3).repeat(1, 4)[labels] + noise
    advice = advise((rows, cg_scores(rows, labels, progress=False)), 0.1, progress=False)
    assert advice.verdict == "Keep 10%, at random: nothing measurable is lost."


@pytest.mark.parametrize("scale", [1, 2.0])
def test_copies_do_not_tell_the_labels_of_each_other(scale):
    rows = torch.randn(150, 20, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(150) % 3  # of nothing: an example tells the label of its copies alone
    rows, labels = torch.cat([rows, scale * rows, rows, rows]), labels.repeat(4)
    scores = cg_scores(rows, labels, progress=False)
    advice = advise((rows, scores), keep=[0.3, 0.6], progress=False)
    assert advice.accuracy < 0.5
    assert max(grade.accuracy for grade in advice.grades) < 0.5


def test_where_copies_leave_nothing_to_hold_out_the_cure_is_said():
    rows, labels = torch.eye(4)[torch.arange(40) % 2], torch.arange(40) % 2
    scores = cg_scores(rows, labels, progress=False)
    with pytest.raises(ValueError, match=r"Got 40 examples with 2 different rows.*at random"):
        advise((rows, scores), keep=0.5, progress=False)


def test_the_same_data_get_the_same_advice_in_any_order_of_shares():
    rows, labels = clusters(300)
    scores = cg_scores(rows, labels, progress=False)
    one = advise((rows, scores), keep=[0.5, 0.2], progress=False)
    scores.metadata.pop("advice")
    two = advise((rows, scores), keep=0.2, progress=False)
    assert set(two.grades) <= set(one.grades)


def test_advice_is_kept_with_the_scores(tmp_path):
    rows, labels = clusters(200)
    path = tmp_path / "scores.safetensors"

    def opened():
        return CGScoredDataset(TensorDataset(rows, labels), cache=path, progress=False)

    first = advise(opened(), keep=0.5, progress=False)
    again = opened()
    assert not again.computed
    second = advise(again, keep=0.2, progress=False)
    assert second.shares == (0.2, 0.5)
    assert set(first.grades) <= set(second.grades)
    saved = CGScores.load(path).metadata["advice"]
    assert Advice.from_json(saved) == second


def test_standardised_columns_are_graded_as_they_were_scored():
    rows, labels = clusters(400)
    spoilt = rows.clone()
    spoilt[:, 0] *= 1e4
    scores = cg_scores(spoilt, labels, standardise=True, progress=False)
    advice = advise((spoilt, scores), keep=0.5, progress=False)
    assert advice.accuracy > 0.9
    dataset = CGScoredDataset(TensorDataset(spoilt, labels), standardise=True, progress=False)
    deviations = dataset.rows().std(0, correction=0)
    torch.testing.assert_close(deviations, torch.ones(20), atol=1e-4, rtol=0)
    assert advise(dataset, keep=0.5, progress=False).grades == advice.grades


def test_each_bad_argument_is_named():
    rows, labels = clusters(40)
    scores = cg_scores(rows, labels, progress=False)
    with pytest.raises(TypeError, match=r"looks at both\. Got CGScores"):
        advise(scores)
    with pytest.raises(TypeError, match="Got tuple"):
        advise((rows, labels))
    with pytest.raises(ValueError, match="39 rows and the scores of 40"):
        advise((rows[:39], scores))
    with pytest.raises(ValueError, match=r"those that were scored, .* example \d+ differs"):
        advise((rows.flip(0), scores))
    for keep in (0.0, 1.0, 1.5, float("nan"), [0.5, 2]):
        with pytest.raises(ValueError, match="'keep'"):
            advise((rows, scores), keep=keep)
    with pytest.raises(ValueError, match="must hold a share"):
        advise((rows, scores), keep=[])
    with pytest.raises(TypeError, match="'keep'"):
        advise((rows, scores), keep="0.5")
    with pytest.warns(UserWarning, match="40 classes"):
        lonely = cg_scores(rows, torch.arange(40), progress=False)
    with pytest.raises(ValueError, match="class of its own"):
        advise((rows, lonely), keep=0.5)
    alone = cg_scores(rows, torch.zeros(40).long(), progress=False)
    with pytest.raises(ValueError, match=r"two classes.*Got 40 examples of one\. .*at random"):
        advise((rows, alone), keep=0.5)


def test_shares_that_differ_by_rounding_are_one():
    advice = of(0.3, 0.1)
    assert advice.covers(0.1 + 0.2)
    assert not advice.covers(0.31)
    assert of(0.1 + 0.2, 0.0).joined(advice).shares == (0.1 + 0.2,)


def test_what_scoring_has_said_is_not_said_again_in_every_round(caplog):
    rows = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    rows[:, 0] *= 1e5  # of another unit
    rows = torch.cat([rows, rows + 1e-7 * rows.roll(1, 1)])  # copies but for rounding
    labels = (torch.arange(60) % 3).repeat(2)
    caplog.set_level(logging.INFO, logger="torch_cgprune")
    with pytest.warns(UserWarning, match="different units"):
        scores = cg_scores(rows, labels, ridge=0, progress=False)
    assert any("but for rounding" in message for message in caplog.messages)
    caplog.clear()
    advise((rows, scores), keep=0.5, progress=False)  # where any warning is an error
    assert caplog.messages == []
