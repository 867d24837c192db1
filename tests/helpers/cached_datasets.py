"""A dataset in the local cache of `datasets`, as one that was fetched by its name before."""

import shutil

import datasets


def in_cache(folder, table, monkeypatch):
    """Put a table into a cache in a folder, as the dataset me/mine with the split train."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(folder / "cache"))
    table.to_parquet(folder / "train.parquet")
    with monkeypatch.context() as alone:
        alone.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        datasets.load_dataset("parquet", data_files=str(folder / "train.parquet"))
    (made,) = (folder / "cache" / "parquet").rglob("*.arrow")
    there = folder / "cache" / "me___mine" / "default" / "0.0.0" / "a1"
    there.mkdir(parents=True)
    shutil.copy(made, there / "mine-train.arrow")
    info = made.with_name("dataset_info.json").read_text()
    (there / "dataset_info.json").write_text(info.replace('"parquet"', '"mine"'))
