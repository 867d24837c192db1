"""Train with the Trainer of transformers: `run_trainer.py FOLDER STEPS RESUME KIND`.

Every rank records the examples of every step. STEPS ends the run (and saves there); RESUME is the
checkpoint to go on from (-: none). KIND is "constant", "scheduled" for a share that grows and as
many samples in every epoch, or "subset" for a Trainer as it is.
"""

import sys

import datasets
import torch
from contract import GROWING, LABELS
from processes import leave_group, write_record
from transformers import Trainer, TrainingArguments

from torch_cgprune import CGScoredDataset, PrunedSampler


class Pruned(Trainer):
    def _get_train_sampler(self, train_dataset=None):
        return PrunedSampler(train_dataset or self.train_dataset, keep=0.61, policy="low-first")


class Scheduled(Trainer):
    def _get_train_sampler(self, train_dataset=None):
        source = train_dataset or self.train_dataset
        return PrunedSampler(source, keep=GROWING, num_samples=60, policy="low-first")


class Model(torch.nn.Module):
    """Softmax regression on pixels; it keeps the numbers of the examples that it is given."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(12, 4)
        self.seen = []

    def forward(self, pixels, labels, number):
        self.seen.append(number.tolist())
        logits = self.layer(pixels.float())
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def images():
    pixels = torch.randn(100, 12, generator=torch.Generator().manual_seed(0))
    columns = {"pixels": pixels.tolist(), "labels": LABELS.tolist(), "number": list(range(100))}
    return datasets.Dataset.from_dict(columns).with_format("torch")


if __name__ == "__main__":
    folder, steps, resume, kind = sys.argv[1:]
    torch.set_num_threads(1)
    train = CGScoredDataset(images(), features="pixels", labels="labels", progress=False)
    arguments = TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=4,
        num_train_epochs=2,
        max_steps=int(steps),
        save_strategy="steps",
        save_steps=5,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    model = Model()
    given = (
        PrunedSampler(train, keep=0.61, policy="low-first").subset(train)
        if kind == "subset"
        else train
    )
    kinds = {"constant": Pruned, "scheduled": Scheduled, "subset": Trainer}
    trainer = kinds[kind](model, arguments, train_dataset=given)
    trainer.train(resume_from_checkpoint=None if resume == "-" else resume)
    selected = PrunedSampler(train, keep=0.61, policy="low-first").selection.tolist()
    write_record(folder, trainer.args.process_index, {"seen": model.seen, "selected": selected})
    leave_group()
