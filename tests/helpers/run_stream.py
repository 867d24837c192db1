"""Train on a pruned stream, and go on after a stop: `torchrun run_stream.py FOLDER PATTERN LIST`.

Every rank keeps, in one file that is replaced as a whole, its state and what was delivered.
"""

import json
import pickle
import sys
from pathlib import Path

import torch.distributed as dist
from torchdata.stateful_dataloader import StatefulDataLoader

from torch_cgprune import KeepList, PrunedStream, Shards
from torch_cgprune.inputs.tars import read_examples

EPOCHS = 2


def read(url, only):
    return only({"__key__": e.key, "__url__": url} for e in read_examples(url))


def keys(batch):
    return [sample["__key__"] for sample in batch]


def keep_state(file, state):
    new = file.with_suffix(".new")
    new.write_bytes(pickle.dumps(state))
    new.replace(file)


def main(folder, pattern, kept):
    dist.init_process_group("gloo")
    file = Path(folder) / f"{dist.get_rank()}.pickle"
    stream = PrunedStream(Shards(pattern, read), KeepList.load(kept))
    loader = StatefulDataLoader(stream, batch_size=2, num_workers=1, collate_fn=keys)
    seen, first, state = pickle.loads(file.read_bytes()) if file.is_file() else ([], 0, None)
    if state is not None:
        loader.load_state_dict(state)
    for epoch in range(first, EPOCHS):
        stream.set_epoch(epoch)
        seen += [[]] * (epoch + 1 - len(seen))
        for batch in loader:
            seen[epoch] = [*seen[epoch], *batch]
            keep_state(file, (seen, epoch, loader.state_dict()))
        keep_state(file, (seen, epoch + 1, None))
    dist.barrier()
    (Path(folder) / f"{dist.get_rank()}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:4])
