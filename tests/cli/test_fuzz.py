"""Files of any content: read, or refused in one line, never with a traceback."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from torch_cgprune.cli import main
from torch_cgprune.cli.array_files import load_labels
from torch_cgprune.cli.source import open_source
from torch_cgprune.lists import read_examples

pytestmark = pytest.mark.slow  # hundreds of commands
TABLES = ("csv", "tsv", "csv.gz", "jsonl", "parquet")
few = settings(
    max_examples=20,
    deadline=20_000,  # no hang
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def sound(kind):
    """Return the content of a sound file."""
    rng = np.random.default_rng(0)
    x, y, buffer = rng.normal(size=(6, 3)), np.arange(6) % 2, io.BytesIO()
    match kind:
        case "npz":
            np.savez(buffer, features=x, labels=y)
        case "npy":
            np.save(buffer, x)
        case "safetensors":
            return save({"features": torch.from_numpy(x), "labels": torch.from_numpy(y)})
        case "csv":
            return b"path,label\n0.png,a\n1.png,b\n"
        case "tsv":
            return b"x\tlabel\tz\n" + b"1.5\ta\t2\n3\tb\t-1e3\n" * 3
        case "csv.gz":
            return gzip.compress(b"x,label,z\n" + b"1.5,a,2\n3,b,-1e3\n" * 3)
        case "jsonl":
            return b'{"x": 1.5, "z": [1, 2], "label": "a"}\n{"x": 2, "z": [3, 4], "label": "b"}\n'
        case "parquet":
            pd.DataFrame({"x": [*x], "z": x[:, 0], "label": y}).to_parquet(buffer)
        case _:
            pixels = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(buffer, {"tif": "tiff", "jpg": "jpeg"}.get(kind, kind))
    return buffer.getvalue()


def spoilt(kind):
    """Contents that begin as a sound file does, are cut, changed in places, or anything."""
    whole = sound(kind)
    places = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=5)
    return st.one_of(
        st.binary(max_size=300),
        st.integers(0, len(whole)).map(lambda n: whole[:n]),
        st.tuples(st.integers(0, 200), st.binary(max_size=50)).map(lambda t: whole[: t[0]] + t[1]),
        places.map(lambda changed: changes(whole, changed)),
    )


def changes(whole, changed):
    content = bytearray(whole)
    for place, value in changed:
        content[place] = value
    return bytes(content)


def ends_well(capsys, *argv):
    code = main([*map(str, argv)])
    said = capsys.readouterr().err.splitlines()
    assert code in (0, 1, 2)
    assert all(line.startswith("torch-cgprune: ") for line in said)
    assert code == 0 or said[-1].startswith("torch-cgprune: error: ")
    assert not any("Traceback" in line for line in said)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["npz", "npy", "safetensors", *TABLES])
@few
@given(st.data())
def test_a_source_of_any_content(tmp_path, capsys, kind, data):
    source = tmp_path / f"x.{kind}"
    source.write_bytes(data.draw(spoilt(kind)))
    labels = ["--labels", tmp_path / "labels.txt"] if kind == "npy" else []
    (tmp_path / "labels.txt").write_text("a\nb\n" * 3)
    try:
        open_source(str(source), labels=str(labels[1]) if labels else None)
    except (OSError, ValueError, TypeError, MemoryError) as error:
        assert str(error)  # noqa: PT017 (some are refused, which is not known)
    out = tmp_path / "s.safetensors"
    out.unlink(missing_ok=True)
    ends_well(capsys, "score", source, *labels, "-o", out)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "tif", "webp", "bmp", "ppm"])
@settings(few, max_examples=6)
@given(st.data())
def test_an_image_of_any_content(tmp_path, capsys, kind, data):
    for i in range(3):
        for name in "ab":
            (tmp_path / "x" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "x" / name / f"{i}.{kind}").write_bytes(sound(kind))
    (tmp_path / "x" / "a" / f"bad.{kind}").write_bytes(data.draw(spoilt(kind)))
    for options in ([], ["--skip-unreadable", "--resize", "4"]):
        out = tmp_path / "s.safetensors"
        out.unlink(missing_ok=True)
        ends_well(capsys, "score", tmp_path / "x", "-o", out, *options)


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=30)


@few
@given(st.lists(NAMES, min_size=1, max_size=4), st.binary(max_size=200))
def test_labels_and_lists_of_any_content(tmp_path, names, content):
    for suffix, read in (
        ("txt", load_labels),
        ("npy", load_labels),
        *(
            (suffix, lambda path: read_examples(path, 5))
            for suffix in ("txt", "csv", "json", "npy", "parquet")
        ),
    ):
        path = tmp_path / f"list.{suffix}"
        for text in ("\n".join(names).encode(), content):
            path.write_bytes(text)
            try:
                read(str(path))
            except (OSError, ValueError, TypeError) as error:
                assert str(error)  # noqa: PT017


@few
@given(st.sets(NAMES.filter(lambda name: name not in (".", "..")), min_size=2, max_size=4))
def test_folders_and_files_of_any_name(tmp_path_factory, capsys, names):
    root = tmp_path_factory.mktemp("names")
    for i, name in enumerate(sorted(names)):
        try:
            (root / "x" / name).mkdir(parents=True)
            (root / "x" / name / f"{name[:20]}.png").write_bytes(sound("png"))
        except OSError:
            continue
        (root / "x" / name / f"{i}.png").write_bytes(sound("png"))
    ends_well(capsys, "score", root / "x", "-o", root / "s.safetensors")
