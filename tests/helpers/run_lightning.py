"""Train with Lightning: `run_lightning.py FOLDER KIND WORKERS STOP RESUME`.

KIND is "agnostic", "distributed", "told" (distributed, and told the epoch where it is made),
"scheduled" (distributed, with a share that grows and as many samples in every epoch), or "subset"
for a loader without a sampler of ours.

Every rank records the examples of every batch, by epoch. The run is killed after STOP batches
(epoch: at the end of the first; -: never), with a checkpoint; RESUME is the one to go on from (-:
none).
"""

import logging
import os
import sys
from pathlib import Path

import torch
from contract import GROWING, PAIR
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from processes import leave_group, write_record
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from torch_cgprune import DistributedPrunedSampler, PrunedSampler

EPOCHS = 3


class Data(LightningDataModule):
    def __init__(self, kind, workers):
        super().__init__()
        self.kind, self.workers = kind, workers

    def train_dataloader(self):
        ranks = {"num_replicas": self.trainer.world_size, "rank": self.trainer.global_rank}
        if self.kind == "subset":
            subset = PrunedSampler(PAIR, keep=0.61, policy="low-first").subset(
                TensorDataset(torch.arange(100))
            )
            return DataLoader(subset, batch_size=8, shuffle=True, num_workers=self.workers)
        if self.kind == "agnostic":
            sampler = PrunedSampler(PAIR, keep=0.61, policy="low-first")
        elif self.kind in ("distributed", "told"):
            sampler = DistributedPrunedSampler(PAIR, 0.61, "low-first", **ranks)
            if self.kind == "told":
                sampler.set_epoch(self.trainer.fit_loop.epoch_progress.current.processed)
        else:
            sampler = DistributedPrunedSampler(PAIR, GROWING, "low-first", num_samples=60, **ranks)
        return StatefulDataLoader(
            TensorDataset(torch.arange(100)),
            batch_size=8,
            sampler=sampler,
            num_workers=self.workers,
        )


class Model(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen = {}

    def training_step(self, batch, _):
        self.seen.setdefault(self.current_epoch, []).append(batch[0].tolist())
        return self.layer(batch[0].float()[:, None]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-9)


class Stop(Callback):
    """Save after a number of batches, or at the end of the first epoch, and be killed."""

    def __init__(self, when, folder):
        self.when, self.folder = when, folder

    def on_train_batch_end(self, trainer, model, *_):
        if str(trainer.global_step) == self.when:
            self.stop(trainer, model)

    def on_train_epoch_end(self, trainer, model):
        if self.when == "epoch":
            self.stop(trainer, model)

    def stop(self, trainer, model):
        trainer.save_checkpoint(Path(self.folder) / "stopped.ckpt")
        write_record(self.folder, trainer.global_rank, model.seen)
        os._exit(0)


if __name__ == "__main__":
    folder, kind, workers, stop, resume = sys.argv[1:]
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    trainer = Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        max_epochs=EPOCHS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Stop(stop, folder)],
    )
    model = Model()
    trainer.fit(model, Data(kind, int(workers)), ckpt_path=None if resume == "-" else resume)
    write_record(folder, trainer.global_rank, model.seen)
    leave_group()
