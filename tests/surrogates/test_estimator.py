"""Families as scikit-learn sees them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from nasbench_suite import load, registry
from nasbench_suite.core import InvalidArchitecture, InvalidSetting, UnknownName
from nasbench_suite.surrogates.base import NotFitted
from nasbench_suite.surrogates.estimator import SurrogateRegressor

SPACE = registry.load("spaces", "nasbench201")


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    table = load("nasbench201/cifar10")
    archs = sorted({SPACE.sample(rng) for _ in range(200)})
    rng.shuffle(archs)
    return np.array(archs), table.query_many([tuple(map(int, a)) for a in archs])


def test_cross_validation_is_of_what_was_measured(cells):
    scores = cross_val_score(SurrogateRegressor("nasbench201", "gp"), *cells, cv=4, scoring="r2")
    assert scores.shape == (4,)
    assert np.median(scores) > 0.5


def test_a_clone_has_the_same_parameters_and_nothing_learned(cells):
    fitted = SurrogateRegressor(SPACE, "ridge", {"strength": 3.0}, seed=2).fit(*cells)
    copy = clone(fitted)
    assert copy.get_params().keys() == {"space", "family", "settings", "seed"}
    assert copy.settings == {"strength": 3.0}
    with pytest.raises(NotFitted):
        copy.predict(cells[0])
    assert np.array_equal(copy.fit(*cells).predict(cells[0]), fitted.predict(cells[0]))


def test_it_predicts_as_its_surrogate_does(cells):
    archs, y = cells
    fitted = make_pipeline(SurrogateRegressor("nasbench201", "ridge")).fit(archs, y)
    mean, std = fitted.predict(archs[:9], return_std=True)
    same = registry.load("surrogates", "ridge")(SPACE)
    same.fit([tuple(a) for a in archs.tolist()], y, np.random.default_rng(0))
    assert np.array_equal(same.predict([tuple(a) for a in archs[:9].tolist()]), (mean, std))


def test_further_columns_are_read(cells):
    """A column that is the value itself leaves nothing to guess."""
    archs, y = cells
    knowing = np.column_stack([archs, y])
    with_it = SurrogateRegressor("nasbench201", "ridge", {"target": "raw"})
    score = with_it.fit(knowing[:100], y[:100]).score(knowing[100:], y[100:])
    without = SurrogateRegressor("nasbench201", "ridge", {"target": "raw"})
    assert score > 0.98 > without.fit(archs[:100], y[:100]).score(archs[100:], y[100:])
    with pytest.raises(InvalidSetting, match="extra columns"):
        with_it.predict(archs)


def test_settings_can_be_searched(cells):
    settings = [{"strength": 1e-3}, {"strength": 10.0}, {"strength": 1e9}]
    search = GridSearchCV(SurrogateRegressor("nasbench201", "ridge"), {"settings": settings}, cv=3)
    assert search.fit(*cells).best_params_["settings"] != {"strength": 1e9}


def test_bad_input_is_named(cells):
    archs, y = cells
    odd = archs.astype(float)
    odd[3, 0] = 0.5
    with pytest.raises(InvalidArchitecture, match="row 3"):
        SurrogateRegressor().fit(odd, y)
    odd[3, 0] = np.nan
    with pytest.raises(InvalidArchitecture, match="row 3"):
        SurrogateRegressor().fit(odd, y)
    for wrong in (archs[:, :4], archs[0], [["a"] * 6] * 3, None):
        with pytest.raises(InvalidSetting, match="X "):
            SurrogateRegressor().fit(wrong, y)
    with pytest.raises(InvalidSetting, match="differ"):
        SurrogateRegressor(family="ridge").fit(archs, np.full(len(archs), 70.0))
    with pytest.raises(UnknownName, match="xgboost"):
        SurrogateRegressor(family="xgbost").fit(archs, y)
