"""Everything that the registry and the data folders hold passes the public conformance kit."""

import pytest

from nasbench_suite import registry, resources
from nasbench_suite.testing import SpaceTests, StrategyTests, SurrogateTests, TableTests, TinySpace

TABLES = resources.folders("datasets_tabular", "index.json")


class TestSpaces(SpaceTests):
    @pytest.fixture(params=registry.names("spaces"))
    def space(self, request):
        return registry.load("spaces", request.param)

    def test_the_file_name_is_the_name(self, request, space):
        assert request.node.callspec.params["space"].rpartition("/")[2] == space.name


class TestTinySpace(SpaceTests):
    """The space that strategies are tried on is a fair one."""

    @pytest.fixture
    def space(self):
        return TinySpace()


class TestStrategies(StrategyTests):
    @pytest.fixture(params=registry.names("strategies"))
    def strategy(self, request):
        return registry.load("strategies", request.param)

    @pytest.fixture(params=["nasbench201", "nats_sss"])
    def space(self, request):
        return registry.load("spaces", request.param)


# Fewer trees than the defaults, which do all that many do.
TREES = {"members": 3, "trees": 12}
QUICK = {
    "distilled": {"teacher": "ridge", "drawn": 200},
    "gin": {"members": 2, "layers": 2, "width": 8, "epochs": 40, "learning_rate": 0.02},
    "lightgbm": TREES | {"learning_rate": 0.3},
    "random_forest": TREES,
    "stacked": {"families": "ridge+random_forest", "settings": {"random_forest": TREES}},
    "xgboost": TREES | {"learning_rate": 0.3},
}


class TestSurrogates(SurrogateTests):
    @pytest.fixture(params=registry.names("surrogates"))
    def name(self, request):
        return request.param

    @pytest.fixture
    def surrogate(self, name):
        return registry.load("surrogates", name)

    @pytest.fixture
    def settings(self, name):
        return QUICK.get(name, {})

    @pytest.fixture(params=["nasbench201", "nats_sss"])
    def space(self, request):
        return registry.load("spaces", request.param)


class TestTables(TableTests):
    @pytest.fixture(params=TABLES.values(), ids=TABLES)
    def table(self, request):
        return request.param
