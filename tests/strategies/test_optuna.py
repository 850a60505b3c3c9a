"""Optuna's samplers as a strategy: that they learn, what they are given, and how they end."""

import logging
import subprocess
import sys

import numpy as np
import optuna
import pytest

from nasbench_suite import load, registry
from nasbench_suite.core import Budget, InvalidSetting, MissingExtra, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import SpaceExhausted
from nasbench_suite.strategies.optuna import Optuna
from nasbench_suite.testing import TinySpace

BEST = (3, 0, 2, 4, 1, 3)
NASBENCH201 = registry.load("spaces", "nasbench201")


class Plain(Space):
    """A space of so many choices a gene, of which it refuses some tuples."""

    name = "plain"

    def __init__(self, genes, refuses=lambda arch: False):
        self.genes = genes
        self.refuses = refuses

    def fault(self, arch):
        return super().fault(arch) or ("refused" if self.refuses(arch) else None)

    def parse(self, text):
        raise NotImplementedError

    def format(self, arch):
        return str(arch)

    def graph(self, arch, *, classes, size):
        raise NotImplementedError


def make(seed=0, space=NASBENCH201, **settings):
    return Optuna(space, rng=np.random.default_rng(seed), **settings)


def play(search, score, count, in_flight=1):
    """Ask ahead, tell in mixed order, and return what was asked; a score of None is a failure."""
    asked, waiting = [], []
    for number in range(count):
        try:
            arch = search.ask().arch
        except SpaceExhausted:
            break
        asked.append(arch)
        waiting.append(number)
        if len(waiting) == in_flight:
            done = waiting.pop(number % in_flight)
            value = score(asked[done])
            status, told = ("failed", -np.inf) if value is None else ("ok", value)
            search.tell(Trial(done, asked[done], None, {}, 1.0, status, told))
    return asked


def hits(arch):
    """How many genes are as in the best architecture."""
    return float(sum(gene == best for gene, best in zip(arch, BEST, strict=True)))


def misses(arch):
    return -hits(arch)


def fails(arch):
    return None


# Learning.


@pytest.mark.parametrize("in_flight", [1, 8])
def test_the_best_genes_are_found(in_flight):
    """By chance 1.2 of the six genes are right."""
    for seed in range(3):
        asked = play(make(seed), hits, 120, in_flight)
        assert np.mean([*map(hits, asked[-30:])]) > 2.5


def test_it_beats_chance_on_a_benchmark():
    bench = load("nasbench201/cifar10")

    def best(name):
        runs = [run(name, bench, budget=Budget(evaluations=80), seed=seed) for seed in range(20)]
        return np.mean([max(trial.score for trial in made.trials) for made in runs])

    assert best("optuna") > best("random_search") + 0.4


def test_failed_trials_are_not_learned_from():
    """Of TPE there remains what it draws at first, which is what the random sampler draws."""
    assert play(make(), fails, 40) == play(make(sampler="RandomSampler"), fails, 40)


# Samplers and their options.


@pytest.mark.parametrize(
    ("sampler", "options", "learns"),
    [
        ("TPESampler", None, True),
        ("NSGAIISampler", {"population_size": 10}, True),
        ("RandomSampler", None, False),
    ],
)
def test_samplers_by_name(sampler, options, learns):
    """A sampler that learns asks otherwise where the opposite scores well."""
    one, other = (
        play(make(sampler=sampler, options=options), score, 40) for score in (hits, misses)
    )
    assert one[:10] == other[:10]
    assert (one != other) == learns


@pytest.mark.parametrize("startup", [5, 30])
def test_options_reach_the_sampler(startup):
    one, other = (
        play(make(options={"n_startup_trials": startup}), score, 60) for score in (hits, misses)
    )
    assert one[:startup] == other[:startup]
    assert one[startup : startup + 10] != other[startup : startup + 10]


def test_tpe_is_that_of_the_latest_optuna():
    joint = {"multivariate": True, "constant_liar": True}
    asked = play(make(), hits, 60, in_flight=8)
    assert play(make(options=joint), hits, 60, in_flight=8) == asked
    for name in joint:
        assert play(make(options={name: False}), hits, 60, in_flight=8) != asked


def test_a_seed_moves_all_points_of_a_sequence():
    one, other = (
        set(play(make(seed, sampler="QMCSampler", ordinal=True), hits, 64)) for seed in (0, 1)
    )
    assert len(one & other) < 10


def test_ordinal_genes_have_neighbours():
    """What one choice is worth says something of the next one, if the choices are numbers."""
    space = Plain((40,))

    def away(ordinal):
        searches = [make(seed, space, ordinal=ordinal) for seed in range(5)]
        asked = [play(search, lambda arch: -abs(arch[0] - 30.0), 60)[-20:] for search in searches]
        return np.abs(np.array(asked) - 30).mean()

    assert away(True) < away(False) / 1.5


# What is refused.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sampler": "TPESampelr"}, "sampler is 'TPESampelr': it is .*TPESampler"),
        ({"sampler": "PartialFixedSampler"}, "sampler is 'PartialFixedSampler'"),
        ({"sampler": "BaseSampler"}, "sampler is 'BaseSampler'"),
        ({"sampler": None}, "sampler is None"),
        ({"sampler": "CmaEsSampler"}, "CmaEsSampler .* ordinal"),
        ({"sampler": "QMCSampler"}, "QMCSampler .* ordinal"),
        ({"ordinal": 1}, "ordinal is 1"),
        ({"options": {"n_startups": 3}}, "TPESampler .*n_startups"),
        ({"options": {"seed": 3}}, "TPESampler .*seed"),
        ({"options": ["group"]}, "options are .'group'.: they are a table"),
        ({"options": []}, "options are"),
        ({"options": ""}, "options are"),
        ({"options": 0}, "options are 0"),
        ({"options": False}, "options are False"),
        ({"options": {"group": True, "multivariate": False}}, "TPESampler .*multivariate"),
        ({"sampler": "GridSampler"}, "GridSampler .*search_space"),
    ],
    ids=str,
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(InvalidSetting, match=words):
        make(**settings)


def test_an_option_of_the_wrong_type_is_named_when_optuna_looks_at_it():
    with pytest.raises(InvalidSetting, match=r"'n_startup_trials': 'x'.*'<' not supported"):
        make(options={"n_startup_trials": "x"}).ask()


@pytest.mark.filterwarnings("ignore:.*constraints_func:FutureWarning")
def test_an_option_of_the_wrong_type_is_named_when_optuna_uses_it():
    search = make(options={"constraints_func": 5})
    arch = search.ask().arch
    with pytest.raises(InvalidSetting, match=r"'constraints_func': 5.*not callable"):
        search.tell(Trial(0, arch, None, {}, 1.0, "ok", 1.0))


def test_a_package_that_a_sampler_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(InvalidSetting, match=r"Optuna's CmaEsSampler .*cmaes"):
        play(make(sampler="CmaEsSampler", ordinal=True), hits, 3)


def test_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    kind = registry.load("strategies", "optuna")
    assert kind.settings({"ordinal": True})["sampler"] == "TPESampler"
    with pytest.raises(MissingExtra, match=r"pip install 'nasbench-suite\[optuna\]'") as caught:
        kind(NASBENCH201, rng=np.random.default_rng(0))
    assert isinstance(caught.value, ImportError)


# Ends, and what a space refuses.


@pytest.mark.parametrize("in_flight", [1, 3])
@pytest.mark.parametrize("score", [lambda arch: 1.0, fails])
def test_brute_force_asks_everything_once(score, in_flight):
    search = make(space=TinySpace(), sampler="BruteForceSampler")
    asked = play(search, score, 20, in_flight)
    assert sorted(asked) == list(TinySpace())
    with pytest.raises(SpaceExhausted, match="BruteForceSampler"):
        search.ask()


def test_a_grid_ends_where_it_ends():
    grid = {"gene_0": [0, 1], "gene_1": [1], "gene_2": [0, 1]}
    search = make(space=TinySpace(), sampler="GridSampler", options={"search_space": grid})
    assert sorted(play(search, sum, 20)) == [(0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1)]


def even(arch):
    return sum(arch) % 2 == 0


@pytest.mark.parametrize("in_flight", [1, 8])
def test_refused_tuples_are_asked_anew(in_flight):
    space = Plain((5,) * 6, refuses=even)
    asked, again = (play(make(3, space), hits, 120, in_flight) for _ in range(2))
    assert asked == again
    assert not any(map(even, asked))
    assert np.mean([*map(hits, asked[-30:])]) > 2.5


def test_brute_force_asks_all_that_is_not_refused():
    space = Plain((3, 3, 2), refuses=even)
    asked = play(make(space=space, sampler="BruteForceSampler"), lambda arch: 1.0, 40)
    assert sorted(asked) == [arch for arch in Plain(space.genes) if not even(arch)]


def test_a_space_that_refuses_nearly_everything():
    """What is drawn at random after many refusals is told to Optuna like the rest."""
    space = Plain((2,) * 12, refuses=lambda arch: len(set(arch)) == 2)
    asked = play(make(space=space), lambda arch: float(arch[0]), 30, in_flight=2)
    assert len(asked) == 30
    assert set(asked) == {(0,) * 12, (1,) * 12}


# Quiet, and light.


def test_the_users_logging_is_left_alone():
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("optuna")
    logger.addHandler(handler)
    before = optuna.logging.get_verbosity()
    try:
        play(make(), hits, 20)
        assert records == []
        assert optuna.logging.get_verbosity() == before
        optuna.create_study()
        assert ["A new study" in record.getMessage() for record in records] == [True]
    finally:
        logger.removeHandler(handler)


def test_nothing_is_printed_and_optuna_is_imported_late():
    script = (
        "import sys\n"
        "from nasbench_suite import Budget, registry, run\n"
        "registry.load('strategies', 'optuna').settings()\n"
        "print('optuna' in sys.modules)\n"
        "for sampler in 'TPESampler', 'BruteForceSampler', 'QMCSampler':\n"
        "    run('optuna', 'nasbench201/cifar10', budget=Budget(evaluations=12), seed=0,\n"
        "        settings={'sampler': sampler, 'ordinal': True})\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("False\n", "", 0)
