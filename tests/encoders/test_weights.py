"""Files of weights: read without running their code, unwrapped, and held against the network."""

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from torch_cgprune import CacheError
from torch_cgprune.encoders.weights import Wanted, fit, read_weights, without
from torch_cgprune.errors import ArgumentValueError

WANTED = Wanted("family", "name", None, download=False)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def saved(content, path):
    torch.save(content, path)
    return path


def same(one, other):
    assert [*one] == [*other]
    for name, value in other.items():
        assert torch.equal(one[name], value)


def test_both_kinds_of_files_are_read(network, tmp_path):
    state = network.state_dict()
    save_file(state, tmp_path / "w.safetensors")
    same(read_weights(saved(state, tmp_path / "w.pt")), state)
    found = read_weights(tmp_path / "w.safetensors")
    same({name: found[name] for name in state}, state)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_what_training_puts_around_weights_is_taken_off_and_said(
    wrapper, prefix, network, tmp_path, caplog
):
    state = network.state_dict()
    content = {wrapper: {prefix + name: value for name, value in state.items()}, "epoch": 3}
    with caplog.at_level(logging.INFO, "torch_cgprune"):
        same(read_weights(saved(content, tmp_path / "w.pt")), state)
    assert repr(wrapper) in caplog.text
    for part in prefix.split(".")[:-1]:
        assert f"'{part}.'" in caplog.text


class Harm:
    def __reduce__(self):
        return Path.write_text, (Path("harm.txt"), "done")


@pytest.mark.parametrize("what", ["code", "network"])
def test_a_pickle_that_would_run_code_is_not_read(what, network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved({"model": Harm() if what == "code" else network}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"would run code: it is not read.*state_dict\(\), FILE"):
        read_weights(path)
    assert not Path("harm.txt").exists()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ([torch.ones(2)], "Got a list"),
        ({"epoch": 3, "x": torch.ones(2)}, "Got 'epoch' among them"),
        ({}, "Got a dict"),
        (torch.ones(2), "Got a Tensor"),
    ],
)
def test_other_contents_are_told(content, match, tmp_path):
    with pytest.raises(ValueError, match=rf"must hold the tensors of a network.*{match}"):
        read_weights(saved(content, tmp_path / "w.pt"))


def test_damaged_and_missing_files_are_told(tmp_path):
    for name in ("w.pt", "empty.pt"):
        (tmp_path / name).write_text("weights" if name == "w.pt" else "")
        with pytest.raises(ValueError, match="is damaged, or no file of weights"):
            read_weights(tmp_path / name)
    (tmp_path / "w.safetensors").write_text("weights")
    with pytest.raises(CacheError, match="truncated or no safetensors"):
        read_weights(tmp_path / "w.safetensors")
    with pytest.raises(FileNotFoundError, match="no file of weights"):
        read_weights(tmp_path / "gone.pt")


def test_a_network_gets_its_own_weights_and_no_others(network):
    state = {name: torch.rand(value.shape) for name, value in network.state_dict().items()}
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    fit(network, old, WANTED, Path("w.pt"))
    same({name: network.state_dict()[name] for name in old}, old)
    other = {**without(state, "0"), "head.weight": torch.ones(2), "2.bias": torch.ones(9)}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ArgumentValueError) as caught:
        fit(network, other, WANTED, Path("w.pt"))
    assert str(caught.value) == (
        "The weights in 'w.pt' are not those of the encoder 'family:name': 2 are not there "
        "(0.weight, 0.bias), 1 are of no use (head.weight), 1 are of another shape (2.bias). "
        "Name the model that they are of."
    )
    same(network.state_dict(), before)


def test_parts_are_left_out_by_their_whole_names():
    state = {"fc.weight": torch.ones(1), "fc2.weight": torch.ones(1), "a.fc.bias": torch.ones(1)}
    assert [*without(state, "fc")] == ["fc2.weight", "a.fc.bias"]


def test_what_is_fetched_is_looked_for_first(tmp_path, monkeypatch):
    wanted = {flag: Wanted("family", "name", None, download=flag) for flag in (False, True)}
    (tmp_path / "here-0123456789.pth").touch()
    url = "https://somewhere/weights/here-0123456789.pth"
    for asked in wanted.values():
        assert asked.from_url(url, tmp_path) == tmp_path / "here-0123456789.pth"
    fetched = []

    def download(*args, progress):
        del progress
        fetched.append(args)
        if "gone" in args[0]:
            raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    other, gone = (url.replace("here", name) for name in ("there", "gone"))
    with pytest.raises(ArgumentValueError, match=r"'family:name' is not on this machine.*download"):
        wanted[False].from_url(other, tmp_path)
    assert fetched == []
    path = tmp_path / "new" / "there-0123456789.pth"
    assert wanted[True].from_url(other, tmp_path / "new") == path
    assert fetched == [(other, str(path), "0123456789")]
    with pytest.raises(ArgumentValueError, match=r"cannot be fetched \(no network\)"):
        wanted[True].from_url(gone, tmp_path)


def test_so_is_what_is_on_the_hub(tmp_path, monkeypatch):
    import huggingface_hub as hub  # noqa: PLC0415

    path = tmp_path / "b.bin"
    here, there, fetched = {"b": str(path)}, {"c"}, []
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda _, name: here.get(name))
    monkeypatch.setattr(hub, "file_exists", lambda _, name: name in there)

    def download(repository, name):
        fetched.append((repository, name))
        return str(tmp_path / name)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    wanted = {flag: Wanted("family", "name", None, download=flag) for flag in (False, True)}
    for asked in wanted.values():
        assert asked.from_hub("us/model", ["a", "b"]) == path
    with pytest.raises(ArgumentValueError, match="not on this machine"):
        wanted[False].from_hub("us/model", ["a", "c"])
    assert fetched == []
    assert wanted[True].from_hub("us/model", ["a", "c"]) == tmp_path / "c"
    assert fetched == [("us/model", "c")]
