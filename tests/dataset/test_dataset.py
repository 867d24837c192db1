import copy
import multiprocessing
import os
import pickle
import tempfile
from pathlib import Path

import pytest
import torch
import workers
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms
from torchvision.datasets import FakeData, ImageFolder

from torch_cgprune import CacheError, CacheMismatchError, CGScoredDataset, CGScores, cg_scores


def tensors(n=60, seed=0, k=3):
    rng = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(n, 1, 3, 3, generator=rng), torch.arange(n) % k)


class Unlabelled(Dataset):
    """No labels as attributes: they have to be read."""

    def __init__(self, inner, shift=0):
        self.inner, self.shift, self.reads = inner, shift, 0

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        self.reads += 1
        x, y = self.inner[index]
        return x, int(y) + self.shift, "extra"


def scored(dataset, **options):
    return CGScoredDataset(dataset, progress=False, **options)


def test_items_and_attributes_are_the_wrapped_datasets():
    augment = transforms.Compose([transforms.RandomCrop(6, padding=2), transforms.ToTensor()])
    images = FakeData(size=30, image_size=(3, 6, 6), num_classes=3, transform=augment)
    train = scored(images)
    assert len(train) == 30
    torch.manual_seed(1)
    wrapped = train[4]
    torch.manual_seed(1)
    direct = images[4]
    assert torch.equal(wrapped[0], direct[0])
    assert wrapped[1] == direct[1]
    assert train.transform is augment
    assert train.dataset is images
    with pytest.raises(AttributeError):
        train.no_such_attribute  # noqa: B018


def test_items_are_returned_as_they_are():
    marker = object()

    class Odd(Unlabelled):
        def __getitem__(self, index):
            return (*super().__getitem__(index), marker)

    assert scored(Odd(tensors()))[0][3] is marker


def test_batched_fetching_goes_to_the_wrapped_dataset():
    class Batched(Unlabelled):
        def __getitems__(self, indices):
            return [("batched", i) for i in indices]

    assert scored(Batched(tensors())).__getitems__([1, 2]) == [("batched", 1), ("batched", 2)]
    plain = scored(tensors()).__getitems__([5])
    assert torch.equal(plain[0][0], tensors()[5][0])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_it_loads_copies_and_pickles(num_workers):
    train = scored(tensors())
    batches = list(DataLoader(train, batch_size=16, num_workers=num_workers))
    assert torch.equal(torch.cat([x for x, _ in batches]), tensors().tensors[0])
    for twin in (pickle.loads(pickle.dumps(train)), copy.copy(train), copy.deepcopy(train)):
        assert torch.equal(twin.scores.values, train.scores.values)
        assert len(twin) == 60


def test_scores_are_those_of_features_and_labels():
    dataset = tensors()
    expected = cg_scores(*dataset.tensors, progress=False)
    assert torch.equal(scored(dataset).scores.values, expected.values)
    assert torch.equal(scored(Unlabelled(dataset)).scores.values, expected.values)


def test_features_and_labels_of_ones_own():
    dataset, features = tensors(), torch.randn(60, 5)
    expected = cg_scores(features, dataset.tensors[1], progress=False)
    for given in (features, features.numpy(), TensorDataset(features, dataset.tensors[1])):
        assert torch.equal(scored(dataset, features=given).scores.values, expected.values)
        assert torch.equal(
            scored(Unlabelled(dataset), features=given).scores.values, expected.values
        )
    names = [f"class {int(y)}" for y in dataset.tensors[1]]
    got = scored(dataset, labels=names).scores
    assert got.classes == ("class 0", "class 1", "class 2")
    with pytest.raises(ValueError, match=r"'features' must be one row per item.*Got 10 for 60"):
        scored(dataset, features=features[:10])
    with pytest.raises(ValueError, match=r"carry no labels. Pass labels="):
        scored(TensorDataset(features))


@pytest.mark.parametrize("verify", ["sample", "full"])
def test_the_second_time_scores_are_loaded(tmp_path, monkeypatch, verify):
    cache = tmp_path / "scores.safetensors"
    first = scored(tensors(), cache=cache, method="stochastic", ratio=1)
    monkeypatch.setattr("torch_cgprune.dataset.obtain.cg_scores", None)
    second = scored(tensors(), cache=str(cache), method="stochastic", ratio=1, verify=verify)
    for name in ("values", "terms", "cg_prime", "labels", "complexity", "bound", "digests"):
        assert torch.equal(getattr(second.scores, name), getattr(first.scores, name))
    assert second.scores.classes == first.scores.classes
    assert second.scores.metadata == first.scores.metadata
    assert [*tmp_path.iterdir()] == [cache]


def test_loading_reads_a_sample_or_everything(tmp_path):
    cache = tmp_path / "scores.safetensors"
    scored(Unlabelled(tensors()), cache=cache)
    sampled, full = Unlabelled(tensors()), Unlabelled(tensors())
    scored(sampled, cache=cache)
    scored(full, cache=cache, verify="full")
    assert sampled.reads == 32
    assert full.reads >= 60


def other_pixels():
    dataset = tensors()
    dataset.tensors[0][:] += 0.5
    return dataset


def one_pixel():
    dataset = tensors()
    dataset.tensors[0][37, 0, 1, 1] += 1
    return dataset


def one_label():
    dataset = tensors()
    dataset.tensors[1][7] = 2
    return dataset


MISMATCHES = [
    (lambda: tensors(50), {}, r"has 60 examples, the data 50"),
    (lambda: tensors(k=4), {}, r"classes \(0, 1, 2\), the data \(0, 1, 2, 3\)"),
    (one_label, {}, r"other labels for 1 of 60 examples, first for example 7: 1 there and 2 here"),
    (other_pixels, {}, r"other features: example \d+ differs \(32 of 32 examined do\)"),
    (one_pixel, {"verify": "full"}, r"other features: example 37 differs \(1 of 60"),
    (lambda: Unlabelled(tensors(), shift=1), {}, r"has the label \d for example \d+, the data \d"),
    (tensors, {"ridge": 0.1}, r"other options: ridge is 'auto' there and 0.1 here"),
    (
        tensors,
        {"method": "stochastic"},
        r"method is 'exact' there and 'stochastic' here.*ratio is None",
    ),
    (tensors, {"dtype": torch.float64}, r"dtype is 'float32' there and 'float64' here"),
]


@pytest.mark.parametrize(("dataset", "options", "match"), MISMATCHES)
def test_a_cache_of_something_else_says_what_differs(tmp_path, dataset, options, match):
    cache = tmp_path / "scores.safetensors"
    scored(tensors(), cache=cache)
    before = cache.read_bytes()
    with pytest.raises(CacheMismatchError, match=match + r".*on_mismatch='recompute'"):
        scored(dataset(), cache=cache, **options)
    assert cache.read_bytes() == before
    recomputed = scored(dataset(), cache=cache, on_mismatch="recompute", **options)
    fresh = scored(dataset(), **options)
    assert torch.equal(recomputed.scores.values, fresh.scores.values)
    assert torch.equal(CGScores.load(cache).values, fresh.scores.values)


def test_exact_scores_are_good_where_auto_would_iterate(tmp_path, monkeypatch):
    cache = tmp_path / "scores.safetensors"
    scored(tensors(), cache=cache, method="exact")
    monkeypatch.setattr("torch_cgprune.scoring.options.EXACT_UP_TO", 5)
    assert not scored(tensors(), cache=cache).computed
    with pytest.raises(CacheMismatchError, match="method is 'exact' there and 'iterative' here"):
        scored(tensors(), cache=cache, method="iterative")


def test_a_file_that_is_no_cache_is_an_error_and_stays(tmp_path):
    cache = tmp_path / "scores.safetensors"
    scored(tensors(), cache=cache)
    whole = cache.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:5], b"", b"some other file, not ours"):
        cache.write_bytes(content)
        with pytest.raises(CacheError, match=r"truncated or no safetensors file.*Delete it"):
            scored(tensors(), cache=cache, on_mismatch="recompute")
        assert cache.read_bytes() == content


def test_a_folder_that_takes_no_file_is_found_out_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("torch_cgprune.dataset.obtain.cg_scores", None)
    with pytest.raises(FileNotFoundError, match=r"folder of .* does not exist. Create it"):
        scored(tensors(), cache=tmp_path / "missing" / "scores.safetensors")
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Name a file inside"):
        scored(tensors(), cache=tmp_path)
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    as_root = os.geteuid() == 0
    if as_root:  # root may write anywhere: be nobody for a moment
        tmp_path.chmod(0o755)
        for parent in tmp_path.parents:  # as many as pytest has made, by its number of workers
            if parent == Path(tempfile.gettempdir()):
                break
            parent.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match=r"cannot be written.*another folder"):
            scored(tensors(), cache=folder / "scores.safetensors")
    finally:
        if as_root:
            os.seteuid(0)


def test_black_images_are_all_named(folder):
    for name in ("ant/black.png", "bee/dark.png"):
        Image.new("RGB", (5, 4)).save(Path(folder.root) / name)
    with pytest.raises(ValueError, match=r"images 'ant/black.png', 'bee/dark.png' cannot .*: 2, 5"):
        scored(ImageFolder(folder.root))


def test_an_interrupted_scoring_leaves_nothing_behind(tmp_path, monkeypatch):
    cache = tmp_path / "scores.safetensors"

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    for stage in ("torch_cgprune.scoring.blocks.sweep", "torch_cgprune.utils.files.os.fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(stage, interrupt)
            with pytest.raises(KeyboardInterrupt):
                scored(tensors(), cache=cache)
        assert [*tmp_path.iterdir()] == []
    scored(tensors(), cache=cache)
    assert cache.is_file()


@pytest.mark.slow
def test_processes_that_start_at_once_do_not_corrupt_the_cache(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=workers.score_into, args=(tmp_path, barrier, failures)) for _ in "ab"
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert failures.empty(), failures.get()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{i}.safetensors" for i in range(5)
    ]
    values = {tuple(CGScores.load(path).values.tolist()) for path in tmp_path.iterdir()}
    assert len(values) == 1


def test_bad_options_fail_before_anything_is_read():
    class Untouchable(Dataset):
        targets = (0, 1)

        def __len__(self):
            return 2

        def __getitem__(self, index):
            raise AssertionError("an item was read")

    for options, match in (
        ({"verify": "all"}, r"'verify' .* 'sample', 'full'. Got 'all'"),
        ({"on_mismatch": "ignore"}, r"'on_mismatch' .* 'error', 'recompute'"),
        ({"method": "fast"}, r"'method'"),
        ({"ridge": -1.0}, r"'ridge'"),
    ):
        with pytest.raises(ValueError, match=match):
            scored(Untouchable(), **options)
    with pytest.raises(TypeError, match=r"CGScoredDataset has no option 'no_such_option'. There a"):
        scored(Untouchable(), no_such_option=1)
    with pytest.raises(TypeError, match=r"no option 'rigde'. Did you mean 'ridge'\?"):
        scored(Untouchable(), rigde=1)


def test_a_cache_of_other_labels_is_refused_with_features_of_ones_own(tmp_path):
    cache, features = tmp_path / "scores.safetensors", torch.randn(60, 5)
    scored(Unlabelled(tensors()), features=features, cache=cache)
    scored(Unlabelled(tensors()), features=features, cache=cache)
    with pytest.raises(CacheMismatchError, match=r"has the label"):
        scored(Unlabelled(tensors(), shift=1), features=features, cache=cache)


def test_with_features_of_ones_own_no_image_is_looked_at():
    class Pictures(Unlabelled):
        def __getitem__(self, index):
            return object(), index % 3

    assert scored(Pictures(tensors()), features=torch.randn(60, 5)).scores.classes == (0, 1, 2)


def test_features_from_a_dataset_without_labels():
    images = TensorDataset(torch.randn(60, 5))
    got = scored(Unlabelled(tensors()), features=images).scores
    assert got.labels.tolist() == tensors().tensors[1].tolist()


def test_bad_labels_fail_before_anything_is_read():
    class Untouchable(Unlabelled):
        def __getitem__(self, index):
            raise AssertionError("an item was read")

    with pytest.raises(ValueError, match=r"'labels' must be one label per item.*Got 3 for 60"):
        scored(Untouchable(tensors()), labels=[0, 1, 2])
    with pytest.raises(TypeError, match="all integers or all strings"):
        scored(Untouchable(tensors()), labels=torch.zeros(60))
    with pytest.raises(RuntimeError, match="device"):
        scored(Untouchable(tensors()), device="no such device")


def test_an_interrupt_while_moving_leaves_the_old_cache_whole(tmp_path, monkeypatch):
    cache = tmp_path / "scores.safetensors"
    scored(tensors(), cache=cache)
    before = cache.read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        scored(one_label(), cache=cache, on_mismatch="recompute")
    assert cache.read_bytes() == before
    assert [*tmp_path.iterdir()] == [cache]


@pytest.mark.parametrize("first", [None, 0])
def test_items_of_which_some_carry_no_label(first):
    labels = [first, 1, 0, None, 1, 0]
    listed = Unlabelled(torch.randn(6, 4))
    listed.targets = labels
    missing = labels.index(None)
    for dataset in ([*zip(torch.randn(6, 4), labels, strict=True)], listed):
        with pytest.raises(ValueError, match="of the 6 'labels' are missing") as caught:
            CGScoredDataset(dataset, progress=False)
        assert caught.value.row == missing


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8, torch.int32])
def test_a_tensor_dataset_is_scored_as_its_tensor(dtype, device, tmp_path, monkeypatch):
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(1, 99, (4200, 1, 3, 3), generator=rng).to(device, dtype)
    y = torch.arange(4200, device=device) % 3
    options = {"method": "local", "ridge": 0.1, "num_workers": 0, "cache": tmp_path / "scores"}
    reads, read = [], TensorDataset.__getitem__
    monkeypatch.setattr(
        TensorDataset, "__getitem__", lambda data, i: (reads.append(i), read(data, i))[1]
    )
    assert scored(TensorDataset(x, y), **options).computed
    assert (len(reads) > 4200) == (dtype == torch.int32)  # which reading turns into float32
    pairs = [*zip(x.cpu(), y.tolist(), strict=True)]
    assert not scored(pairs, verify="full", **options).computed


def test_a_dataset_in_words(tmp_path, monkeypatch):
    (tmp_path / "new.csv").write_text("index,new_label\n0,1\n")
    rng = torch.Generator().manual_seed(0)
    images = TensorDataset(torch.randn(12, 4, generator=rng), torch.arange(12) % 3)
    train = CGScoredDataset(images, progress=False)
    with monkeypatch.context() as patch:  # what takes seconds is not done for it
        patch.setattr("torch_cgprune.scores.scores.judge", None)
        assert repr(train) == "CGScoredDataset(TensorDataset, 12 examples, 3 classes)"
    count = int(train.scores.suspects.sum())
    assert (
        repr(train) == f"CGScoredDataset(TensorDataset, 12 examples, 3 classes, {count} suspects)"
    )
    changed = CGScoredDataset(images, relabel=tmp_path / "new.csv", progress=False)
    assert repr(changed) == "CGScoredDataset(TensorDataset, 12 examples, 3 classes, 1 relabelled)"
    made = CGScoredDataset.__new__(CGScoredDataset)
    assert repr(made) == "<CGScoredDataset without scores>"
    one = CGScoredDataset(images, method="stochastic", progress=False)
    assert " suspects)" in repr(one)
