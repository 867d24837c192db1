"""A ``datasets.Dataset`` of Hugging Face as the wrapped dataset: read by column, never selected."""

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Subset
from torchvision.datasets import FakeData
from torchvision.transforms import ToTensor

from torch_cgprune import CGScoredDataset, PrunedSampler, cg_scores

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 6, 3), dtype=np.uint8)
LABELS = [i % 3 for i in range(40)]
EXPECTED = cg_scores(torch.from_numpy(PIXELS), LABELS, progress=False).values


def table():
    columns = {"picture": [Image.fromarray(p) for p in PIXELS], "kind": LABELS, "n": range(40)}
    features = {
        "picture": datasets.Image(),
        "kind": datasets.ClassLabel(names=["ant", "bee", "cow"]),
        "n": datasets.Value("int64"),
    }
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def flat_table():
    rows = {"picture": PIXELS.reshape(40, -1).tolist(), "kind": [f"class {y}" for y in LABELS]}
    return datasets.Dataset.from_dict(rows)


def augmented(batch):
    batch["picture"] = [np.asarray(p) + np.random.default_rng().random() for p in batch["picture"]]
    return batch


FORMATS = {
    "plain": table,
    "numpy": lambda: table().with_format("numpy"),
    "torch": lambda: table().with_format("torch"),
    "one column": lambda: table().with_format("torch", columns=["n"]),
    "transform": lambda: table().with_transform(augmented),
    "bytes": lambda: table().cast_column("picture", datasets.Image(decode=False)),
    "lists": flat_table,
    "mappings": lambda: [
        dict(zip(("picture", "kind"), p, strict=True)) for p in zip(PIXELS, LABELS, strict=True)
    ],
}


def wrap(dataset, **options):
    return CGScoredDataset(
        dataset, **{"features": "picture", "labels": "kind", "progress": False, **options}
    )


@pytest.mark.parametrize("name", FORMATS)
def test_scored_by_column_whatever_the_format(name, monkeypatch):
    monkeypatch.setattr(datasets.Dataset, "select", None)
    dataset = FORMATS[name]()
    train = wrap(dataset)
    torch.testing.assert_close(train.scores.values, EXPECTED, rtol=1e-4, atol=1e-4)
    assert train.dataset is dataset
    if name != "transform":  # else no two reads are the same
        for key, value in dataset[7].items():
            assert type(train[7][key]) is type(value)
            assert np.array_equal(np.asarray(train[7][key]), np.asarray(value))


@pytest.mark.parametrize("name", ["plain", "numpy", "torch", "one column", "transform"])
def test_one_cache_for_all_formats(name, tmp_path):
    cache = tmp_path / "scores"
    wrap(table(), cache=cache)
    loaded = wrap(FORMATS[name](), cache=cache)
    torch.testing.assert_close(loaded.scores.values, EXPECTED, rtol=1e-4, atol=1e-4)


def test_inside_subset_and_concat():
    whole = table()
    halves = ConcatDataset([Subset(whole, range(20)), Subset(whole, range(20, 40))])
    torch.testing.assert_close(wrap(halves).scores.values, EXPECTED, rtol=1e-4, atol=1e-4)


def test_classes_are_called_as_the_column_names_them(tmp_path):
    train = wrap(table(), cache=tmp_path / "scores")
    assert train.scores.class_names == ("ant", "bee", "cow")
    assert wrap(table(), cache=tmp_path / "scores").scores.class_names == ("ant", "bee", "cow")
    assert wrap(Subset(table(), range(20))).scores.class_names == ("ant", "bee", "cow")
    assert wrap(flat_table()).scores.class_names == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("form", [None, "numpy", "torch"])
def test_a_column_of_labels_brings_the_names(form):
    kinds = table().with_format(form)["kind"]
    names = ("ant", "bee", "cow")
    assert cg_scores(PIXELS, kinds, progress=False).class_names == names
    pixels = [*zip(PIXELS, LABELS, strict=True)]
    assert CGScoredDataset(pixels, labels=kinds, progress=False).scores.class_names == names
    named = FakeData(40, (3, 6, 6), transform=ToTensor())
    named.classes = ["other", "names", "here"]  # those of its own labels
    assert CGScoredDataset(named, labels=kinds, progress=False).scores.class_names == names
    numbers = flat_table().add_column("code", LABELS)["code"]
    assert cg_scores(PIXELS, numbers, progress=False).class_names == ("0", "1", "2")


def test_the_names_of_a_column_stay_with_the_scores(tmp_path):
    pixels = [*zip(PIXELS, LABELS, strict=True)]
    for _ in range(2):
        train = CGScoredDataset(
            pixels, labels=table()["kind"], cache=tmp_path / "scores", progress=False
        )
        assert train.scores.class_names == ("ant", "bee", "cow")


def test_images_that_are_not_decoded_are_told_as_such():
    undecoded = table().cast_column("picture", datasets.Image(decode=False))
    items = [(row["picture"], row["kind"]) for row in undecoded]
    with pytest.raises(TypeError, match=r"Item 0 .* not decoded. Decode it, .*cast_column"):
        CGScoredDataset(items, progress=False)


def test_an_example_without_a_label_is_none_of_a_class():
    unlabelled = table().map(lambda row: {"kind": -1 if row["n"] in (5, 9) else row["kind"]})
    with pytest.raises(
        ValueError, match=r"2 of the 40 'labels' are missing .* example 5"
    ) as caught:
        wrap(unlabelled)
    assert caught.value.row == 5
    known = [i for i in range(40) if i not in (5, 9)]
    assert len(wrap(Subset(unlabelled, known)).scores) == 38


def test_minus_one_is_a_class_where_nothing_says_otherwise():
    signs = flat_table().map(lambda row: {"kind": 1 if row["kind"] == "class 0" else -1})
    assert wrap(signs).scores.classes == (-1, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gets_the_samples_untouched(workers):
    train = wrap(table().with_format("torch"))
    sampler = PrunedSampler(train, keep=0.5, policy="low-first")
    loader = DataLoader(train, batch_size=4, sampler=sampler, num_workers=workers)
    batches = list(loader)
    assert set(batches[0]) == {"picture", "kind", "n"}
    assert torch.cat([b["n"] for b in batches]).sort().values.equal(sampler.selection)


@pytest.mark.parametrize(
    "options",
    [{"features": torch.from_numpy(PIXELS)}, {"labels": LABELS}, {"labels": np.array(LABELS)}],
)
def test_one_of_the_two_may_come_from_elsewhere(options):
    torch.testing.assert_close(
        wrap(table(), **options).scores.values, EXPECTED, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("dataset", "options", "error", "match"),
    [
        (
            table,
            {"features": "image"},
            ValueError,
            r"no column 'image'.*\['kind', 'n', 'picture'\]",
        ),
        (table, {"labels": "label"}, ValueError, r"no column 'label'"),
        (
            table,
            {"features": None, "labels": None},
            TypeError,
            r"is a mapping with .*features='image'",
        ),
        (lambda: [(1, 2)], {}, TypeError, r"need a dataset of mappings. Got items of type tuple"),
        (list, {}, ValueError, "The dataset is empty"),
        (table, {"features": None}, ValueError, r"'features' must name a column too"),
        (
            lambda: datasets.DatasetDict(train=table(), test=table()),
            {},
            TypeError,
            r"Got DatasetDict, with the keys \['train', 'test'\]; pass one .* a split",
        ),
        (lambda: table().to_iterable_dataset(), {}, TypeError, "map-style"),
    ],
)
def test_what_cannot_be_read(dataset, options, error, match):
    dataset = dataset()
    with pytest.raises(error, match=match):
        wrap(dataset, **options)
