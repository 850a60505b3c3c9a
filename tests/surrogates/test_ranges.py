"""Over what settings may be tuned: what a range holds, and that families say it rightly."""

import math
import re
from pathlib import Path

import pytest

from nasbench_suite import registry
from nasbench_suite.core import InvalidSetting
from nasbench_suite.surrogates.base import Choice, Encodings, Real, Surrogate, Whole
from nasbench_suite.testing import SurrogateTests, TinySpace

USUAL = (
    *("ridge", "neighbours", "svr", "gp", "random_forest", "xgboost", "lightgbm"),
    *("mlp_ensemble", "stacked"),
)


def test_a_range_includes_both_ends():
    for value in (0.1, 0.5, 2, 2.0):
        assert Real(0.1, 2.0).holds(value)
    for value in (0.09, 2.1, math.nan, math.inf, None, "1", True):
        assert not Real(0.1, 2.0).holds(value)
    for value in (1, 4):
        assert Whole(1, 4).holds(value)
    for value in (0, 5, 2.0, True, None, "2"):
        assert not Whole(1, 4).holds(value)
    for over in (Choice((None, "live", 3)), Encodings(("live", "path"))):
        assert over.holds("live")
        assert not over.holds("one_hot")
    assert Choice((None, 3)).holds(None)


def test_the_docs_list_what_is_tuned():
    """A row a family that says so, with all but the two settings that most share."""
    text = (Path(__file__).parents[2] / "docs" / "surrogates.md").read_text("utf-8")
    (table,) = re.findall(r"\| what is tuned.*\n\|.*\n((?:\|.*\n)+)", text)
    listed = {}
    for line in table.splitlines():
        _, family, settings, _ = line.split("|")
        listed[family.strip(" `")] = {*re.findall("`([a-z_]+)`", settings.partition(";")[0])}
    kinds = {name: registry.load("surrogates", name) for name in registry.names("surrogates")}
    tuned = {name: {*kind.tuned} for name, kind in kinds.items() if kind.tuned}
    assert listed == {name: own - {"encoding", "target"} for name, own in tuned.items()}
    for name in USUAL:
        assert {"encoding", "target"} < tuned[name]


class Tuned(Surrogate):
    """A family whose `tuned` is to be checked; it is never fitted."""

    def __init__(self, space, *, depth=3, rate=0.1, kind="one"):
        super().__init__(space, depth=depth, rate=rate, kind=kind)
        if rate >= 1:
            raise InvalidSetting(f"rate is {rate}")

    _fit = _predict = _state = _restore = None


@pytest.mark.parametrize(
    "tuned",
    [
        {"width": Whole(1, 4)},
        {"depth": Whole(4, 8)},
        {"depth": Real(0.0, 2.0)},
        {"rate": Real(0.01, 1.0)},
        {"kind": Choice(("two", "three"))},
        {"kind": Choice(("one", None))},
    ],
    ids=str,
)
def test_what_is_wrongly_tuned_is_found(tuned):
    check = SurrogateTests().test_what_is_tuned_holds_the_defaults
    check(type("Fair", (Tuned,), {"tuned": {"depth": Whole(1, 4), "rate": Real(0.01, 0.9)}}), SPACE)
    with pytest.raises((AssertionError, InvalidSetting)):
        check(type("Faulty", (Tuned,), {"tuned": tuned}), SPACE)


SPACE = TinySpace()
