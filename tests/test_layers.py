"""Imports point downwards only."""

import ast
from pathlib import Path

import pytest

import torch_cgprune

LAYERS = [
    {
        "arrays",
        "calibration",
        "copies",
        "devices",
        "errors",
        "kernel",
        "memory",
        "ranks",
        "seeds",
        "settings",
        "storage",
        "views",
    },
    {"encoders", "features", "files", "labels", "plans", "schedules", "selection", "solver"},
    {
        "blocks",
        "digests",
        "distributed",
        "names",
        "options",
        "quotas",
        "reading",
        "relabelling",
        "scores",
    },
    {"averages", "cache", "listings", "noise_rate", "policies"},
    {"checkpoint", "encoding", "rules"},
    {"filtering", "runs", "sources"},
    {"choosing", "placement", "ridges"},
    {"samplers", "scoring"},
    {"dataset"},
    {"__init__"},
]
LEVEL = {module: level for level, layer in enumerate(LAYERS) for module in layer}
SOURCES = sorted(Path(torch_cgprune.__file__).parent.glob("**/*.py"))


def imported(source):
    """Return the names of our own modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}: imports are absolute"
            names = [node.module]
            if node.module == "torch_cgprune":
                names = [f"torch_cgprune.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("torch_cgprune"))


def test_every_module_has_a_layer():
    assert {source.stem for source in SOURCES} == {*LEVEL}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_imports_point_downwards(source):
    for name in imported(source):
        assert LEVEL[name] < LEVEL[source.stem], f"{source.stem} imports {name}"


def test_the_public_names_are_sorted_and_there():
    assert torch_cgprune.__all__ == sorted(torch_cgprune.__all__)
    for name in torch_cgprune.__all__:
        assert getattr(torch_cgprune, name).__doc__


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_no_file_is_longer_than_300_lines(source):
    assert len(source.read_text().splitlines()) <= 300
