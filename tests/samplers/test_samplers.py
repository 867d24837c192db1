"""The contract that every sampler has to keep by itself; the stacks have modules of their own."""

import itertools
import pickle
import random
import re
import weakref
from pathlib import Path

import contract
import numpy as np
import pytest
import torch
from contract import LABELS, PAIR, VALUES
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)

from torch_cgprune import (
    CGScoredDataset,
    DistributedPrunedSampler,
    DistributedSelectionSampler,
    DistributedWindowSampler,
    LinearSchedule,
    PrunedSampler,
    SelectionSampler,
    WindowSampler,
    cg_scores,
    policies,
)


@pytest.fixture(params=contract.ALL)
def any_make(request):
    return contract.ALL[request.param]


@pytest.fixture(params=contract.CONSTANT)
def make(request):
    return contract.CONSTANT[request.param]


@pytest.fixture(params=[name for name in contract.ALL if "distributed" not in name])
def agnostic_make(request):
    return contract.ALL[request.param]


def epochs_of(sampler, numbers):
    """Return the indices of some epochs, chosen by number."""
    found = []
    for number in numbers:
        sampler.set_epoch(number)
        found.append(list(sampler))
    return found


def test_an_epoch_is_its_selection_once_in_an_order_of_its_own(any_make):
    sampler = any_make()
    orders = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        length, selection = len(sampler), sampler.selection.tolist()
        assert sampler.num_samples == length == len(selection)
        iterator = iter(sampler)
        indices = [next(iterator)]
        assert len(sampler) == length
        indices += iterator
        assert len(sampler) == length
        assert sorted(indices) == selection
        assert all(type(index) is int for index in indices)
        orders.append(indices)
    assert len({tuple(indices) for indices in orders}) == 4


def global_states():
    numpy = np.random.get_state()  # noqa: NPY002
    return torch.random.get_rng_state().tolist(), numpy[1].tolist(), random.getstate()


def test_the_order_is_of_seed_and_epoch_alone(any_make):
    states = global_states()
    epochs = epochs_of(any_make(seed=1), range(3))
    assert epochs_of(any_make(seed=1), [2, 0, 1]) == [epochs[2], epochs[0], epochs[1]]
    assert all(order not in epochs for order in epochs_of(any_make(seed=2), range(3)))
    assert global_states() == states


def test_without_set_epoch_every_iteration_is_the_next(agnostic_make):
    sampler, chosen = agnostic_make(), agnostic_make()
    assert [list(sampler) for _ in range(4)] == epochs_of(chosen, range(4))


def test_ranks_go_on_by_set_epoch_alone():
    sampler = contract.ALL["distributed pruned"]()
    assert list(sampler) == list(sampler)
    resumed = contract.ALL["distributed pruned"]()
    resumed.load_state_dict({**sampler.state_dict(), "position": 20})
    assert list(resumed) == list(sampler)[20:]
    assert list(resumed) == list(sampler)  # the whole epoch again, until set_epoch says more


@pytest.mark.parametrize("options", [{}, {"policy": "soft"}, {"keep": contract.GROWING}])
def test_ranks_that_never_go_on_are_told_where_epochs_should_differ(options):
    def make():
        return DistributedPrunedSampler(
            contract.PAIR, **{"keep": 0.6, "num_replicas": 2, "rank": 1, **options}
        )

    sampler = make()
    next(iter(sampler))  # a look at the first batch is no epoch
    first = list(sampler)
    with pytest.warns(UserWarning, match=r"through epoch 0 again.*Call set_epoch\(epoch\)"):
        assert list(sampler) == first
    for epoch in (0, 1, 2, 2):  # asked for, an epoch may be repeated; filterwarnings is error
        sampler.set_epoch(epoch)
        list(sampler)
    resumed = make()
    resumed.load_state_dict({**sampler.state_dict(), "position": 20})
    assert len([*resumed]) == len(sampler) - 20


def test_an_order_that_is_repeated_is_as_torchs_own():
    sampler = DistributedWindowSampler(contract.PAIR, 0.2, 0.6, num_replicas=2, rank=0)
    assert list(sampler) == list(sampler)


def test_unshuffled_is_ascending(any_make):
    sampler = any_make(shuffle=False)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        assert list(sampler) == sampler.selection.tolist()


@pytest.mark.parametrize("num_samples", [1, 59, 60, 61, 150, 240])
def test_whole_passes_then_the_rest_of_one(make, num_samples):
    sampler = make(num_samples=num_samples)
    indices = list(sampler)
    assert len(sampler) == len(indices) == num_samples
    passes = [indices[i : i + 60] for i in range(0, num_samples, 60)]
    for full in passes[:-1]:
        assert sorted(full) == sampler.selection.tolist()
    assert len({*passes[-1]}) == len(passes[-1])
    assert len({tuple(p) for p in passes}) == len(passes)


def test_as_many_samples_an_epoch_as_asked_for_whatever_is_selected(any_make):
    sampler = any_make(num_samples=100)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        indices = list(sampler)
        assert len(indices) == 100
        assert {*indices} == {*sampler.selection.tolist()}


@pytest.mark.parametrize("position", [0, 1, 37, 149, 150])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_resumed_epoch_is_the_rest_of_the_uninterrupted_one(any_make, position, epoch):
    options = {"num_samples": 150, "seed": 4}
    epochs = epochs_of(any_make(**options), range(epoch + 2))
    stopped = any_make(**options)
    stopped.set_epoch(epoch)
    iterator = iter(stopped)
    assert [next(iterator) for _ in range(position)] == epochs[epoch][:position]
    state = stopped.state_dict()

    resumed = any_make(**options)
    iter(resumed)  # loaders call this before they load
    resumed.load_state_dict(state)
    resumed.set_epoch(epoch)  # the same epoch keeps the place
    assert len(resumed) == 150
    assert resumed.state_dict() == state
    assert list(resumed) == epochs[epoch][position:]
    resumed.set_epoch(epoch + 1)
    assert list(resumed) == epochs[epoch + 1]


def test_a_state_brings_its_seed(make):
    state = make(seed=4).state_dict()
    resumed = make(seed=99)
    resumed.load_state_dict(state)
    assert list(resumed) == list(make(seed=4))


def test_a_redrawn_selection_of_another_seed_is_refused():
    state = contract.ALL["soft"](seed=4).state_dict()
    other = contract.ALL["soft"](seed=5)
    before = list(contract.ALL["soft"](seed=5))
    with pytest.raises(ValueError, match="state is of another"):
        other.load_state_dict({**state, "epoch": 3})
    assert (other.epoch, other.seed) == (0, 5)
    assert list(other) == before


@pytest.mark.parametrize("choose", [True, False])
def test_a_state_taken_after_the_end_resumes_at_the_end(agnostic_make, choose):
    epochs = epochs_of(agnostic_make(seed=4), range(2))
    finished = agnostic_make(seed=4)
    list(finished)
    resumed = agnostic_make(seed=4)
    resumed.load_state_dict(finished.state_dict())
    assert resumed.state_dict()["position"] == len(epochs[0])
    if choose:
        resumed.set_epoch(0)
    assert list(resumed) == []
    if choose:
        resumed.set_epoch(1)
    assert list(resumed) == epochs[1]


def test_an_iteration_cut_short_was_an_epoch():
    sampler = contract.ALL["pruned"]()
    seen = [tuple(itertools.islice(iter(sampler), 15)) for _ in range(20)]
    assert len({*seen}) == 20
    assert len({index for part in seen for index in part}) > 45


def test_choosing_the_same_epoch_repeats_it(any_make):
    sampler = any_make()
    first = list(sampler)
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_a_second_resume_in_one_epoch_adds_up(any_make):
    whole = list(any_make(seed=4))
    state = any_make(seed=4).state_dict()
    got = []
    for part in (10, 0, 20, 1000):
        sampler = any_make(seed=4)
        sampler.load_state_dict(state)
        got += itertools.islice(iter(sampler), part)
        state = sampler.state_dict()
    assert got == whole


def test_another_epoch_clears_the_place(any_make):
    sampler = any_make()
    sampler.load_state_dict({**sampler.state_dict(), "position": 30})
    sampler.set_epoch(5)
    assert len(list(sampler)) == len(sampler.selection)


def test_the_state_is_small_and_a_foreign_one_refused(make):
    sampler = make()
    assert len(pickle.dumps(sampler.state_dict())) < 300
    foreign = SelectionSampler if not contract.is_distributed(sampler) else alone
    for other in (make(num_samples=61), make(shuffle=False), foreign(torch.arange(9))):
        with pytest.raises(ValueError, match="state is of another"):
            sampler.load_state_dict(other.state_dict())


def test_samplers_pickle(any_make):
    sampler = any_make()
    next(iter(sampler))
    assert epochs_of(pickle.loads(pickle.dumps(sampler)), range(3)) == epochs_of(
        any_make(), range(3)
    )


def test_what_trainers_replace_or_fill_is_not_there(any_make):
    sampler = any_make()
    assert not isinstance(sampler, RandomSampler | SequentialSampler)
    assert not hasattr(sampler, "generator")
    assert isinstance(sampler.selection, torch.Tensor)
    assert isinstance(sampler, DistributedSampler) == contract.is_distributed(sampler)


@pytest.mark.parametrize("position", [0, 7, 60])
def test_a_sampler_keeps_no_order_in_memory(position):
    sampler = SelectionSampler(torch.arange(60))
    iteration = iter(sampler)
    list(itertools.islice(iteration, position))
    gone = weakref.ref(iteration)
    del iteration
    assert gone() is None  # at once: no cycle that waits for the collector
    assert sampler.state_dict()["position"] == position


def test_an_iteration_told_its_place_after_it_has_begun():
    whole = epochs_of(contract.ALL["pruned"](), range(3))
    sampler = contract.ALL["pruned"]()
    iteration = iter(sampler)
    list(itertools.islice(iteration, 5))
    iteration.load_state_dict({"epoch": 1, "position": 50})
    assert list(iteration) == whole[1][50:]
    assert list(sampler) == whole[2]


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"position": -5}, ValueError, r"state\['position'\]\" .* at least 0. Got -5"),
        ({"position": 61}, ValueError, "state is of another"),
        ({"seed": 0.5}, TypeError, r"state\['seed'\]\" .* Got 0.5"),
        ({"epoch": None}, TypeError, r"state\['epoch'\]\" .* Got None"),
        ({"fingerprint": None}, ValueError, "state is of another"),
    ],
)
def test_no_state_of_such_a_sampler(make, change, error, match):
    sampler = make(seed=3)
    state = sampler.state_dict()
    with pytest.raises(error, match=match):
        sampler.load_state_dict({**state, **change})
    with pytest.raises((TypeError, ValueError), match="state"):
        sampler.load_state_dict({k: v for k, v in state.items() if k not in change})
    assert sampler.state_dict() == state


def test_the_same_selection_under_a_schedule_is_another():
    state = PrunedSampler(PAIR, keep=0.3, policy="low-first").state_dict()
    with pytest.raises(ValueError, match="state is of another"):
        PrunedSampler(PAIR, keep=contract.GROWING, policy="low-first").load_state_dict(state)


def test_large_seeds_have_orders_of_their_own():
    seeds = (0, 1, 2**32, 2**32 + 1, 2**64, 2**64 + 2**32)
    samplers = [SelectionSampler(torch.arange(60), seed=seed) for seed in seeds]
    orders = [tuple(order) for sampler in samplers for order in epochs_of(sampler, range(3))]
    assert len({*orders}) == 3 * len(seeds)


@pytest.mark.parametrize(
    "selection",
    [
        [5, 3, 9],
        np.array([9, 5, 3], dtype=np.int32),
        np.array([3, 5, 9])[::-1],
        np.array([3, 5, 9], dtype=">i8"),
        np.array([9, 5, 3], dtype=np.uint16),
        np.array([9, 5, 3], dtype=np.uint64),
        torch.tensor([9, 5, 3], dtype=torch.uint32),
        [torch.tensor(9), torch.tensor(5), torch.tensor(3)],
    ],
)
def test_a_selection_of_any_kind_is_sorted(selection):
    assert SelectionSampler(selection).selection.tolist() == [3, 5, 9]
    assert SelectionSampler(lambda _: selection).selection.tolist() == [3, 5, 9]


@pytest.mark.parametrize(
    ("selection", "error", "match"),
    [
        (torch.tensor([True, False]), TypeError, r"Got torch.bool .*mask.nonzero\(\).flatten\(\)"),
        (torch.tensor([0.0, 1.0]), TypeError, r"must be indices.*Got torch.float32"),
        (torch.tensor([[0], [1]]), TypeError, r"shape \(2, 1\)"),
        (torch.tensor([-1, 1]), ValueError, r"at least 0. Got -1"),
    ],
)
def test_a_selection_that_is_none(selection, error, match):
    for given_as in (selection, lambda _: selection):
        with pytest.raises(error, match=match):
            SelectionSampler(given_as)


# In a DataLoader


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but")
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True, "pin_memory": True}],
)
@pytest.mark.slow
def test_in_a_dataloader(any_make, options, drop_last):
    sampler = any_make()
    data = TensorDataset(torch.arange(100))
    loader = DataLoader(data, batch_size=7, sampler=sampler, drop_last=drop_last, **options)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = [x for (x,) in loader]
        kept = len(sampler.selection)
        assert len(loader) == len(batches) == (kept // 7 if drop_last else -(-kept // 7))
        seen = torch.cat(batches)
        if drop_last:
            assert {*seen.tolist()} <= {*sampler.selection.tolist()}
        else:
            assert seen.sort().values.equal(sampler.selection)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.slow
def test_inside_a_batch_sampler(any_make, workers):
    sampler = any_make()
    batches = BatchSampler(sampler, 7, drop_last=False)
    data = TensorDataset(torch.arange(100))
    loader = DataLoader(data, batch_sampler=batches, num_workers=workers)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        seen = [x for (x,) in loader]
        assert len(seen) == len(loader)
        assert torch.cat(seen).sort().values.equal(sampler.selection)


class PrivateMemory(Dataset):
    """Items are the bytes that the process has for itself."""

    def __len__(self):
        return 1_000_000

    def __getitem__(self, index):
        return 0

    def __getitems__(self, indices):
        sizes = re.findall(r"Private_\w+:\s+(\d+)", Path("/proc/self/smaps_rollup").read_text())
        return [1024 * sum(map(int, sizes))] * len(indices)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
@pytest.mark.slow
def test_the_memory_of_a_worker_does_not_grow_over_an_epoch():
    sampler = SelectionSampler(torch.arange(1_000_000))
    loader = DataLoader(PrivateMemory(), batch_size=2048, sampler=sampler, num_workers=2)
    used = [int(batch[0]) for batch in loader]
    # Beyond what a worker needs to get going; a list of the indices alone would take 8 MB.
    assert max(used) - used[len(used) // 4] < 6e6


# On ranks


def alone(selection, **options):
    return DistributedSelectionSampler(selection, **{**contract.ALONE, **options})


@given(
    kept=st.integers(1, 40),
    ranks=st.integers(1, 9),
    num_samples=st.none() | st.integers(1, 90),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
    seed=st.integers(0, 3),
)
def test_ranks_share_one_order(kept, ranks, num_samples, drop_last, shuffle, seed):
    selection = torch.arange(100, 100 + kept)
    order = {"num_samples": num_samples, "shuffle": shuffle, "seed": seed}
    whole = list(SelectionSampler(selection, **order))
    torchs = DistributedSampler(range(len(whole)), ranks, 0, drop_last=drop_last)
    if not len(torchs):
        with pytest.raises(ValueError, match="nothing would be left"):
            alone(selection, num_replicas=ranks, drop_last=drop_last, **order)
        return
    parts = []
    for rank in range(ranks):
        sampler = alone(selection, num_replicas=ranks, rank=rank, drop_last=drop_last, **order)
        assert (len(sampler), sampler.num_samples) == (len(torchs), torchs.num_samples)
        assert sampler.total_size == torchs.total_size
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler)
    together = [index for row in zip(*parts, strict=True) for index in row]
    padded = (whole * ranks)[: len(together)]
    assert together == (whole[: len(together)] if drop_last else padded)


def test_a_state_of_other_ranks_is_refused():
    two = alone(torch.arange(9), num_replicas=2)
    with pytest.raises(ValueError, match=r"state is of 1 ranks, and here are 2: .*as many ranks"):
        two.load_state_dict(alone(torch.arange(9)).state_dict())
    with pytest.raises(ValueError, match=r"state is of no ranks, and here are 2"):
        two.load_state_dict(SelectionSampler(torch.arange(9)).state_dict())
    with pytest.raises(ValueError, match="state is of another SelectionSampler"):
        SelectionSampler(torch.arange(9)).load_state_dict(two.state_dict())
    with pytest.raises(ValueError, match="state is of another"):
        two.load_state_dict(alone(torch.arange(9), num_replicas=2, drop_last=True).state_dict())
    two.load_state_dict(alone(torch.arange(9), num_replicas=2, rank=1).state_dict())


def test_ranks_that_cannot_be():
    with pytest.raises(RuntimeError, match=r"must know its ranks.*init_process_group"):
        DistributedPrunedSampler(PAIR, keep=0.5, policy="low-first")
    with pytest.raises(RuntimeError, match=r"num_replicas=\.\.\. and rank="):
        DistributedPrunedSampler(PAIR, keep=0.5, rank=0, policy="low-first")
    with pytest.raises(ValueError, match="Invalid rank 2"):
        DistributedPrunedSampler(PAIR, keep=0.5, rank=2, num_replicas=2, policy="low-first")


# What is selected


def scored():
    x = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    return CGScoredDataset(TensorDataset(x, LABELS), progress=False)


def test_the_policies():
    train = scored()
    values, labels = train.scores.values, train.scores.labels
    for policy, rule in (("low-first", policies.low_first), ("high-first", policies.high_first)):
        for balanced in (True, False):
            got = PrunedSampler(train, 0.3, policy, balanced=balanced).selection
            assert torch.equal(got, rule(values, labels, 0.3, balanced=balanced))
    random = PrunedSampler(train, 0.3, "random", seed=5).selection
    assert torch.equal(random, policies.random(labels, 0.3, seed=5))
    window = WindowSampler(train, 0.1, 0.4).selection
    assert torch.equal(window, policies.window(values, labels, 0.1, 0.4))


@pytest.mark.filterwarnings("ignore:The noise filter drops more than half")  # of random labels
def test_the_noise_filter_drops_the_suspects():
    train = scored()
    sampler = PrunedSampler(train, policy="noise-filter")
    assert sampler.selection.tolist() == (~train.scores.suspects).nonzero().flatten().tolist()
    balanced = PrunedSampler(train, policy="noise-filter", balanced=True).selection
    assert LABELS[balanced].bincount().unique().numel() <= 2
    stochastic = cg_scores(torch.randn(40, 8), [0, 1] * 20, method="stochastic", progress=False)
    kept = PrunedSampler(stochastic, policy="noise-filter").selection
    assert kept.tolist() == (stochastic.partial <= 0).nonzero().flatten().tolist()


def test_every_kind_of_source_selects_the_same():
    train = scored()
    pair = (train.scores.values.tolist(), [f"class {y}" for y in LABELS.tolist()])
    for source in (train, train.scores, pair, (train.scores.values.numpy(), LABELS.numpy())):
        assert torch.equal(
            PrunedSampler(source, 0.5, policy="low-first").selection,
            PrunedSampler(train, 0.5, policy="low-first").selection,
        )


@pytest.mark.parametrize("policy", ["low-first", "high-first", "random", "stratified", "soft"])
def test_a_schedule_is_the_policy_at_the_share_of_the_epoch(policy):
    growing = PrunedSampler(PAIR, contract.GROWING, policy, seed=3)
    shared = DistributedPrunedSampler(PAIR, contract.GROWING, policy, seed=3, **contract.ALONE)
    for epoch, keep in enumerate((0.3, 0.6, 0.9, 0.9)):
        constant = PrunedSampler(PAIR, keep, policy, seed=3)
        for sampler in (constant, growing, shared):
            sampler.set_epoch(epoch)
            assert len(sampler) == round(100 * keep)
        assert growing.selection.equal(constant.selection)
        assert shared.selection.equal(constant.selection)


def test_a_window_may_slide():
    sliding = WindowSampler(PAIR, start=lambda epoch: 0.1 * epoch, width=0.4)
    for epoch in range(4):
        sliding.set_epoch(epoch)
        assert sliding.selection.equal(policies.window(VALUES, LABELS, 0.1 * epoch, 0.4))


def test_a_schedule_that_goes_astray():
    sampler = PrunedSampler(PAIR, keep=lambda epoch: 0.5 + 0.3 * epoch, policy="low-first")
    sampler.set_epoch(1)
    with pytest.raises(ValueError, match=r"'keep' .* must be in \(0, 1\]. Got 1.1 instead"):
        sampler.set_epoch(2)
    assert len(list(sampler)) == 80  # still the epoch before
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]. Got 0 instead"):
        PrunedSampler(PAIR, keep=lambda _: 0, policy="low-first")


def test_a_schedule_that_leaves_nothing_to_a_rank():
    shrinking = {"num_replicas": 30, "rank": 0, "drop_last": True}
    sampler = DistributedPrunedSampler(PAIR, LinearSchedule(0.6, 0.2, epochs=2), **shrinking)
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing would be left"):
            sampler.set_epoch(1)
        assert (len(sampler), sampler.epoch, len(list(sampler))) == (2, 0, 2)
        sampler.set_epoch(0)


def test_a_linear_schedule_is_looked_at_to_its_end():
    falling = LinearSchedule(1, 0, epochs=5)
    with pytest.raises(ValueError, match=r"'keep' .* of PrunedSampler .* Got 0"):
        PrunedSampler(PAIR, falling, policy="low-first")
    for start, width in ((0.5, LinearSchedule(0.5, 0.6, 3)), (LinearSchedule(0, 0.6, 9), 0.5)):
        with pytest.raises(ValueError, match=r"of WindowSampler must add up to 1 at most"):
            WindowSampler(PAIR, start, width)


def test_errors_name_the_class_that_was_called():
    for sampler in (PrunedSampler, DistributedPrunedSampler):
        for policy, keep in (("low-first", 2), ("best", 0.5), ("soft", None)):
            with pytest.raises(ValueError, match=f"of {sampler.__name__} "):
                sampler(PAIR, keep, policy, **(contract.ALONE if "D" in sampler.__name__ else {}))
    with pytest.raises(ValueError, match="of DistributedWindowSampler must be in"):
        DistributedWindowSampler(PAIR, 0.1, 0, **contract.ALONE)


def test_scores_that_are_lower_for_harder_examples():
    for kind in (torch.tensor, np.array, list):
        consistency = kind((1 - VALUES).tolist())
        for policy in ("low-first", "high-first", "stratified", "soft"):
            ours = PrunedSampler(PAIR, 0.3, policy, seed=2)
            theirs = PrunedSampler(
                (consistency, LABELS), 0.3, policy, seed=2, higher_is_harder=False
            )
            assert theirs.selection.equal(ours.selection)
        window = WindowSampler((consistency, LABELS), 0.1, 0.4, higher_is_harder=False)
        assert window.selection.equal(WindowSampler(PAIR, 0.1, 0.4).selection)
    counts = torch.arange(100, dtype=torch.uint8)  # as of forgetting events
    kept = PrunedSampler(
        (counts, [0] * 100), 0.3, higher_is_harder=False, policy="low-first"
    ).selection
    assert kept.tolist() == [*range(30)]
    for policy in ("low-first", "noise-filter"):
        keep = 0.5 if policy == "low-first" else None
        with pytest.raises(ValueError, match=r"'higher_is_harder' .* must be True for CG-scores"):
            PrunedSampler(scored(), keep, policy, higher_is_harder=False)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"keep": 1.5}, ValueError, r"must be in \(0, 1\]. Got 1.5 instead"),
        ({"keep": 0}, ValueError, r"must be in \(0, 1\]. Got 0 instead"),
        ({}, ValueError, r"'keep' .* must be in \(0, 1\] for the policy 'redrawn'. Got None"),
        ({"policy": "noise-filter", "keep": 0.5}, ValueError, r"must be None for the policy"),
        ({"policy": "noise-filter", "keep": 0}, ValueError, r"must be None for the policy"),
        ({"policy": "best", "keep": 0.5}, ValueError, r"'low-first', .* Got 'best'"),
        ({"policy": "noise-filter"}, TypeError, r"needs a CGScoredDataset or CGScores"),
        ({"keep": 0.5, "num_samples": 0}, ValueError, r"'num_samples' .* at least 1. Got 0"),
        ({"keep": 0.5, "seed": -1}, ValueError, r"'seed' .* at least 0. Got -1"),
        ({"keep": 0.5, "seed": 1.0}, TypeError, r"'seed' .* type float"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        PrunedSampler(PAIR, **arguments)


def test_scores_keep_their_precision():
    near = [0.1 + 1e-12 * i for i in (3, 1, 0, 2)]
    for scores in (
        near,
        tuple(near),
        np.array(near),
        [torch.tensor(x, dtype=torch.float64) for x in near],
    ):
        assert PrunedSampler(
            (scores, [0] * 4), keep=0.5, policy="low-first"
        ).selection.tolist() == [0, 3]
    series = pytest.importorskip("pandas").Series([0.3, 9, 0.1, 0.2])
    filtered = series[series < 1]
    assert PrunedSampler((filtered, [0] * 3), keep=0.4, policy="low-first").selection.tolist() == [
        0
    ]
    unsigned = np.array([7, 5, 6], dtype=np.uint32)
    assert PrunedSampler((unsigned, [0] * 3), keep=0.4, policy="low-first").selection.tolist() == [
        0
    ]
    for scores in (["a", "b"], [1j, 2], torch.tensor([1j, 2])):
        with pytest.raises(TypeError, match=r"The scores must be real numbers. Got dtype"):
            PrunedSampler((scores, [0, 0]), keep=0.5, policy="low-first")


def test_torchs_default_dtype_changes_nothing():
    # So many that half precision would tell neither places nor shares apart.
    values, codes = torch.rand(100_000).double(), torch.arange(100_000) % 2
    makes = (
        lambda: PrunedSampler((values, codes), 0.3, "soft"),
        lambda: WindowSampler((values, codes), 0.20002, 0.3),
    )
    for make in makes:
        expected = make().selection
        torch.set_default_dtype(torch.float16)
        try:
            assert make().selection.equal(expected)
        finally:
            torch.set_default_dtype(torch.float32)


def test_bad_sources_and_empty_selections():
    with pytest.raises(TypeError, match=r"tuple \(scores, labels\). Got list"):
        PrunedSampler([VALUES, LABELS], keep=0.5, policy="low-first")
    with pytest.raises(ValueError, match="empty"):
        PrunedSampler(([], []), keep=0.5, policy="low-first")
    with pytest.raises(ValueError, match="'selection' of SelectionSampler is empty"):
        SelectionSampler(torch.tensor([], dtype=torch.int64))
    with pytest.raises(ValueError, match="'epoch'"):
        SelectionSampler(torch.arange(3)).set_epoch(-1)


def test_by_default_other_examples_have_their_turn_in_every_epoch():
    values, labels = torch.arange(100.0), torch.arange(100) % 2
    sampler = PrunedSampler((values, labels), keep=0.3)
    epochs = [{*sampler} for _ in range(20)]
    assert {len(epoch) for epoch in epochs} == {30}
    assert len(set.union(*epochs)) > 90
    assert epochs[3] == {*policies.redrawn(labels, 0.3, epoch=3).tolist()}
    hard = [sum(i >= 50 for i in epoch) for epoch in epochs]
    assert 12 < sum(hard) / len(hard) < 18  # no harder ones than others
