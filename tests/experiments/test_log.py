"""The log of a run: what is written is read back, and what is damaged is refused."""

import json
import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench_suite import load
from nasbench_suite.core import Budget, DamagedInput, OutputError, Run, Trial
from nasbench_suite.experiments import log
from nasbench_suite.experiments.run import run
from nasbench_suite.files import write_whole
from nasbench_suite.spaces.nasbench201 import Nasbench201

SPACE = Nasbench201()

# A slow machine is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COSTS = st.floats(min_value=0.0, allow_infinity=False)
ARCHS = st.tuples(*[st.integers(0, 4)] * 6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)
BUDGETS = st.builds(Budget, st.integers(1, 10**9)) | st.builds(
    Budget,
    st.none() | st.integers(1, 5),
    st.floats(min_value=1e-300, allow_infinity=False),
    epochs=st.none() | st.integers(1, 10**9),
)


def trial(number, arch, epochs, value, cost, sign=1.0):
    if value is None:
        return Trial(number, arch, epochs, {}, cost, "failed", -math.inf)
    return Trial(number, arch, epochs, {"loss": value}, cost, "ok", sign * value)


def a_run(trials=(), **changes):
    facts = {
        "benchmark": "nasbench201/cifar10",
        "source": "table",
        "data": "0" * 64,
        "protocol": "standard",
        "objective": "loss",
        "direction": "max",
        "strategy": "random_search",
        "code": None,
        "settings": {},
        "seed": 0,
        "budget": Budget(3),
        "workers": 1,
        "version": "0.1.0",
    }
    return Run(trials=tuple(trials), **{**facts, **changes})


@st.composite
def runs(draw):
    direction = draw(st.sampled_from(["max", "min"]))
    epochs = draw(st.sampled_from([[None], [12], [12, 200], [None, 12]]))
    rows = draw(
        st.lists(st.tuples(ARCHS, st.sampled_from(epochs), st.none() | NUMBERS, COSTS), max_size=6)
    )
    sign = -1.0 if direction == "min" else 1.0
    return a_run(
        [trial(number, *row, sign) for number, row in enumerate(rows)],
        direction=direction,
        settings=draw(st.dictionaries(st.text(max_size=5), JSON, max_size=3)),
        seed=draw(st.integers(0, 2**64)),
        budget=draw(BUDGETS),
        version=draw(st.text(max_size=5)),
    )


SMALL = a_run(
    [
        trial(0, (0, 1, 2, 3, 4, 0), 12, 91.25, 10.5),
        trial(1, (4, 4, 4, 4, 4, 4), 200, None, 1e-7),
        trial(2, (3, 3, 3, 3, 3, 3), 12, 5e-324, 123456.789),
    ]
)


# Round trips.


@UNHURRIED
@given(runs())
def test_what_is_written_is_read_back(made):
    text = log.dump(made, SPACE)
    back = log.parse(text, SPACE, "a log")
    assert back == made
    assert [math.copysign(1.0, t.score) for t in back.trials] == [
        math.copysign(1.0, t.score) for t in made.trials
    ]
    assert log.dump(back, SPACE) == text


@UNHURRIED
@given(NUMBERS, COSTS)
def test_numbers_are_the_shortest_decimals(value, cost):
    text = log.dump(a_run([trial(0, (0,) * 6, None, value, cost)]), SPACE)
    entry = text.split("\n")[1]
    found = re.search(r'"objective":([^,]*),"cost":([^,}]*)', entry)
    assert found.groups() == (repr(value), repr(cost))


def test_a_real_run_is_read_back():
    table = load("nasbench201/cifar10")
    made = run("local_search", table, budget=Budget(120, 1e7), seed=3)
    text = log.dump(made, table.space)
    assert log.parse(text, table.space, "a log") == made
    assert text.isascii()


def test_the_text_of_a_log():
    header, *lines, last = log.dump(SMALL, SPACE).split("\n")
    assert json.loads(header) == {
        "format": "nasbench-run-2",
        "benchmark": "nasbench201/cifar10",
        "source": "table",
        "data": "0" * 64,
        "protocol": "standard",
        "objective": "loss",
        "direction": "max",
        "strategy": "random_search",
        "code": None,
        "settings": {},
        "seed": 0,
        "budget": {"evaluations": 3},
        "workers": 1,
        "version": "0.1.0",
        "trials": 3,
    }
    assert lines == [
        '{"architecture":"|none~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|'
        'avg_pool_3x3~1|none~2|","objective":91.25,"cost":10.5,"epochs":12}',
        '{"architecture":"|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|'
        'avg_pool_3x3~1|avg_pool_3x3~2|","objective":null,"cost":1e-07,"epochs":200}',
        '{"architecture":"|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|'
        'nor_conv_3x3~1|nor_conv_3x3~2|","objective":5e-324,"cost":123456.789,"epochs":12}',
    ]
    assert last == ""


def test_epochs_that_do_not_vary_are_said_once():
    made = a_run([trial(n, (n,) * 6, 12, 1.0, 1.0) for n in range(3)])
    header, *lines, _ = log.dump(made, SPACE).split("\n")
    assert json.loads(header)["epochs"] == 12
    assert not any("epochs" in json.loads(line) for line in lines)


# Damage.


def test_a_log_cut_anywhere_is_refused_with_its_line():
    text = log.dump(SMALL, SPACE)
    for size in range(len(text)):
        cut = text[:size]
        line = cut.count("\n") + 1
        with pytest.raises(DamagedInput, match=rf"^a log, line {line}: "):
            log.parse(cut, SPACE, "a log")


def test_a_log_with_a_line_too_many_is_refused():
    text = log.dump(SMALL, SPACE)
    extra = text.split("\n")[1] + "\n"
    with pytest.raises(DamagedInput, match=r"line 5: .* counts 3 trials, and there are 4"):
        log.parse(text + extra, SPACE, "a log")
    with pytest.raises(DamagedInput, match="line 5: "):
        log.parse(text + "x", SPACE, "a log")


@UNHURRIED
@given(st.data())
def test_a_damaged_log_is_read_or_refused(data):
    """Whatever a byte is changed to, nothing but `DamagedInput` is raised."""
    text = log.dump(SMALL, SPACE)
    place = data.draw(st.integers(0, len(text) - 1))
    changed = text[:place] + data.draw(st.text(max_size=3)) + text[place + 1 :]
    try:
        log.parse(changed, SPACE, "a log")
    except DamagedInput as error:
        line = int(re.match(r"a log, line (\d+): ", str(error))[1])
        assert line >= text[:place].count("\n") + 1 or line == 1


HEADER, FIRST, SECOND, THIRD, _ = log.dump(SMALL, SPACE).split("\n")


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        (1, "[]"),
        (1, "1"),
        (1, '"text"'),
        (1, "null"),
        (1, "{}"),
        (1, HEADER.replace("nasbench-run-2", "nasbench-run-1")),
        (1, HEADER.replace('"seed":0,', "")),
        (1, HEADER.replace('"seed"', '"sead"')),
        (1, HEADER.replace('"trials":3', '"trials":"3"')),
        (1, HEADER.replace('{"evaluations":3}', "{}")),
        (1, HEADER.replace('{"evaluations":3}', '{"evaluations":0}')),
        (1, HEADER.replace('{"evaluations":3}', '{"hours":3}')),
        (1, HEADER.replace('{"evaluations":3}', "null")),
        (1, "[" * 100_000),
        (3, ""),
        (3, "[]"),
        (3, "null"),
        (3, SECOND.replace("avg_pool", "max_pool")),
        (3, SECOND.replace('"objective":null,', "")),
        (3, SECOND.replace("null", "NaN")),
        (3, SECOND.replace("null", "Infinity")),
        (3, SECOND.replace("null", "1e999")),
        (3, SECOND.replace("null", "1" * 400)),
        (3, SECOND.replace("null", '"91"')),
        (3, SECOND.replace("null", "true")),
        (3, SECOND.replace("null", "[91]")),
        (3, SECOND.replace("1e-07", "null")),
        (3, SECOND.replace("1e-07", '"1"')),
        (3, SECOND.replace("1e-07", "-1")),
        (3, SECOND.replace("1e-07", "NaN")),
        (3, "[" * 100_000),
    ],
)
def test_a_line_that_is_none_is_refused(line, broken):
    lines = [HEADER, FIRST, SECOND, THIRD, ""]
    lines[line - 1] = broken
    with pytest.raises(DamagedInput, match=rf"^a log, line {line}: .*remove the file"):
        log.parse("\n".join(lines), SPACE, "a log")


# Writing.


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "0.jsonl"
    write_whole(path, "one\ntwo\n")
    assert path.read_bytes() == b"one\ntwo\n"
    write_whole(path, "three\n")
    assert path.read_bytes() == b"three\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["0.jsonl"]


@pytest.mark.parametrize("place", ["file/0.jsonl", "file/deeper/0.jsonl", "folder"])
def test_where_nothing_can_be_written_nothing_is_left(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(tmp_path / place, "text")
    assert (tmp_path / "file").read_text() == "mine"
    assert names(tmp_path) == ["file", "folder"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "0.jsonl"
    write_whole(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["0.jsonl"]
