"""A folder of real images, as a user has it: CIFAR-10 as JPEG files, from an archive of them."""

import os
import tarfile
from pathlib import Path

import pytest

ARCHIVE = Path(
    os.environ.get(
        "CIFAR10_JPEGS", Path(__file__).parents[3] / "shared" / "data" / "cifar10-jpeg.tar.gz"
    )
)
needs_cifar = pytest.mark.skipif(
    not ARCHIVE.is_file(), reason="needs: CIFAR10_JPEGS=FILE, a .tar.gz of train/<class>/NNNN.jpg"
)


def unpack(folder, classes, per_class):
    """Unpack the first images of some classes below ``folder/<class>``."""
    left = dict.fromkeys(classes, per_class)
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            part, _, rest = member.name.removeprefix("./").partition("/")
            name = rest.partition("/")[0]
            if member.isfile() and part == "train" and left.get(name, 0):
                left[name] -= 1
                target = Path(folder) / rest
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
            if not any(left.values()):
                break
    assert not any(left.values())
