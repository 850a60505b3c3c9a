"""How well families predict what was measured, and what else is theirs."""

import sys
from zipfile import ZipFile

import numpy as np
import pytest
from scipy.stats import kendalltau

from nasbench_suite import load, registry
from nasbench_suite.core import DamagedInput, InvalidSetting, MissingExtra, UnknownName
from nasbench_suite.surrogates._features import features
from nasbench_suite.surrogates._scales import Standard
from nasbench_suite.surrogates.base import encodings_of
from nasbench_suite.testing.made_up import TinySpace

TABLE = load("nasbench201/cifar10")
SPACE = TABLE.space
# Kendall's tau on other cells from 200 on CIFAR-10, with the paths alone: as measured, less 0.03.
LEAST = {
    "gp": 0.53,
    "lightgbm": 0.65,
    "neighbours": 0.54,
    "random_forest": 0.69,
    "ridge": 0.63,
    "stacked": 0.68,
    "svr": 0.64,
    "xgboost": 0.66,
}
SMALL = {"xgboost": {"trees": 150, "members": 3}, "stacked": {"families": "gp+random_forest"}}


def drawn(count, seed):
    """Return different cells and their test accuracy."""
    rows = np.random.default_rng(seed).permutation(5**6)[:count]
    cells = [SPACE.at(int(row)) for row in rows]
    return cells, TABLE.query_many(cells, "test_accuracy")


def family(name, **settings):
    return registry.load("surrogates", name)(SPACE, **settings)


def noise():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", LEAST)
def test_what_was_measured_is_ranked(name):
    cells, y = drawn(1200, 7)
    fitted = family(name, **SMALL.get(name, {}), encoding="path")
    fitted.fit(cells[:200], y[:200], noise())
    fitted.calibrate(cells[200:500], y[200:500])
    mean, std = fitted.predict(cells[500:])
    assert kendalltau(mean, y[500:]).statistic > LEAST[name]
    assert 0.86 < np.mean(np.abs(mean - y[500:]) < 1.645 * std) < 0.94
    # Where it says that it knows less, it errs more.
    unsure = std > np.median(std)
    errors = np.abs(mean - y[500:])
    assert errors[unsure].mean() > 1.3 * errors[~unsure].mean()


@pytest.mark.parametrize("name", [n for n in LEAST if n not in ("neighbours", "ridge")])
def test_papers_settings_rank_too(name):
    kind = registry.load("surrogates", name)
    if "paper" not in kind.presets:
        pytest.skip("no paper's settings")
    cells, y = drawn(500, 3)
    fitted = kind(SPACE, **kind.settings("paper")).fit(cells[:200], y[:200], noise())
    assert kendalltau(fitted.predict(cells[200:])[0], y[200:]).statistic > 0.35


def test_encodings_are_joined_once():
    tiny = TinySpace()
    assert encodings_of(SPACE, "path+one_hot") == ("path", "one_hot")
    assert encodings_of(SPACE, "path+path") == ("path",)
    assert encodings_of(tiny, "live+path") == ("one_hot",)
    for wrong in ("paths", "path+", "+", "", None, 3, ["path"]):
        with pytest.raises(InvalidSetting, match="encoding"):
            encodings_of(SPACE, wrong)
    cells, _ = drawn(5, 0)
    extra = np.arange(10.0).reshape(5, 2)
    both = features(SPACE, ("path", "one_hot"), cells, extra)
    assert np.array_equal(both[:, -2:], extra)
    assert np.array_equal(both[:, : -2 - 30], SPACE.encode(cells, "path"))


@pytest.mark.parametrize("name", ["lightgbm", "random_forest", "svr", "xgboost"])
def test_a_missing_package_is_named_with_its_extra(name, monkeypatch):
    package = {"random_forest": "sklearn", "svr": "sklearn.svm"}.get(name, name)
    monkeypatch.setitem(sys.modules, package, None)
    cells, y = drawn(20, 0)
    extra = "lightgbm" if name == "lightgbm" else "surrogates"
    with pytest.raises(MissingExtra, match=rf"nasbench-suite\[{extra}\]"):
        family(name).fit(cells, y, noise())


@pytest.mark.parametrize("name", ["lightgbm", "random_forest", "xgboost"])
def test_a_stored_forest_needs_no_package(name, monkeypatch, tmp_path):
    cells, y = drawn(60, 0)
    fitted = family(name, trees=10).fit(cells, y, noise())
    fitted.save(tmp_path)
    before = fitted.predict(cells)
    for package in ("sklearn", "xgboost", "lightgbm"):
        monkeypatch.setitem(sys.modules, package, None)
    assert np.array_equal(type(fitted).load(tmp_path, SPACE).predict(cells), before)


def test_arrays_predict_as_the_package_that_grew_them():
    """The trees read back from what XGBoost writes are those that it predicts with."""
    xgboost = pytest.importorskip("xgboost")
    cells, y = drawn(300, 0)
    ours = family("xgboost", trees=60, target="raw").fit(cells, y, noise())
    x = features(SPACE, encodings_of(SPACE, "live"), cells, np.empty((300, 0)))
    fold = noise().permutation(300) % 5
    rng = noise()
    rng.permutation(300)
    seed = int(rng.integers(2**31, size=5)[0])
    z = ours._target.learned(y)
    part = np.flatnonzero(fold != 0)
    data = xgboost.DMatrix(x[part].astype(np.float32), label=z[part])
    booster = xgboost.train({**ours._options, "seed": seed}, data, 60)
    theirs = booster.predict(xgboost.DMatrix(x.astype(np.float32)))
    assert ours._each(x)[:, 0] == pytest.approx(theirs, abs=1e-5)


def test_members_know_nothing_of_their_part():
    """An ensemble of memories errs on what each has not seen, and says how much."""
    cells, _ = drawn(400, 1)
    y = np.random.default_rng(9).normal(size=400)
    fitted = family("random_forest", target="raw").fit(cells[:200], y[:200], noise())
    mean, std = fitted.predict(cells[200:])
    assert np.sqrt(np.mean(np.square(mean - y[200:]))) == pytest.approx(std.mean(), rel=0.25)


def test_a_process_is_sure_where_it_has_been():
    cells, y = drawn(300, 2)
    fitted = family("gp", encoding="one_hot").fit(cells[:200], y[:200], noise())
    assert fitted.predict(cells[:200])[1].mean() < fitted.predict(cells[200:])[1].mean()
    one, other = (family("gp", kernel=kind, rows=50) for kind in ("rbf", "matern"))
    for process in (one, other):
        process.fit(cells, y, noise())
        assert process._rows.shape[0] == 50
    assert not np.array_equal(one.predict(cells)[0], other.predict(cells)[0])


def test_a_process_finds_the_noise():
    """Of values that are a smooth function of the features plus noise of a tenth."""
    rng = np.random.default_rng(3)
    cells, _ = drawn(600, 5)
    x = Standard.of(SPACE.encode(cells, "one_hot")).standardise(SPACE.encode(cells, "one_hot"))
    y = x @ rng.normal(size=x.shape[1]) / 5
    y += 0.1 * y.std() * rng.normal(size=600)
    fitted = family("gp", encoding="one_hot", target="raw").fit(cells, y, noise())
    shape = fitted._shape
    std = fitted._amplitude * np.sqrt(shape.noise)
    assert std == pytest.approx(0.1, rel=0.4)


def test_stacking_weighs_what_was_shown():
    """A family that predicts better counts more; weights sum to 1."""
    cells, y = drawn(400, 4)
    useless = {"ridge": {"strength": 1e9}}
    fitted = family("stacked", families="gp+ridge", settings=useless).fit(cells, y, noise())
    better, worse = fitted._weights
    assert better > 2 * worse > -1e-12
    assert better + worse == pytest.approx(1.0)


def test_a_student_says_what_its_teacher_says():
    """Of cells that neither saw, as well as the teacher, and as surely."""
    cells, y = drawn(1400, 6)
    teacher = family("xgboost", trees=60, members=3).fit(cells[:400], y[:400], noise())
    student = family("distilled", teacher="xgboost", settings={"trees": 60, "members": 3})
    student.fit(cells[:400], y[:400], noise())
    theirs, ours = teacher.predict(cells[400:]), student.predict(cells[400:])
    assert kendalltau(ours[0], theirs[0]).statistic > 0.95
    better, good = (kendalltau(found[0], y[400:]).statistic for found in (theirs, ours))
    assert good > better - 0.01
    assert np.corrcoef(np.log(ours[1]), np.log(theirs[1]))[0, 1] > 0.95


def test_a_student_of_what_is_nearly_a_sum_is_exact():
    """What is linear in the features it need not learn by small steps."""
    table = load("hwgpt_s/openwebtext", "table")
    frame = table.frame(["perplexity"])[:900]
    archs, y = [table.space.parse(text) for text in frame.index], frame["perplexity"].to_numpy()
    kind = registry.load("surrogates", "distilled")
    student = kind(table.space, teacher="ridge", drawn=2000, epochs=10)
    student.fit(archs[:300], y[:300], noise())
    theirs, ours = student.teach(archs[300:])[0], student.predict(archs[300:])[0]
    assert np.square(ours - theirs).mean() < 0.002 * theirs.var()


def test_a_student_stays_where_its_teacher_was():
    """No mean or deviation is further out than any that it was taught, by much."""
    cells, y = drawn(300, 6)
    student = family("distilled", teacher="gp").fit(cells[:60], y[:60], noise())
    mean, std = student.predict(list(SPACE)[::7])
    reach = np.ptp(y[:60])
    assert y[:60].min() - 2 * reach < mean.min() <= mean.max() < y[:60].max() + 2 * reach
    assert std.min() > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"teacher": "distilled"},
        {"settings": 3},
        {"teacher": "ridge", "settings": {"strength": -1.0}},
        {"teacher": "ridge", "drawn": -1},
        {"layers": 0},
        {"width": 10**6},
        {"learning_rate": 2.0},
        {"encoding": "none"},
        {"target": "rank"},
    ],
)
def test_settings_of_distilled_are_checked(settings):
    with pytest.raises(InvalidSetting):
        family("distilled", **settings)
    for unknown in ({"teacher": "gpp"}, {"teacher": "ridge", "settings": {"trees": 3}}):
        with pytest.raises(UnknownName):
            family("distilled", **unknown)


@pytest.mark.parametrize(
    "settings",
    [
        {"families": "stacked"},
        {"families": "gp+gp"},
        {"families": "gp", "settings": {"ridge": {}}},
        {"families": "gp", "settings": {"gp": 3}},
        {"families": "gp", "settings": []},
        {"folds": 1},
        {"target": "rank"},
        {"encoding": "none"},
    ],
)
def test_settings_of_stacked_are_checked(settings):
    with pytest.raises(InvalidSetting):
        family("stacked", **settings)
    for families in ("", "gp+", "gpp", None):
        with pytest.raises(UnknownName):
            family("stacked", families=families)


def test_stacked_reads_models_of_architectures_too(tmp_path):
    """Those that read no further columns are given none."""
    cells, y = drawn(60, 4)
    extra = y[:, None]
    fitted = family("stacked", families="embedding_gp+ridge", folds=2)
    fitted.fit(cells, y, noise(), extra=extra)
    fitted.save(tmp_path)
    again = type(fitted).load(tmp_path, SPACE)
    assert np.array_equal(again.predict(cells, extra=extra), fitted.predict(cells, extra=extra))


@pytest.mark.parametrize("name", ["ridge", "xgboost"])
def test_a_foreign_model_is_refused(name, tmp_path):
    cells, y = drawn(30, 0)
    family("neighbours").fit(cells, y, noise()).save(tmp_path)
    kind = registry.load("surrogates", name)
    with pytest.raises(DamagedInput, match="Neighbours"):
        kind.load(tmp_path, SPACE)
    with ZipFile(tmp_path / "model.npz", "w") as foreign:
        foreign.writestr("weights.txt", "1 2 3")
    with pytest.raises(DamagedInput, match=r"model\.npz"):
        kind.load(tmp_path, SPACE)


def test_missing_values_are_named_with_their_architecture():
    cells, y = drawn(30, 0)
    y[4] = np.nan
    with pytest.raises(InvalidSetting) as raised:
        family("ridge").fit(cells, y, noise())
    assert SPACE.format(cells[4]) in str(raised.value)
    extra = np.zeros((30, 2))
    extra[3, 1] = np.inf
    with pytest.raises(InvalidSetting, match="row 3 of extra column 1 is inf"):
        family("ridge").fit(cells, np.nan_to_num(y), noise(), extra=extra)
