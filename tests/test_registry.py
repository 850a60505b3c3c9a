"""Names are file names; other packages add their own by entry points."""

import importlib.metadata
import sys
import types
from pathlib import Path

import pytest

import nasbench_suite
from nasbench_suite import registry
from nasbench_suite.core import UnknownName
from nasbench_suite.spaces.base import Space
from nasbench_suite.strategies.base import Strategy
from nasbench_suite.surrogates.base import Surrogate

PACKAGE = Path(nasbench_suite.__file__).parent


@pytest.fixture
def fresh():
    """A registry that remembers nothing, before and after."""
    caches = (registry._files, registry.load_class, registry._instance)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("kind", ["spaces", "strategies", "surrogates"])
def test_names_are_file_names(kind):
    files = {p.stem for p in (PACKAGE / kind).glob("[!_]*.py")}
    files -= {"base", "estimator", "evaluate", "fitted", "splits"}  # what all of a kind share
    assert set(registry.names(kind)) == files
    assert registry.names(kind) == sorted(files)


@pytest.mark.parametrize(
    ("kind", "base"), [("spaces", Space), ("strategies", Strategy), ("surrogates", Surrogate)]
)
def test_classes_are_names_in_capitals(kind, base):
    for name in registry.names(kind):
        found = registry.load_class(kind, name)
        assert issubclass(found, base)
        assert found.__name__ == "".join(word.capitalize() for word in name.split("_"))
        assert found.__module__ == f"nasbench_suite.{kind}.{name}"


def test_spaces_are_instances_and_strategies_classes():
    space = registry.load("spaces", "nasbench201")
    assert isinstance(space, Space)
    assert registry.load("spaces", "nasbench201") is space
    assert space.name == "nasbench201"
    assert isinstance(registry.load("strategies", "random_search"), type)


@pytest.mark.parametrize(
    ("kind", "asked", "near"),
    [
        ("spaces", "nasbench20l", "nasbench201"),
        ("spaces", "NATS_SSS", "nats_sss"),
        ("spaces", "sss", "nats_sss"),
        ("strategies", "random", "random_search"),
        ("strategies", "localsearch", "local_search"),
        ("strategies", "regularised_evolution", "regularized_evolution"),
    ],
)
def test_unknown_names(kind, asked, near):
    for load in (registry.load, registry.load_class):
        with pytest.raises(UnknownName, match=f"did you mean .*{near}"):
            load(kind, asked)


@pytest.mark.parametrize("asked", ["base", "__init__", "", "..core", "nobody/nothing", "/"])
def test_names_that_are_none(asked):
    with pytest.raises(UnknownName):
        registry.load("strategies", asked)


def test_unknown_kinds():
    for ask in (registry.names, lambda kind: registry.load(kind, "x")):
        with pytest.raises(UnknownName, match="spaces"):
            ask("space")


class Foreign(Space):
    """Another package's space."""

    name = "foreign"
    genes = (2, 2)

    def parse(self, text):
        return tuple(map(int, text))

    def format(self, arch):
        return "".join(map(str, arch))

    def graph(self, arch, *, classes, size):
        raise NotImplementedError


def point(name, group="nasbench_suite.spaces", package="their-package"):
    made = importlib.metadata.EntryPoint(name, "their_module:Foreign", group)
    distribution = types.SimpleNamespace(name=package)
    return made._for(distribution)


def test_foreign_names(fresh, monkeypatch):
    module = types.ModuleType("their_module")
    module.Foreign = Foreign
    monkeypatch.setitem(sys.modules, "their_module", module)
    points = [point("foreign"), point("search", "nasbench_suite.strategies")]

    def entry_points(*, group):
        return [p for p in points if p.group == group]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert registry.names("spaces")[-1] == "their-package/foreign"
    assert registry.names("strategies")[-1] == "their-package/search"
    space = registry.load("spaces", "their-package/foreign")
    assert type(space) is Foreign
    assert space.size == 4
    assert registry.load_class("spaces", "their-package/foreign") is Foreign
    with pytest.raises(UnknownName, match="their-package/foreign"):
        registry.load("spaces", "their-package/foreing")
    # A foreign name never stands for one of the suite's own, nor without its package.
    with pytest.raises(UnknownName):
        registry.load("spaces", "foreign")


def test_a_foreign_package_cannot_take_an_own_name(fresh, monkeypatch):
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda *, group: [point("nasbench201", group)]
    )
    assert type(registry.load("spaces", "nasbench201")).__module__.startswith("nasbench_suite.")
    assert "their-package/nasbench201" in registry.names("spaces")


def test_only_what_is_asked_for_is_imported(fresh, monkeypatch):
    monkeypatch.delitem(sys.modules, "nasbench_suite.strategies.local_search", raising=False)
    registry.load("strategies", "random_search")
    registry.names("strategies")
    assert "nasbench_suite.strategies.local_search" not in sys.modules
