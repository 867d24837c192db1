"""Train with plain DistributedDataParallel: `torchrun run_ddp.py FOLDER`.

Every rank records what it sees: ragged sizes, dropped or padded, with and without a state.
"""

import sys

import torch
import torch.distributed as dist
from contract import GROWING, PAIR
from processes import leave_group, write_record
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from torch_cgprune import DistributedPrunedSampler, DistributedWindowSampler, PrunedSampler

DATA = TensorDataset(torch.arange(100))


def train(model, loader):
    """Return the batches of an epoch, each of them trained on."""
    seen = []
    for (x,) in loader:
        model(x.float()[:, None]).mean().backward()  # ranks of unequal lengths would hang here
        seen.append(x.tolist())
    return seen


def epochs_of(model, sampler):
    loader = DataLoader(DATA, batch_size=4, sampler=sampler)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append((len(sampler), len(loader), train(model, loader)))
    return epochs


def resumed(model):
    """Train an epoch in two parts, rank 0's state serving all ranks."""

    def loader():
        return StatefulDataLoader(
            DATA,
            batch_size=4,
            sampler=DistributedPrunedSampler(PAIR, keep=0.61, policy="low-first"),
        )

    first, second = loader(), loader()
    first.sampler.set_epoch(1)
    iterator = iter(first)
    seen = [next(iterator)[0].tolist() for _ in range(3)]
    state = [first.state_dict()]
    dist.broadcast_object_list(state, src=0)
    second.load_state_dict(state[0])
    second.sampler.set_epoch(1)
    return seen + train(model, second)


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    model = DistributedDataParallel(torch.nn.Linear(1, 1))
    record = {}
    for keep in (0.6, 0.61, 0.62, 0.01):  # 60, 61, 62 and (one of each class) 4 examples
        for drop_last in (False, True):
            sampler = DistributedPrunedSampler(
                PAIR, keep=keep, drop_last=drop_last, policy="low-first"
            )
            record[f"{keep} {drop_last}"] = epochs_of(model, sampler)
    record["window"] = epochs_of(model, DistributedWindowSampler(PAIR, 0.2, 0.6))
    record["scheduled"] = epochs_of(
        model, DistributedPrunedSampler(PAIR, keep=GROWING, policy="low-first")
    )
    record["soft"] = epochs_of(model, DistributedPrunedSampler(PAIR, 0.6, "soft"))
    record["resumed"] = resumed(model)
    list(PrunedSampler(PAIR, keep=0.6, policy="low-first"))  # wrong here, and warned of
    write_record(sys.argv[1], dist.get_rank(), record)
    leave_group()
