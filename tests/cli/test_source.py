"""Sources as a user names them: opened, checked again, or refused with the cure."""

import dataclasses
import gzip
import io
import pickle
import shutil
import socket
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms
from torchvision.datasets.folder import default_loader

from torch_cgprune import CacheMismatchError, CGScoredDataset, cg_scores
from torch_cgprune.cli.array_files import load_labels
from torch_cgprune.cli.image_files import unreadable
from torch_cgprune.cli.report import check_source
from torch_cgprune.cli.source import KNOWN, open_source
from torch_cgprune.errors import UnreadableImageError
from torch_cgprune.inputs.image_loader import load_image
from torch_cgprune.inputs.names import find_names

PACKED = Path("/usr/share/datasets/fashion-mnist")
OPTIONS = {"dtype": torch.float64, "progress": False}


def save_image(path, seed, size=(5, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def mode_of(path):
    with Image.open(path) as image:
        return image.mode


def pixels_of(*paths, size=None):
    """Rows in [0, 1] as torchvision's loader reads the files."""
    images = [default_loader(str(path)) for path in paths]
    if size is not None:
        images = [image.resize((size, size), Image.Resampling.BILINEAR) for image in images]
    return torch.stack([torch.from_numpy(np.array(image)).flatten() for image in images]) / 255


def scored(opened, **options):
    return CGScoredDataset(
        opened.dataset,
        features=opened.features,
        labels=opened.labels,
        transform=opened.transform,
        **OPTIONS,
        **options,
    ).scores


def opened_equals(opened, rows, labels):
    scores, expected = scored(opened), cg_scores(rows, labels, **OPTIONS)
    torch.testing.assert_close(scores.values, expected.values, rtol=1e-9, atol=0)
    assert scores.labels.tolist() == expected.labels.tolist()
    check_source(opened, scores, "s")
    return scores


@pytest.fixture
def images(folder):
    """Its root: two classes with two images each."""
    return Path(folder.root)


def test_a_folder_is_scored_by_its_pixels(images):
    paths = [images / name for name in ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")]
    scores = opened_equals(open_source(str(images)), pixels_of(*paths), [0, 0, 1, 1])
    assert scores.names == ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")
    assert scores.class_names == ("ant", "bee")


def test_images_are_resized(images):
    save_image(images / "bee" / "1.png", 5, size=(9, 7))
    paths = sorted(images.glob("*/*.png"))
    opened = open_source(str(images), resize=6)
    opened_equals(opened, pixels_of(*paths, size=6), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="differ in shape"):
        scored(open_source(str(images)))


def test_images_of_all_modes_are_those_of_torchvision(tmp_path):
    modes = ("L", "RGBA", "P", "RGB", "LA", "1", "CMYK", "YCbCr")
    for seed, mode in enumerate(modes):
        kind = "tiff" if mode in ("CMYK", "YCbCr") else "png"
        save_image(tmp_path / str(seed % 2) / f"{seed}.{kind}", seed, mode=mode)
    paths = sorted(tmp_path.glob("*/*"))
    assert {mode_of(path) for path in paths} == {*modes}
    for path in paths:
        assert load_image(str(path)).mode == "RGB"
        assert np.array_equal(load_image(str(path)), default_loader(str(path)))
    opened_equals(open_source(str(tmp_path)), pixels_of(*paths), [0] * 4 + [1] * 4)


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_csv_file_lists_images_anywhere(tmp_path, head, end):
    far = tmp_path / "far" / "away.png"
    names = ["a.png", "sub/folder/b.png", "comma, and space.png", str(far), 'a "quote".png']
    for seed, name in enumerate(names):
        save_image(tmp_path / "list" / name, seed)
    rows = ["label,path,note", "ant,a.png,x", "bee,sub/folder/b.png,", ""]
    rows += ['ant,"comma, and space.png",', f"bee,{far},", '"ant, big","a ""quote"".png",']
    source = tmp_path / "list" / "train.csv"
    source.write_bytes(head + end.join(rows).encode())
    opened = open_source(str(source))
    paths = [tmp_path / "list" / name for name in names]
    labels = ["ant", "bee", "ant", "bee", "ant, big"]
    scores = opened_equals(opened, pixels_of(*paths), labels)
    assert scores.class_names == ("ant", "ant, big", "bee")
    assert scores.names == tuple(names)


def test_empty_cells_beyond_the_columns_are_none(tmp_path):
    save_image(tmp_path / "a.png", 0)
    source = write(tmp_path / "train.csv", b"path,label\na.png,x,,\na.png,y,\n")
    assert open_source(str(source)).dataset.classes == ["x", "y"]


@pytest.mark.parametrize("by", [",", ";", "\t"])
def test_a_list_as_spreadsheets_write_it(tmp_path, by):
    for seed in range(3):
        save_image(tmp_path / f"{seed}.png", seed)
    rows = [" path", "0.png", "1.png", "2.png", "", " "], ["label ", "cat", "cat ", "dog", "", ""]
    source = tmp_path / "UP.CSV"
    source.write_text("\r\n".join(map(by.join, zip(*rows, strict=True))) + "\r\n\r\n")
    opened = open_source(str(source))
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    scores = opened_equals(opened, pixels_of(*paths), ["cat", "cat", "dog"])
    assert scores.class_names == ("cat", "dog")


@pytest.mark.parametrize("form", ["npy", "npz", "txt"])
def test_blanks_around_labels_are_none_of_them(tmp_path, form):
    x, _ = arrays(4)
    labels = ["cat", "cat ", " dog", "dog"]
    np.save(tmp_path / "X.NPY", x)
    (tmp_path / "X.NPY.npy").rename(tmp_path / "X.NPY")
    np.save(tmp_path / "labels.npy", np.array(labels))
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n\n \n")
    np.savez(tmp_path / "x.npz", features=x, labels=np.array(labels))
    if form == "npz":
        opened = open_source(str(tmp_path / "x.npz"))
    else:
        opened = open_source(str(tmp_path / "X.NPY"), labels=str(tmp_path / f"labels.{form}"))
    opened_equals(opened, x, ["cat", "cat", "dog", "dog"])


def test_a_line_without_a_label_is_told(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\n \ndog\n")
    with pytest.raises(ValueError, match=r"labels.txt' has no label in line 2"):
        load_labels(str(tmp_path / "labels.txt"))


def test_a_list_in_the_folder_at_hand(tmp_path, monkeypatch):
    for seed in range(3):
        save_image(tmp_path / f"{seed}.png", seed)
    (tmp_path / "train.csv").write_text("path,label\n0.png,a\n1.png,b\n2.png,a\n")
    monkeypatch.chdir(tmp_path)
    opened = open_source("train.csv")
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    assert opened_equals(opened, pixels_of(*paths), [0, 1, 0]).names == ("0.png", "1.png", "2.png")


def arrays(n=20):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 3, 2)), np.arange(n) % 3


@pytest.mark.parametrize("column", [False, True], ids=["(n,)", "(n, 1)"])
@pytest.mark.parametrize("keys", [None, ("x", "y")])
@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_a_file_of_features_and_labels(tmp_path, kind, keys, column):
    x, y = arrays()
    there = dict(zip(keys or ("features", "labels"), (x, y[:, None] if column else y), strict=True))
    source = tmp_path / f"train.{kind}"
    if kind == "npz":
        np.savez(source, other=np.zeros(1), **there)
    else:
        save_file({name: torch.from_numpy(array) for name, array in there.items()}, source)
    opened = open_source(str(source), keys=keys)
    opened_equals(opened, x, y)


def test_names_of_classes_in_a_file(tmp_path):
    x, y = arrays()
    names = np.array(["ant", "bee", "cat"])[y]
    np.savez(tmp_path / "train.npz", features=x, labels=names)
    assert scored(open_source(str(tmp_path / "train.npz"))).classes == ("ant", "bee", "cat")


@pytest.mark.parametrize("form", ["npy", "column.npy", "names.npy", "txt", "names.txt"])
def test_an_npy_file_with_its_labels(tmp_path, form):
    x, y = arrays()
    np.save(tmp_path / "x.npy", x)
    names = np.array(["ant", "bee", "cat"])[y] if "names" in form else y
    path = tmp_path / f"labels.{form}"
    if form.endswith("npy"):
        np.save(path, names[:, None] if "column" in form else names)
    else:
        path.write_text("".join(f"{name}\r\n" for name in names), encoding="utf-8-sig")
    opened = open_source(str(tmp_path / "x.npy"), labels=str(path))
    assert opened_equals(opened, x, names).classes == tuple(sorted({*names.tolist()}))


def test_labels_of_whole_numbers_are_numbers(tmp_path):
    path = tmp_path / "labels.txt"
    for text, expected in (
        ("10\n-2\n", [10, -2]),
        ("1\n2.5", ["1", "2.5"]),
        ("1\nant\n", ["1", "ant"]),
        ("-\n1", ["-", "1"]),
    ):
        path.write_text(text)
        assert load_labels(str(path)) == expected


def test_a_labels_file_takes_the_place_of_a_dataset_s_own(images, tmp_path):
    other = tmp_path / "labels.txt"
    other.write_text("cat\ndog\ncat\ndog\n")
    opened = open_source(str(images), labels=str(other))
    paths = sorted(images.glob("*/*.png"))
    assert opened_equals(opened, pixels_of(*paths), [0, 1, 0, 1]).classes == ("cat", "dog")
    x, y = arrays(4)
    np.savez(tmp_path / "train.npz", features=x, labels=y)
    opened = open_source(str(tmp_path / "train.npz"), labels=str(other))
    opened_equals(opened, x, ["cat", "dog", "cat", "dog"])


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_features_alone_with_a_labels_file(tmp_path, kind):
    x, _ = arrays(4)
    (tmp_path / "labels.txt").write_text("cat\ndog\ncat\ndog\n")
    source = tmp_path / f"train.{kind}"
    if kind == "npz":
        np.savez(source, features=x)
    else:
        save_file({"features": torch.from_numpy(x)}, source)
    opened = open_source(str(source), labels=str(tmp_path / "labels.txt"))
    opened_equals(opened, x, ["cat", "dog", "cat", "dog"])


@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_features_in_place_of_the_images(images, tmp_path, kind):
    x, _ = arrays(4)
    path = tmp_path / f"features.{kind}"
    if kind == "npy":
        np.save(path, x)
    else:
        save_file({"features": torch.from_numpy(x)}, path)
    opened = open_source(str(images), features=str(path))
    scores = opened_equals(opened, x, [0, 0, 1, 1])
    assert scores.names[0] == "ant/0.png"
    np.save(tmp_path / "other.npy", x + 1)
    with pytest.raises(CacheMismatchError, match="of other features"):
        check_source(
            dataclasses.replace(opened, features=np.load(tmp_path / "other.npy")), scores, "s"
        )


@pytest.fixture
def spoilt(images):
    """The folder with four files more that are no images, and one that is a JPEG."""
    save_image(images / "ant" / "good.jpg", 7)
    whole = (images / "ant" / "good.jpg").read_bytes()
    (images / "ant" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "ant" / "none.jpg").write_bytes(b"")
    (images / "bee" / "text.jpg").write_text("this is a text")
    broken = bytearray((images / "bee" / "0.png").read_bytes())
    broken[45] ^= 255
    (images / "bee" / "broken.png").write_bytes(broken)
    return images


BAD = ("ant/half.jpg", "ant/none.jpg", "bee/broken.png", "bee/text.jpg")


def test_files_that_cannot_be_read_are_found(spoilt):
    dataset = open_source(str(spoilt)).dataset
    names = find_names(dataset)
    assert tuple(names[i] for i in unreadable(dataset, progress=False)) == BAD
    for name in BAD:
        with pytest.raises(UnreadableImageError, match=rf"The image '.*{name}' cannot be read: "):
            load_image(str(spoilt / name))
    with pytest.raises(UnreadableImageError, match="it is no image"):
        load_image(str(spoilt / "bee" / "text.jpg"))
    with pytest.raises(UnreadableImageError, match="No such file"):
        load_image(str(spoilt / "gone.jpg"))


def test_files_that_cannot_be_read_are_left_out_on_request(spoilt):
    with pytest.raises(UnreadableImageError, match=r"half.jpg' cannot be read"):
        scored(open_source(str(spoilt)))
    opened = open_source(str(spoilt), skip_unreadable=True, progress=False)
    assert opened.skipped == BAD
    left = ("ant/0.png", "ant/1.png", "ant/good.jpg", "bee/0.png", "bee/1.png")
    scores = opened_equals(opened, pixels_of(*(spoilt / x for x in left)), [0, 0, 0, 1, 1])
    assert scores.names == left
    assert scores.class_names == ("ant", "bee")


def test_files_that_cannot_be_read_are_left_out_of_a_list(spoilt):
    names = ("bee/0.png", *BAD, "gone.png", "ant/0.png", "ant/1.png")
    lines = "".join(f"{name},{name[:3]}\n" for name in names)
    (spoilt / "train.csv").write_text(f"path,label\n{lines}")
    opened = open_source(str(spoilt / "train.csv"), skip_unreadable=True, progress=False)
    assert opened.skipped == (*BAD, "gone.png")
    left = ("bee/0.png", "ant/0.png", "ant/1.png")
    scores = opened_equals(opened, pixels_of(*(spoilt / x for x in left)), ["bee", "ant", "ant"])
    assert scores.class_names == ("ant", "bee")


def test_nothing_is_left_out_where_all_can_be_read(images):
    opened = open_source(str(images), skip_unreadable=True, progress=False)
    assert opened.skipped == ()
    assert len(opened.dataset) == 4


def test_a_source_with_no_image_that_can_be_read_is_refused(tmp_path):
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"None of the 1 images in .* can be read"):
        open_source(str(tmp_path), skip_unreadable=True, progress=False)


def test_a_class_without_an_image_is_told_and_left_out(images, caplog):
    (images / "ape").mkdir()  # between the others, so that the codes have a gap
    (images / "ape" / "notes.txt").write_text("no image")
    opened = open_source(str(images))
    assert caplog.messages == ["The class folder 'ape' has no image: it is left out."]
    paths = sorted(images.glob("*/*.png"))
    scores = opened_equals(opened, pixels_of(*paths), [0, 0, 1, 1])
    assert scores.class_names == ("ant", "bee")


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_a_folder_may_be_called_as_a_known_dataset(images, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    images.rename(tmp_path / name)
    assert find_names(open_source(name).dataset)[0] == "ant/0.png"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["train/ant/", "test/ant/"], r"holds test, train, not one folder per class.*as '.*train'"),
        (["Train/", "VAL/"], r"not one folder per class"),
        (["a.png"], r"one folder of images per class. It holds none"),
        ([], r"one folder of images per class. It holds none"),
        (["ant/a.txt", "bee/"], r"must hold images .*There are 2 folders, and no image"),
    ],
)
def test_folders_that_are_no_dataset_say_so(tmp_path, names, match):
    for name in names:
        path = tmp_path / name
        path.mkdir(parents=True) if name.endswith("/") else write(path, b"")
    with pytest.raises(ValueError, match=match):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty: there is nothing to score"),
        (b"file,class\na.png,x\n", r"no column 'label', but 'file', 'class'. .*--label-column"),
        (b"path|label\na.png|x\n", r"no column 'label', but 'path\|label'"),
        (b"path,label\n", "is empty: there is nothing to score"),
        (b"path,label\na.png,x\n,x\n", r"has no path \(column 'path'\) in line 3\."),
        (b"path,label\na.png,\n", r"has no label \(column 'label'\) in line 2\."),
        (b"path,label\na.png\nb.png,x\nc.png,\n", r"has no label .* in line 2, line 4\."),
        (b"path,label\na.png, \n", "has no label .* in line 2"),
        (b"path,label\na.png,x\nb,c.png,x\n", "line 3: there are 3 cells in 2 columns"),
        (b"path,label\n" + b"a" * 200_000, "line 2: this is no table"),
    ],
)
def test_lists_that_are_none_say_so(tmp_path, content, match):
    with pytest.raises(ValueError, match=rf"'.*train.csv'.*{match}"):
        open_source(str(write(tmp_path / "train.csv", content)))


@pytest.mark.parametrize("source", ["gone", "gone.csv", "train.xls", "tiny-imagenet:data"])
def test_a_source_that_is_none_gets_the_choice(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    Path("train.xls").write_text("")
    with pytest.raises(FileNotFoundError, match=rf"no source '{source}'.*folder.*fashion-mnist:"):
        open_source(source)


@pytest.mark.parametrize("name", ["y.npz", "y.safetensors"])
def test_labels_in_a_file_of_several_arrays(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=rf"is .npy, or a text .*{name}' instead: save the labels"):
        load_labels(str(tmp_path / name))


def test_whole_numbers_of_more_than_64_bits_are_texts(tmp_path):
    (tmp_path / "y.txt").write_text(f"{2**70}\n1\n")
    assert load_labels(str(tmp_path / "y.txt")) == [str(2**70), "1"]


@pytest.mark.parametrize("name", ["gone.npz", "gone.npy", "gone.safetensors"])
def test_a_file_that_is_missing(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=rf"There is no file '.*{name}'"):
        open_source(str(tmp_path / name), labels=str(tmp_path / "labels.txt"))


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "a text")
    return content.getvalue()


def saved(path, **there):
    np.savez(path, **there)
    return path.read_bytes()


def test_python_objects_are_called_so(tmp_path):
    x, y = arrays()
    np.savez(tmp_path / "x.npz", features=x, labels=np.array(y.tolist(), dtype=object))
    np.save(tmp_path / "x.npy", np.array([x[0], x[1, :1]], dtype=object))
    np.save(tmp_path / "y.npy", y.astype(object))
    for options in ({}, {"labels": str(tmp_path / "y.npy")}):
        for name in ("x.npz", "x.npy"):
            with pytest.raises((OSError, ValueError), match=r"holds Python objects.*dtype=str"):
                open_source(str(tmp_path / name), **options)
    with pytest.raises(OSError, match=r"y.npy' holds Python objects"):
        load_labels(str(tmp_path / "y.npy"))


@pytest.mark.parametrize("name", ["text", "pickle", "empty", "cut", "npy", "zip", "zip of npy"])
def test_npz_files_that_cannot_be_read(tmp_path, name):
    x, y = arrays()
    path = tmp_path / "train.npz"
    content = saved(path, features=x, labels=y)
    np.save(tmp_path / "x.npy", x)
    path.write_bytes(
        {
            "text": b"this is a text",
            "pickle": pickle.dumps([1, 2]),
            "zip": zipped("features", "labels"),
            "zip of npy": zipped("features.npy", "labels.npy"),
            "empty": b"",
            "cut": content[: len(content) // 2],
            "npy": (tmp_path / "x.npy").read_bytes(),
        }[name]
    )
    with pytest.raises(ValueError, match=r"'.*train.npz' is truncated or no .npz file") as caught:
        open_source(str(path))
    assert "pickle" not in str(caught.value)  # numpy would rather have it loaded unsafely


def test_an_npz_file_with_a_changed_byte_is_refused_or_read_as_it_was(tmp_path):
    x, y = arrays()
    path = tmp_path / "train.npz"
    content = saved(path, features=x, labels=y)
    refused = 0
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            opened = open_source(str(path))
        except ValueError as error:
            refused += 1
            assert "train.npz" in str(error)  # noqa: PT017 (some are refused, which is not known)
        else:
            assert np.array_equal(opened.features, x)
            assert np.array_equal(opened.labels, y)
    assert refused > len(content) // 7 // 2


@pytest.mark.parametrize("name", ["text", "empty", "cut", "npz", "header"])
def test_npy_files_that_cannot_be_read(tmp_path, name):
    x, _ = arrays()
    path, labels = tmp_path / "train.npy", write(tmp_path / "labels.txt", b"0\n")
    np.save(path, x)
    content = path.read_bytes()
    path.write_bytes(
        {
            "text": b"this is a text",
            "empty": b"",
            "cut": content[:300],
            "header": content[:10] + b"{" + bytes(300),
            "npz": saved(tmp_path / "x.npz", features=x),
        }[name]
    )
    with pytest.raises(OSError, match=r"The file '.*train.npy' is truncated or no .npy file"):
        open_source(str(path), labels=str(labels))


@pytest.mark.parametrize("size", [0, 5, 100])
def test_safetensors_files_that_cannot_be_read(tmp_path, size):
    x, y = map(torch.from_numpy, arrays())
    path = tmp_path / "train.safetensors"
    save_file({"features": x, "labels": y}, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(OSError, match=r"'.*train.safetensors' is truncated"):
        open_source(str(path))


def test_nobody_is_told_to_delete_the_data(tmp_path):
    path = write(tmp_path / "train.safetensors", b"")
    with pytest.raises(OSError, match="truncated") as caught:
        open_source(str(path))
    assert "Delete" not in str(caught.value)


def test_features_that_are_missing_are_not_called_scores(images, tmp_path):
    path = tmp_path / "gone.safetensors"
    with pytest.raises(FileNotFoundError, match=r"gone.safetensors") as caught:
        scored(open_source(str(images), features=str(path)))
    assert "score file" not in str(caught.value)


def test_pickles_are_not_opened(tmp_path):
    path = write(tmp_path / "train.npz", pickle.dumps({"features": [1], "labels": [0]}))
    with pytest.raises(ValueError, match=r"truncated or no .npz file"):
        open_source(str(path))


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_keys_that_are_not_there_are_told_with_those_that_are(tmp_path, kind):
    x, y = arrays()
    path = tmp_path / f"train.{kind}"
    if kind == "npz":
        np.savez(path, x=x, y=y)
    else:
        save_file({"x": torch.from_numpy(x), "y": torch.from_numpy(y)}, path)
    with pytest.raises(
        ValueError,
        match=r"has no 'features' and no 'labels', but 'x', 'y'. .*as --keys F\w+ L\w+\.$",
    ):
        open_source(str(path))
    with pytest.raises(ValueError, match=r"has no 'z', but"):
        open_source(str(path), keys=("x", "z"))


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_keys_are_found_in_another_case_where_there_is_one(tmp_path, kind):
    x, y = arrays()
    path = tmp_path / f"TRAIN.{kind.upper()}"
    there = {"X": x, "y": y, "Y": y + 1, "Labels": y + 2, "LABELS": y + 3}
    if kind == "npz":
        with path.open("wb") as file:
            np.savez(file, **there)
    else:
        save_file({name: torch.from_numpy(array) for name, array in there.items()}, path)
    opened_equals(open_source(str(path), keys=("x", "Y")), x, y + 1)
    opened_equals(open_source(str(path), keys=("x", "y")), x, y)
    with pytest.raises(ValueError, match=r"has no 'labels', but .*'Labels'"):
        open_source(str(path), keys=("x", "labels"))


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("x.npz", {"resize": 8}, r"^The option --resize is for images. Got it with 'x.npz': leave"),
        ("x.npy", {"resize": 8, "labels": "l.npy"}, r"option --resize is for images"),
        ("x.npz", {"features": "f.npy"}, r"option --features is for images"),
        ("images", {"keys": ("x", "y")}, r"option --keys is for an .npz or .safetensors"),
        ("x.npy", {"keys": ("x", "y"), "labels": "l.npy"}, r"option --keys is for an .npz"),
        ("mnist:.", {"skip_unreadable": True}, r"option --skip-unreadable is for files"),
        ("x.npy", {}, r"holds features alone. .*--labels labels.npy, or put both"),
        ("images", {"features": "x.npz"}, r"'features' file must be .npy, .safetensors or"),
    ],
)
def test_options_that_a_source_does_not_take(images, tmp_path, monkeypatch, name, options, match):
    monkeypatch.chdir(tmp_path)
    assert images.name == "images"
    x, y = arrays(4)
    np.save("x.npy", x)
    np.save("l.npy", y)
    np.savez("x.npz", features=x, labels=y)
    with pytest.raises(ValueError, match=match):
        open_source(name, **options)


def test_labels_of_another_number_or_missing(images, tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match=r"'labels' must be one label per item.*Got 2 for 4"):
        scored(open_source(str(images), labels=str(tmp_path / "labels.txt")))
    with pytest.raises(FileNotFoundError, match=r"no file '.*gone.txt'"):
        open_source(str(images), labels=str(tmp_path / "gone.txt"))


def test_labels_that_are_no_utf8_are_told_with_their_file(tmp_path):
    path = write(tmp_path / "latin.txt", "café\nthé\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin.txt"):
        load_labels(str(path))


def other_number(root):
    save_image(root / "bee" / "9.png", 9)


def other_label(root):
    (root / "ant" / "1.png").rename(root / "bee" / "+.png")  # sorts before the others


def renamed(root):
    (root / "bee" / "1.png").rename(root / "bee" / "2.png")


def other_class(root):
    (root / "bee").rename(root / "cow")


def other_pixels(root):
    for seed, path in enumerate(sorted(root.glob("*/*.png"))):
        save_image(path, 50 + seed)


def nothing(_):
    pass


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (other_number, r"has 4 examples, the data 5"),
        (other_label, r"has other labels for 1 of 4 examples, first for example 1: 0 there and 1"),
        (renamed, r"has 'bee/1.png' where the data have 'bee/2.png'"),
        (other_class, r"has 'bee/0.png' where the data have 'cow/0.png'"),
        (other_pixels, r"is of other features: example 0 differs \(4 of 4"),
    ],
)
def test_scores_of_other_images_are_told(images, change, match):
    scores = scored(open_source(str(images)))
    check_source(open_source(str(images)), scores, "s.safetensors")
    change(images)
    with pytest.raises(CacheMismatchError, match=rf"The file 's.safetensors' {match}"):
        check_source(open_source(str(images)), scores, "s.safetensors")


def test_scores_of_another_size_of_the_images_are_told(images):
    scores = scored(open_source(str(images), resize=3))
    check_source(open_source(str(images), resize=3), scores, "s")
    with pytest.raises(CacheMismatchError, match="other features"):
        check_source(open_source(str(images)), scores, "s")


def test_scores_of_another_list_are_told(images):
    path = images / "train.csv"
    path.write_text("path,label\nant/0.png,a\nant/1.png,b\nbee/0.png,b\n")
    scores = scored(open_source(str(path)))
    check_source(open_source(str(path)), scores, "s")
    path.write_text("path,label\nant/0.png,a\nant/1.png,b\nbee/0.png,a\n")
    with pytest.raises(CacheMismatchError, match="other labels for 1 of 3"):
        check_source(open_source(str(path)), scores, "s")


@pytest.mark.parametrize("kind", ["npz", "npy", "safetensors"])
def test_scores_of_other_arrays_are_told(tmp_path, kind):
    x, y = arrays()
    path, labels = tmp_path / f"train.{kind}", tmp_path / "labels.npy"

    def opened(x, y):
        np.save(labels, y)
        if kind == "npz":
            np.savez(path, features=x, labels=y)
        elif kind == "npy":
            np.save(path, x)
        else:
            there = {"features": x, "labels": y}
            save_file({name: torch.from_numpy(array) for name, array in there.items()}, path)
        return open_source(str(path), labels=str(labels) if kind == "npy" else None)

    scores = scored(opened(x, y))
    check_source(opened(x, y), scores, "s")
    changed = x.copy()
    changed[13, 2, 1] += 1e-9
    for other, match in (
        ((changed, y), r"other features: example 13 differs \(1 of 20"),
        ((x, (y + (np.arange(20) == 4)) % 3), r"other labels for 1 of 20"),
        ((x, y + 1), r"has the classes \(0, 1, 2\), the data \(1, 2, 3\)"),
        ((x[:19], y[:19]), r"has 20 examples, the data 19"),
    ):
        with pytest.raises(CacheMismatchError, match=match):
            check_source(opened(*other), scores, "s")


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_dataset_that_is_not_there_names_the_cure_and_fetches_nothing(
    tmp_path, monkeypatch, name
):
    def forbidden(*_, **__):
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(KNOWN[name], "download", forbidden)
    root = tmp_path / "data"
    with pytest.raises(
        FileNotFoundError,
        match=rf"There is no {KNOWN[name].__name__} below '{root}'.*or pass --download.$",
    ):
        open_source(f"{name}:{root}")
    assert not root.exists() or not [path for path in root.rglob("*") if path.is_file()]


def test_a_download_is_made_on_request_alone(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setitem(
        KNOWN, "mnist", lambda root, **how: asked.append((root, how["download"])) or [(0, 0)]
    )
    open_source(f"mnist:{tmp_path}")
    open_source(f"mnist:{tmp_path}", download=True)
    assert asked == [(str(tmp_path), False), (str(tmp_path), True)]


@pytest.mark.skipif(not PACKED.is_dir(), reason="needs: apt-get install dataset-fashion-mnist")
def test_fashion_mnist_by_name(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in PACKED.glob("*-ubyte.gz"):
        with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    opened = open_source(f"fashion-mnist:{tmp_path}", resize=14)
    assert len(opened.dataset) == 60_000
    assert opened.dataset.classes[0] == "T-shirt/top"
    half = opened.transform(Image.fromarray(opened.dataset.data[7].numpy()))
    assert isinstance(opened.transform, transforms.Resize)
    assert half.size == (14, 14)
    opened.dataset.data, opened.dataset.targets = (
        part[:60] for part in (opened.dataset.data, opened.dataset.targets)
    )
    scores = scored(dataclasses.replace(opened, transform=None))
    expected = cg_scores(opened.dataset.data, opened.dataset.targets, **OPTIONS)
    torch.testing.assert_close(scores.values, expected.values, rtol=1e-9, atol=0)
