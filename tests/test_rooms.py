"""The rooms of the house: the table in tests/README.md, held against the imports."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import torch_cgprune

HOUSE = Path(torch_cgprune.__file__).parent
SOURCES = sorted(HOUSE.glob("**/*.py"))
MAP = Path(__file__).with_name("README.md")
# The package's own __init__ and __main__ see everything.
ROOF = ("__init__", "__main__")

PUBLIC = {
    "": [
        "Advice",
        "CGScoredDataset",
        "CGScores",
        "CacheError",
        "CacheMismatchError",
        "DistributedPrunedSampler",
        "DistributedSelectionSampler",
        "DistributedWindowSampler",
        "Encoder",
        "KeepList",
        "LinearSchedule",
        "NearCopies",
        "NoiseRate",
        "NoiseReport",
        "NotPositiveDefiniteError",
        "PrunedSampler",
        "PrunedStream",
        "SelectionSampler",
        "Shards",
        "UnreadableItemError",
        "UnstableDatasetError",
        "WindowSampler",
        "advise",
        "cg_scores",
        "estimate_noise_rate",
        "load_image",
        "near_copies",
        "noise_report",
    ],
    "advice": ["Advice", "Candidate", "Grade", "advise"],
    "dataset": ["CGScoredDataset"],
    "encoders": ["IMAGENET", "Encoded", "Encoder", "encode_dataset", "load"],
    "noise": [
        "RULES",
        "NoiseRate",
        "NoiseReport",
        "estimate_noise_rate",
        "evidence",
        "noise_report",
    ],
    "policies": [
        "LinearSchedule",
        "herding",
        "high_first",
        "low_first",
        "noise_filter",
        "random",
        "redrawn",
        "soft",
        "stratified",
        "window",
    ],
    "report": [
        "advice_curves",
        "class_means",
        "confusion",
        "mislabels_found",
        "partial_scores",
        "policy_shares",
        "score_histogram",
        "write_report",
    ],
    "samplers": [
        "DistributedPrunedSampler",
        "DistributedSelectionSampler",
        "DistributedWindowSampler",
        "PrunedSampler",
        "SelectionSampler",
        "WindowSampler",
    ],
    "scores": ["CGScores", "Calibration"],
    "scoring": ["NearCopies", "cg_scores", "near_copies"],
    "solver": [
        "Iterated",
        "Kept",
        "Solution",
        "State",
        "Storage",
        "default_tile_rows",
        "flops",
        "iterate",
        "iterative_numbers",
        "numbers",
        "sweep",
    ],
    "streams": ["KeepList", "PrunedStream", "Shards", "encode_stream"],
}


class Room(NamedTuple):
    """A row of the map."""

    floor: int
    must_not: tuple[str, ...]
    because: str


def rooms():
    """Read the map: every row of its table that begins with a floor."""
    rows = re.findall(
        r"^\| (\d) \| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", MAP.read_text(), re.MULTILINE
    )
    return {
        name: Room(int(floor), tuple(re.findall(r"`([\w.]+)`", must_not)), because)
        for floor, name, must_not, because in rows
    }


ROOMS = rooms()


def module_of(source):
    """Return a file's module without the package's name; a folder's __init__ is the folder."""
    parts = source.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {module_of(source): source for source in SOURCES}


def room_of(module):
    return module.partition(".")[0]


def imports(source):
    """Yield (module, name or None) of every import in a file, wherever in it."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: imports are absolute"
            yield from ((node.module, alias.name) for alias in node.names)


def imported(source):
    """Yield everything a file imports, as a dotted name: ours without the package's name."""
    for module, name in imports(source):
        whole = module if name is None else f"{module}.{name}"
        yield whole.removeprefix("torch_cgprune.")


def our_modules(source):
    """Yield the modules of ours that a file imports."""
    for whole in imported(source):
        found = whole if whole in MODULES else whole.rpartition(".")[0]
        if found in MODULES:
            yield found


INSIDE = [pytest.param(m, s, id=m) for m, s in MODULES.items() if m not in ROOF]


def test_the_map_has_every_room_and_a_reason_for_each_limit():
    assert {room_of(module) for module in MODULES} - {*ROOF} == {*ROOMS}
    assert len(ROOMS) == 17  # sixteen, and the exceptions at the door
    for name, room in ROOMS.items():
        assert room.must_not, name
        assert room.because.strip(), name


def test_what_a_room_must_not_know_exists():
    for room in ROOMS.values():
        for name in room.must_not:
            assert name in MODULES or importlib.util.find_spec(name), name


@pytest.mark.parametrize(("module", "source"), INSIDE)
def test_a_room_imports_only_rooms_below(module, source):
    own = room_of(module)
    for other in map(room_of, our_modules(source)):
        assert other == own or ROOMS[other].floor < ROOMS[own].floor, f"{module} imports {other}"


@pytest.mark.parametrize(("module", "source"), INSIDE)
def test_a_room_does_not_know_what_it_must_not(module, source):
    room = ROOMS[room_of(module)]
    for whole in imported(source):
        for name in room.must_not:
            found = f"{whole}.".startswith(f"{name}.")
            assert not found, f"{module} imports {whole}, which it must not: {room.because}"


@pytest.mark.parametrize(("module", "source"), INSIDE)
def test_what_a_face_has_is_taken_from_the_face(module, source):
    for there, name in imports(source):
        assert there != "torch_cgprune" or name in MODULES, f"{module} imports the root"
        home = there.removeprefix("torch_cgprune.")
        if home in MODULES and room_of(home) not in (room_of(module), home):
            face = importlib.import_module(f"torch_cgprune.{room_of(home)}")
            assert name not in getattr(face, "__all__", ()), f"{module} imports {there}.{name}"


def test_no_two_modules_import_each_other():
    waiting = {module: {*our_modules(source)} - {module} for module, source in MODULES.items()}
    faces = {module for module in waiting if module in ROOMS}
    for face in faces:  # a face holds no code: who imports it needs what is behind it
        waiting[face] -= {module for module in waiting if module in faces}
    while waiting:
        free = {module for module, needed in waiting.items() if not needed & {*waiting}}
        assert free, f"a circle among {sorted(waiting)}"
        waiting = {module: needed for module, needed in waiting.items() if module not in free}


@pytest.mark.parametrize("room", [room for room in ROOMS if room in MODULES and room != "errors"])
def test_a_face_holds_no_code(room):
    docstring, *rest = ast.parse(MODULES[room].read_text()).body
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        assert isinstance(node, ast.ImportFrom | ast.Assign), f"{room}: {ast.unparse(node)}"
    assert [node.targets[0].id for node in rest if isinstance(node, ast.Assign)] in (
        ["__all__"],
        [],
    )


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_these_sorted_and_described(package):
    face = importlib.import_module(f"torch_cgprune.{package}".rstrip("."))
    assert face.__all__ == PUBLIC[package]
    # Constants, classes, functions, as ruff sorts them too.
    assert face.__all__ == sorted(
        face.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in face.__all__:
        assert getattr(face, name).__doc__, name


def test_what_is_public_is_said_in_one_place():
    said = re.findall(r"``([a-z]+)``", torch_cgprune.__doc__.partition("Public")[2])
    assert said == [package for package in PUBLIC if package]


@pytest.mark.parametrize("source", SOURCES, ids=module_of)
def test_no_file_is_longer_than_300_lines(source):
    assert len(source.read_text().splitlines()) <= 300


def test_every_room_has_its_tests():
    here = Path(__file__).parent
    folders = {path.name for path in here.iterdir() if [*path.glob("*.py")]}
    assert folders == {*ROOMS} - {"errors"} | {"helpers", "paper", "stacks"}


@pytest.mark.parametrize(
    "needless",
    [
        "import torch_cgprune",
        "import torch_cgprune; torch_cgprune.__version__; dir(torch_cgprune)",
        "from torch_cgprune import cli\ntry: cli.main(['-h'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(needless):
    heavy = "{'torch', 'numpy', 'torchvision'} & {*sys.modules}"
    program = f"import sys\n{needless}\nsys.exit(str({heavy} or ''))"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert said.stderr.strip() == ""


def test_an_interruption_is_heard_from_early_on():
    program = "import sys\nimport torch_cgprune.cli\nsys.exit('argparse' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_root_has_its_names_and_its_packages():
    program = (
        "import torch_cgprune as t\n"
        "assert {*t.__all__} < {*dir(t)}\n"
        "t.policies.low_first, t.report.write_report, t.cg_scores\n"
        "assert [getattr(t, name) for name in t.__all__]\n"
        "t.cg_score"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "AttributeError: module 'torch_cgprune' has no attribute 'cg_score'" in said.stderr
    assert "AssertionError" not in said.stderr
