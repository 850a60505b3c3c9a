"""The command line: from process start to printed answer."""

import sys
import sysconfig
from pathlib import Path

import pytest

ARCH = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"


@pytest.fixture
def nasbench():
    script = Path(sysconfig.get_path("scripts"), "nasbench")
    if not script.is_file():
        pytest.skip("the command nasbench is not installed beside this Python")
    return str(script)


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("one metric as JSON", ("--metric", "test_accuracy", "--json")),
        ("all metrics as a table", ()),
    ],
)
def test_query_from_process_start(side_by_side, beside, process, nasbench, what, options):
    command = (nasbench, "query", "nasbench201/cifar10", ARCH, *options)
    assert "test_accuracy" in process(*command)
    side_by_side(
        f"nasbench query, {what}",
        lambda: process(*command),
        beside(
            'python -c "import numpy"',
            lambda: process(sys.executable, "-c", "import numpy"),
            longer=2.5,
        ),
        rounds=25,
    )
