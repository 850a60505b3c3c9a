"""The README's examples do what they show."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from nasbench_suite import cli

README = Path(__file__).parents[1] / "README.md"


def test_python_examples() -> None:
    found = doctest.testfile(str(README), module_relative=False)
    assert found.attempted > 5
    assert found.failed == 0


def test_console_examples(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```console\n\$ nasbench (.+?)\n(.*?)```", README.read_text(), re.S)
    assert blocks
    for command, expected in blocks:
        assert cli.main(shlex.split(command)) == 0
        assert capsys.readouterr().out == expected


def test_the_two_commands_are_there() -> None:
    assert "make demo" in README.read_text()
    assert "make test" in README.read_text()
