"""torchdata's StatefulDataLoader: a resumed run yields exactly what the uninterrupted one would."""

import copy
import itertools
import pickle

import contract
import pytest
import torch
from torch.utils.data import BatchSampler, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from torch_cgprune import SelectionSampler

# torchdata's own call of something that newer torch no longer wants.
pytestmark = [
    pytest.mark.slow,  # in processes of its own
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
]

EPOCHS = 3


def loader_of(sampler, workers=0, **options):
    options = {"batch_size": 8, "sampler": sampler, "num_workers": workers, **options}
    return StatefulDataLoader(TensorDataset(torch.arange(100)), **options)


def run(loader, first, *, choose):
    """Return the batches of the epochs from ``first`` on, as a training loop meets them.

    And the states: before the first batch of each epoch, after every batch, and after its loop.
    """
    epochs, states = [], []
    for epoch in range(first, EPOCHS):
        if choose:
            loader.sampler.set_epoch(epoch)
        iterator = iter(loader)
        states.append([copy.deepcopy(loader.state_dict())])
        epochs.append([])
        for (x,) in iterator:
            epochs[-1].append(x.tolist())
            states[-1].append(copy.deepcopy(loader.state_dict()))
        states[-1].append(copy.deepcopy(loader.state_dict()))
    return epochs, states


def check_resumes(make, places, workers=0, **options):
    """Compare runs resumed at ``places`` of every epoch, with and without ``set_epoch``."""
    for choose in (True,) if contract.is_distributed(make()) else (True, False):
        epochs, states = run(loader_of(make(seed=4), workers, **options), 0, choose=choose)
        assert epochs[0] != epochs[1] != epochs[2]
        for epoch, place in itertools.product(range(EPOCHS), places):
            resumed = loader_of(make(seed=4), workers, **options)
            resumed.load_state_dict(states[epoch][place])
            if place == -1:  # its epoch is over
                expected, first = epochs[epoch + 1 :], epoch + 1
            else:
                rest = epochs[epoch][place if place >= 0 else len(epochs[epoch]) :]
                expected, first = [rest, *epochs[epoch + 1 :]], epoch
            assert run(resumed, first, choose=choose)[0] == expected, (choose, epoch, place)


# Before the first batch, after the first two, after the last, and when the loop has ended.
PLACES = (0, 1, 2, -2, -1)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("name", contract.ALL)
def test_resumes_anywhere(name, drop_last):
    check_resumes(contract.ALL[name], PLACES, drop_last=drop_last)


@pytest.mark.parametrize("name", ["pruned", "distributed soft"])
@pytest.mark.parametrize("options", [{}, {"persistent_workers": True, "drop_last": True}])
def test_resumes_anywhere_with_workers(name, options):
    check_resumes(contract.ALL[name], (0, 3, -2, -1), workers=2, **options)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", contract.ALL)
def test_a_second_resume_in_one_epoch_adds_up(name, workers):
    make = contract.ALL[name]
    whole, _ = run(loader_of(make(seed=4), workers), 0, choose=True)
    loader, state = loader_of(make(seed=4), workers), None
    for epoch in range(2):
        got = []
        for batches in (2, 0, 1, 100):
            loader = loader_of(make(seed=4), workers)
            if state is not None:
                loader.load_state_dict(state)
            loader.sampler.set_epoch(epoch)
            got += [x.tolist() for (x,) in itertools.islice(loader, batches)]
            state = loader.state_dict()
        assert got == whole[epoch]


@pytest.mark.parametrize("name", contract.ALL)
def test_a_batch_sampler_of_torch_is_wound_forward(name):
    make = contract.ALL[name]

    def loader():
        sampler = make(seed=4)
        batches = BatchSampler(sampler, 8, drop_last=False)
        return loader_of(None, batch_size=1, batch_sampler=batches), sampler

    one, sampler = loader()
    sampler.set_epoch(1)
    whole = [x.tolist() for (x,) in one]
    stopped, sampler = loader()
    sampler.set_epoch(1)
    list(itertools.islice(stopped, 3))
    resumed, sampler = loader()
    resumed.load_state_dict(stopped.state_dict())
    sampler.set_epoch(1)
    assert [x.tolist() for (x,) in resumed] == whole[3:]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", ["pruned", "scheduled", "distributed pruned"])
def test_after_an_epoch_the_one_asked_for_comes_next(name, workers):
    make = contract.ALL[name]
    finished = loader_of(make(seed=4), workers)
    list(finished)
    resumed = loader_of(make(seed=4), workers)
    resumed.load_state_dict(finished.state_dict())
    resumed.sampler.set_epoch(5)
    chosen = loader_of(make(seed=4), workers)
    chosen.sampler.set_epoch(5)
    assert [x.tolist() for (x,) in resumed] == [x.tolist() for (x,) in chosen]


def test_without_batches():
    check_resumes(contract.ALL["pruned"], (0, 1, 30, -2, -1), batch_size=None)


def test_the_state_does_not_grow_with_the_selection():
    sizes = []
    for n in (10, 10_000):
        data = TensorDataset(torch.arange(n))
        sampler = SelectionSampler(torch.arange(n))
        loader = StatefulDataLoader(data, batch_size=2, sampler=sampler)
        list(itertools.islice(loader, 3))
        sizes.append(len(pickle.dumps(loader.state_dict())))
    assert sizes[1] - sizes[0] < 10


@pytest.mark.parametrize("workers", [0, 2])
def test_a_foreign_state_is_refused(workers):
    loader = loader_of(contract.ALL["pruned"](), workers)
    list(itertools.islice(loader, 3))
    for name in ("window", "redrawn", "soft", "scheduled"):
        other = loader_of(contract.ALL[name](), workers)
        other.load_state_dict(loader.state_dict())
        with pytest.raises(ValueError, match="state is of another"):
            iter(other)
    distributed = loader_of(contract.ALL["distributed pruned"](), workers)
    distributed.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match=r"state is of no ranks, and here are 1"):
        iter(distributed)
