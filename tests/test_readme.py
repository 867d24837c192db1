"""What README and the recipes say runs: Python blocks in order, commands, in an empty folder."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import lightning
import pytest
import torch
from accelerate.state import AcceleratorState

from torch_cgprune.cli import main

ROOT = Path(__file__).parents[1]
FILES = ("README.md", "examples/README.md", "examples/RESULTS.md")


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


def blocks_of(file, language):
    text = (ROOT / file).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


# The stacks warn of what is none of ours: the number of workers, no GPU, names of theirs.
@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
@pytest.mark.filterwarnings("ignore:::lightning")
@pytest.mark.parametrize("file", FILES)
@pytest.mark.slow
def test_the_python_blocks_run(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relabel.csv").write_text("index,new_label,decision\n3,1,wrong\n")  # of the page
    (tmp_path / "kept.txt").write_text("0\n1\n2\n3\n")  # of select
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)  # as torchrun sets them
    monkeypatch.setenv("MASTER_PORT", "0")
    torch.manual_seed(0)  # of the models, whose features are scored
    model, seen = torch.nn.Linear(1, 1), []
    namespace = {
        "your_lightning_module": Learner(seen),
        "your_model": model,
        "your_optimizer": torch.optim.SGD(model.parameters(), 1e-3),
    }
    blocks = blocks_of(file, "python")
    try:
        for block in blocks:
            exec(compile(block, file, "exec"), namespace)
    finally:  # else other tests would run under accelerate
        AcceleratorState._reset_state(reset_partial_state=True)
    if any("lightning.Trainer" in block for block in blocks):
        assert sum(seen) == 2 * round(0.6 * 1797)


def test_there_are_blocks():
    assert len(blocks_of("README.md", "python")) >= 4
    assert len(blocks_of("examples/README.md", "python")) >= 10


@pytest.mark.slow
def test_the_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["digits_folder.py", "digits"])
    runpy.run_path(str(ROOT / "examples/digits_folder.py"), run_name="__main__")
    texts = [block for file in FILES for block in blocks_of(file, "console")]
    commands = re.findall(r"^\$ torch-cgprune (.*)$", "".join(texts), re.MULTILINE)
    used = {command.split()[0] for command in commands}
    assert used == {
        *("score", "report", "select", "info", "suspects", "apply", "export", "advise"),
    }
    for command in dict.fromkeys(commands):
        assert main(shlex.split(command)) == 0, capsys.readouterr().err
    assert 900 < len((tmp_path / "kept.txt").read_text().splitlines()) < 1078
    assert (tmp_path / "digits.html").is_file()
    kept = (tmp_path / "kept.txt").read_text().split()
    copied = sorted((tmp_path / "digits-kept").glob("*/*"))
    assert [f"{path.parent.name}/{path.name}" for path in copied] == sorted(kept)


def test_readme_has_exactly_the_two_set_up_commands():
    setup = [block for block in blocks_of("README.md", "bash") if "pip install" in block]
    assert len(setup) == 2
    assert all(len(block.strip().splitlines()) == 1 for block in setup)
    assert "examples/quickstart.py" in setup[0]
    assert "pytest" in setup[1]


def test_readme_is_short_and_what_it_names_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    links = re.findall(r"\]\((?!https?:)([^)]*)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
