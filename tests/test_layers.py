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
        "markup",
        "memory",
        "ranks",
        "report.extras",
        "seeds",
        "settings",
        "storage",
        "views",
    },
    {
        "encoders",
        "features",
        "files",
        "images",
        "labels",
        "plans",
        "report.svg",
        "schedules",
        "selection",
        "solver",
    },
    {
        "blocks",
        "cli.output",
        "cli.wording",
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
    {"checkpoint", "encoding", "opening", "rules", "summary"},
    {"cli.info", "cli.lists", "filtering", "runs", "sources"},
    {"choosing", "placement", "ridges"},
    {"samplers", "scoring"},
    {"cli.select", "dataset", "report.counts"},
    {"cli.score", "report.pictures", "report.plots"},
    {"report.contents"},
    {"report.page"},
    {"report"},
    {"cli.report"},
    {"cli.parser"},
    {"cli.running"},
    {"cli"},
    {"__init__", "__main__"},
]
LEVEL = {module: level for level, layer in enumerate(LAYERS) for module in layer}
ROOT = Path(torch_cgprune.__file__).parent
SOURCES = sorted(ROOT.glob("**/*.py"))


def module_of(source):
    """Return a file's module without the package's name; a folder's __init__ is the folder."""
    parts = source.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imported(source):
    """Return the names of our own modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.name}: imports are absolute"
            names = [node.module]
            if node.module.startswith("torch_cgprune"):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (known_as(name) for name in names if name.startswith("torch_cgprune"))


def known_as(name):
    """Return the module behind an imported name: the name itself, or what it is imported from."""
    module = name.removeprefix("torch_cgprune.")
    return module if module in LEVEL else module.rpartition(".")[0]


def test_every_module_has_a_layer():
    assert {module_of(source) for source in SOURCES} == {*LEVEL}


@pytest.mark.parametrize("source", SOURCES, ids=module_of)
def test_imports_point_downwards(source):
    module = module_of(source)
    for name in imported(source):
        assert LEVEL[name] < LEVEL[module], f"{module} imports {name}"


def test_the_public_names_are_sorted_and_there():
    assert torch_cgprune.__all__ == sorted(torch_cgprune.__all__)
    for name in torch_cgprune.__all__:
        assert getattr(torch_cgprune, name).__doc__


@pytest.mark.parametrize("source", SOURCES, ids=module_of)
def test_no_file_is_longer_than_300_lines(source):
    assert len(source.read_text().splitlines()) <= 300
