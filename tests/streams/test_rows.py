"""Shards whose examples are rows of columns: each is read once."""

import pytest

from torch_cgprune.streams.rows import image_column, key_column, keys_of, read_columns


class Shard:
    """Three examples, and which of them were read."""

    def __init__(self, path, columns):
        self.path, self.columns, self.read = path, columns, []

    def __len__(self):
        return 3

    def __getitem__(self, index):
        self.read.append(index)
        return {name: f"{self.path}-{name}-{index}" for name in self.columns}


def test_examples_are_read_once_for_all_columns_and_not_for_none():
    shards = [Shard(name, {"id": "int", "label": "str", "image": "png"}) for name in "ab"]
    found = read_columns(shards, ["label", "id"])
    places = [(name, i) for name in "ab" for i in range(3)]
    assert found == {n: [f"{s}-{n}-{i}" for s, i in places] for n in ("label", "id")}
    assert [shard.read for shard in shards] == [[0, 1, 2], [0, 1, 2]]
    assert read_columns(shards, []) == {}
    assert [len(shard.read) for shard in shards] == [3, 3]
    with pytest.raises(ValueError, match=r"'a' has no column 'kind', but \['id', 'label'"):
        read_columns(shards, ["label", "kind"])


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        (["id", "key", "__key__"], "__key__"),
        (["id", "key"], "key"),
        (["id", "x"], "id"),
        (["x"], None),
    ],
)
def test_keys_are_in_a_column_or_places(columns, column):
    shard = Shard("a", dict.fromkeys(columns, "str"))
    assert key_column(shard) == column
    expected = [f"a-{column}-{i}" for i in range(3)]
    assert keys_of(shard) == (["0", "1", "2"] if column is None else expected)


def test_images_are_in_the_one_column_of_them_or_in_that_which_is_named():
    assert image_column(Shard("a", {"x": "int", "y": "jpeg"}), None) == "y"
    two = Shard("a", {"x": "pil", "y": "jpeg"})
    assert image_column(two, "x") == "x"
    for named in (None, "z"):
        with pytest.raises(ValueError, match=r"'a' has the columns .*--path-column"):
            image_column(two, named)
