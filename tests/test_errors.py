"""What exceptions carry beside their message, and what of it reaches another process."""

import pickle

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from torch_cgprune import (
    CacheMismatchError,
    CGScoredDataset,
    NotPositiveDefiniteError,
    PrunedSampler,
    WindowSampler,
    cg_scores,
)
from torch_cgprune.errors import (
    Argument,
    ArgumentTypeError,
    ArgumentValueError,
    DetailedError,
    DetailedWarning,
    NotEnoughMemoryError,
)
from torch_cgprune.inputs.reading import read_dataset
from torch_cgprune.scoring import problem
from torch_cgprune.utils import devices
from torch_cgprune.utils.checks import check_real
from torch_cgprune.utils.ranks import _portable
from torch_cgprune.utils.warn import warn_caller

X, Y = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2


def score(x=X, y=Y, **options):
    return cg_scores(x, y, progress=False, **options)


def raised(call, *args, **options):
    with pytest.raises(DetailedError) as caught:
        call(*args, **options)
    return caught.value


def without_direction():
    x = X.clone()
    x[7] = 0
    return score(x)


def too_large(monkeypatch):
    for module in (devices, problem):
        monkeypatch.setattr(module, "available_on", lambda _: 10)
    return score()


def thin():
    return score(
        torch.randn(400, 2, generator=torch.Generator().manual_seed(0)),
        torch.arange(400) % 2,
        ridge=0,
    )


def stored(folder):
    for ridge in (0.1, 1):
        CGScoredDataset(
            [*zip(X, Y.tolist(), strict=True)],
            cache=folder / "s",
            ridge=ridge,
            progress=False,
        )


def images(*sizes):
    return [(torch.rand(3, size, 4), i % 2) for i, size in enumerate(sizes)]


CASES = {
    "value": (
        lambda *_: PrunedSampler(score(), 1.5, policy="low-first"),
        (ArgumentValueError, ValueError),
        {"parameter": "keep", "value": 1.5},
    ),
    "type": (
        lambda *_: score(method="local", runs=True),
        (ArgumentTypeError, TypeError),
        {"parameter": "runs", "value": True},
    ),
    "choice": (
        lambda *_: score(method="fast"),
        (ArgumentValueError, ValueError),
        {"parameter": "method", "value": "fast"},
    ),
    "ridge": (
        lambda *_: score(y=torch.zeros(20, dtype=torch.long), ridge="auto"),
        (ArgumentValueError, ValueError),
        {"parameter": "ridge", "value": "auto"},
    ),
    "window": (
        lambda *_: WindowSampler(score(), 0.6, 0.7),
        (ArgumentValueError, ValueError),
        {"parameter": "width", "value": 0.7},
    ),
    "nobody left": (
        lambda *_: PrunedSampler(score(), 0.5, exclude=range(20), policy="low-first"),
        (ArgumentValueError, ValueError),
        {"parameter": "exclude", "value": range(20)},
    ),
    "row": (
        lambda *_: without_direction(),
        (ArgumentValueError, ValueError),
        {"parameter": "features", "row": 7},
    ),
    "method": (
        lambda *_: score(method="stochastic").pred_probs(),
        (ArgumentValueError, ValueError),
        {"parameter": "method", "value": "stochastic"},
    ),
    "shape": (
        lambda *_: read_dataset(images(4, 4, 5, 4), num_workers=0, progress=False),
        (ArgumentValueError, ValueError),
        {"parameter": "transform"},
    ),
    "singular": (
        lambda *_: thin(),
        (NotPositiveDefiniteError, ArithmeticError),
        {"parameter": "ridge"},
    ),
    "memory": (
        lambda _, monkeypatch: too_large(monkeypatch),
        (NotEnoughMemoryError, MemoryError),
        {},
    ),
    "mismatch": (lambda folder, _: stored(folder), (CacheMismatchError, ValueError), {}),
}
CURES = {
    "row": "Repair them or leave them out before scoring.",
    "method": "Score with method='exact' or 'local'.",
    "shape": "Pass a 'transform' that makes them equal, as "
    "torchvision.transforms.Resize((32, 32)).",
    "singular": "Pass ridge=1e-3 or more, dtype=torch.float64, or leave the copies out.",
    "memory": "Pass method='local', dtype=torch.float32 if it is float64, storage='FOLDER' to keep "
    "tiles of the matrix in a file, or a device with more memory.",
    "mismatch": "Name another file, delete this one, or pass on_mismatch='recompute'.",
}


@pytest.mark.parametrize("case", CASES)
def test_errors_carry_what_they_say_also_to_another_process(case, tmp_path, monkeypatch):
    call, kinds, data = CASES[case]
    error = raised(call, tmp_path, monkeypatch)
    for found in (error, pickle.loads(pickle.dumps(error))):
        assert type(found) is kinds[0]
        assert isinstance(found, kinds)
        assert str(found) == str(error)
        for name in ("parameter", "value", "row"):
            assert getattr(found, name) == data.get(name)
        if case in CURES:
            assert str(found.cure) == CURES[case]
            assert str(found).endswith(f". {CURES[case]}")
        else:
            assert found.cure is None
    assert _portable(error) is error


def test_a_value_that_cannot_travel_is_left_behind():
    error = raised(check_real, "keep", "f", lambda: None, "(0, 1]")
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is type(error)
    assert (str(found), found.parameter, found.value) == (str(error), "keep", None)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_errors_of_reading_come_from_workers_as_they_are(num_workers):
    error = raised(read_dataset, images(4, 4, 5, 4), num_workers=num_workers, progress=False)
    assert str(error) == (
        f"The dataset's images differ in shape: (3, 4, 4) and (3, 5, 4). {CURES['shape']}"
    )
    assert (error.parameter, str(error.cure)) == ("transform", CURES["shape"])


class Broken(Dataset):
    """Items that are all at fault."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise ArgumentValueError("100%% of %s.", Argument("keep"), parameter="keep", value=2)


def test_workers_of_another_loader_raise_the_same_type_with_the_text():
    with pytest.raises(
        ArgumentValueError, match=r"Caught ArgumentValueError .*(?s:.*)100% of 'keep'"
    ):
        next(iter(DataLoader(Broken(), num_workers=1)))


@pytest.mark.parametrize(
    "kind",
    [
        ArgumentValueError,
        ArgumentTypeError,
        CacheMismatchError,
        NotEnoughMemoryError,
        NotPositiveDefiniteError,
    ],
)
def test_a_text_alone_is_taken_as_it_is(kind):
    error = kind("100% %s {}")
    assert str(error) == "100% %s {}"
    assert (error.parameter, error.value, error.row, error.cure) == (None,) * 4


def test_a_warning_can_be_worded_anew():
    with pytest.warns(UserWarning, match="^pass keep=0.5, 100%$") as caught:
        warn_caller("pass %s, %d%%", Argument("keep", "0.5"), 100)
    (warning,) = caught
    assert (warning.category, warning.filename) == (DetailedWarning, __file__)
    assert warning.message.args == ("pass %s, %d%%", Argument("keep", "0.5"), 100)
