"""The table of NAS-Bench-NLP, compared with the logs, and searches that meet failures."""

import gzip
import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import Budget, compare, load, run
from nasbench_suite.core import DamagedInput, NotMeasured, Proposal
from nasbench_suite.experiments.search import Evaluator
from nasbench_suite.scoring.summary import summarise
from nasbench_suite.spaces import nasbench_nlp
from nasbench_suite.tables.importers.nasbench_nlp import pool
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table

ARCHIVE = "nas-bench-nlp-full/train_logs_single_run.zip"
RUNGS = (1, 5, 16, 50)


@pytest.fixture(scope="module")
def table():
    return load("nasbench_nlp/penn_treebank")


@pytest.fixture(scope="module")
def logs(published):
    with zipfile.ZipFile(published / ARCHIVE) as archive:
        return [json.loads(archive.read(name)) for name in archive.namelist()]


def test_the_pool_is_covered(table):
    assert (table.rows, table.covers_space) == (14_322, True)
    assert table.metrics["val_loss"].direction == "min"
    known = ~np.isnan(table.query_many(np.arange(14_322), "val_loss", epochs=50))
    assert known.sum() == 11_598
    least = table.best(table.protocol("standard").report)
    assert least == np.nanmin(table.query_many(np.arange(14_322), "test_loss"))


@pytest.mark.published
def test_every_value_is_the_published_one(table, logs):
    names = [str(log["recepie_id"]) for log in logs]
    assert len(set(names)) == 14_322
    for metric, key in (
        ("val_loss", "val_losses"),
        ("test_loss", "test_losses"),
        ("train_loss", "train_losses"),
    ):
        padded = np.array([log[key] + [np.nan] * (50 - len(log[key])) for log in logs])
        for epochs in RUNGS:
            found = table.query_many(names, metric, epochs=epochs, seed=0)
            assert np.array_equal(found, padded[:, epochs - 1], equal_nan=True), metric
        if metric == "train_loss":
            continue
        for name, values in zip(names, padded, strict=True):
            if np.isnan(values).all():
                with pytest.raises(NotMeasured, match="no learning curve"):
                    table.curve(name, metric)
            else:
                assert np.array_equal(table.curve(name, metric), values, equal_nan=True)
    for epochs in RUNGS:
        spent = [np.cumsum(log["wall_times"][:epochs])[-1:] for log in logs]
        expected = [times[0] if len(times) else np.nan for times in spent]
        found = table.query_many(names, "train_seconds", epochs=epochs)
        assert np.allclose(found, expected, rtol=1e-14, equal_nan=True)
        assert np.isnan(found).sum() == 65
    for name, log in list(zip(names, logs, strict=True))[::50]:
        if log["wall_times"]:
            seconds = table.curve(name, "train_seconds")
            assert np.array_equal(seconds[: len(log["wall_times"])], np.cumsum(log["wall_times"]))
            assert np.isnan(seconds[len(log["wall_times"]) :]).all()
    params = table.query_many(names, "published_params")
    assert params.tolist() == [log["num_params"] for log in logs]
    ran = table.query_many(names, "epochs_run")
    assert ran.tolist() == [len(log["wall_times"]) for log in logs]


@pytest.mark.published
def test_failures_are_those_of_the_logs(table, logs):
    failed = [str(log["recepie_id"]) for log in logs if log["status"] != "OK"]
    assert len(failed) == 2_724
    assert np.isnan(table.query_many(failed, "val_loss", epochs=50)).all()
    sound = [str(log["recepie_id"]) for log in logs if log["status"] == "OK"]
    assert not np.isnan(table.query_many(sound, "val_loss", epochs=50)).any()
    for log in logs[:50]:
        cell = {
            node: (e["op"], tuple(e["input"])) for node, e in json.loads(log["recepie"]).items()
        }
        assert table.space.recipe(table.space.parse(str(log["recepie_id"]))) == cell


@pytest.mark.parametrize("strategy", ["successive_halving", "hyperband", "bohb"])
def test_short_trainings_are_continued_and_failures_cost_what_they_ran(table, strategy):
    found = run(strategy, table, budget=Budget(evaluations=400), seed=0, protocol="multi_fidelity")
    paid, failures = {}, 0
    for trial in found.trials:
        number = trial.arch[0]
        try:
            spent = table.query(number, "train_seconds", epochs=trial.epochs)
        except NotMeasured:
            spent = 0.0
            assert table.query(number, "epochs_run") == 0
        before = paid.get(number, 0.0)
        assert trial.cost == pytest.approx(max(0.0, spent - before))
        paid[number] = max(spent, before)
        if trial.status == "failed":
            failures += 1
            assert trial.score == -np.inf
        else:
            value = table.query(number, "val_loss", epochs=trial.epochs)
            assert trial.score == -value
            assert trial.values == {"val_loss": value}
    assert 20 < failures < 200
    assert {trial.epochs for trial in found.trials} == set(RUNGS)
    best = max((t for t in found.trials if t.epochs == 50), key=lambda t: t.score)
    # Half of all whole trainings end above this.
    assert -best.score < np.nanmedian(table.query_many(np.arange(14_322), "val_loss"))


def test_a_failure_that_nobody_timed_costs_nothing(table):
    unknown = np.flatnonzero(np.isnan(table.query_many(np.arange(14_322), "train_seconds")))
    assert len(unknown) == 65
    evaluate = Evaluator(table, table.protocol("multi_fidelity"))
    for number in unknown.tolist():
        trial = evaluate(0, Proposal((number,), 1))
        assert (trial.status, trial.cost, trial.values) == ("failed", 0.0, {})


def test_less_is_better_all_the_way_to_the_report(table, tmp_path):
    made = compare(
        ["nasbench_nlp/penn_treebank"],
        ["random_search", "regularized_evolution"],
        budget=Budget(evaluations=150),
        seeds=3,
        out=tmp_path / "compared",
    )
    scores = summarise(made).scores
    assert len(scores) == 2
    optimum = table.best(table.protocol("standard").report)
    average = table.average(table.protocol("standard").report)
    for score in scores:
        assert optimum <= score.mean < average
        assert score.regret == pytest.approx(score.mean - optimum)
        assert score.relative_improvement == pytest.approx(100 * (average - score.mean) / average)
    for made_run in made.runs("nasbench_nlp/penn_treebank", "random_search"):
        least = min(t.values["val_loss"] for t in made_run.trials if t.status == "ok")
        assert max(t.score for t in made_run.trials) == -least


def test_a_log_that_is_none_is_named(tmp_path):
    folder = tmp_path / "in" / "nas-bench-nlp-full"
    folder.mkdir(parents=True)
    log = {
        "recepie_id": 1_000_000,
        "status": "OK",
        **dict.fromkeys(("wall_times", "train_losses", "val_losses", "test_losses"), [1.0] * 50),
    }
    short = {**log, "val_losses": [1.0] * 49}
    for content, says in (
        (json.dumps(log)[:-9], "a.json: no log of a training"),
        ("[]", "a.json: no log of a training"),
        (json.dumps(short), "a.json: it has not 50 epochs"),
        (json.dumps({**short, "status": "loss is nan!"}), "a.json: it has not 50 epochs"),
    ):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("a.json", content)
        (tmp_path / "in" / ARCHIVE).write_bytes(made.getvalue())
        with pytest.raises(DamagedInput, match=says):
            pack("nasbench_nlp", tmp_path / "in", tmp_path / "out" / "nasbench_nlp")
        assert not (tmp_path / "out").exists()


@pytest.mark.published
def test_the_list_of_the_space_is_made_of_the_logs(published):
    made, kept = pool(published), Path(nasbench_nlp.__file__).with_name("nasbench_nlp.txt.gz")
    assert gzip.decompress(made) == gzip.decompress(kept.read_bytes())
    # Other libraries compress the same text to other bytes.
    if zlib.ZLIB_RUNTIME_VERSION.count("ng") == 0:
        assert made == kept.read_bytes()


@pytest.mark.published
@pytest.mark.slow
def test_packing_again_gives_the_same_bytes(published, tmp_path, table):
    folder = pack("nasbench_nlp", published, tmp_path / "nasbench_nlp")
    for file in ("table.h5", "index.json", "card.toml"):
        assert (folder / file).read_bytes() == (table.folder / file).read_bytes(), file
    assert Table.open(folder).rows == 14_322
