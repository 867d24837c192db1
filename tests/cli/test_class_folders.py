"""Folders of images as people have them: what is read of them, what is left out and said."""

import numpy as np
import pytest
import torch
from PIL import Image

from torch_cgprune.cli import main
from torch_cgprune.cli.source import open_source
from torch_cgprune.inputs.names import find_names
from torch_cgprune.inputs.reading import read_dataset
from torch_cgprune.scores import CGScores


def save(path, seed=0, size=(5, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(1, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def names_in(root):
    return find_names(open_source(str(root)).dataset)


def scored(root, capsys, *options):
    out = root.parent / "s.safetensors"
    code = main(["score", str(root), "-o", str(out), *options])
    assert code == 0, capsys.readouterr().err
    return CGScores.load(out), capsys.readouterr().err


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("options", [[], ["--resize", "3"]], ids=["whole", "resized"])
def test_images_of_16_bits_are_not_copies_of_each_other(tmp_path, capsys, kind, options):
    rng = np.random.default_rng(0)
    for i in range(8):
        path = tmp_path / "x" / "ab"[i % 2] / f"{i}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(4000, 54000, (4, 5), dtype=np.uint16)).save(path)
    save(tmp_path / "x" / "b" / "ordinary.png")
    scores, said = scored(tmp_path / "x", capsys, *options)
    assert scores.digests.unique().numel() == len(scores)
    assert said == ""
    page = tmp_path / "page.html"
    assert (
        main(["report", str(tmp_path / "s.safetensors"), str(tmp_path / "x"), "-o", str(page)]) == 0
    )


def test_deep_and_ordinary_images_have_the_same_range(tmp_path):
    for name, pixels in (
        ("a/deep.png", np.full((2, 3), 32896, dtype=np.uint16)),
        ("b/grey.png", np.full((2, 3), 128, dtype=np.uint8)),
        ("b/real.tif", np.full((2, 3), 128 / 255, dtype=np.float32)),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    opened = open_source(str(tmp_path))
    rows, _ = read_dataset(opened.dataset, transform=opened.transform, progress=False)
    torch.testing.assert_close(rows, torch.full((3, 18), 128 / 255))


def test_content_in_the_alpha_channel_is_scored_and_said_once(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for i in range(8):
        pixels = np.zeros((4, 5, 4), dtype=np.uint8)
        pixels[..., 3] = rng.integers(0, 256, (4, 5))
        path = tmp_path / "x" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    scores, said = scored(tmp_path / "x", capsys)
    assert scores.digests.unique().numel() == len(scores)
    assert said.count("transparent parts") == 1


def test_the_first_frame_of_a_gif_is_read(tmp_path):
    for name in ("a/0.png", "a/1.GIF", "b/0.png"):
        save(tmp_path / name, seed=len(name))
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "b" / "1.gif", save_all=True, append_images=frames[1:])
    opened = open_source(str(tmp_path))
    assert find_names(opened.dataset) == ("a/0.png", "a/1.GIF", "b/0.png", "b/1.gif")
    assert opened.dataset[3][0].getpixel((0, 0)) == (255, 0, 0)


def test_images_of_formats_that_are_not_read_are_said(tmp_path, caplog):
    for name in ("a/0.png", "b/0.png"):
        save(tmp_path / name)
    for name in ("a/1.jp2", "b/2.heic", "b/notes.txt", "b/Thumbs.db"):
        (tmp_path / name).touch()
    assert names_in(tmp_path) == ("a/0.png", "b/0.png")
    assert caplog.messages == [
        "2 images are left out, whose formats are not read: 'a/1.jp2', 'b/2.heic'. Convert them."
    ]


def test_hidden_folders_and_files_are_left_out_and_said(tmp_path, caplog):
    root = tmp_path / ".cache" / "images"
    for name in ("a/0.png", "b/deep/0.png", "b/1.png"):
        save(root / name)
    hidden = (".git", "@eaDir", "__MACOSX", "a/.ipynb_checkpoints", "b/deep/.old")
    for name in hidden:
        save(root / name / "0.png")
        save(root / name / "1.png")
    save(root / "b" / "..._1.png")
    (root / "a" / ".DS_Store").touch()
    assert names_in(root) == ("a/0.png", "b/1.png", "b/deep/0.png")
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("Hidden folders and images are left out: '.git', ")
    assert caplog.messages[0].endswith(" and 1 more.")


@pytest.mark.parametrize(
    ("files", "held", "one"),
    [
        (["train/a/0.png", "test/a/0.png", "logs/"], "test, train", "train"),
        (["train/a/0.png", ".git/0.png"], "train", "train"),
        (["Train/a/0.png", "eval/a/0.png", "validate/a/0.png"], "Train, eval, validate", "Train"),
        (["images/a/0.png", "images/b/0.png"], "images", "images"),
        (["images/a/0.png", "images/b/0.png", "labels/0.txt"], "images", "images"),
    ],
)
def test_classes_one_level_further_down_are_found_by_the_folders_with_images(
    tmp_path, files, held, one
):
    for name in files:
        if name.endswith(".png"):
            save(tmp_path / name)
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=rf"holds {held}, not one .*as '{tmp_path}/{one}'"):
        open_source(str(tmp_path))


def test_a_single_class_with_images_of_its_own_is_one(tmp_path):
    save(tmp_path / "a" / "0.png")
    save(tmp_path / "a" / "more" / "0.png")
    assert len(names_in(tmp_path)) == 2
