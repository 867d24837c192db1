"""Lists of examples: written, read back, and refused where they are of other data."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset
from torchvision.datasets import FakeData
from torchvision.datasets.folder import default_loader

from torch_cgprune import (
    CGScoredDataset,
    CGScores,
    DistributedPrunedSampler,
    DistributedWindowSampler,
    PrunedSampler,
    WindowSampler,
    cg_scores,
    noise_report,
)
from torch_cgprune.inputs.names import find_class_names, find_names
from torch_cgprune.lists import FORMATS, TABLES, listed, read_examples, read_relabels

ODD = ("plain.jpg", "two words.jpg", 'a "quote".jpg', "<b>&.jpg", "bücher/ß.jpg", "comma,.jpg")


def scores(n=12, names=None, **metadata):
    rng = torch.Generator().manual_seed(0)
    found = cg_scores(torch.randn(n, 5, generator=rng), torch.arange(n) % 2, progress=False)
    if names is None:
        return dataclasses.replace(found, metadata=metadata)
    return dataclasses.replace(found, names=tuple(names), metadata=metadata)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("names", [None, (*ODD, *(f"{i} " for i in range(6)))])
def test_what_is_written_is_read_back(tmp_path, form, names):
    known = scores(names=names)
    path = tmp_path / f"kept.{form}"
    path.write_bytes(listed(torch.tensor([0, 2, 3, 4, 5, 9]), known, form))
    assert read_examples(path, 12, known).tolist() == [0, 2, 3, 4, 5, 9]


@pytest.mark.parametrize("form", TABLES)
def test_a_table_has_the_columns_of_the_data_frame(tmp_path, form):
    known = scores(names=(*ODD, *(f"{i}\n" for i in range(6))), class_names=["a, b", 'ü "c"'])
    path = tmp_path / f"t.{form}"
    path.write_bytes(listed(torch.tensor([7, 2]), known, form))
    got = pd.read_csv(path) if form == "csv" else pd.read_parquet(path)
    frame = known.to_pandas().iloc[[7, 2]].reset_index(drop=True)
    assert got.columns.tolist() == frame.columns.tolist()
    for name in frame:
        assert got[name].isna().tolist() == frame[name].isna().tolist()
        there = frame[name].dropna().tolist()
        if there and isinstance(there[0], float):  # pandas rounds what it reads from CSV
            there = pytest.approx(there, rel=1e-15)
        assert got[name].dropna().tolist() == there


def test_parquet_has_names_that_are_no_utf8_as_a_browser_has_them(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    known, path = scores(2, names=["a.jpg", name]), tmp_path / "k.parquet"
    path.write_bytes(listed(torch.tensor([1]), known, "parquet"))
    assert pd.read_parquet(path)["path"].tolist() == ["caf\ufffd.jpg"]
    assert read_examples(path, 2, known).tolist() == [1]


def test_parquet_lists_of_other_programs(tmp_path):
    known, path = scores(names=[f"{i}.png" for i in range(12)]), tmp_path / "k.parquet"
    pd.DataFrame({"path": ["3.png", "5.png"], "more": [[1], [2]]}).to_parquet(path)
    assert read_examples(path, 12, known).tolist() == [3, 5]
    pd.DataFrame({"index": [4, 2]}).to_parquet(path)
    assert read_examples(path, 12, scores()).tolist() == [2, 4]
    pd.DataFrame({"number": [4, 2]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"column 'index' or 'path'. Got \['number'\]"):
        read_examples(path, 12, known)
    pd.DataFrame({"index": [4], "label": ["1"]}).to_parquet(path)
    with pytest.raises(ValueError, match="line 1: example 4 is labelled '1' there and '0' here"):
        read_examples(path, 12, scores())


@given(chosen=st.sets(st.integers(0, 11)), form=st.sampled_from(FORMATS), named=st.booleans())
def test_any_selection_goes_round(tmp_path_factory, chosen, form, named):
    known = scores(names=[f"{i}.png" for i in range(12)] if named else None)
    path = tmp_path_factory.mktemp("lists") / f"kept.{form}"
    path.write_bytes(listed(torch.tensor(sorted(chosen), dtype=torch.int64), known, form))
    assert read_examples(path, 12, known).tolist() == sorted(chosen)


def test_files_that_are_no_utf8_go_round_by_line_and_from_a_browser(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    known = scores(2, names=["a.jpg", name])
    path = tmp_path / "kept.txt"
    path.write_bytes(listed(torch.tensor([1]), known, "txt"))
    assert path.read_bytes() == b"caf\xe9.jpg\n"
    assert read_examples(path, 2, known).tolist() == [1]
    table = tmp_path / "ticked.csv"
    table.write_text("index,path\n1,caf\ufffd.jpg\n", encoding="utf-8")
    assert read_examples(table, 2, known).tolist() == [1]
    saved = tmp_path / "s.safetensors"
    known.save(saved)
    assert CGScores.load(saved).names == ("a.jpg", name)


def test_classes_that_are_no_utf8_come_back_from_a_browser(tmp_path):
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    known = scores(4, names=[f"{name}/0", "dog/0", f"{name}/1", "dog/1"], class_names=[name, "dog"])
    table = tmp_path / "ticked.csv"
    rows = ["index,path,label,new_label", "9,caf\ufffd/1,caf\ufffd,dog", "1,dog/0,dog,caf\ufffd"]
    table.write_text("\n".join(rows), encoding="utf-8")
    assert read_examples(table, 4, known).tolist() == [1, 2]  # by name: the index is of before
    assert read_relabels(table, known).tolist() == [0, 0, 1, 1]


def test_names_that_a_browser_makes_one_are_told_by_their_index(tmp_path):
    names = [raw.decode("utf-8", "surrogateescape") for raw in (b"\xe8", b"\xe9")]
    table = tmp_path / "ticked.csv"
    table.write_text("index,path\n1,\ufffd\n", encoding="utf-8")
    with pytest.raises(ValueError, match="none of the examples"):
        read_examples(table, 2, scores(2, names=names))


def test_names_win_where_files_were_added(tmp_path):
    before = scores(3, names=["a", "c", "d"])
    path = tmp_path / "kept.csv"
    path.write_bytes(listed(torch.tensor([1, 2]), before, "csv"))
    after = scores(4, names=["a", "b", "c", "d"])
    after = dataclasses.replace(after, labels=torch.tensor([0, 0, 1, 0]))
    assert read_examples(path, 4, after).tolist() == [2, 3]


def test_what_other_programs_write(tmp_path):
    known = scores(names=[f"{i}.png" for i in range(12)])
    path = tmp_path / "kept.txt"
    path.write_bytes(b"\xef\xbb\xbf3.png\r\n\r\n0\r\n3.png")
    assert read_examples(path, 12, known).tolist() == [0, 3]
    document = tmp_path / "kept.json"
    document.write_text(json.dumps([5, "1.png"]))
    assert read_examples(document, 12, known).tolist() == [1, 5]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("k.txt", "0\nx.png\n", r"line 2: 'x.png' is a name, and these have none.*make it anew"),
        ("k.txt", "12\n", "line 1: has the index 12, and there are 12 examples"),
        ("k.txt", "-1\n", "has the index -1"),
        ("k.csv", "number\n3\n", r"a column 'index' or 'path'. Got \['number'\]"),
        ("k.csv", "index,label\n3,0\n", "line 2: example 3 is labelled '0' there and '1' here"),
        ("k.json", "{", "is no JSON"),
        ("k.json", '{"a": 1}', "must hold 'paths' or 'indices'"),
        ("k.npy", "nothing", "is no .npy file"),
        ("k.xls", "", ".txt, .csv, .json, .npy or .parquet file"),
        ("k.parquet", "PAR1", "cannot be read as .parquet"),
    ],
)
def test_bad_lists_say_what_is_wrong(tmp_path, name, content, match):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=match):
        read_examples(path, 12, scores())


def test_bad_arrays_and_missing_files(tmp_path):
    path = tmp_path / "k.npy"
    np.save(path, np.array([0.5]))
    with pytest.raises(ValueError, match="must hold integers"):
        read_examples(path, 12)
    np.save(path, np.array([3, 12]))
    with pytest.raises(ValueError, match="has the index 12, and there are 12"):
        read_examples(path, 12)
    with pytest.raises(FileNotFoundError, match=r"no list .*gone.txt"):
        read_examples(tmp_path / "gone.txt", 12)


def test_unknown_names_are_refused(tmp_path):
    path = tmp_path / "k.csv"
    path.write_text("index,path\n0,z.png\n")
    with pytest.raises(ValueError, match=r"'z.png' is none of the examples"):
        read_examples(path, 2, scores(2, names=["a.png", "b.png"]))


def test_a_line_break_in_a_name_needs_another_format():
    known = scores(2, names=["a\nb", "c"])
    with pytest.raises(ValueError, match=r"has a line break.*format='csv' or 'json'"):
        listed(torch.tensor([0]), known, "txt")


def test_a_list_as_a_spreadsheet_writes_it(tmp_path):
    known = scores(class_names=["cat", "dog"])
    path = tmp_path / "UP.CSV"
    path.write_text("index; path;label;new_label\r\n 1;;dog ; cat\r\n2;;cat;dog\r\n;;;\r\n\r\n")
    assert read_examples(path, 12, known).tolist() == [1, 2]
    assert (read_relabels(path, known) != known.labels).nonzero().squeeze(1).tolist() == [1, 2]
    np.save(tmp_path / "k.npy", [3])
    (tmp_path / "k.npy").rename(tmp_path / "K.NPY")
    assert read_examples(tmp_path / "K.NPY", 12).tolist() == [3]


def test_new_labels_by_the_names_of_classes(tmp_path):
    known = scores(4, class_names=["cat", "dog"])
    path = tmp_path / "r.csv"
    path.write_text("index,path,label,new_label\n1,,dog,cat\n2,,cat,dog\n")
    assert read_relabels(path, known).tolist() == [0, 0, 1, 1]
    assert known.labels.tolist() == [0, 1, 0, 1]
    path.write_text("index,new_label\n")
    assert read_relabels(path, known).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("index,new_label\n1,cow\n", r"line 2: the 'new_label' .* 'cat', 'dog'. Got 'cow'"),
        ("index,new_label\n1,\n", r"line 2: there is no 'new_label'. Fill in that column"),
        ("index\n1\n", "there is no 'new_label'"),
        ("index,new_label\n1,cat\n1,dog\n", "line 3: example 1 has another 'new_label'"),
        ("index,new_label\n-1,cat\n", "has the index -1"),
    ],
)
def test_bad_new_labels(tmp_path, content, match):
    path = tmp_path / "r.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=match):
        read_relabels(path, scores(4, class_names=["cat", "dog"]))


def test_a_missing_list_of_new_labels_fails_before_anything_is_scored(tmp_path, monkeypatch):
    data = TensorDataset(torch.randn(6, 4), torch.arange(6) % 2)
    monkeypatch.setattr("torch_cgprune.dataset.obtain.cg_scores", None)
    with pytest.raises(FileNotFoundError, match="no list"):
        CGScoredDataset(data, relabel=tmp_path / "gone.csv")
    with pytest.raises(ValueError, match=r"must be a .csv .*kept.txt"):
        CGScoredDataset(data, relabel=tmp_path / "kept.txt")


def test_a_persons_decisions_reach_the_loader(tmp_path):
    data = TensorDataset(torch.randn(12, 4), torch.arange(12) % 2)
    ticked = tmp_path / "ticked.csv"
    ticked.write_text("index,label,new_label\n3,1,0\n8,0,1\n")
    train = CGScoredDataset(data, relabel=ticked, progress=False)
    assert [int(y) for _, y in train] == [0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1]
    loader = DataLoader(
        train,
        batch_size=4,
        sampler=PrunedSampler(train, keep=1.0, exclude=ticked, policy="low-first"),
    )
    assert sum(len(y) for _, y in loader) == 10
    assert 3 not in [*loader.sampler]


def test_a_kept_list_is_the_selection(tmp_path):
    known = scores()
    kept = tmp_path / "kept.txt"
    kept.write_text("5\n2\n7\n")
    assert PrunedSampler(known, keep=kept).selection.tolist() == [2, 5, 7]
    assert PrunedSampler(known, keep=str(kept), exclude=[5]).selection.tolist() == [2, 7]
    pair = (known.values, known.labels)  # noqa: PD011
    assert PrunedSampler(pair, keep=kept).selection.tolist() == [2, 5, 7]


def test_excluded_examples_leave_the_rest_to_the_policy():
    values, labels = torch.arange(10.0), torch.tensor([0] * 5 + [1] * 5)
    for out in ([9, 4, 0], torch.tensor([9, 4, 0]), np.array([9, 4, 0])):
        kept = PrunedSampler((values, labels), keep=0.5, exclude=out, policy="low-first").selection
        assert kept.tolist() == [2, 3, 7, 8]
    inside = WindowSampler((values, labels), 0.0, 0.5, exclude=[9, 4, 0]).selection
    assert inside.tolist() == [1, 2, 5, 6]
    drawn = PrunedSampler((values, labels), 0.5, "soft", exclude=[9, 4, 0])
    assert {i for epoch in range(5) for i in epoch_of(drawn, epoch)} <= {*range(1, 9)} - {4}
    assert PrunedSampler(
        (values, labels), 0.5, exclude=range(5, 10), policy="low-first"
    ).selection.tolist() == [3, 4]


def epoch_of(sampler, epoch):
    sampler.set_epoch(epoch)
    return [*sampler]


def test_the_noise_filter_drops_the_excluded_too():
    known = scores(40)
    alone = PrunedSampler(known, policy="noise-filter").selection
    out = alone[:3].tolist()
    both = PrunedSampler(known, policy="noise-filter", exclude=out).selection
    assert both.tolist() == alone[3:].tolist()


def test_bad_exclusions():
    known = scores(4)
    with pytest.raises(ValueError, match=r"'exclude' .* leaves none of 4 examples"):
        PrunedSampler(known, keep=0.5, exclude=range(4), policy="low-first")
    with pytest.raises(TypeError, match=r"'exclude' .*mask.nonzero"):
        PrunedSampler(known, keep=0.5, exclude=torch.zeros(4, dtype=torch.bool), policy="low-first")
    for bad in ([-1], [4], torch.tensor([0, 99])):
        with pytest.raises(ValueError, match=r"'exclude' .* index (-1|4|99), and there are 4"):
            PrunedSampler(known, keep=0.5, exclude=bad, policy="low-first")


def test_nothing_to_exclude_excludes_nothing():
    known = scores(8)
    alone = PrunedSampler(known, keep=0.5, policy="low-first").selection
    for nothing in ([], (), set(), np.array([]), torch.tensor([])):
        assert torch.equal(
            PrunedSampler(known, keep=0.5, exclude=nothing, policy="low-first").selection, alone
        )
    assert PrunedSampler(
        known, keep=1.0, exclude={0, 1}, policy="low-first"
    ).selection.tolist() == [*range(2, 8)]


def test_ranks_share_what_is_left():
    known = scores()
    parts = [
        DistributedPrunedSampler(
            known, 1.0, exclude=[0, 1], num_replicas=2, rank=rank, policy="low-first"
        )
        for rank in range(2)
    ]
    assert sorted(i for part in parts for i in part) == [*range(2, 12)]
    window = DistributedWindowSampler(known, 0, 1.0, exclude=[3], num_replicas=1, rank=0)
    assert 3 not in [*window]


def test_names_of_a_folder_go_with_subset_and_concatenation(folder):
    names = ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")
    assert find_names(folder) == names
    assert find_names(Subset(folder, [3, 0])) == ("bee/1.png", "ant/0.png")
    assert find_names(ConcatDataset([folder, folder])) is None  # two of each name
    parts = ConcatDataset([Subset(folder, [2]), Subset(folder, [1])])
    assert find_names(parts) == ("bee/0.png", "ant/1.png")
    assert find_names(FakeData(4)) is None
    assert find_class_names(parts, (0, 1)) == ["ant", "bee"]
    assert find_class_names(folder, ("ant",)) is None
    assert find_class_names(folder, (0, 2)) is None
    assert find_class_names(FakeData(4), (0, 1)) is None


def test_class_names_are_those_of_the_labels_that_were_scored(folder):
    """Other labels than the dataset's may mean something else."""
    coarse = CGScoredDataset(folder, labels=[0, 0, 0, 1], progress=False)
    assert coarse.scores.class_names == ("ant", "bee")  # noisy ones of the same classes
    folder.classes = ["ant", "bee", "cat"]
    coarse = CGScoredDataset(folder, labels=[0, 0, 0, 1], progress=False)
    assert coarse.scores.class_names == ("0", "1")
    assert CGScoredDataset(folder, progress=False).scores.class_names == ("ant", "bee")
    folder.target_transform = lambda y: 1 - y
    assert CGScoredDataset(folder, progress=False).scores.class_names == ("0", "1")


def test_two_classes_of_one_name_stay_two():
    images = FakeData(80, (1, 4, 4), 4)
    images.classes = ["crane", "dog", "crane", "ship"]
    assert find_class_names(images, (0, 1, 2, 3)) == ["crane (0)", "dog", "crane (2)", "ship"]
    known = scores(80)
    labels = torch.arange(80) % 4
    known = dataclasses.replace(
        known,
        labels=labels,
        classes=(0, 1, 2, 3),
        loo=None,
        metadata={"class_names": find_class_names(images, (0, 1, 2, 3))},
    )
    report = noise_report(known, "partial-sign", fraction=0.1, balanced=True)
    assert report.dropped.tolist() == [2, 2, 2, 2]


def test_names_are_kept_with_the_scores_and_are_those_of_today(folder, tmp_path):
    cache = tmp_path / "s.safetensors"
    options = {"cache": cache, "progress": False}
    first = CGScoredDataset(folder, **options).scores
    assert first.class_names == ("ant", "bee")
    assert CGScores.load(cache).names == find_names(folder)
    folder.samples = [(path.replace("0.png", "2.png"), y) for path, y in folder.samples]
    folder.loader = lambda path: default_loader(path.replace("2.png", "0.png"))
    assert CGScoredDataset(folder, **options).scores.names[0] == "ant/2.png"
    items = [folder[i] for i in range(4)]  # the same, nameless: the file knows
    assert CGScoredDataset(items, **options).scores.names[0] == "ant/0.png"
