"""Errors as the library raises them, in one line and in the words of the shell."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset
from torchvision.datasets import ImageFolder

from torch_cgprune import CGScoredDataset, PrunedSampler, WindowSampler, cg_scores
from torch_cgprune.cli import main
from torch_cgprune.cli.parser import build_parser, options
from torch_cgprune.cli.wording import one_line
from torch_cgprune.errors import Argument, Message, Parameter, UnreadableImageError
from torch_cgprune.inputs.image_loader import load_image
from torch_cgprune.inputs.reading import read_dataset
from torch_cgprune.lists import listed
from torch_cgprune.scoring import problem
from torch_cgprune.utils import devices

CURE = "CURE."


@pytest.fixture(autouse=True)
def _a_folder_to_work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def said(error):
    """Return an error in the shell's words, which are one line and none of Python's."""
    text = one_line(error, CURE)
    assert text == text.strip() != ""
    assert not {"\n", "\r", "\t"} & {*text}
    for foreign in ("torch.", "on_mismatch", "Traceback", "transform", "()"):
        assert foreign not in text
    assert not re.search(r"\w=\S", text), "an argument of Python's"
    assert not re.search(r"'\w+'( and '\w+')? parameters?\b", text), "a parameter of Python's"
    return text


def fails(call, *args, **options):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (which it is is not the matter)
        call(*args, **options)
    return said(caught.value)


def data(n=20):
    rng = torch.Generator().manual_seed(0)
    return TensorDataset(torch.randn(n, 6, generator=rng), torch.arange(n) % 2)


def scores(n=20, **options):
    return cg_scores(*data(n).tensors, progress=False, **options)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"method": "local"}, "method is 'exact' there and 'local' here"),
        ({"ridge": 0.1}, "ridge is 'auto' there and 0.1 here"),
        ({"dtype": torch.float64}, "dtype is 'float32' there and 'float64' here"),
    ],
)
def test_scores_of_other_options_have_the_cure_of_the_command(other, difference):
    CGScoredDataset(data(), cache="s", progress=False)
    text = fails(CGScoredDataset, data(), cache="s", progress=False, **other)
    assert text.startswith("The file 's' was computed with other options: ")
    assert difference in text
    assert text.endswith(f". {CURE}")


def test_scores_of_other_data_have_the_cure_of_the_command():
    CGScoredDataset(data(), cache="s", progress=False)
    for other in (data(18), TensorDataset(data().tensors[0] + 1, data().tensors[1])):
        assert fails(CGScoredDataset, other, cache="s", progress=False).endswith(f". {CURE}")


def images(*sizes):
    return [(torch.rand(3, size, 4), i % 2) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("num_workers", "sizes"),
    [(0, (4, 4, 5, 4)), (1, (4, 4, 5, 4)), (0, [4] * 300 + [5])],
    ids=["here", "in a worker", "in another batch"],
)
def test_images_of_different_sizes_are_to_be_resized(num_workers, sizes):
    text = fails(read_dataset, images(*sizes), num_workers=num_workers, progress=False)
    assert text.startswith("The dataset's images differ in shape: (3, 4, 4) and (3, 5, 4)")
    assert text.endswith(". Pass --resize N, as --resize 32, or an --encoder.")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_image_that_cannot_be_read_is_told_alike_from_a_worker(num_workers):
    for i in range(20):
        path = Path(f"images/{'ab'[i % 2]}/{i:02d}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), i, dtype=np.uint8)).save(path)
    dataset = ImageFolder("images", loader=load_image)
    path = dataset.samples[1][0]  # no probe looks at it
    Path(path).write_text("this is a text")
    with pytest.raises(UnreadableImageError) as caught:
        read_dataset(dataset, num_workers=num_workers, progress=False)
    assert said(caught.value) == f"The image '{path}' cannot be read: it is no image."


@pytest.mark.parametrize(
    ("labels", "cure"),
    [
        (np.array([b"a", b"b"]), "save them as texts, not as bytes."),
        (np.array([0.0, 1.0]), "these are whole: save them as integers."),
        (torch.tensor([0.0, 1.0]), "these are whole: save them as integers."),
        (torch.tensor([0, 1]).bfloat16(), "these are whole: save them as integers."),
        (np.array([0.5, 1.0]), "targets of a regression: save classes made of them."),
        (np.eye(2), "save the number of the class of each, which is the place of the one."),
        (np.ones((2, 3)), "(multi-hot rows), save one at a time."),
        (np.array([1, np.nan]), "Label them, or leave these examples out."),
        (np.array(["a", ""]), "Label them, or leave these examples out."),
        (np.array(["2020", "2021"], dtype="datetime64[Y]"), "save them as texts."),
    ],
)
def test_labels_that_are_none_are_to_be_saved_otherwise(labels, cure):
    assert fails(cg_scores, np.eye(2), labels, progress=False).endswith(cure)


def test_a_matrix_too_large_for_memory_has_three_options(monkeypatch):
    for module in (devices, problem):
        monkeypatch.setattr(module, "available_on", lambda _: 10**6)
    text = fails(scores, 1000)
    assert text.startswith("Scoring 1000 rows together in float32 needs ")
    for option in ("--method local", "--dtype float32 if", "--storage FOLDER to keep"):
        assert option in text


def test_a_singular_matrix_has_two_options():
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    text = fails(cg_scores, x, torch.arange(400) % 2, ridge=0, progress=False)
    assert text.startswith("The Gram matrix is not positive definite in float32 (pivot of row")
    assert "--ridge 1e-3 or more, --dtype float64, or leave the copies out" in text


@pytest.mark.parametrize("name", ["suggested_labels", "pred_probs", "calibration"])
def test_what_stochastic_scores_lack_needs_another_method(name):
    known = scores(method="stochastic")
    text = fails(lambda: getattr(known, name)() if name == "pred_probs" else getattr(known, name))
    assert text.endswith("Score with --method exact or local.")


def test_a_name_with_a_line_break_needs_another_format():
    known = dataclasses.replace(scores(2), names=("a\nb", "c"))
    text = fails(listed, torch.tensor([0]), known, "txt")
    assert r"'a\nb'" in text
    assert text.endswith("Pass --format csv or json.")


def test_a_ridge_of_one_class_is_a_number():
    text = fails(cg_scores, data().tensors[0], [0] * 20, ridge="auto", progress=False)
    assert text.startswith("The option --ridge must be a number where")


def test_what_a_command_passes_to_a_sampler_is_named_as_its_option():
    known = scores()
    assert "--exclude" in fails(PrunedSampler, known, 0.5, exclude=range(20))
    text = fails(WindowSampler, known, 0.6, 0.6)
    assert "--start" in text
    assert "--keep" in text


def test_an_error_without_a_message_is_named_by_its_kind():
    assert one_line(ZeroDivisionError(), CURE) == "ZeroDivisionError"
    assert one_line(ValueError("  \n "), CURE) == "ValueError"


@pytest.mark.parametrize("text", ["one\ntwo", "one\r\n\ttwo", "  one   two\n"])
def test_a_message_of_many_lines_is_one(text):
    assert one_line(OSError(text), CURE) == "one two"


def test_options_are_those_of_the_parsers():
    commands = build_parser()._subparsers._group_actions[0].choices.values()
    known = {said for command in commands for said in command.options().values()}
    assert {*options().values()} == known
    for name, option in options().items():
        assert option == f"--{name.replace('_', '-')}"
    assert {"keep", "balanced", "method", "true_labels", "output"} <= options().keys()


@pytest.mark.parametrize(
    ("mention", "python", "shell"),
    [
        (Argument("rule"), "'rule'", "--rule"),
        (Argument("true_labels"), "'true_labels'", "--true-labels"),
        (
            Argument("method", "'exact' or 'local'"),
            "method='exact' or 'local'",
            "--method exact or local",
        ),
        (Argument("dtype", "torch.float64"), "dtype=torch.float64", "--dtype float64"),
        (Argument("balanced", "True"), "balanced=True", "--balanced"),
        (Parameter("f", "ridge"), "'ridge' parameter of f", "option --ridge"),
        (
            Parameter("f", "start", "width"),
            "'start' and 'width' parameters of f",
            "options --start and --keep",
        ),
        (torch.float32, "torch.float32", "float32"),
        (Message("%s or %s", Argument("rule"), 3), "'rule' or 3", "--rule or 3"),
    ],
)
def test_a_mention_is_worded_for_python_and_for_the_shell(mention, python, shell):
    message = Message("Pass %s.", mention)
    assert str(message) == f"Pass {python}."
    assert one_line(message, CURE) == f"Pass {shell}."


@pytest.mark.parametrize(
    "mention",
    [Argument("num_samples", "3"), Argument("transform"), Parameter("f", "keep", "num_samples")],
)
def test_what_no_command_has_is_called_as_in_python(mention):
    assert one_line(Message("%s", mention), CURE) == str(mention)


def test_what_is_logged_is_in_the_words_of_the_shell(capsys):
    x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    x[1] = x[0]
    x[1, 0] += 1e-6
    np.savez("x.npz", features=x, labels=np.arange(40) // 2 % 2)
    assert main(["score", "x.npz", "-o", "s.safetensors"]) == 0
    assert capsys.readouterr().err.endswith(" centre the features or pass --dtype float64.\n")
    assert (
        main(["score", "x.npz", "-o", "s.safetensors", "--ridge", "1", "--dtype", "float64"]) == 1
    )
    cure = ". Name another file, or pass --overwrite."
    assert capsys.readouterr().err.endswith(f"{cure}\n")
    argv = [
        "score",
        "x.npz",
        "-o",
        "s.safetensors",
        "--ridge",
        "1",
        "--dtype",
        "float64",
        "--overwrite",
    ]
    assert main(argv) == 0
    assert capsys.readouterr().err.endswith(f"{cure} Computing anew.\n")
