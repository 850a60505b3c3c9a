"""The verb `surrogate evaluate`: what it prints, and what it says to wrong input."""

import json

import pytest

from nasbench_suite import cli
from nasbench_suite.campaigns.splitting import SPLITS
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
