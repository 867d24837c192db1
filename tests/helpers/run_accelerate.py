"""Train with accelerate: `run_accelerate.py FOLDER KIND`; every rank records what it sees.

KIND is "shard" or "dispatch" (two ways of accelerate to share out batches), or "distributed" for
the sampler that is wrong here.
"""

import sys

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from contract import GROWING, PAIR
from processes import leave_group, write_record
from torch.utils.data import DataLoader, TensorDataset

from torch_cgprune import DistributedPrunedSampler, PrunedSampler


def batches_of(loader):
    return [x.tolist() for (x,) in loader]


if __name__ == "__main__":
    folder, kind = sys.argv[1:]
    torch.set_num_threads(1)
    accelerator = Accelerator(
        cpu=True, dataloader_config=DataLoaderConfiguration(dispatch_batches=kind == "dispatch")
    )
    data = TensorDataset(torch.arange(100))
    if kind == "distributed":
        ranks = {"num_replicas": accelerator.num_processes, "rank": accelerator.process_index}
        sampler = DistributedPrunedSampler(PAIR, keep=0.61, **ranks)
    else:
        sampler = PrunedSampler(PAIR, keep=0.61, policy="low-first")
    loader = accelerator.prepare(DataLoader(data, batch_size=4, sampler=sampler))
    record = {"length": len(loader), "epochs": [batches_of(loader) for _ in range(3)]}

    loader.set_epoch(1)  # again; it has to reach the sampler
    record["epoch"] = sampler.epoch
    record["again"] = batches_of(loader)
    loader.set_epoch(2)
    skipping = accelerator.skip_first_batches(loader, 3)
    record["rest"] = batches_of(skipping)

    growing = PrunedSampler(PAIR, keep=GROWING, policy="low-first")
    scheduled = accelerator.prepare(DataLoader(data, batch_size=4, sampler=growing))
    record["scheduled"] = []
    for epoch in range(3):
        scheduled.set_epoch(epoch)
        record["scheduled"].append((len(scheduled), batches_of(scheduled)))
    write_record(folder, accelerator.process_index, record)
    accelerator.end_training()
    leave_group()
