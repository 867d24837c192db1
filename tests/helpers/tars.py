"""Small tar shards, as webdataset reads them."""

import io
import tarfile


def write_tar(path, members, form=tarfile.GNU_FORMAT):
    """Write (name, bytes) pairs to a tar file."""
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def number_shards(folder, sizes, classes=3):
    """Write shards whose n-th example has the text n and a class; return their paths and keys.

    Keys are in order: shard by shard.
    """
    paths, keys = [], []
    for shard, size in enumerate(sizes):
        members = []
        for number in range(len(keys), len(keys) + size):
            key = f"k{number:05d}"
            members += [(f"{key}.txt", b"%d" % number), (f"{key}.cls", b"%d" % (number % classes))]
            keys.append(key)
        paths.append(folder / f"part-{shard:03d}.tar")
        write_tar(paths[-1], members)
    return [*map(str, paths)], keys
