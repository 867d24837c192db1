"""Images of deep modes and with transparency, from real files."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Subset
from torchvision.datasets import ImageFolder

from torch_cgprune import load_image
from torch_cgprune.inputs.pixels import as_scored, in_unit_range, on_white
from torch_cgprune.inputs.reading import read_dataset
from torch_cgprune.report.pictures import as_image

DEEP = np.array([[4000, 54000, 30000]])


def stored(path, pixels):
    Image.fromarray(pixels).save(path)
    return Image.open(path)


@pytest.mark.parametrize(
    ("name", "dtype", "greatest"),
    [
        ("a.png", np.uint16, 65535),
        ("a.tif", np.uint16, 65535),
        ("a.tif", np.dtype(">u2"), 65535),
        ("a.tif", np.int32, 2**31 - 1),
        ("a.tif", np.float32, 1),
    ],
)
def test_deep_images_are_scaled_by_the_range_of_their_type(tmp_path, name, dtype, greatest):
    expected = torch.from_numpy(DEEP / greatest).float().reshape(1, -1)
    with stored(tmp_path / name, DEEP.astype(dtype)) as image:
        assert image.mode[0] in "IF"
        scaled = in_unit_range(image)
        rows, _ = read_dataset([(image, 0)], progress=False)
        shown = np.asarray(as_image(image)).ravel()
    assert scaled.mode == "F"
    torch.testing.assert_close(rows, expected, rtol=1e-6, atol=0)
    if greatest != 2**31 - 1:
        assert shown[0] < shown[2] < shown[1]


def test_integers_of_pillow_without_a_file_have_32_bits():
    image = Image.fromarray(np.array([[2**30]], dtype=np.int32))
    assert in_unit_range(image).getpixel((0, 0)) == pytest.approx(0.5)


def test_arrays_and_tensors_of_16_bits_become_0_to_1():
    array = DEEP.astype(np.uint16)
    expected = torch.from_numpy(DEEP / 65535).float().reshape(1, -1)
    for image in (array, torch.from_numpy(array)):
        rows, _ = read_dataset([(image, 0)], progress=False)
        torch.testing.assert_close(rows, expected, rtol=1e-6, atol=0)


def content_in_alpha(mode):
    """A black image, half of it transparent."""
    image = Image.new("RGBA", (4, 2))
    image.paste((0, 0, 0, 255), (0, 0, 2, 2))
    if mode != "P":
        return image.convert(mode)
    image = Image.new("P", (4, 2), 1)
    image.putpalette([0, 0, 0] * 2)
    image.paste(0, (0, 0, 2, 2))
    image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("png", "RGBA"), ("png", "LA"), ("png", "P"), ("webp", "RGBA"), ("gif", "RGBA"), ("gif", "P")],
)
def test_transparent_parts_are_white_and_said(tmp_path, kind, mode):
    path, image = tmp_path / f"a.{kind}", content_in_alpha(mode)
    options = {"lossless": True} if kind == "webp" else {}
    image.save(path, **({"transparency": 1} if mode == "P" else options))
    with Image.open(path) as image:
        image.load()
    with pytest.warns(UserWarning, match="transparent parts.*white"):
        seen = np.asarray(as_scored(image))
    assert (seen[:, :2] == 0).all()
    assert (seen[:, 2:] == 255).all()


def test_what_is_opaque_is_not_spoken_of():
    image = Image.new("RGBA", (1, 1), (10, 20, 30, 255))
    assert as_scored(image).getpixel((0, 0)) == (10, 20, 30)
    assert on_white(image).getpixel((0, 0)) == (10, 20, 30)


def test_a_palette_with_transparency_in_a_dataset():
    with pytest.warns(UserWarning, match="scored on white"):
        rows, _ = read_dataset([(content_in_alpha("P"), 0)], progress=False)
    assert rows.reshape(2, 4, 3)[0, :, 0].tolist() == [0, 0, 1, 1]


def _folder(tmp_path, image, **options):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for i in range(3):
            image(i).save(tmp_path / name / f"{i}.png")
    return ImageFolder(tmp_path, **options)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (lambda i: Image.new("I;16", (4, 4), 9000 + i), "clips the 16 bits of '.*0.png'"),
        (lambda i: Image.new("RGBA", (4, 4), (9, i, 0, 99)), "drops the transparency of"),
        (lambda i: Image.new("LA", (4, 4), (9 + i, 0)), "drops the transparency of"),
    ],
)
def test_what_the_loader_of_torchvision_loses_is_said(tmp_path, image, said):
    folder = _folder(tmp_path, image)
    with pytest.warns(UserWarning, match=said):
        read_dataset(Subset(folder, [0, 2, 4]), progress=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Images have transparent")
        kept, _ = read_dataset(ImageFolder(tmp_path, loader=load_image), progress=False)
    assert len(kept.unique()) > 1 or image(0).mode == "LA"


def test_opaque_images_and_other_loaders_lose_nothing(tmp_path):
    folder = _folder(tmp_path, lambda i: Image.new("RGBA", (4, 4), (9, i, 0, 255)))
    read_dataset(folder, progress=False)  # warnings are errors
    folder = ImageFolder(tmp_path, loader=lambda path: Image.open(path).convert("RGB"))
    read_dataset(folder, progress=False)
