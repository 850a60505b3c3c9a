"""Families are fitted again and again to parts of real tables, and judged on other parts."""

import json
import math

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies

from nasbench_suite import load
from nasbench_suite.campaigns import judging
from nasbench_suite.campaigns.judging import averages, judge
from nasbench_suite.campaigns.known import known_of
from nasbench_suite.campaigns.one_trial import calibrating
from nasbench_suite.campaigns.splitting import SPLITS, STRATEGIES, Splitting, visited
from nasbench_suite.core import DamagedInput, InvalidSetting, OutputError, UnknownName
from nasbench_suite.surrogates.evaluate import Measures
from nasbench_suite.surrogates.mlp_ensemble import MlpEnsemble

QUICK = {"encoding": "one_hot", "epochs": 5}
FAMILY = """
import numpy as np
from nasbench_suite.surrogates.base import Surrogate

class {name}(Surrogate):
    reads_extra = {reads}
    def __init__(self, space):
        super().__init__(space)
    def _fit(self, *given):
        pass
    def _predict(self, archs, extra):
        {body}
    def _state(self):
        return {{}}
    def _restore(self, arrays):
        pass
"""


def family(folder, name, body, *, reads=False):
    path = folder / f"{name.lower()}.py"
    path.write_text(FAMILY.format(name=name, body=body, reads=reads))
    return f"{path}:{name}"


def small(benchmark="nasbench201/cifar10", metric="test_accuracy", **more):
    given = {"train": [50, 100], "trials": 2, "settings": QUICK, **more}
    given["splitting"] = Splitting(**{"test": 200, **given.pop("how", {})})
    return judge("mlp_ensemble", benchmark, metric, **given)


def same(one, other):
    """Whether rows are equal but for the seconds."""

    def plain(rows):
        return [{k: v for k, v in row.row().items() if not k.endswith("_seconds")} for row in rows]

    return json.dumps(plain(one)) == json.dumps(plain(other))


def test_rows():
    rows = small()
    assert [(row.train, row.trial) for row in rows] == [(50, 0), (100, 0), (50, 1), (100, 1)]
    row = rows[0].row()
    assert list(row) == [
        *("family", "table", "metric", "split", "left_out", "train", "test", "trial"),
        *Measures._fields,
        *("fit_seconds", "predict_seconds"),
    ]
    assert row["family"] == "mlp_ensemble"
    assert row["table"] == "nasbench201/cifar10"
    assert row["metric"] == "test_accuracy"
    assert (row["split"], row["left_out"], row["test"]) == ("random", None, 200)
    assert row["fit_seconds"] > 0
    assert row["predict_seconds"] > 0
    assert json.loads(json.dumps(row)) == row


def test_a_trial_depends_on_its_number_alone():
    rows = small()
    assert same(rows, small())
    assert same(rows[3:], [small(train=[100])[1]])
    assert not same(rows[:1], [rows[2]])


def test_a_trial_by_hand(cifar10):
    """What is drawn, fitted and judged is what the numbers of the trial say."""
    (row,) = judge(
        "mlp_ensemble",
        "nasbench201/cifar10",
        "test_accuracy",
        train=[60],
        trials=1,
        settings=QUICK,
    )
    rng = np.random.default_rng(0)
    archs = list(cifar10.space)
    order = rng.permutation(len(archs))
    y = cifar10.query_many(order, "test_accuracy")
    model = MlpEnsemble(cifar10.space, **QUICK)
    model.fit([archs[place] for place in order[:60]], y[:60], rng)
    mean, _ = model.predict([archs[place] for place in order[60:]])
    assert row.test == len(archs) - 60
    assert row.measures.rmse == pytest.approx(np.sqrt(np.mean((mean - y[60:]) ** 2)), rel=1e-9)


def test_more_architectures_teach_more():
    few, many = averages(small(train=[50, 1000], trials=3, settings={"encoding": "one_hot"}))
    assert many.mean["kendall"] > few.mean["kendall"] + 0.1
    assert many.mean["rmse"] < few.mean["rmse"]
    assert many.mean["fit_seconds"] > few.mean["fit_seconds"]


def test_less_is_better_where_the_metric_says_so(tmp_path):
    """Whoever predicts the truth regrets nothing, in whichever direction the best lie."""
    true = family(
        tmp_path,
        "Truth",
        "from nasbench_suite import load; t = load('nasbench201/cifar10');"
        " v = t.query_many(archs, 'val_loss'); return v, np.full(len(v), 1e-3)",
    )
    (row,) = judge(true, "nasbench201/cifar10", "val_loss", train=[10], trials=1)
    assert row.family == "truth.Truth"
    assert row.measures.kendall == pytest.approx(1)
    assert row.measures.regret_at_1 == 0
    assert row.measures.precision_at_50 == 1
    assert row.measures.coverage == 1


def test_averages_by_hand():
    rows = small(trials=3)
    found = averages(rows)
    assert [(part.train, part.trials, part.left_out) for part in found] == [
        (50, 3, None),
        (100, 3, None),
    ]
    values = np.array([row.measures.kendall for row in rows if row.train == 50])
    assert found[0].mean["kendall"] == pytest.approx(values.mean())
    # Student's quantile for two degrees of freedom.
    reach = 4.302653 * values.std(ddof=1) / math.sqrt(3)
    assert found[0].reach["kendall"] == pytest.approx(reach, rel=1e-6)
    assert math.isnan(averages(rows[:1])[0].reach["kendall"])


# What is told beside the architectures.


def test_extra_columns_are_those_of_the_same_architectures_in_the_order_asked(tmp_path):
    """Of columns in the wrong rows, or in another order, no prediction is right."""
    told = family(tmp_path, "Told", "v = extra[:, 1]; return v, np.full(len(v), 1e-3)", reads=True)
    given = {"train": [10], "trials": 1, "extra": ["flops", "params"]}
    for how in ("random", "top"):
        splitting = Splitting(kind=how, test=300)
        (row,) = judge(
            told, "nasbench201/cifar10", "published_params", splitting=splitting, **given
        )
        # What was published is wrong for 150 of all cells.
        assert row.measures.kendall > 0.99


def test_a_trial_with_extra_columns_by_hand(cifar10):
    (row,) = small(train=[60], trials=1, extra=["params", "zc_nwot"], drop_missing=True)
    frame = cifar10.frame(["test_accuracy", "params", "zc_nwot"]).dropna()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(frame))
    archs = [cifar10.space.parse(frame.index[place]) for place in order]
    values = frame.to_numpy()[order]
    model = MlpEnsemble(cifar10.space, **QUICK)
    model.fit(archs[:60], values[:60, 0], rng, extra=values[:60, 1:])
    mean, _ = model.predict(archs[-200:], extra=values[-200:, 1:])
    assert row.measures.mae == pytest.approx(np.abs(mean - values[-200:, 0]).mean(), rel=1e-9)


def test_extra_columns_that_tell_something_help():
    """How large a network is says much of how long a chip takes for it."""
    given = {"metric": "fpga_latency_ms", "train": [40], "trials": 3}
    alone, told = (averages(small(**given, extra=extra))[0] for extra in ((), ("params", "flops")))
    assert told.mean["kendall"] > alone.mean["kendall"] + 0.1


def test_architectures_without_an_extra_value_are_named():
    """Of one network more nobody says to which part of the split it belongs."""
    given = {"benchmark": "mnasnet/imagenet", "metric": "tpuv3_throughput", "train": [50]}
    given |= {"extra": ["params", "official_split"], "trials": 1}
    with pytest.raises(InvalidSetting, match=r"44 of .* no tpuv3_throughput .*--drop-missing"):
        small(**given)
    with pytest.raises(
        InvalidSetting, match=r"1 of 5,125 architectures have no official_split .*e"
    ):
        small(**{**given, "metric": "val_accuracy"})
    told = []
    (row,) = small(**given, drop_missing=True, how={"test": None}, tell=told.append)
    frame = load("mnasnet/imagenet", "table").frame(["tpuv3_throughput", "official_split"])
    assert row.test == len(frame.dropna()) - 50
    assert ["44 of" in told[0], "1 of" in told[1], len(told)] == [True, True, 2]


# What is held back to calibrate.


def test_what_calibrates_is_not_fitted():
    """The model is that of a smaller size, on the same test part; only its intervals differ."""
    of_80, of_100 = small(train=[80, 100], trials=1)
    (held,) = small(train=[100], trials=1, calibrate=0.2)
    assert (held.train, held.test) == (100, 200)
    for name in ("kendall", "rmse", "precision_at_50"):
        assert getattr(held.measures, name) == getattr(of_80.measures, name)
    assert held.measures.rmse != of_100.measures.rmse
    assert held.measures.width != of_80.measures.width


def test_a_calibrated_trial_by_hand(cifar10):
    (row,) = small(train=[60], trials=1, calibrate=0.5, extra=["params"])
    rng = np.random.default_rng(0)
    order = rng.permutation(15_625)
    known = {"metric": "test_accuracy"}, {"metric": "params"}
    y, params = (cifar10.query_many(order, **one) for one in known)
    archs = [cifar10.space.at(int(place)) for place in order]
    model = MlpEnsemble(cifar10.space, **QUICK)
    model.fit(archs[:30], y[:30], rng, extra=params[:30, None])
    model.calibrate(archs[30:60], y[30:60], extra=params[30:60, None])
    _, std = model.predict(archs[-200:], extra=params[-200:, None])
    width = 2 * 1.6448536269514722 * std.mean()
    assert row.measures.width == pytest.approx(width, rel=1e-9)


def test_calibrated_intervals_hold_what_they_promise(tmp_path):
    """Whoever is far too sure, or not sure enough, is right of 90 % afterwards."""
    for name, std in (("Sure", 1e-6), ("Unsure", 1e3)):
        path = family(tmp_path, name, f"n = len(archs); return np.full(n, 90.0), np.full(n, {std})")
        given = {"train": [500], "trials": 3, "splitting": Splitting(test=1000)}
        asked = (path, "nasbench201/cifar10", "test_accuracy")
        before, after = (judge(*asked, **given, calibrate=share)[0] for share in (None, 0.5))
        assert before.measures.coverage in (0, 1)
        assert after.measures.coverage == pytest.approx(0.9, abs=0.04)


@drawn(train=strategies.integers(0, 10_000), share=strategies.floats(0, 0.5, exclude_min=True))
def test_a_share_calibrates_with_enough_or_not_at_all(train, share):
    assert calibrating(train, None) == 0
    if round(train * share) < 20:
        with pytest.raises(InvalidSetting, match="at least 20"):
            calibrating(train, share)
    else:
        count = calibrating(train, share)
        assert 20 <= count <= (train + 1) / 2
        assert abs(count - train * share) <= 0.5


# Splits.


def test_the_top_region_is_harder():
    at_random = averages(small(train=[300], trials=3))[0]
    at_the_top = averages(small(train=[300], trials=3, how={"kind": "top"}))[0]
    assert at_the_top.mean["kendall"] < at_random.mean["kendall"] - 0.2


def test_copies_are_easier_than_what_is_no_copy():
    """A cell without one operation is often a copy of another without another."""
    given = {"train": [1000], "trials": 3, "settings": {"encoding": "one_hot"}}
    at_random = averages(small(**given, how={"test": 2000}))[0]
    no_copies = averages(small(**given, how={"kind": "forms", "test": 2000}))[0]
    assert no_copies.mean["kendall"] < at_random.mean["kendall"]


def test_mutations(cifar10):
    rows = small(how={"kind": "mutated", "parents": 5, "test": None})
    # At most 24 neighbours each.
    assert all(60 < row.test <= 120 for row in rows)


def test_what_each_strategy_visits_is_left_out_in_turn():
    how = {"kind": "strategies", "evaluations": 100, "test": 50}
    rows = small(train=[50], trials=1, how=how)
    assert [row.left_out for row in rows] == list(STRATEGIES)
    assert same(rows, small(train=[50], trials=1, how=how))


def test_what_strategies_visit_is_what_their_runs_hold(cifar10):
    known = known_of(cifar10, "test_accuracy", None, False, None)
    found = visited(known, ["random_search", "local_search"], 30, seed=4)
    rng = np.random.default_rng(4)
    drawn = {cifar10.space.sample(rng) for _ in range(30)}
    assert {known.archs[place] for place in found["random_search"]} == drawn
    assert 10 < len(found["local_search"]) <= 30


def test_the_official_split():
    rows = small("mnasnet/imagenet", "val_accuracy", train=[500], how={"kind": "official"})
    assert [row.test for row in rows] == [200, 200]
    (row,) = small(
        "mnasnet/imagenet",
        "val_accuracy",
        train=[4000],
        trials=1,
        how={"kind": "official", "test": None},
    )
    assert row.test == 512
    assert row.measures.kendall > 0.85
    with pytest.raises(InvalidSetting, match="the official part `train` of mnasnet/imagenet has 4"):
        small("mnasnet/imagenet", "val_accuracy", train=[5000], how={"kind": "official"})


# The folder.


def test_a_folder_goes_on(tmp_path, monkeypatch):
    out = tmp_path / "out"
    rows = small(out=out)
    assert sorted(path.name for path in (out / "trials").iterdir()) == [
        *("100-0.json", "100-1.json", "50-0.json", "50-1.json")
    ]
    assert same(rows, small())
    (out / "trials" / "100-1.json").unlink()
    fits = []
    fit = MlpEnsemble._fit
    monkeypatch.setattr(
        MlpEnsemble,
        "_fit",
        lambda self, archs, *rest: (fits.append(len(archs)), fit(self, archs, *rest)),
    )
    again = small(out=out)
    assert fits == [100]
    assert same(rows, again)
    assert again[:3] == rows[:3]
    # Sizes and trials can be added.
    more = small(out=out, train=[100, 70], trials=3)
    assert fits == [100, 70, 70, 100, 70]
    assert same([rows[1], rows[3]], [more[0], more[2]])


def test_what_stops_halfway_is_kept(tmp_path):
    def stop(done, total):
        assert total == 4
        if done == 2:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        small(out=out, progress=stop)
    assert len(list((out / "trials").iterdir())) == 2
    assert same(small(out=out), small())


def test_what_is_not_finite_is_read_again(tmp_path):
    """A predictor that says the same of all, and surely, ranks nothing and is infinitely wrong."""
    constant = family(tmp_path, "Constant", "n = len(archs); return np.full(n, 90.0), np.zeros(n)")
    given = {"train": [10], "trials": 2, "out": tmp_path / "out"}
    first = judge(constant, "nasbench201/cifar10", "test_accuracy", **given)
    assert math.isnan(first[0].measures.kendall)
    assert first[0].measures.negative_log_likelihood == math.inf
    text = (tmp_path / "out" / "trials" / "10-0.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["kendall"] == "nan"
    assert same(first, judge(constant, "nasbench201/cifar10", "test_accuracy", **given))
    (average,) = averages(first)
    assert math.isnan(average.mean["kendall"])
    assert average.mean["negative_log_likelihood"] == math.inf
    assert math.isfinite(average.mean["rmse"])


def test_another_question_is_refused(tmp_path):
    out = tmp_path / "out"
    small(out=out, train=[50], trials=1)
    for given, said in (
        ({"metric": "val_accuracy"}, "metric"),
        ({"settings": {**QUICK, "width": 8}}, "settings"),
        ({"how": {"test": 300}}, "splitting"),
        ({"benchmark": "nasbench201/cifar100"}, "data|table"),
        ({"extra": ["params"]}, "extra"),
        ({"calibrate": 0.4}, "calibrate"),
    ):
        with pytest.raises(InvalidSetting, match=f"begun with another .*{said}"):
            small(out=out, train=[50], trials=1, **given)
    assert len(list((out / "trials").iterdir())) == 1


def test_a_folder_knows_what_was_told_and_held_back(tmp_path):
    given = {"out": tmp_path / "out", "train": [50], "trials": 1}
    rows = small(**given, extra=["params", "flops"], calibrate=0.4)
    assert rows == small(**given, extra=["params", "flops"], calibrate=0.4)
    for other in (
        {"extra": ["params", "flops"]},
        {"calibrate": 0.4},
        {"extra": ["flops", "params"], "calibrate": 0.4},
        {"extra": ["params", "flops"], "calibrate": 0.5},
    ):
        with pytest.raises(InvalidSetting, match=r"begun with another (calibrate|extra)"):
            small(**given, **other)


def test_a_folder_from_before_these_questions_is_valid(tmp_path):
    given = {"out": tmp_path / "out", "train": [50], "trials": 1}
    rows = small(**given)
    path = tmp_path / "out" / judging.FILE
    asked = json.loads(path.read_text())
    assert (asked.pop("extra"), asked.pop("calibrate")) == (None, None)
    path.write_text(json.dumps(asked))
    assert small(**given) == rows
    with pytest.raises(InvalidSetting, match="begun with another extra"):
        small(**given, extra=["params"])


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds something else \(mine\.txt\)"):
        small(out=tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["mine.txt"]


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", '{"kendall": 1}'])
def test_a_damaged_trial_is_named(tmp_path, text):
    small(out=tmp_path / "out", train=[50], trials=1)
    path = tmp_path / "out" / "trials" / "50-0.json"
    path.write_text(text)
    with pytest.raises(DamagedInput, match=r"50-0\.json is damaged .*remove it"):
        small(out=tmp_path / "out", train=[50], trials=1)


def test_a_trial_under_another_name_is_noticed(tmp_path):
    small(out=tmp_path / "out", train=[50], trials=2)
    trials = tmp_path / "out" / "trials"
    (trials / "50-1.json").write_text((trials / "50-0.json").read_text())
    with pytest.raises(DamagedInput, match=r"50-1\.json is of another trial"):
        small(out=tmp_path / "out", train=[50], trials=2)
    (tmp_path / "out" / judging.FILE).write_text("{")
    with pytest.raises(DamagedInput, match=r"judging\.json is damaged"):
        small(out=tmp_path / "out", train=[50], trials=2)


# Wrong input.


def test_architectures_without_a_value_are_named():
    """Of 5,125 networks 44 were not measured on the TPUv3."""
    given = {"benchmark": "mnasnet/imagenet", "metric": "tpuv3_throughput", "trials": 1}
    with pytest.raises(
        InvalidSetting,
        match=r"44 of 5,125 architectures have no tpuv3_throughput .*: e\d_k\d.*41 more",
    ):
        small(**given)
    told = []
    rows = small(**given, drop_missing=True, how={"test": None}, tell=told.append)
    assert rows[0].test == 5125 - 44 - 100
    assert len(told) == 1
    assert told[0].startswith("left out: 44 of 5,125 architectures have no tpuv3_throughput")


def test_equal_values_are_refused(tmp_path):
    """Two networks are often of the same part of the official split."""
    out = tmp_path / "out"
    said = "the official_split of all 2 architectures that are t(rained|ested) on is [012]"
    given = {"train": [2], "trials": 20, "how": {"test": 2}, "drop_missing": True, "out": out}
    with pytest.raises(InvalidSetting, match=said):
        small("mnasnet/imagenet", "official_split", **given)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"train": [20_000], "how": {"test": None}}, InvalidSetting, "train on 15,623 at most"),
        ({"train": [15_500]}, InvalidSetting, "train on 15,425 at most"),
        ({"train": [1]}, InvalidSetting, "train is 1"),
        ({"train": []}, InvalidSetting, "at least one training size"),
        ({"train": [50, 50]}, InvalidSetting, "each once"),
        ({"trials": 0}, InvalidSetting, "trials is 0"),
        ({"metric": "accuracy"}, UnknownName, "did you mean"),
        ({"benchmark": "nasbench201/cifar"}, UnknownName, "nasbench201/cifar10"),
        ({"settings": {"depth": 3}}, UnknownName, "setting named 'depth'"),
        ({"settings": {"members": 1}}, InvalidSetting, "members is 1"),
        ({"epochs": 13}, LookupError, "measured after 12 and 200"),
        ({"metric": "params", "epochs": 200}, InvalidSetting, "does not depend on epochs"),
        ({"how": {"kind": "official"}}, InvalidSetting, "has no official split"),
        ({"how": {"kind": "randon"}}, InvalidSetting, "split is 'randon'"),
        ({"how": {"kind": "top", "quantile": 2.0}}, InvalidSetting, "quantile is 2"),
        ({"how": {"kind": "strategies", "strategies": ("random_search",)}}, InvalidSetting, "two"),
        (
            {"how": {"kind": "strategies", "strategies": ("random_search", "magic")}},
            UnknownName,
            "magic",
        ),
        ({"how": {"kind": "strategies"}, "train": [3000]}, InvalidSetting, "training on 3,000"),
        ({"extra": ["parms"]}, UnknownName, "did you mean params"),
        ({"extra": ["params", "params"]}, InvalidSetting, "name each once"),
        ({"extra": ["test_accuracy"]}, InvalidSetting, "it is what is predicted"),
        (
            {"extra": ["params", "val_accuracy"]},
            InvalidSetting,
            "split validation; known before training on nasbench201/cifar10: params; flops",
        ),
        ({"extra": ["train_seconds"]}, InvalidSetting, "12 and 200 epochs"),
        ({"extra": ["zc_nwot"]}, InvalidSetting, "6,180 of 15,625 architectures have no zc_nwot"),
        ({"calibrate": 0.0}, InvalidSetting, "calibrate is 0.0: .* above 0 and at most 0.5"),
        ({"calibrate": 0.51}, InvalidSetting, "at most 0.5"),
        ({"calibrate": math.nan}, InvalidSetting, "at most 0.5"),
        (
            {"calibrate": 0.3},
            InvalidSetting,
            "15 of 50 architectures: at least 20 .* train on more",
        ),
        ({"calibrate": 5e-324}, InvalidSetting, "0 of 50 architectures"),
    ],
)
def test_wrong_questions_write_nothing(tmp_path, given, error, said):
    with pytest.raises(error, match=said):
        small(out=tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_a_table_that_is_a_sample_is_not_searched():
    with pytest.raises(InvalidSetting, match="holds a sample"):
        small("mnasnet/imagenet", "val_accuracy", how={"kind": "strategies"})


def test_a_family_that_reads_no_extra_columns_is_not_told_them(tmp_path):
    deaf = family(tmp_path, "Deaf", "raise AssertionError")
    with pytest.raises(
        InvalidSetting, match=r"deaf\.Deaf reads architectures alone: .*mlp_ensemble"
    ):
        judge(deaf, "nasbench201/cifar10", train=[50], trials=1, extra=["params"])


def test_a_family_that_is_certain_cannot_be_calibrated(tmp_path):
    certain = family(tmp_path, "Certain", "n = len(archs); return np.full(n, 90.0), np.zeros(n)")
    out = tmp_path / "out"
    with pytest.raises(InvalidSetting, match="cannot be calibrated"):
        judge(certain, "nasbench201/cifar10", train=[50], trials=1, calibrate=0.4, out=out)
    assert not list(out.glob("trials/*"))


def test_what_is_no_family_is_refused(tmp_path):
    with pytest.raises(UnknownName, match="did you mean mlp_ensemble"):
        judge("mlp_ensembel", "nasbench201/cifar10", train=[50], trials=1)
    path = tmp_path / "mine.py"
    path.write_text("class Mine: pass\n")
    with pytest.raises(InvalidSetting, match="does not derive from Surrogate"):
        judge(f"{path}:Mine", "nasbench201/cifar10", train=[50], trials=1)


def test_every_split_is_tried_here():
    assert set(SPLITS) == {"random", "forms", "top", "mutated", "strategies", "official"}
