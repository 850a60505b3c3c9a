"""The verbs `surrogate evaluate` and `tune`: what they print, and say to wrong input."""

import json
import re

import pytest

from nasbench_suite import cli
from nasbench_suite.campaigns.splitting import SPLITS
from nasbench_suite.campaigns.trying import MEASURES
from nasbench_suite.campaigns.trying import SPLITS as TUNING_SPLITS
from nasbench_suite.surrogates.evaluate import Measures

QUICK = ("--set", "encoding=one_hot", "--set", "epochs=5", "--test", "200")


@pytest.fixture
def evaluate(nasbench):
    def run(*arguments, table="nasbench201/cifar10", metric="test_accuracy", train="50,100"):
        return nasbench(
            *("surrogate", "evaluate", "mlp_ensemble", "--table", table, "--metric", metric),
            *("--train", train, *QUICK, *arguments),
        )

    return run


def test_json_is_one_object_a_trial(evaluate):
    done = evaluate("--trials", "3", "--json")
    assert done.code == 0
    assert [(row["train"], row["trial"]) for row in done.json] == [
        (size, trial) for trial in range(3) for size in (50, 100)
    ]
    for row in done.json:
        assert {*Measures._fields, "fit_seconds", "predict_seconds"} < set(row)
        assert row["family"] == "mlp_ensemble"
        assert row["table"] == "nasbench201/cifar10"
        assert row["metric"] == "test_accuracy"
        assert -1 <= row["kendall"] <= 1


def test_the_table_has_a_line_a_measure_and_a_column_a_size(evaluate):
    done = evaluate("--trials", "3", train="50,1000")
    lines = done.out.splitlines()
    assert lines[0] == (
        "mlp_ensemble on nasbench201/cifar10, test_accuracy, split random: "
        "mean over 3 trials ± 95 % interval"
    )
    assert lines[1].split() == ["train", "50", "1,000"]
    named = [line.split()[0] for line in lines[2:]]
    assert named == [*Measures._fields, "fit_seconds", "predict_seconds"]
    assert all(line.count(" ± ") == 2 for line in lines[2:])


def test_one_trial_has_no_interval(evaluate):
    done = evaluate("--trials", "1", train="50")
    assert "±" not in done.out
    assert done.out.startswith("mlp_ensemble on nasbench201/cifar10")


def test_a_part_a_strategy(evaluate):
    done = evaluate(
        *("--trials", "1", "--split", "strategies", "--strategies", "random_search,local_search"),
        *("--evaluations", "100", "--test", "50"),
        train="50",
    )
    assert done.code == 0, done.err
    parts = [line for line in done.out.splitlines() if line.startswith("tested on")]
    assert parts == [
        "tested on what random_search visits",
        "tested on what local_search visits",
    ]


@pytest.mark.parametrize("split", ["forms", "top", "mutated"])
def test_other_splits(evaluate, split):
    done = evaluate("--trials", "1", "--split", split, "--json")
    assert [row["split"] for row in done.json] == [split, split]
    assert [row["test"] for row in done.json] == [200, 200]


def test_every_split_can_be_asked(capsys):
    with pytest.raises(SystemExit):
        cli.main(["surrogate", "evaluate", "--help"])
    assert "{" + ",".join(SPLITS) + "}" in capsys.readouterr().out


def test_what_is_left_out_is_told(evaluate):
    given = {"table": "mnasnet/imagenet", "metric": "zcu102_throughput", "train": "50"}
    done = evaluate("--trials", "1", "--drop-missing", "--json", **given)
    assert done.code == 0
    assert "left out: 2 of 5,125 architectures have no zcu102_throughput" in done.err
    refused = evaluate("--trials", "1", **given)
    assert refused.code == 2
    assert "--drop-missing" in refused.err


def test_extra_columns_and_calibration(evaluate, tmp_path):
    given = ("--trials", "1", "--json")
    told = evaluate(
        *(*given, "--extra", "params, flops", "--calibrate", "0.4", "--out", tmp_path / "out"),
        train="100",
    )
    assert told.code == 0, told.err
    asked = json.loads((tmp_path / "out" / "judging.json").read_text())
    assert (asked["extra"], asked["calibrate"]) == (["params", "flops"], 0.4)
    plain = evaluate(*given, train="100")
    assert (told.json[0]["train"], told.json[0]["test"]) == (100, 200)
    assert told.json[0]["kendall"] != plain.json[0]["kendall"]


def test_a_folder_is_answered_once(evaluate, tmp_path):
    given = ("--trials", "2", "--json", "--out", tmp_path / "out")
    first, again = evaluate(*given), evaluate(*given)
    assert first.out == again.out
    assert json.loads((tmp_path / "out" / "judging.json").read_text())["family"] == "mlp_ensemble"


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ((), {"train": "100,four"}, "--train '100,four'"),
        ((), {"train": ""}, "at least one training size"),
        ((), {"train": "99999"}, "train on 15,425 at most"),
        ((), {"metric": "acc"}, "did you mean"),
        ((), {"table": "nasbench201"}, "no benchmark named 'nasbench201'"),
        (("--set", "depth=3"), {}, "no setting named 'depth'"),
        (("--set", "width"), {}, "KEY=VALUE"),
        (("--split", "official"), {}, "no official split"),
        (("--split", "strategies", "--strategies", "random_search"), {}, "at least two strategies"),
        (("--split", "top", "--quantile", "1.5"), {}, "quantile is 1.5"),
        (("--epochs", "17"), {}, "no test_accuracy after 17 epochs"),
        (("--trials", "0"), {}, "trials is 0"),
        (("--extra", "parms"), {}, "did you mean params"),
        (("--extra", "params,val_accuracy"), {}, "it is of the split validation"),
        (("--extra", "zc_nwot"), {}, "have no zc_nwot"),
        (("--calibrate", "0.7"), {}, "calibrate is 0.7"),
        (("--calibrate", "0.3"), {}, "at least 20"),
    ],
)
def test_wrong_input_is_told_in_one_line(evaluate, arguments, given, said):
    done = evaluate(*arguments, **given)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("nasbench: ")
    assert done.err.count("\n") == 1
    assert said in done.err


def test_an_unknown_family(nasbench):
    done = nasbench("surrogate", "evaluate", "mlp", "--table", "nasbench201/cifar10", "--train", 50)
    assert done.code == 2
    assert "no surrogate named 'mlp': did you mean mlp_ensemble" in done.err


def test_a_verb_is_needed(nasbench):
    assert nasbench("surrogate").code == 2
    assert nasbench("surrogate", "guess").code == 2


# The verb `surrogate tune`.


@pytest.fixture
def tune(nasbench, tmp_path):
    def run(*arguments, family="svr"):
        return nasbench(
            *("surrogate", "tune", family, "--table", "nasbench201/cifar10"),
            *("--metric", "test_accuracy", "--train", "40", "--test", "100", "--trials", "4"),
            *("--out", tmp_path / "out", *arguments),
        )

    return run


def test_tuning_says_what_the_best_is_worth_and_that_it_was_chosen(tune, tmp_path):
    done = tune()
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == (
        "svr on nasbench201/cifar10, test_accuracy: 4 trials in 5 parts of 40 architectures"
    )
    assert lines[1].split() == ["kendall", "trial", "validation", "test", "fit", "seconds"]
    rows = [line.split() for line in lines[2:4]]
    assert [row[0] for row in rows] == ["defaults", "best"]
    assert lines[4].startswith("validation flatters the best, which was chosen for it; the 100 of")
    assert lines[-1] == f"written: {tmp_path / 'out' / 'settings.toml'}"
    said = tune("--json")
    found = said.json
    assert found["folder"] == str(tmp_path / "out")
    for row, name in zip(rows, ("default", "best"), strict=True):
        assert row[1] == str(found[name]["trial"])
        assert row[2] == f"{found[name]['validation']:.4f}"
        assert row[3] == f"{found[name]['measures']['kendall']:.4f}"
    assert [one["trial"] for one in found["trials"]] == [0, 1, 2, 3]
    best = found["trials"][found["best"]["trial"]]
    assert found["best"]["settings"] == {"members": 5, **best["settings"]}
    # Asked again, nothing is made again, not even the seconds.
    assert tune("--json").out == said.out


def test_tuning_with_everything_asked(tune, tmp_path):
    done = tune(
        *("--measure", "rmse", "--folds", "4", "--seed", "3", "--epochs", "200", "--json"),
        *("--set", "tube=0.1", "--set", "members=2", "--split", "random", "--drop-missing"),
    )
    assert done.code == 0, done.err
    assert (done.json["measure"], done.json["folds"], done.json["seed"]) == ("rmse", 4, 3)
    assert all("tube" not in one["settings"] for one in done.json["trials"])
    assert len(done.json["trials"][0]["scores"]) == 4
    asked = json.loads((tmp_path / "out" / "tuning.json").read_text())
    assert (asked["epochs"], asked["settings"]["tube"]) == (200, 0.1)


def test_failed_trials_are_counted(tune, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from nasbench_suite.surrogates.ridge import Ridge\n"
        "from nasbench_suite.surrogates.base import Choice\n\n"
        "class Mine(Ridge):\n"
        "    tuned = {'target': Choice(('auto', 'raw', 'log'))}\n"
        "    def __init__(self, space, *, target='auto'):\n"
        "        super().__init__(space, target=target)\n"
        "        self._own = target\n"
        "    def _fit(self, *given):\n"
        "        if self._own == 'auto':\n"
        "            raise ArithmeticError\n"
        "        super()._fit(*given)\n"
    )
    done = tune(family=f"{path}:Mine")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert re.fullmatch(r".* of 40 architectures, [1-3] of them failed", lines[0])
    assert lines[2].split() == ["defaults", "0", "–", "–", "–"]
    assert re.fullmatch("target auto → (raw|log)", lines[5])


def test_every_measure_can_be_asked(capsys):
    with pytest.raises(SystemExit):
        cli.main(["surrogate", "tune", "--help"])
    said = capsys.readouterr().out
    for choices in (MEASURES, TUNING_SPLITS):
        assert "{" + ",".join(choices) + "}" in said


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ((), {"family": "distilled"}, "does not say which of its settings may be tuned"),
        ((), {"family": "mlp"}, "no surrogate named 'mlp': did you mean mlp_ensemble"),
        (("--trials", "0"), {}, "trials is 0"),
        (("--folds", "30"), {}, "40 architectures in 30 parts: train on at least 60"),
        (("--split", "official"), {}, "no official split"),
        (("--set", "depth=3"), {}, "no setting named 'depth'"),
        (("--set", "depth"), {}, "KEY=VALUE"),
        (("--metric", "acc"), {}, "did you mean"),
    ],
)
def test_tuning_what_cannot_be_is_told_in_one_line(tune, tmp_path, arguments, given, said):
    done = tune(*arguments, **given)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("nasbench: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert not (tmp_path / "out").exists()
