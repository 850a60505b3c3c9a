"""Whether strategies rank on a surrogate as on the table: the study, its folder and its page."""

import shutil
from dataclasses import asdict

import numpy as np
import pytest

from nasbench_suite import Budget, load, run
from nasbench_suite.campaigns.fidelity import fidelity
from nasbench_suite.campaigns.known import archs_of
from nasbench_suite.core import DamagedInput, InvalidSetting, OutputError, UnknownName
from nasbench_suite.executors import processes
from nasbench_suite.reports.fidelity import page, read_fidelity
from nasbench_suite.scoring.curves import reported

NAME = "nasbench_macro/cifar10"
ASKED = {
    "family": "ridge",
    "train": (40, 200),
    "trials": 2,
    "strategies": ("random_search", "local_search", "regularized_evolution"),
    "seeds": 6,
    "evaluations": 30,
}
RUNS = 3 * 5
TWO = ("random_search", "local_search")


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    out = tmp_path_factory.mktemp("studied") / "out"
    told = []
    found = fidelity([NAME], out=out, **ASKED, progress=lambda *done: told.append(done))
    assert told == [(done, 4 + RUNS) for done in range(4 + RUNS + 1)]
    return out, found


def test_one_for_each_length_and_source(studied):
    _, found = studied
    asked = [(None, None), (40, 0), (40, 1), (200, 0), (200, 1)]
    assert [(one.train, one.trial) for one in found] == asked * 2
    assert [one.evaluations for one in found] == [15] * 5 + [30] * 5
    for one in found:
        assert -1 <= one.ranking <= 1
        assert one.gap >= 0
        assert (one.kendall is None) == (one.train is None)
    # More architectures are predicted better.
    assert min(one.kendall for one in found if one.train == 200) > max(
        one.kendall for one in found if one.train == 40
    )


def test_runs_on_the_table_are_runs_of_the_suite(studied):
    out, _ = studied
    kept = np.load(out / "runs" / "nasbench_macro-cifar10-table-local_search.npy")
    made = run("local_search", NAME, budget=Budget(evaluations=30), seed=4)
    assert kept[4].tolist() == reported(made, load(NAME)).tolist()


def test_a_surrogate_that_knows_the_truth_agrees_as_half_of_the_table_does(studied, tmp_path):
    """Searches on the true values are those on the table, seed by seed."""
    out = tmp_path / "out"
    table = load(NAME)
    rules = table.protocol("standard")
    archs = list(archs_of(table))
    assert rules.epochs == ()
    seen = table.query_many(archs, rules.objective, seed=rules.seed)
    told = table.query_many(archs, rules.report.metric, seed=rules.report.seed)
    fidelity([NAME], out=out, **{**ASKED, "train": (40,), "trials": 1})
    file = out / "predicted" / "nasbench_macro-cifar10-40-0.npz"
    np.savez(file, seen=seen, paid=np.ones(len(seen)), told=told, kendall=1.0, noise=0.0)
    for path in (out / "runs").glob("*-40-0-*"):
        path.unlink()
    halves, knowing = fidelity([NAME], out=out, **{**ASKED, "train": (40,), "trials": 1})[-2:]
    for measure in ("ranking", "anytime", "gap"):
        assert getattr(knowing, measure) == getattr(halves, measure)
    for name in ASKED["strategies"]:
        one, other = (
            np.load(out / "runs" / f"nasbench_macro-cifar10-{source}-{name}.npy")
            for source in ("table", "40-0")
        )
        assert np.array_equal(one, other)


def test_what_is_there_is_not_made_again(studied):
    out, found = studied
    paths = sorted([*(out / "runs").iterdir(), *(out / "predicted").iterdir()])
    before = [path.read_bytes() for path in paths]
    paths[3].unlink()
    paths[-1].unlink()
    told = []
    with processes(2) as executor:
        again = fidelity(
            [NAME], out=out, **ASKED, executor=executor, progress=lambda *d: told.append(d)
        )
    assert told[0] == (4 + RUNS - 2, 4 + RUNS)
    assert again == found
    assert [path.read_bytes() for path in paths] == before


def test_the_page_says_what_was_found(studied):
    _, found = studied
    text = page(found, family="ridge", strategies=3, seeds=6)
    assert f"## {NAME}" in text
    assert "| the table itself | – |" in text
    assert text.count("| 40 |") == text.count("| 200 |") == 1
    (own,) = [line for line in text.splitlines() if line.startswith("| the table itself")]
    assert f"{found[5].ranking:.2f}".replace("-", "−") in own
    assert "after 15 and 30 evaluations" in text


def test_the_command(tmp_path, nasbench):
    given = ["surrogate", "fidelity", NAME, "--family", "ridge", "--train", "40", "--trials", "1"]
    given += ["--strategies", "random_search,local_search,reinforce", "--seeds", "4"]
    given += ["--evaluations", "10", "--out", tmp_path / "out"]
    done = nasbench(*given, "--json")
    assert done.code == 0
    assert [row["train"] for row in done.json] == [None, 40, None, 40]
    assert (tmp_path / "out" / "fidelity.svg").read_bytes().startswith(b"<?xml")
    study = read_fidelity(tmp_path / "out")
    assert [asdict(one) for one in study.agreements] == done.json
    assert (study.family, study.strategies, study.seeds) == ("ridge", 3, 4)
    assert "other half" in nasbench(*given).out
    assert nasbench(*given, "--set", "strength=3.0").code == 2


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"family": "rigde"}, UnknownName, "did you mean ridge"),
        ({"settings": {"strenght": 1.0}}, UnknownName, "did you mean strength"),
        ({"seeds": 5}, InvalidSetting, "even"),
        ({"evaluations": 9}, InvalidSetting, "even"),
        ({"seeds": 2}, InvalidSetting, "seeds"),
        ({"trials": 0}, InvalidSetting, "trials"),
        ({"train": ()}, InvalidSetting, "at least one benchmark"),
        ({"train": (40, 40)}, InvalidSetting, "each once"),
        ({"train": (6561,)}, InvalidSetting, "6,561 in all"),
        ({"strategies": TWO}, InvalidSetting, "three strategies"),
        ({"strategies": (*TWO, "lokal")}, UnknownName, "lokal"),
        ({"strategies": (*TWO, "hyperband")}, InvalidSetting, "multi_fidelity"),
    ],
)
def test_wrong_questions(tmp_path, changes, error, words):
    with pytest.raises(error, match=words):
        fidelity([NAME], out=tmp_path / "out", **{**ASKED, **changes})
    assert not (tmp_path / "out").exists()


def test_a_sample_has_no_order_of_strategies(tmp_path):
    with pytest.raises(InvalidSetting, match="a sample of mnasnet"):
        fidelity(["mnasnet/imagenet"], out=tmp_path / "out", **ASKED)


def test_folders(studied, tmp_path):
    out, _ = studied
    with pytest.raises(InvalidSetting, match="another evaluations"):
        fidelity([NAME], out=out, **{**ASKED, "evaluations": 40})
    (tmp_path / "thesis.tex").write_text("important")
    with pytest.raises(OutputError, match=r"thesis\.tex"):
        fidelity([NAME], out=tmp_path, **ASKED)
    path = next((out / "runs").iterdir())
    content = path.read_bytes()
    path.write_bytes(content[:50])
    with pytest.raises(DamagedInput, match="remove it"):
        fidelity([NAME], out=out, **ASKED)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predicted/nasbench_macro-cifar10-200-0.npz", b"PK\x03\x04"),
        ("predicted/nasbench_macro-cifar10-200-0.npz", b""),
        ("runs/nasbench_macro-cifar10-200-0-local_search.npy", b""),
        ("runs/nasbench_macro-cifar10-table-local_search.npy", np.ones((6, 5))),
        ("runs/nasbench_macro-cifar10-table-local_search.npy", np.full((6, 30), "a")),
        ("runs/nasbench_macro-cifar10-table-local_search.npy", np.full((6, 30), np.nan)),
    ],
)
def test_what_is_kept_was_damaged(studied, tmp_path, name, content):
    out = tmp_path / "out"
    shutil.copytree(studied[0], out)
    if isinstance(content, bytes):
        (out / name).write_bytes(content)
    else:
        np.save(out / name, content)
    with pytest.raises(DamagedInput, match=r"is damaged.*: remove it, and ask again") as caught:
        fidelity([NAME], out=out, **ASKED)
    assert str(out / name) in str(caught.value)
    (out / name).unlink()
    again = fidelity([NAME], out=out, **ASKED)
    assert [asdict(one) for one in again] == [asdict(one) for one in studied[1]]


def test_each_benchmark_once(tmp_path):
    with pytest.raises(InvalidSetting, match="each once"):
        fidelity([NAME, NAME], out=tmp_path / "out", **ASKED)


def test_runs_of_a_strategy_that_was_changed_are_not_taken_for_its_own(tmp_path):
    file = tmp_path / "mine.py"
    text = "from nasbench_suite.strategies.{0} import {1}\nclass Mine({1}):\n    pass\n"
    file.write_text(text.format("random_search", "RandomSearch"))
    asked = {**ASKED, "train": (40,), "trials": 1, "seeds": 4, "evaluations": 4}
    asked["strategies"] = ("random_search", "local_search", f"{file}:Mine")
    fidelity([NAME], out=tmp_path / "out", **asked)
    file.write_text(text.format("local_search", "LocalSearch"))
    with pytest.raises(InvalidSetting, match="another code"):
        fidelity([NAME], out=tmp_path / "out", **asked)
