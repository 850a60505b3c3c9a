"""The bookkeeping that every strategy inherits."""

import math

import numpy as np
import pytest

from nasbench_suite.core import InvalidSetting, Proposal, Trial, UnknownName
from nasbench_suite.settings import at_least
from nasbench_suite.strategies.base import OutOfTurn, Strategy, mutated
from nasbench_suite.testing import TinySpace


class Listed(Strategy):
    """Asks for what it was given, and keeps what it was told."""

    def __init__(self, space, *, rng, archs=((0, 0, 0), (0, 0, 0), (1, 1, 1)), pace=2):
        super().__init__(space, rng=rng)
        self.left = list(archs)
        self.told = []

    def _ask(self):
        return Proposal(self.left.pop(0))

    def _tell(self, trial):
        self.told.append(trial.number)


@pytest.fixture
def listed():
    return Listed(TinySpace(), rng=np.random.default_rng(0))


def trial(number, arch):
    return Trial(number, arch, None, {}, 1.0, "failed", -math.inf)


def test_equal_architectures_are_told_apart_by_number(listed):
    for _ in range(3):
        listed.ask()
    listed.tell(trial(1, (0, 0, 0)))
    listed.tell(trial(0, (0, 0, 0)))
    with pytest.raises(OutOfTurn, match="trial 1 was told before"):
        listed.tell(trial(1, (0, 0, 0)))
    listed.tell(trial(2, (1, 1, 1)))
    assert listed.told == [1, 0, 2]


def test_a_trial_out_of_turn_does_not_reach_the_strategy(listed):
    with pytest.raises(OutOfTurn, match="trial 0 was never asked for"):
        listed.tell(trial(0, (0, 0, 0)))
    listed.ask()
    with pytest.raises(OutOfTurn, match="trial 0 was asked for another architecture"):
        listed.tell(trial(0, (1, 1, 1)))
    for never in (-1, 1, 99):
        with pytest.raises(OutOfTurn, match=f"trial {never} was never asked for"):
            listed.tell(trial(never, (0, 0, 0)))
    assert listed.told == []
    listed.tell(trial(0, (0, 0, 0)))
    assert listed.told == [0]


def test_an_ask_that_fails_counts_for_nothing(listed):
    for _ in range(3):
        listed.ask()
    with pytest.raises(IndexError):
        listed.ask()
    listed.left = [(1, 0, 1)]
    listed.ask()
    listed.tell(trial(3, (1, 0, 1)))
    assert listed.told == [3]


def test_settings_come_with_their_defaults():
    # As a log gives them back: lists for tuples.
    assert Listed.settings() == {"archs": [[0, 0, 0], [0, 0, 0], [1, 1, 1]], "pace": 2}
    assert Listed.settings({"pace": 5})["pace"] == 5
    with pytest.raises(UnknownName, match="no setting named 'pase' of Listed: did you mean pace"):
        Listed.settings({"pase": 5})


@pytest.mark.parametrize(
    ("score", "counts"),
    [(9e99, True), (-9e99, True), (1e100, False), (-1e308, False), (math.inf, False)],
)
def test_a_score_whose_square_is_no_number_is_a_failure(listed, score, counts):
    heard = []
    listed._tell = heard.append
    arch = listed.ask().arch
    listed.tell(Trial(0, arch, None, {"a": score}, 1.0, "ok", score))
    assert (heard[0].status, heard[0].score) == (("ok", score) if counts else ("failed", -math.inf))


def test_what_has_no_neighbour_mutates_into_anything():
    class Corner(TinySpace):
        """Of eight, the first and the last."""

        def fault(self, arch):
            return super().fault(arch) or (None if sum(arch) in (0, 3) else "refused")

    rng = np.random.default_rng(0)
    assert {mutated(Corner(), (0, 0, 0), rng) for _ in range(50)} == {(0, 0, 0), (1, 1, 1)}
    assert mutated(TinySpace(), (0, 0, 0), rng) in TinySpace().neighbours((0, 0, 0))


def test_at_least_has_a_ceiling():
    assert at_least("steps", 7, 1, 7) == 7
    with pytest.raises(InvalidSetting, match=r"steps is 8: .* at least 1 and at most 7"):
        at_least("steps", 8, 1, 7)


@pytest.mark.parametrize("value", [3, 4, 10**9])
def test_at_least_gives_the_number(value):
    assert at_least("starts", value, 3) == value


@pytest.mark.parametrize("value", [2, -1, 3.0, "3", None, True, math.nan, math.inf, [3]])
def test_at_least_refuses_what_is_no_such_number(value):
    with pytest.raises(InvalidSetting, match=r"starts is .*: it is a whole number of at least 3"):
        at_least("starts", value, 3)
