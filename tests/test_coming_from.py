"""The page for those who come from other benchmarks says what is so.

Every line of ours on it is run. Where `nats_bench` and its sample files are there, its calls are
made too, and the answers compared. The calls of `nasbench` and NASLib are not made.
"""

import doctest
import io
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite import Table, cli, load, registry
from nasbench_suite.core import NotMeasured
from nasbench_suite.spaces.nasbench101 import Nasbench101

PAGE = (Path(__file__).parents[1] / "docs/coming_from.md").read_text("utf-8")
OPENING, *CHAPTERS = re.split(r"^(?=## )", PAGE, flags=re.M)
PEERS = {chapter.split("`")[1] if "`" in chapter[:8] else "NASLib": chapter for chapter in CHAPTERS}
OWN = "### Your own files"
SAMPLE = "nats-bench-sample"
TRAINED = (0, 11, 284)
"""The cells whose files are in the sample."""
SAME = re.compile(r"^>>> # == (.+)\n>>> (.+)$", re.M)
ROW = re.compile(r"^\| `(.+?)`, `(.+?)` \| `(.+?)`, `(.+?)` \|$", re.M)


def parts(peer: str) -> tuple[str, str]:
    """Return what a chapter shows on the tables of the suite, and what on a user's own files."""
    sections = re.split(r"^(?=### )", PEERS[peer], flags=re.M)
    own = [section for section in sections if section.startswith(OWN)]
    return "".join(section for section in sections if section not in own), "".join(own)


def execute(text: str, names: dict[str, Any]) -> None:
    """Run the Python examples of a text, which may use `names` and add to them."""
    said = io.StringIO()
    runner = doctest.DocTestRunner()
    examples = doctest.DocTestParser().get_doctest(text, {}, "coming_from.md", None, None)
    assert examples.examples
    examples.globs = names
    assert runner.run(examples, out=said.write, clear_globs=False).failed == 0, said.getvalue()


def command(text: str) -> None:
    """Run the commands of a text."""
    for line in re.findall(r"^\$ nasbench (.+)$", text, re.M):
        assert cli.main(shlex.split(line)) == 0


def begun(peer: str) -> dict[str, Any]:
    """Return the names that a chapter has defined before it comes to a user's own files."""
    names: dict[str, Any] = {}
    execute(OPENING + parts(peer)[0], names)
    return names


def test_nothing_on_the_page_is_left_out() -> None:
    assert list(PEERS) == ["nats_bench", "nasbench", "NASLib"]
    fences = re.findall(r"^```(.*)$", PAGE, re.M)
    assert set(fences) == {"pycon", "console", ""}
    prompts = re.findall(r"^(?:>>>|\$) ", PAGE, re.M)
    inside = "".join(re.findall(r"^```(?:pycon|console)\n(.*?)^```$", PAGE, re.M | re.S))
    assert len(re.findall(r"^(?:>>>|\$) ", inside, re.M)) == len(prompts) > 80
    assert all(line.startswith("$ nasbench ") for line in inside.split("\n") if line[:1] == "$")
    for block in re.findall(r"^```.*?^```$|^\|.*?$", PAGE, re.M | re.S):
        assert max(map(len, block.split("\n"))) <= 100


@pytest.mark.parametrize("peer", PEERS)
def test_our_calls_answer_what_the_page_says(peer: str, capsys: pytest.CaptureFixture[str]) -> None:
    begun(peer)
    command(parts(peer)[0])
    assert "Error" not in capsys.readouterr().out


def test_what_the_page_counts(cifar10: Table) -> None:
    metrics = cifar10.metrics
    assert sum(name.startswith("zc_") for name in metrics) == 13
    assert sum(name.endswith("_latency_ms") for name in metrics) == 29
    counted = cifar10.query_many(range(cifar10.rows), "params")
    assert (counted != cifar10.query_many(range(cifar10.rows), "published_params")).sum() == 150
    assert load("nasbench101/cifar10", "table").rows == 30_001
    assert load("nasbench101_4v/cifar10").rows == 91
    with pytest.raises(NotMeasured):
        cifar10.query(11, "val_accuracy", epochs=12, seed=0)


# nats_bench.


@pytest.fixture
def own(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of the chapter on nats_bench, once the sample files have been packed."""
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    monkeypatch.chdir(published / SAMPLE)
    names = begun("nats_bench")
    shown = parts("nats_bench")[1]
    command(shown)
    execute(shown, names)
    return names


@pytest.fixture
def api(published: Path) -> Any:
    """nats_bench itself, on its sample files."""
    peer = pytest.importorskip("nats_bench", reason="nats_bench is not installed")
    folder = published / SAMPLE / "NATS-tss-v1_0-3ffb9-simple"
    return peer.create(str(folder), "tss", fast_mode=True, verbose=False)


def value(api: Any, data: str, key: str, index: int, epochs: int) -> float:
    found: float = api.get_more_info(index, data, hp=str(epochs), is_random=False)[key]
    return found


@pytest.mark.published
def test_files_of_nats_bench(own: dict[str, Any]) -> None:
    assert own["own"].rows == len(TRAINED)


@pytest.mark.published
def test_nats_bench_gives_the_same_answers(own: dict[str, Any], api: Any) -> None:
    pairs = SAME.findall(PEERS["nats_bench"])
    assert len(pairs) >= 12
    for theirs, ours in pairs:
        expected = eval(theirs, {"api": api, "cell": own["cell"]})
        if not isinstance(expected, str):
            expected = pytest.approx(expected, rel=1e-9)
        assert eval(ours, dict(own)) == expected, theirs


@pytest.mark.published
@pytest.mark.parametrize("epochs", [12, 200])
def test_nats_bench_has_the_same_numbers_under_its_names(
    api: Any, tasks: dict[str, Table], epochs: int
) -> None:
    rows = ROW.findall(PEERS["nats_bench"])
    compared = set()
    for data, key, task, metric in rows:
        for index in TRAINED:
            try:
                ours = tasks[task].query(index, metric, epochs=epochs)
            except NotMeasured:
                continue
            assert ours == pytest.approx(value(api, data, key, index, epochs), rel=1e-8)
            compared.add((data, key))
    # After 200 epochs everything was measured, after 12 the accuracies and seconds of a search.
    assert len(compared) == (len(rows) if epochs == 200 else 9)


@pytest.mark.published
def test_nats_bench_numbers_and_names_the_cells_as_we_do(api: Any, cifar10: Table) -> None:
    space: Any = cifar10.space
    assert [api.arch(n) for n in range(len(api))] == [space.format(arch) for arch in space]
    for number in range(0, len(api), 25):
        assert api.get_unique_str(number) == space.form(space.at(number))
    operations = [name for node in api.str2lists(api.arch(11)) for name, _ in node]
    names = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    assert tuple(map(names.index, operations)) == space.at(11)
    assert api.query_index_by_arch("no cell") == -1


@pytest.mark.published
def test_nats_bench_draws_a_training_where_we_are_asked_to(api: Any, cifar10: Table) -> None:
    for index in TRAINED:
        drawn = api.get_more_info(index, "cifar10", hp="200", is_random=True)["test-accuracy"]
        every = cifar10.query(index, "test_accuracy", epochs=200, seed="all")
        assert np.isclose(every, drawn, rtol=1e-9).any()
        assert cifar10.query(index, seed=np.random.default_rng(0)) in every
        # Nothing is said by the call: 12 epochs there, 200 here.
        theirs = api.get_more_info(index, "cifar10")["test-accuracy"]
        assert theirs == cifar10.query(index, epochs=12) != cifar10.query(index)


@pytest.mark.published
def test_nats_bench_adds_one_pass_over_the_validation_images(api: Any, cifar10: Table) -> None:
    for index in TRAINED:
        api.reset_time()
        _, _, seconds, used = api.simulate_train_eval(index, "cifar10", hp="12")
        one = value(api, "cifar10-valid", "valid-per-time", index, 12)
        ours = cifar10.query(index, "train_seconds", epochs=12)
        assert seconds - one == pytest.approx(ours, rel=1e-9)
        assert used == seconds


@pytest.mark.published
@pytest.mark.parametrize("most", [40, 1_000])
def test_nats_bench_finds_the_best_that_a_frame_has(api: Any, cifar10: Table, most: int) -> None:
    for index in TRAINED:
        api.get_more_info(index, "cifar10", hp="200")
    found = api.find_best("cifar10", "valid", flop_max=most, hp="200", enforce_all=False)
    frame = cifar10.frame(["val_accuracy", "flops"]).iloc[list(TRAINED)]
    ours = frame[frame["flops"] <= most * 1e6]["val_accuracy"]
    assert cifar10.space.format(cifar10.space.at(found[0])) == ours.idxmax()
    assert found[1] == pytest.approx(ours.max(), rel=1e-9)


# nasbench.


def test_files_of_nasbench(tfrecords: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = begun("nasbench")
    matrix, words = names["pruned"], names["words"]
    assert matrix.tolist() == names["matrix"]
    text, operations = "".join(map(str, matrix.ravel())), ",".join(words)
    records = []
    for run in range(3):
        share = 0.9 + run / 100
        evaluations = [
            (0.0, 0.0, 0.1, 0.1, 0.1),
            (54.0, 500.0, share, share - 0.1, share - 0.2),
            (108.0, 1_000.0, 1.0, share, share - 0.1),
        ]
        message = tfrecords.metrics(evaluations, 31_552_906, 1_100.0)
        key = names["sample"].space.fingerprint(names["cell"])
        records.append(tfrecords.record(key, 108, text, operations, message))
    folder = tmp_path / "FOLDER"
    folder.mkdir()
    framed = b"".join(map(tfrecords.framed, records))
    (folder / "nasbench_only108.tfrecord").write_bytes(framed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    shown = parts("nasbench")[1]
    command(shown)
    execute(shown, names)
    expected = [100 * (0.9 + run / 100 - 0.2) for run in range(3)]
    assert names["halfway"] in expected
    assert names["full"].query(names["cell"], "val_accuracy", seed=2) == pytest.approx(92)


def test_a_hash_finds_its_cell() -> None:
    names = begun("nasbench")
    space: Nasbench101 = names["sample"].space
    assert len(names["by_hash"]) == 500
    for key, arch in list(names["by_hash"].items())[::50]:
        assert space.fingerprint(arch) == key


# NASLib.


def test_the_three_lines_convert_every_cell(cifar10: Table) -> None:
    names = begun("NASLib")
    space: Any = cifar10.space
    for arch in space:
        there = space.to_naslib(arch)
        assert tuple(names["operations"][there[edge]] for edge in names["edges"]) == arch


def test_its_optimizers_are_strategies() -> None:
    chapter = PEERS["NASLib"]
    named = re.findall(r"^\| `\w+` \| `(\w+)` \|$", chapter, re.M)
    (branches,) = re.findall(r"of its branches are (.+?)\.", chapter)
    ours = {*named, *re.findall(r"`(\w+)`", branches)}
    assert len(ours) == 7
    assert ours <= set(registry.names("strategies"))


def test_a_search_that_sees_the_last_epoch() -> None:
    names = begun("NASLib")
    found = names["found"]
    assert {trial.epochs for trial in found.trials} == {200}
    assert len(found.trials) == 150
    assert found.settings["population_size"] == 30
