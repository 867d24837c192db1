"""The command line, called in this process."""

from torch_cgprune.cli import main


def run(capsys, *argv):
    """Run a command; return its exit code and what it said."""
    code = main([*map(str, argv)])
    said = capsys.readouterr()
    return code, said.out, said.err
