import pytest
import ranked
import torch
import torch.distributed as dist
import workers
from processes import run_script

from torch_cgprune import CGScoredDataset, CGScores, PrunedSampler, advise
from torch_cgprune.utils.ranks import ALONE, Ranks, current_ranks

pytestmark = [
    pytest.mark.slow,  # in processes of its own
    pytest.mark.skipif(not dist.is_available(), reason="torch without distributed"),
]

NAMES = ("values", "terms", "cg_prime", "complexity", "bound", "first_partial", "conflicts")


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_ranks_share_the_work_to_the_same_scores(processes, tmp_path):
    done = run_script("ranked.py", processes, tmp_path, "score")
    assert done.returncode == 0, done.stderr
    for name, options in ranked.METHODS.items():
        expected = ranked.scored(name)
        got = [CGScores.load(tmp_path / f"{name}.{rank}") for rank in range(processes)]
        for tensor in (*NAMES, *(("own", "rival", "loo") if name != "stochastic" else ())):
            for scores in got:
                ours, theirs = getattr(scores, tensor), getattr(expected, tensor)
                assert torch.equal(ours, getattr(got[0], tensor))  # the same on all ranks
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-9)
        ours, theirs = ({**s.metadata} for s in (got[0], expected))
        rounded = [m.pop("iterative", {}) for m in (ours, theirs)]  # down to the last digits
        assert ours == theirs
        assert len({told.get("iterations") for told in rounded}) == 1
        for scores in got if "near" in options else ():
            assert len(scores.near_copies) > 5
            assert torch.equal(scores.near_copies, expected.near_copies)
            torch.testing.assert_close(scores.near_cosines, expected.near_cosines)


def test_a_dataset_is_scored_together_and_written_once(tmp_path):
    done = run_script("ranked.py", 2, tmp_path, "wrap")
    assert done.returncode == 0, done.stderr
    expected = CGScoredDataset(workers.small_dataset(), progress=False).scores
    for name in ("cache", "loaded.0", "loaded.1"):
        got = CGScores.load(tmp_path / name)
        torch.testing.assert_close(got.values, expected.values, rtol=1e-3, atol=1e-3)
    expected = CGScoredDataset(
        workers.small_dataset(), features=ranked.encode, progress=False
    ).scores
    for rank in range(2):
        got = CGScores.load(tmp_path / f"encoded.{rank}")
        torch.testing.assert_close(got.values, expected.values, rtol=1e-3, atol=1e-3)
        assert torch.equal(got.digests, expected.digests)
    names = {"cache", "loaded.0", "loaded.1", "encoded.0", "encoded.1"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_ranks_get_the_advice_that_one_process_gets(tmp_path):
    done = run_script("ranked.py", 2, tmp_path, "advice")
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"advice.{rank}") for rank in range(2))
    for name, train in ranked.advised_datasets().items():
        for which, options in ranked.ADVISED.items():
            alone = PrunedSampler(train, 0.5, "auto", **options).selection
            shares = [found[name, which] for found in (first, second)]
            assert all(torch.equal(selection, alone) for selection, _ in shares)
            assert sorted(shares[0][1] + shares[1][1]) == alone.tolist()
        if name == "told":
            verdict = str(advise(train, 0.3, progress=False))
            assert first["verdict"] == second["verdict"] == verdict


def test_the_error_of_one_rank_is_raised_on_all(tmp_path):
    done = run_script("ranked.py", 2, tmp_path, "fail")
    assert done.returncode == 0, done.stderr
    both = [(tmp_path / f"errors.{rank}").read_text().splitlines() for rank in range(2)]
    assert both[0] == both[1]
    nan, other_data, *unlucky = both[0]
    assert "ValueError: Row 7 of the 'features' holds NaN" in nan
    assert "All ranks must be given the same features, labels and options" in other_data
    assert unlucky == ["RuntimeError: out of luck"] * 4


def test_a_script_ends_with_the_error_instead_of_hanging(tmp_path):
    done = run_script("ranked.py", 2, tmp_path, "crash")
    assert done.returncode != 0
    assert "Got 401 labels for 400 rows" in done.stderr


def test_alone_nothing_is_exchanged():
    tensor = torch.ones(2)
    ALONE.sum(tensor)
    ALONE.broadcast(tensor, 0)
    ALONE.check_same(3, "numbers")
    assert ALONE.tell("this") == "this"
    assert [*ALONE.mine(range(3))] == [0, 1, 2]
    assert tensor.tolist() == [1, 1]
    assert current_ranks() == ALONE
    with pytest.raises(KeyError), ALONE.together():
        raise KeyError


def test_items_are_dealt_out_in_turn():
    assert [[*Ranks(rank, 3).mine(range(7))] for rank in range(3)] == [[0, 3, 6], [1, 4], [2, 5]]
