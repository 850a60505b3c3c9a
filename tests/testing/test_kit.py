"""A kit that never fails proves nothing: each thing here is broken in one way, which it finds."""

import random
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from nasbench_suite import registry, resources
from nasbench_suite.core import Proposal
from nasbench_suite.graph import Graph, Node
from nasbench_suite.strategies.local_search import LocalSearch
from nasbench_suite.strategies.random_search import RandomSearch
from nasbench_suite.strategies.regularized_evolution import RegularizedEvolution
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.layout import read_index
from nasbench_suite.testing import SpaceTests, StrategyTests, TableTests, TinySpace


class ForgetfulFormat(TinySpace):
    def format(self, arch):
        return "0" + super().format(arch)[1:]


class LenientParse(TinySpace):
    def parse(self, text):
        return tuple(map(int, text))


class BiasedSample(TinySpace):
    def sample(self, rng):
        return tuple(int(u * 1.8) for u in rng.random(3).tolist())


class UnseededSample(TinySpace):
    def sample(self, rng):
        return tuple(random.randrange(2) for _ in range(3))


class OneWayNeighbours(TinySpace):
    def neighbours(self, arch):
        return [other for other in super().neighbours(arch) if other > arch]


class LazyMutation(TinySpace):
    def mutate(self, arch, rng):
        return arch


class SelfishCrossover(TinySpace):
    def crossover(self, one, other, rng):
        return one


class RestlessCanonical(TinySpace):
    def canonical(self, arch):
        return self.at((self.index(arch) + 1) % 8)


class LateCanonical(TinySpace):
    def canonical(self, arch):
        return max(arch, arch[::-1])


class ShiftedIndex(TinySpace):
    def index(self, arch):
        return super().index(arch) + 1


class NoisyEncoding(TinySpace):
    def _encode_noise(self, genes):
        return np.random.default_rng().random((len(genes), 2))


class BatchEncoding(TinySpace):
    def _encode_centred(self, genes):
        return genes - genes.mean(axis=0) if len(genes) else np.zeros((0, 3))


class SingleEncoding(TinySpace):
    def _encode_half(self, genes):
        return genes.astype(np.float32)


class WideGraph(TinySpace):
    def graph(self, arch, *, classes, size):
        net = super().graph(arch, classes=classes, size=size)
        net.add([1, len(net.nodes) - 1])
        return net


class LosingConcat(TinySpace):
    def graph(self, arch, *, classes, size):
        net = Graph(channels=3, size=size)
        net.nodes += [Node("relu", (0,), 3, size), Node("concat", (0, 1), 3, size)]
        net.linear(net.global_avg_pool(2), classes)
        return net


class GrowingTruncate(TinySpace):
    def graph(self, arch, *, classes, size):
        net = Graph(channels=3, size=size)
        net.nodes.append(Node("truncate", (0,), 4, size))
        net.linear(net.global_avg_pool(1), classes)
        return net


class TrustingMany(TinySpace):
    def all_valid(self, archs):
        return True


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (TrustingMany, "many_are_valid_where_each_is"),
        (ForgetfulFormat, "format_then_parse_gives_the_architecture"),
        (ForgetfulFormat, "strings_differ"),
        (LenientParse, "a_string_that_is_cut_is_refused_or_valid"),
        (LenientParse, "nonsense_strings_are_refused"),
        (BiasedSample, "samples_are_uniform"),
        (UnseededSample, "samples_follow_the_seed"),
        (OneWayNeighbours, "neighbours_are_all_that_differ_in_one_gene"),
        (OneWayNeighbours, "neighbours_are_symmetric"),
        (LazyMutation, "a_mutation_is_a_neighbour"),
        (SelfishCrossover, "a_crossover_takes_genes_from_its_parents"),
        (RestlessCanonical, "canonical_forms_stay"),
        (LateCanonical, "the_canonical_form_is_the_first_of_its_class"),
        (ShiftedIndex, "index_then_at_gives_the_architecture"),
        (ShiftedIndex, "numbers_count_the_space"),
        (NoisyEncoding, "encodings_are_finite_rows"),
        (BatchEncoding, "a_batch_is_encoded_as_its_members"),
        (SingleEncoding, "encodings_are_finite_rows"),
        (WideGraph, "graphs_are_well_formed"),
        (LosingConcat, "graphs_are_well_formed"),
        (GrowingTruncate, "graphs_are_well_formed"),
    ],
)
def test_the_kit_finds_a_broken_space(broken, check):
    space = broken()
    rng = np.random.default_rng(1)
    archs = [space.sample(rng) for _ in range(300)]
    method = getattr(SpaceTests(), f"test_{check}")
    takes_archs = "archs" in method.__annotations__
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        method(space, archs) if takes_archs else method(space)


class Unseeded(RandomSearch):
    def __init__(self, space, *, rng):
        super().__init__(space, rng=np.random.default_rng())


class Stubborn(RandomSearch):
    def __init__(self, space, *, rng):
        super().__init__(space, rng=np.random.default_rng(0))


class Global(RandomSearch):
    def _ask(self):
        random.random()
        return super()._ask()


class NumpyGenes(RandomSearch):
    def _ask(self):
        return Proposal(tuple(np.array(super()._ask().arch)))


class OutOfSpace(RandomSearch):
    def _ask(self):
        return Proposal((*super()._ask().arch[:-1], 99))


class NeedsSurvivors(RegularizedEvolution):
    def _ask(self):
        if self._asked >= 10:
            max(self._population)
        return super()._ask()


class OneAtATime(RegularizedEvolution):
    def ask(self):
        assert not self._in_flight
        return super().ask()


class ByTheClock(RandomSearch):
    calls = 0

    def _tell(self, trial):
        type(self).calls += 1
        if type(self).calls % 7 == 0:
            self.rng.random()


class Trusting(LocalSearch):
    def tell(self, trial):
        self._in_flight.pop(trial.number, None)
        self._tell(trial)


class NeverEnds(RandomSearch):
    def __init__(self, space, *, rng):
        super().__init__(space, rng=rng)
        self.seen = set()

    def _ask(self):
        while (arch := self.space.sample(self.rng)) in self.seen:
            if len(self.seen) == self.space.size:
                raise RuntimeError("this would go on for ever")
        self.seen.add(arch)
        return Proposal(arch)


class NoDefault(RandomSearch):
    def __init__(self, space, *, rng, width):
        super().__init__(space, rng=rng)


class Careless(RandomSearch):
    @classmethod
    def settings(cls, given=None):
        return dict(given or {})


@pytest.mark.parametrize(
    ("broken", "check", "rest"),
    [
        (Unseeded, "the_same_seed_asks_the_same", []),
        (Unseeded, "a_recorded_history_is_replayed", [1]),
        (Stubborn, "another_seed_asks_others", []),
        (Global, "only_the_given_generator_is_used", []),
        (NumpyGenes, "proposals_are_architectures", []),
        (OutOfSpace, "proposals_are_architectures", []),
        (NeedsSurvivors, "failed_trials", [lambda number: True, 1]),
        (OneAtATime, "several_trials_in_flight", []),
        (OneAtATime, "nothing_told_at_all", []),
        (ByTheClock, "a_recorded_history_is_replayed", [1]),
        (Trusting, "trials_out_of_turn_are_refused", []),
        (NoDefault, "settings_are_complete", []),
        (Careless, "an_unknown_setting_is_refused", []),
    ],
)
def test_the_kit_finds_a_broken_strategy(broken, check, rest):
    space = registry.load("spaces", "nasbench201")
    method = getattr(StrategyTests(), f"test_{check}")
    given = [broken, space] if "space" in method.__annotations__ else [broken]
    with pytest.raises((AssertionError, ValueError, KeyError, pytest.fail.Exception)):
        method(*given, *rest)


def test_the_kit_finds_a_strategy_that_never_ends():
    with pytest.raises(RuntimeError, match="for ever"):
        StrategyTests().test_a_space_smaller_than_a_population(NeverEnds, 1)


def test_the_kit_finds_a_strategy_that_imports_torch(tmp_path, monkeypatch):
    (tmp_path / "heavy.py").write_text(
        "from nasbench_suite.strategies.random_search import RandomSearch\n"
        "class Heavy(RandomSearch):\n"
        "    def _ask(self):\n"
        "        import torch\n"
        "        return super()._ask()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    heavy = type("Heavy", (RandomSearch,), {"__module__": "heavy"})
    (tmp_path / "run").mkdir()
    with pytest.raises(AssertionError, match="True"):
        StrategyTests().test_torch_is_not_imported(heavy, tmp_path / "run")


@pytest.fixture
def copy(tmp_path):
    original = resources.folders("datasets_tabular", "index.json")["nasbench201"]
    return Path(shutil.copytree(original, tmp_path / "nasbench201"))


def check_table(folder, check):
    """Run one check of the kit, which is expected to fail."""
    method = getattr(TableTests(), f"test_{check}")
    with h5py.File(folder / "table.h5") as file:
        given = {
            "table": folder,
            "card": read_card(folder),
            "index": read_index(folder),
            "file": file,
        }
        names = [name for name in method.__annotations__ if name != "return"]
        with pytest.raises((AssertionError, LookupError)):
            method(*(given[name] for name in names))


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [
        ("card.toml", "value = 94.37333333333333", "value = 94.5", "the_optimum_is_proven"),
        ("card.toml", "index = 6111", "index = 6112", "the_optimum_is_proven"),
        ("card.toml", "space_size = 15625", "space_size = 15626", "card_and_index_agree"),
        ("card.toml", 'unit = "%"', 'unit = ""', "card_and_index_describe_the_same_columns"),
        ("card.toml", 'licence = "Apache-2.0 AND MIT"', 'licence = ""', "provenance_is_told"),
        ("index.json", '"validation"', '"test"', "metrics_say_what_they_are"),
        ("index.json", "2411520", "2411584", "every_dataset_is_mapped"),
        ("index.json", '"epochs":[12]', '"epochs":[13]', "protocols_can_be_followed"),
    ],
)
def test_the_kit_finds_a_table_with_a_wrong_word(copy, file, old, new, check):
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1))
    check_table(copy, check)


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ([[1.0, 2.0, 3.0]], "files_are_those_of_the_card"),
        ([[np.inf, 1.0, 1.0]], "values_are_possible"),
        ([[100.5, 1.0, 1.0]], "values_are_possible"),
        ([[np.nan, 1.0, 1.0]], "missing_runs_come_last"),
        ([[1.0, np.nan, 1.0]], "missing_runs_come_last"),
    ],
)
def test_the_kit_finds_a_table_with_wrong_numbers(copy, values, check):
    places = read_index(copy)["tasks"]["cifar10"]["metrics"]["val_accuracy"][4]
    (offset,) = (place[1] for place in places if place[0] == 200)
    with (copy / "table.h5").open("r+b") as file:
        file.seek(offset)
        file.write(np.array(values).tobytes())
    check_table(copy, check)


def test_the_kit_finds_a_foreign_file(copy):
    (copy / "notes.py").touch()
    check_table(copy, "files_are_those_of_the_card")
