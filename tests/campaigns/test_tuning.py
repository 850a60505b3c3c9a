"""Settings of families are tried by cross-validation on real tables, and the best is judged."""

import json
import sys

import numpy as np
import optuna
import pytest
from hypothesis import given as drawn
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies
from scipy.stats import kendalltau

from nasbench_suite import registry
from nasbench_suite.campaigns.fit_recipe import read_recipe
from nasbench_suite.campaigns.judging import judge
from nasbench_suite.campaigns.proposing import Proposals, ranges_of
from nasbench_suite.campaigns.splitting import Splitting
from nasbench_suite.campaigns.tuning import FILE, SETTINGS, tune
from nasbench_suite.core import (
    DamagedInput,
    InvalidSetting,
    MissingExtra,
    OutputError,
    UnknownName,
)
from nasbench_suite.surrogates.base import Choice, Diverged, Real, Whole
from nasbench_suite.surrogates.mlp_ensemble import MlpEnsemble
from nasbench_suite.surrogates.ridge import Ridge

SPACE = registry.load("spaces", "nasbench201")
# Knows the truth, and adds the more noise the farther `x` is from a tenth.
FAMILY = """
import numpy as np
from nasbench_suite import load
from nasbench_suite.surrogates.base import Choice, Diverged, Real, Surrogate, Whole

TRUTH = load("nasbench201/cifar10")

class Aim(Surrogate):
    tuned = {tuned}
    presets = {{"half": {{"x": 0.5}}}}
    fits = []
    def __init__(self, space, *, x=1.0, word="no"):
        super().__init__(space, x=x, word=word)
        self.x = x
    def _fit(self, archs, extra, y, rng):
        self.fits.append(self.x)
        n, x = len(archs), self.x
        {fault}
    def _predict(self, archs, extra):
        noise = np.sin(np.array(archs) @ np.array([1e3, 2e3, 3e3, 5e3, 7e3, 11e3]))
        mean = TRUTH.query_many(archs, "test_accuracy") + 5 * noise * abs(np.log10(self.x) + 1)
        return mean, np.ones(len(mean))
    def _state(self):
        return {{}}
    def _restore(self, arrays):
        pass
"""
RANGE = '{"x": Real(0.01, 10.0)}'


@pytest.fixture
def aim(tmp_path):
    """Make a family whose fits fail where it is said, and return its name and what it fitted."""

    def make(fault="pass", tuned=RANGE):
        path = tmp_path / "mine.py"
        path.write_text(FAMILY.format(fault=fault, tuned=tuned))
        name = f"{path}:Aim"
        kind = registry.load("surrogates", name)
        kind.fits.clear()
        return name, kind.fits

    return make


def small(out, family="ridge", **more):
    given = {"train": 40, "trials": 14, "splitting": Splitting(test=100), **more}
    benchmark = given.pop("benchmark", "nasbench201/cifar10")
    return tune(family, benchmark, given.pop("metric", "test_accuracy"), out=out, **given)


def files(out):
    """The bytes of every file, but for the seconds in those of judgements."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.name[0] != ".":
            lines = path.read_text().splitlines()
            found[str(path.relative_to(out))] = [
                line for line in lines if "fit_seconds" not in line
            ]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One that was made without a stop, and where it is kept."""
    out = tmp_path_factory.mktemp("tuning") / "out"
    return small(out), out


# What is tried, and what is told of it.


def test_the_defaults_come_first_and_the_best_is_no_worse(whole):
    found, out = whole
    first = found.attempts[0]
    assert first.settings == {"strength": None, "encoding": "live", "target": "auto"}
    assert [one.trial for one in found.attempts] == list(range(14))
    scores = [one.score for one in found.attempts]
    assert found.attempts[found.best.trial].score == max(scores) >= scores[0]
    assert found.best.trial == scores.index(max(scores))
    assert found.default.settings == Ridge.settings()
    assert found.best.settings == {
        **Ridge.settings(),
        **found.attempts[found.best.trial].settings,
    }
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == [
        *("judged", "settings.toml", "trials", "tuning.json")
    ]


def test_scores_by_hand(whole, cifar10):
    found, _ = whole
    order = np.random.default_rng(0).permutation(15_625)
    y = cifar10.query_many(order, "test_accuracy")
    archs = [cifar10.space.at(int(place)) for place in order]
    for one in (found.attempts[0], found.attempts[5]):
        for fold in range(5):
            seen = [place for place in range(40) if place % 5 != fold]
            unseen = range(fold, 40, 5)
            model = Ridge(cifar10.space, **one.settings)
            model.fit([archs[n] for n in seen], y[seen], np.random.default_rng([0, fold + 1]))
            mean, _ = model.predict([archs[n] for n in unseen])
            tau = kendalltau(mean, y[list(unseen)]).statistic
            assert one.scores[fold] == pytest.approx(tau, abs=1e-12)
        assert one.score == pytest.approx(np.mean(one.scores), abs=1e-12)


def test_the_end_is_what_judging_says(whole):
    """With what one finds, the other is checked: the trial that has the number of the seed."""
    found, _ = whole
    for one in (found.default, found.best):
        (row,) = judge(
            "ridge",
            "nasbench201/cifar10",
            "test_accuracy",
            train=[40],
            trials=1,
            splitting=Splitting(test=100),
            settings=one.settings,
        )
        assert row.measures == one.measures


def test_no_trial_sees_what_is_tested_on(tmp_path, monkeypatch):
    """Until the end, when both settings are fitted to all training data and asked of the test."""
    seen = []
    for name in ("_fit", "_predict"):
        own = getattr(MlpEnsemble, name)

        def spy(self, archs, *rest, own=own, name=name):
            seen.append((name, set(archs)))
            return own(self, archs, *rest)

        monkeypatch.setattr(MlpEnsemble, name, spy)
    found = small(tmp_path / "out", "mlp_ensemble", trials=3, settings={"epochs": 1, "width": 4})
    calls = iter(seen)
    trials = [next(calls) for _ in range(3 * 5 * 2)]
    train = set.union(*(archs for _, archs in trials))
    assert len(train) == 40
    for (_, fitted), (_, asked) in zip(trials[::2], trials[1::2], strict=True):
        assert fitted | asked == train
        assert not fitted & asked
    ends = list(calls)
    assert [name for name, _ in ends] == ["_fit", "_predict"] * (1 + (found.best.trial > 0))
    for (_, fitted), (_, asked) in zip(ends[::2], ends[1::2], strict=True):
        assert fitted == train
        assert len(asked) == 100
        assert not asked & train


def test_it_finds_what_is_best(tmp_path, aim):
    """Scores that depend on one number lead to it; by chance one of fifteen is so near."""
    name, fits = aim()
    found = small(tmp_path / "out", name, trials=40)
    assert found.family == "mine.Aim"
    assert found.best.settings["x"] == pytest.approx(0.1, rel=0.25)
    assert found.attempts[found.best.trial].score > 0.9 > found.attempts[0].score + 0.1
    assert found.best.measures.kendall > found.default.measures.kendall + 0.1
    assert len(fits) == 5 * len({one.settings["x"] for one in found.attempts}) + 2


@pytest.mark.parametrize("measure", ["rmse", "r2", "negative_log_likelihood"])
def test_other_measures(tmp_path, aim, measure):
    """Less error is better, and more of the variance."""
    found = small(tmp_path / "out", aim()[0], measure=measure)
    scores = [one.score for one in found.attempts]
    assert found.attempts[found.best.trial].score == (max if measure == "r2" else min)(scores)
    assert abs(np.log10(found.best.settings["x"]) + 1) < 0.5


def test_what_was_tried_is_not_fitted_again(tmp_path, aim):
    name, fits = aim(tuned='{"word": Choice(("no", "yes"))}')
    found = small(tmp_path / "out", name)
    assert {one.settings["word"] for one in found.attempts} == {"no", "yes"}
    assert len(fits) == 2 * 5 + 1
    assert [one.trial for one in found.attempts] == list(range(14))
    # Of equal scores the first counts, which has the defaults.
    assert found.best == found.default
    assert found.changed() == {}


def test_what_is_fixed_stays(tmp_path):
    found = small(tmp_path / "a", "svr", trials=3, settings={"tube": 0.1, "members": 2})
    assert found.default.settings["tube"] == 0.1
    for one in found.attempts:
        assert one.settings.keys() == {"penalty", "length_scale", "encoding", "target"}
    assert found.best.settings["members"] == 2
    found = small(tmp_path / "b", "svr", trials=2, settings="paper")
    assert found.attempts[0].settings == {"length_scale": 1.0}
    assert found.default.settings["penalty"] == 3.065989708964816


def test_the_official_split(tmp_path):
    how = Splitting(kind="official")
    given = {"benchmark": "mnasnet/imagenet", "metric": "val_accuracy", "splitting": how}
    found = small(tmp_path / "out", trials=2, train=100, **given)
    assert (found.split, found.test) == ("official", 512)


# Numbers to paste.


def test_the_settings_are_those_of_a_recipe(tmp_path):
    fixed = {"families": "gp+ridge", "settings": {"ridge": {"strength": 2.0}}, "folds": 2}
    found = small(tmp_path / "out", "stacked", trials=3, settings=fixed)
    lines = (tmp_path / "out" / SETTINGS).read_text()
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'name = "mine"\nversion = "1"\ntitle = "Mine"\ndescription = "For a test."\n'
        'benchmark = "nasbench201/cifar10"\ntable_version = "1"\nreported = "test_accuracy"\n'
        'split = "random"\ntest = 100\nprotocols = {}\n\n'
        '[[predict]]\nmetrics = ["test_accuracy"]\n' + lines
    )
    (predicted,) = read_recipe(recipe).predicted
    assert predicted.family == "stacked"
    assert predicted.settings == found.best.settings
    assert predicted.settings["settings"] == {"ridge": {"strength": 2.0}}
    score = found.attempts[found.best.trial].score
    assert f"kendall is {score:.4f} by cross-validation" in lines
    assert f"{found.best.measures.kendall:.4f} of 100 that no trial saw" in lines


def test_numbers_are_short(tmp_path):
    found = small(tmp_path / "out", "svr", settings={"encoding": "one_hot", "target": "raw"})
    for one in found.attempts:
        for value in one.settings.values():
            assert len(f"{value:g}".replace("e-0", "").replace(".", "").lstrip("0")) <= 4
            assert value == float(f"{value:.3g}")


# The folder.


def test_the_same_seed_tries_the_same(tmp_path, whole):
    found, out = whole
    again = small(tmp_path / "again")
    assert files(tmp_path / "again") == files(out)
    assert again.attempts == found.attempts
    other = small(tmp_path / "other", seed=1)
    assert other.attempts[0].scores != found.attempts[0].scores
    assert [one.settings for one in other.attempts] != [one.settings for one in found.attempts]


@pytest.mark.parametrize("at", [0, 3, 12])
def test_what_is_killed_goes_on_to_the_same_end(tmp_path, whole, monkeypatch, at):
    """Before and after the sampler has begun to learn from scores, which is at trial 10."""
    _, before = whole
    out = tmp_path / "out"

    def stop(done, total):
        assert total == 14
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(out, progress=stop)
    assert len(list(out.glob("trials/*"))) == at
    assert not (out / SETTINGS).exists()
    fits = []
    fit = Ridge._fit
    monkeypatch.setattr(Ridge, "_fit", lambda *given: (fits.append(1), fit(*given)))
    small(out)
    assert files(out) == files(before)
    assert len(fits) <= (14 - at) * 5 + 2
    fits.clear()
    small(out)
    assert fits == []


def test_trials_can_be_added(tmp_path, whole):
    found, before = whole
    out = tmp_path / "out"
    assert small(out, trials=4).attempts == found.attempts[:4]
    (out / "trials" / "2.json").unlink()
    assert small(out).attempts == found.attempts
    assert (out / SETTINGS).read_text() == (before / SETTINGS).read_text()
    assert small(out, trials=4).attempts == found.attempts[:4]


def test_another_question_is_refused(tmp_path):
    out = tmp_path / "out"
    small(out, trials=1)
    for given, said in (
        ({"seed": 1}, "seed"),
        ({"folds": 4}, "folds"),
        ({"measure": "rmse"}, "measure"),
        ({"train": 50}, "train"),
        ({"settings": {"target": "raw"}}, "settings and tuned"),
        ({"splitting": Splitting(test=50)}, "splitting"),
        ({"metric": "val_accuracy"}, "metric"),
        ({"family": "neighbours"}, "family"),
    ):
        with pytest.raises(InvalidSetting, match=f"begun with another .*{said}"):
            small(out, trials=1, **given)
    asked = json.loads((out / FILE).read_text())
    assert asked["optuna"] == optuna.__version__
    (out / FILE).write_text(json.dumps({**asked, "optuna": "1.0"}))
    with pytest.raises(InvalidSetting, match="another optuna"):
        small(out, trials=1)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds something else \(mine\.txt\)"):
        small(tmp_path, trials=1)


@pytest.mark.parametrize("kind", ["trials", "judged"])
def test_damaged_files_are_named(tmp_path, kind):
    out = tmp_path / "out"
    small(out, trials=2)
    path = out / kind / "0.json"
    row = json.loads(path.read_text())
    wrong = {"trial": 1}, {"settings": {}}, {"scores": row.get("scores", [])[1:]}
    others = [json.dumps({**row, **one}) for one in wrong[: 3 if kind == "trials" else 2]]
    for text in ("", "[]", "{}", "3", '{"trial": 0}', *others):
        path.write_text(text)
        said = "of another trial" if text in others else "damaged"
        with pytest.raises(DamagedInput, match=rf"0\.json is {said}.*remove it"):
            small(out, trials=2)
    path.unlink()
    small(out, trials=2)
    assert json.loads(path.read_text())["trial"] == 0


# What fails.


def test_a_trial_that_diverges_is_a_failed_one(tmp_path, aim):
    """It is kept with its reason, and what is like it is shunned."""
    name, fits = aim("if x > 0.3: raise Diverged(f'too\\n far: {x}')")
    out = tmp_path / "out"
    found = small(out, name, trials=30)
    failed = [one.trial for one in found.attempts if one.failed is not None]
    assert failed[0] == 0
    assert found.attempts[0].failed == "too far: 1.0"
    assert all((one.settings["x"] > 0.3) == (one.trial in failed) for one in found.attempts)
    # By chance half of all would fail.
    assert 2 <= len(failed) <= 12
    assert sum(trial >= 15 for trial in failed) <= 3
    assert np.isnan(found.attempts[0].score)
    # The defaults fail on all training data as well, which is said.
    assert found.default.measures is None
    assert found.default.failed == "too far: 1.0"
    assert found.best.settings["x"] <= 0.3
    fits.clear()
    again = small(out, name, trials=30)
    assert fits == []
    assert again.best == found.best
    assert [one.failed for one in again.attempts] == [one.failed for one in found.attempts]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise ValueError('singular')", "ValueError: singular"),
        ("np.linalg.inv(np.zeros((2, 2)))", "LinAlgError: Singular matrix"),
        ("raise MemoryError", "MemoryError"),
        (
            "self._predict = lambda archs, extra: np.ones((2, len(archs)))",
            "kendall of part 1 is nan",
        ),
    ],
)
def test_where_all_trials_fail_the_command_says_why(tmp_path, aim, fault, said):
    out = tmp_path / "out"
    with pytest.raises(InvalidSetting, match=rf"all 2 trials failed, the first because {said}"):
        small(out, aim(fault)[0], trials=2)
    assert not (out / SETTINGS).exists()
    assert len(list(out.glob("trials/*"))) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [("raise KeyError('a slip')", KeyError), ("import nasbench_suite.none", ImportError)],
)
def test_what_no_setting_is_to_blame_for_is_no_failed_trial(tmp_path, aim, fault, error):
    with pytest.raises(error):
        small(tmp_path / "out", aim(fault)[0], trials=2)
    assert not list((tmp_path / "out").glob("trials/*"))


def test_the_best_may_fail_at_the_end(tmp_path, aim):
    out = tmp_path / "out"
    name, _ = aim("if n == 40 and x < 0.5: raise Diverged('too many')")
    with pytest.raises(Diverged, match=r"the best settings, of trial \d+, fail .* 40 .*: too many"):
        small(out, name)
    assert not (out / SETTINGS).exists()
    assert json.loads((out / "judged" / "0.json").read_text())["failed"] is None


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(MissingExtra, match=r"nasbench-suite\[surrogates\]"):
        small(tmp_path / "a", "svr", trials=1)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match=r"tuning needs .*nasbench-suite\[optuna\]"):
        small(tmp_path / "b", trials=1)
    assert not (tmp_path / "b").exists()


# Wrong input.


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"family": "ridg"}, UnknownName, "did you mean ridge"),
        (
            {"family": "distilled"},
            InvalidSetting,
            "distilled does not say which of its settings may be tuned.*take one of embedding_gp",
        ),
        (
            {"settings": {"strength": 1.0, "encoding": "live", "target": "raw"}},
            InvalidSetting,
            "nothing is left to tune: strength, encoding, target of ridge",
        ),
        ({"settings": {"strength": -1.0}}, InvalidSetting, "strength is -1"),
        ({"settings": {"depth": 3}}, UnknownName, "setting named 'depth'"),
        ({"settings": "paper"}, UnknownName, "preset"),
        ({"metric": "accuracy"}, UnknownName, "did you mean"),
        ({"benchmark": "nasbench201/cifar"}, UnknownName, "nasbench201/cifar10"),
        ({"epochs": 13}, LookupError, "measured after 12 and 200"),
        ({"trials": 0}, InvalidSetting, "trials is 0"),
        ({"folds": 1}, InvalidSetting, "folds is 1"),
        ({"train": 9}, InvalidSetting, "9 architectures in 5 parts: train on at least 10"),
        ({"train": 15_600}, InvalidSetting, "train on 15,525 at most"),
        ({"seed": -1}, InvalidSetting, "seed is -1"),
        ({"measure": "mae"}, InvalidSetting, "measure is 'mae'"),
        ({"splitting": Splitting(kind="top")}, InvalidSetting, "split is 'top'"),
        ({"splitting": Splitting(kind="official")}, InvalidSetting, "has no official split"),
        (
            {"benchmark": "mnasnet/imagenet", "metric": "zcu102_throughput"},
            InvalidSetting,
            "--drop-missing",
        ),
    ],
)
def test_wrong_questions_write_nothing(tmp_path, given, error, said):
    with pytest.raises(error, match=said):
        small(tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_equal_values_are_refused(tmp_path):
    """Of few networks of the largest part of a split, all of some part are of one."""
    given = {"benchmark": "mnasnet/imagenet", "metric": "official_split", "drop_missing": True}
    with pytest.raises(InvalidSetting, match=r"the official_split of all \d+ architectures"):
        small(tmp_path / "out", train=10, **given)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("tuned", "error", "said"),
    [
        ('{"y": Real(0.01, 10.0)}', UnknownName, "setting named 'y' of mine.Aim, which it tunes"),
        ('{"x": Real(2.0, 10.0)}', InvalidSetting, "the default of x, 1.0, lies outside"),
        ('{"word": Choice(("a", "b"))}', InvalidSetting, "the default of word, 'no', lies outside"),
    ],
)
def test_a_family_that_tunes_wrongly_is_told(tmp_path, aim, tuned, error, said):
    with pytest.raises(error, match=said):
        small(tmp_path / "out", aim(tuned=tuned)[0])


# What is proposed.


def test_encodings_that_are_the_same_are_tried_once():
    def choices(family, space, **fixed):
        kind = registry.load("surrogates", family)
        first = kind.settings(fixed)
        return ranges_of(kind, family, registry.load("spaces", space), first, fixed)

    assert choices("ridge", "nasbench201")["encoding"].values == (
        *("live", "path", "live+path", "one_hot"),
    )
    assert choices("ridge", "mnasnet")["encoding"].values == ("live", "path", "live+path")
    # The default's own name is kept.
    assert choices("mlp_ensemble", "mnasnet")["encoding"].values == ("path", "live", "live+path")
    # Of a pool there is one way to say what is alike.
    assert "encoding" not in choices("ridge", "nasbench_nlp")
    assert "encoding" not in choices("mlp_ensemble", "nasbench_nlp")
    with pytest.raises(InvalidSetting, match="nothing is left"):
        choices("gp", "nasbench_nlp", target="raw", kernel="auto")


@drawn(
    seed=strategies.integers(0, 2**31 - 1),
    scores=strategies.lists(strategies.none() | strategies.floats(-1, 1), max_size=14),
    low=strategies.floats(1e-6, 1.0),
)
@hypothesis_settings(max_examples=15)
def test_what_is_proposed_lies_in_the_ranges(seed, scores, low):
    """Whatever the scores are; and the same scores propose the same."""
    ranges = {
        "share": Real(low, low * 1.5, log=False),
        "rate": Real(low / 7, 1.0),
        "count": Whole(1, 9, log=True),
        "depth": Whole(0, 3),
        "word": Choice(("one", None, 2)),
    }
    first = {"share": low, "rate": 1.0, "count": 9, "depth": 0, "word": None, "other": 1}
    one, other = (Proposals(ranges, first, seed) for _ in range(2))
    for number, score in enumerate([*scores, None]):
        chosen = one.ask()
        assert chosen == other.ask()
        assert all(ranges[name].holds(value) for name, value in chosen.items())
        if number == 0:
            assert chosen == {name: first[name] for name in ranges}
        one.tell(score)
        other.tell(score)
