"""Tab completion, as bash does it."""

import subprocess
import sys

import pytest

from torch_cgprune.cli import main


def completed(script, folder, *words):
    """Return what bash offers for the last of some words."""
    asked = (
        f"source {script}; COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}; "
        'name=$(complete -p torch-cgprune | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
        '$name 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    run = subprocess.run(
        ["bash", "-c", asked], cwd=folder, capture_output=True, text=True, check=True
    )
    return {line.strip() for line in run.stdout.splitlines()}


@pytest.fixture
def script(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", "bash"])
    assert not stop.value.code
    path = tmp_path / "completion.bash"
    path.write_text(capsys.readouterr().out)
    return path


def test_bash_completes_commands_options_choices_and_files(script, tmp_path):
    (tmp_path / "a.safetensors").touch()
    (tmp_path / "photos").mkdir()
    prog = "torch-cgprune"
    assert {"score", "select"} <= completed(script, tmp_path, prog, "s")
    assert completed(script, tmp_path, prog, "select", "--ke") == {"--keep"}
    assert "high-first" in completed(script, tmp_path, prog, "select", "--policy", "h")
    assert "a.safetensors" in completed(script, tmp_path, prog, "info", "a")
    assert any("photos" in name for name in completed(script, tmp_path, prog, "score", "ph"))


def test_without_shtab_the_cure_is_told(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", "zsh"])
    assert stop.value.code == 1
    assert "pip install 'torch-cgprune[completion]'" in capsys.readouterr().err


def test_another_shell_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", "fish"])
    assert stop.value.code == 2
    assert "bash" in capsys.readouterr().err
