"""What every search strategy must do."""

from __future__ import annotations

import importlib.util
import inspect
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.core import (
    InvalidSetting,
    Proposal,
    Trial,
    UnknownName,
)
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import OutOfTurn, SpaceExhausted, Strategy
from nasbench_suite.testing.differences import first_difference
from nasbench_suite.testing.made_up import Fails, Single, Sparse, TinySpace, answer, play

_ASKS: Final = 80
_IN_FLIGHT: Final = 8

Kind: TypeAlias = type[Strategy]

# Run in a fresh interpreter, where an empty package `torch` can be imported.
_SEARCH: Final = """
import sys
import numpy as np
from importlib import import_module
from nasbench_suite.testing.made_up import TinySpace, play
strategy = getattr(import_module(sys.argv[1]), sys.argv[2])
play(strategy(TinySpace(), rng=np.random.default_rng(0)), 40)
print("torch" in sys.modules)
"""


# Larger and smaller than what a score can be, and than what its square can be.
_EXTREMES: Final = (1e308, -1e308, 9e99, -9e99, 5e-324, 0.0, -5e-324, 1e160)


def _asked(events: list[Proposal | Trial]) -> list[Proposal]:
    return [event for event in events if isinstance(event, Proposal)]


class StrategyTests:
    """Override the fixture `strategy`, and `space` if it is meant for another one."""

    @pytest.fixture
    def strategy(self) -> Kind:
        """Return the class of the strategy to check."""
        pytest.fail("override the fixture `strategy`")

    @pytest.fixture
    def space(self) -> Space:
        """Return the space to search."""
        space: Space = registry.load("spaces", "nasbench201")
        return space

    # Seeds and proposals.

    def test_the_same_seed_asks_the_same(self, strategy: Kind, space: Space) -> None:
        """Two searches with one seed and equal answers ask for the same architectures."""
        one, other = (play(strategy(space, rng=np.random.default_rng(7)), _ASKS) for _ in range(2))
        assert first_difference(one, other) is None

    def test_another_seed_asks_others(self, strategy: Kind, space: Space) -> None:
        """The seed matters: a hundred runs are not one run repeated."""
        searches = {
            tuple(_asked(play(strategy(space, rng=np.random.default_rng(seed)), _ASKS)))
            for seed in range(5)
        }
        assert len(searches) == 5

    def test_only_the_given_generator_is_used(self, strategy: Kind, space: Space) -> None:
        """Neither numpy's nor Python's global random state is read or moved."""
        numpy_before = np.random.get_state(legacy=False)  # noqa: NPY002
        python_before = random.getstate()
        one = play(strategy(space, rng=np.random.default_rng(7)), _ASKS)
        numpy_after = np.random.get_state(legacy=False)  # noqa: NPY002
        assert str(numpy_before) == str(numpy_after)
        assert random.getstate() == python_before
        try:
            np.random.seed(1)  # noqa: NPY002
            random.seed(1)
            again = play(strategy(space, rng=np.random.default_rng(7)), _ASKS)
            assert first_difference(one, again) is None
        finally:
            np.random.set_state(numpy_before)  # noqa: NPY002
            random.setstate(python_before)

    def test_proposals_are_architectures(self, strategy: Kind, space: Space) -> None:
        """Each proposal is a valid tuple of plain integers, with positive epochs or none."""
        assert issubclass(strategy, Strategy)
        proposals = _asked(play(strategy(space, rng=np.random.default_rng(0)), 3 * _ASKS))
        assert proposals
        for proposal in proposals:
            assert isinstance(proposal, Proposal)
            assert type(proposal.arch) is tuple
            assert all(type(gene) is int for gene in proposal.arch)
            assert space.valid(proposal.arch)
            assert proposal.epochs is None or (type(proposal.epochs) is int and proposal.epochs > 0)

    # Several trials in flight, and trials that fail.

    def test_several_trials_in_flight(self, strategy: Kind, space: Space) -> None:
        """It may be asked eight times before it is told, in whatever order trials end."""
        one, other = (
            play(strategy(space, rng=np.random.default_rng(3)), _ASKS, in_flight=_IN_FLIGHT)
            for _ in range(2)
        )
        assert first_difference(one, other) is None
        assert len(_asked(one)) >= min(_ASKS, space.size)
        assert all(space.valid(proposal.arch) for proposal in _asked(one))

    def test_nothing_told_at_all(self, strategy: Kind, space: Space) -> None:
        """Asked again and again without an answer, it goes on."""
        proposals = play(strategy(space, rng=np.random.default_rng(3)), 40, in_flight=10**9)
        assert len(proposals) >= min(40, space.size)

    @pytest.mark.parametrize(
        "fails",
        [
            pytest.param(lambda number: True, id="all"),
            pytest.param(lambda number: number % 3 == 2, id="every third"),
            pytest.param(lambda number: number < 30, id="the first 30"),
            pytest.param(lambda number: number >= 30, id="all after 30"),
        ],
    )
    @pytest.mark.parametrize("in_flight", [1, _IN_FLIGHT])
    def test_failed_trials(
        self, strategy: Kind, space: Space, fails: Fails, in_flight: int
    ) -> None:
        """Failed trials do not end a search, whenever they come."""
        search = strategy(space, rng=np.random.default_rng(4))
        proposals = _asked(play(search, _ASKS, fails, in_flight))
        assert len(proposals) >= min(_ASKS, space.size)
        assert all(space.valid(proposal.arch) for proposal in proposals)

    # The state is a fold of the history.

    @pytest.mark.parametrize("in_flight", [1, _IN_FLIGHT])
    def test_a_recorded_history_is_replayed(
        self, strategy: Kind, space: Space, in_flight: int
    ) -> None:
        """Told the trials of a log in the same order, a fresh one asks the same at each step."""
        rng = np.random.default_rng(5)
        events = play(
            strategy(space, rng=rng), _ASKS, lambda number: number % 4 == 1, in_flight=in_flight
        )
        fresh = strategy(space, rng=np.random.default_rng(5))
        for event in events:
            if isinstance(event, Trial):
                # A log keeps numbers as decimals, and knows nothing of objects.
                values = json.loads(json.dumps(dict(event.values)))
                score = -math.inf if event.status == "failed" else values["accuracy"]
                fresh.tell(event._replace(arch=tuple(event.arch), values=values, score=score))
            else:
                assert fresh.ask() == event

    def test_trials_out_of_turn_are_refused(self, strategy: Kind, space: Space) -> None:
        """A trial never asked for, of another architecture, or told twice raises `OutOfTurn`.

        The search then goes on as if nothing had happened.
        """
        undisturbed = _asked(play(strategy(space, rng=np.random.default_rng(6)), 40))
        search = strategy(space, rng=np.random.default_rng(6))
        for number, expected in enumerate(undisturbed):
            stray = answer(number, expected)
            with pytest.raises(OutOfTurn):
                search.tell(stray)
            proposal = search.ask()
            assert proposal == expected
            elsewhere = (*proposal.arch[:-1], proposal.arch[-1] + 1)
            for wrong in (stray._replace(number=-1), stray._replace(number=number + 1)):
                with pytest.raises(OutOfTurn):
                    search.tell(wrong)
            changes: list[dict[str, Any]] = [
                {"arch": elsewhere},
                {"arch": list(stray.arch)},
                {"arch": np.array(stray.arch)},
                {"arch": None},
                {"number": None},
                {"number": str(number)},
                {"number": [number]},
                {"number": number + 7, "arch": None},
            ]
            odd: Any
            for odd in (*(stray._replace(**change) for change in changes), None, proposal):
                with pytest.raises(OutOfTurn):
                    search.tell(odd)
            search.tell(answer(number, proposal))
            with pytest.raises(OutOfTurn):
                search.tell(answer(number, proposal))

    # Small spaces.

    @pytest.mark.parametrize("in_flight", [1, _IN_FLIGHT])
    def test_a_space_smaller_than_a_population(self, strategy: Kind, in_flight: int) -> None:
        """On eight architectures it goes on, or says that the space is exhausted."""
        space = TinySpace()
        search = strategy(space, rng=np.random.default_rng(8))
        proposals = _asked(play(search, 3 * _ASKS, in_flight=in_flight))
        assert all(space.valid(proposal.arch) for proposal in proposals)
        if len(proposals) < 3 * _ASKS:
            # Whoever ends has seen all there is, and stays ended.
            assert {proposal.arch for proposal in proposals} == set(space)
            with pytest.raises(SpaceExhausted):
                search.ask()

    @pytest.mark.parametrize("in_flight", [1, _IN_FLIGHT])
    def test_a_space_of_one_architecture(self, strategy: Kind, in_flight: int) -> None:
        """Where there is nothing to choose, it goes on, or says that the space is exhausted."""
        space = Single()
        search = strategy(space, rng=np.random.default_rng(8))
        proposals = _asked(play(search, _ASKS, in_flight=in_flight))
        assert {proposal.arch for proposal in proposals} == {(0, 0, 0)}

    @pytest.mark.parametrize("in_flight", [1, _IN_FLIGHT])
    def test_a_space_that_refuses_most_tuples(self, strategy: Kind, in_flight: int) -> None:
        """It asks for what is left, even from where there is no neighbour."""
        space = Sparse()
        search = strategy(space, rng=np.random.default_rng(8))
        proposals = _asked(play(search, 2 * _ASKS, in_flight=in_flight))
        assert len(proposals) >= space.size
        assert all(space.valid(proposal.arch) for proposal in proposals)

    # Settings.

    @pytest.mark.parametrize("value", [10**6, 2**31 - 1])
    def test_a_large_setting_is_refused_or_harmless(
        self, strategy: Kind, space: Space, value: int
    ) -> None:
        """Whatever is a whole number may be millions without hanging, or is refused by name."""
        for name, default in strategy.settings().items():
            if type(default) is not int:
                continue
            own = {name: value}
            try:
                search = strategy(space, rng=np.random.default_rng(1), **own)
            except InvalidSetting as error:
                refusal = str(error)
            else:
                assert len(play(search, 30)) == 60
                continue
            # What is too large together is named together, with `members` for `kernels`.
            assert name in refusal or "members" in refusal

    def test_settings_are_complete(self, strategy: Kind, space: Space) -> None:
        """`settings()` lists every keyword after `rng` with its default, as JSON can hold it."""
        parameters = list(inspect.signature(strategy).parameters.values())
        assert [parameter.name for parameter in parameters[:2]] == ["space", "rng"]
        own = [parameter for parameter in parameters[2:] if parameter.name != "epochs"]
        assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in own)
        settings = strategy.settings()
        assert settings == {parameter.name: parameter.default for parameter in own}
        assert inspect.Parameter.empty not in settings.values()
        assert json.loads(json.dumps(settings)) == settings
        one = play(strategy(space, rng=np.random.default_rng(1)), 40)
        again = play(strategy(space, rng=np.random.default_rng(1), **settings), 40)
        assert first_difference(one, again) is None

    def test_presets_are_settings(self, strategy: Kind, space: Space) -> None:
        """A preset names settings that it has, with values that it takes; unknown ones do not."""
        for name, preset in strategy.presets.items():
            assert strategy.settings(name) == {**strategy.settings(), **preset}
            assert json.loads(json.dumps(dict(preset))) == preset
            assert strategy(space, rng=np.random.default_rng(0), **preset).ask()
        with pytest.raises(UnknownName, match="no_such_preset"):
            strategy.settings("no_such_preset")

    def test_a_score_that_is_no_number_is_a_failure(self, strategy: Kind, space: Space) -> None:
        """Told NaN or an infinity, it goes on as if the trial had failed."""
        plain = strategy(space, rng=np.random.default_rng(2))
        odd = strategy(space, rng=np.random.default_rng(2))
        for number in range(_ASKS):
            proposal = plain.ask()
            assert odd.ask() == proposal
            failed = answer(number, proposal, failed=number % 3 == 1)
            plain.tell(failed)
            score = (math.nan, math.inf)[number % 2]
            if number % 3 == 1:
                failed = failed._replace(values={"accuracy": score}, status="ok", score=score)
            odd.tell(failed)

    @pytest.mark.parametrize("in_flight", [1, _IN_FLIGHT])
    def test_scores_of_any_size(self, strategy: Kind, space: Space, in_flight: int) -> None:
        """Told the largest and the smallest numbers that there are, it goes on."""
        search = strategy(space, rng=np.random.default_rng(2))
        waiting: list[Trial] = []
        for number in range(_ASKS):
            proposal = search.ask()
            assert space.valid(proposal.arch)
            score = _EXTREMES[number % len(_EXTREMES)]
            told = answer(number, proposal)._replace(values={"accuracy": score}, score=score)
            waiting.append(told)
            if len(waiting) == in_flight:
                for trial in waiting:
                    search.tell(trial)
                waiting = []

    def test_given_settings_replace_defaults(self, strategy: Kind) -> None:
        """A setting that is given is taken, the others keep their defaults."""
        defaults = strategy.settings()
        for name in defaults:
            marked: dict[str, Any] = {name: "given"}
            assert strategy.settings(marked) == {**defaults, **marked}
        assert strategy.settings() == strategy.settings({}) == defaults

    def test_an_unknown_setting_is_refused(self, strategy: Kind) -> None:
        """A setting that it lacks raises `UnknownName`, which names the nearest one."""
        for name in strategy.settings():
            with pytest.raises(UnknownName, match=f"did you mean .*{name}"):
                strategy.settings({name + "x": 1})
        with pytest.raises(UnknownName, match="no_such_thing"):
            strategy.settings({"no_such_thing": 1})

    # Weight.

    def test_torch_is_not_imported(self, strategy: Kind, tmp_path: Path) -> None:
        """Neither its import nor a search loads torch, be it installed or not."""
        module, name = strategy.__module__, strategy.__qualname__
        if not name.isidentifier() or importlib.util.find_spec(module) is None:
            pytest.skip(f"{module}.{name} cannot be imported by another process")
        (tmp_path / "torch.py").touch()
        path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        done = subprocess.run(
            [sys.executable, "-c", _SEARCH, module, name],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
