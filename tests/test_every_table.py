"""Every strategy searches every task that can be searched, under every protocol it can follow."""

import json
import re
from pathlib import Path

import pytest

from nasbench_suite import compare, registry, resources, run
from nasbench_suite.core import Budget, InvalidSetting, NotMeasured
from nasbench_suite.strategies.base import FidelityStrategy
from nasbench_suite.tables.store import Table

EVALUATIONS = 24
"""Enough that every strategy which learns has begun to."""
STRATEGIES = registry.names("strategies")
TABLES = [
    Table.open(name, task)
    for name, folder in resources.folders("datasets_tabular", "index.json").items()
    for task in json.loads((folder / "index.json").read_text())["tasks"]
]
SEARCHED = [
    pytest.param(table, protocol, id=f"{table.name}-{table.task}-{protocol.name}")
    for table in TABLES
    if table.covers_space
    for protocol in table.protocols.values()
]
SAMPLES = [
    pytest.param(table, id=f"{table.name}-{table.task}")
    for table in TABLES
    if not table.covers_space
]


def follows(strategy, protocol):
    """Whether a strategy can search under a protocol: some need several training lengths."""
    chooses = issubclass(registry.load("strategies", strategy), FidelityStrategy)
    return len(protocol.epochs) > 1 or not chooses


def compared(table, protocol, strategies, out):
    return compare(
        [table.benchmark],
        strategies,
        budget=Budget(EVALUATIONS),
        seeds=1,
        out=out,
        protocol=protocol.name,
    )


def logs(experiment):
    runs = experiment.folder / "runs"
    return {path.relative_to(runs): path.read_bytes() for path in runs.rglob("*.jsonl")}


def test_tables_are_searched_and_tables_are_looked_up():
    """Neither list is empty, and a pool is among the spaces that are searched."""
    assert len({table.name for table in TABLES}) >= 10
    assert SEARCHED
    assert SAMPLES
    assert any(table.space.pool and table.covers_space for table in TABLES)


def answer(table, arch, metric, asked):
    try:
        return table.query(arch, metric, **asked)
    except NotMeasured:
        return None


@pytest.mark.parametrize(("table", "protocol"), SEARCHED)
def test_every_strategy_searches_it(table, protocol, tmp_path):
    able = [strategy for strategy in STRATEGIES if follows(strategy, protocol)]
    experiment = compared(table, protocol, able, tmp_path / "once")
    lengths = protocol.epochs or (None,)
    for strategy in able:
        (found,) = experiment.runs(table.benchmark, strategy)
        assert len(found.trials) == EVALUATIONS, strategy
        paid = dict.fromkeys((trial.arch for trial in found.trials), 0.0)
        for trial in found.trials:
            assert table.space.valid(trial.arch), strategy
            assert trial.epochs in lengths
            asked = {"epochs": trial.epochs, "seed": protocol.seed}
            value = answer(table, trial.arch, protocol.objective, asked)
            if value is None:
                assert (trial.status, trial.values) == ("failed", {}), strategy
            else:
                assert trial.values == {protocol.objective: value}, strategy
            cost = answer(table, trial.arch, protocol.cost, asked) if protocol.cost else 1.0
            if cost is None:
                assert value is None, strategy
                cost = 0.0
            # Of a training that continues a shorter one only the difference is paid.
            due = max(0.0, cost - paid[trial.arch]) if protocol.continues else cost
            assert trial.cost == due, strategy
            paid[trial.arch] = max(paid[trial.arch], cost)
        assert len({trial.arch for trial in found.trials}) > 1, strategy
    again = compared(table, protocol, able, tmp_path / "again")
    assert logs(experiment) == logs(again)
    assert len(logs(experiment)) == len(able)


@pytest.mark.parametrize(("table", "protocol"), SEARCHED)
def test_who_cannot_follow_a_protocol_says_why(table, protocol, tmp_path):
    refused = {}
    for strategy in STRATEGIES:
        if not follows(strategy, protocol):
            with pytest.raises(InvalidSetting) as caught:
                compared(table, protocol, [strategy], tmp_path / strategy)
            refused[strategy] = str(caught.value)
            assert not (tmp_path / strategy).exists()
    for strategy, says in refused.items():
        name = registry.load("strategies", strategy).__name__
        count = len(protocol.epochs) or "none"
        assert f"{name} chooses between training lengths, and on {table.space.name}" in says
        assert f"the protocol has {count}: " in says
    assert set(refused) == (set() if len(protocol.epochs) > 1 else choosing())


def choosing():
    """Return the strategies that the page of strategies has under `multi_fidelity`."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "strategies.md").read_text()
    section = page.partition("## Under `multi_fidelity`")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) - {"random_search"}


@pytest.mark.parametrize("table", SAMPLES)
def test_a_sample_is_not_searched(table, tmp_path):
    for protocol in table.protocols.values():
        with pytest.raises(InvalidSetting, match="it can be looked up"):
            run("random_search", table, budget=Budget(EVALUATIONS), seed=0, protocol=protocol.name)
