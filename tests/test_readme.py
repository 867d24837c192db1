"""Every Python block of README runs, in order, in one namespace and an empty folder."""

import re
import shlex
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from torch_cgprune.cli import main

README = Path(__file__).parents[1] / "README.md"


class Learner(lightning.LightningModule):
    """What a reader has already: a model that looks at its batches."""

    def __init__(self, seen):
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(1, 1), seen

    def training_step(self, batch, _):
        images, labels = batch
        self.seen.append(len(labels))
        return self.layer(images.mean((1, 2, 3))[:, None]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-3)


# The stacks warn of what is none of ours: the number of workers, no GPU, names of theirs.
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
@pytest.mark.filterwarnings("ignore:::lightning")
@pytest.mark.filterwarnings("ignore:The noise filter drops more than half")  # all labels are noise
def test_the_blocks_of_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relabel.csv").write_text("index,new_label\n3,1\n")  # of the page
    (tmp_path / "kept.txt").write_text("0\n1\n2\n3\n")  # of select
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)  # as torchrun sets them
    monkeypatch.setenv("MASTER_PORT", "0")
    model, seen = torch.nn.Linear(1, 1), []
    namespace = {
        "your_lightning_module": Learner(seen),
        "your_model": model,
        "your_optimizer": torch.optim.SGD(model.parameters(), 1e-3),
    }
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    try:
        for block in blocks:
            exec(compile(block, "README.md", "exec"), namespace)
    finally:  # else other tests would run under accelerate
        AcceleratorState._reset_state(reset_partial_state=True)
    assert sum(seen) == 2 * 120


def test_the_commands_of_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for channel, name in enumerate(("ant", "bee")):
        (tmp_path / "animals" / "train" / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(0, 128, (6, 6, 3), dtype=np.uint8)
            pixels[..., channel] += 100
            Image.fromarray(pixels).save(f"animals/train/{name}/{i}.png")
    commands = re.findall(r"^\$ torch-cgprune (.*)$", README.read_text(), re.MULTILINE)
    assert {command.split()[0] for command in commands} == {"score", "report", "select", "info"}
    for command in commands:
        assert main(shlex.split(command)) == 0, capsys.readouterr().err
    assert len((tmp_path / "kept.txt").read_text().splitlines()) == 10
    assert (tmp_path / "animals.html").is_file()


def test_readme_has_exactly_the_two_set_up_commands():
    blocks = re.findall(r"^```bash\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    setup = [block for block in blocks if "pip install" in block]
    assert len(setup) == 2
    assert all(len(block.strip().splitlines()) == 1 for block in setup)
    assert "examples/quickstart.py" in setup[0]
    assert "pytest" in setup[1]
