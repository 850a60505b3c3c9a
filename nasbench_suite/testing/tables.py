"""What every table on disk must be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from nasbench_suite import benchmarks, registry
from nasbench_suite.core import DIRECTIONS, SPLITS, UNITS, Metric, NotMeasured, Question
from nasbench_suite.spaces.base import Space
from nasbench_suite.tables.card import read_card, sha256
from nasbench_suite.tables.layout import CARD, INDEX, TABLE, Mapped, read_index
from nasbench_suite.tables.store import Table

_ALIGNMENT: Final = 64
_SOURCES: Final = ("measured", "derived", "predicted", "trained")


class _Column(NamedTuple):
    """What the index says of one dataset of a metric."""

    task: str
    metric: Metric
    epochs: int | None
    offset: int
    dtype: str
    runs: int
    counts: int | None
    source: str

    @property
    def path(self) -> str:
        """Its name in the HDF5 file."""
        after = "" if self.epochs is None else f"/{self.epochs}"
        return f"{self.task}/{self.metric.name}{after}"


def _columns(index: dict[str, Any]) -> Iterator[_Column]:
    for task, described in index["tasks"].items():
        for name, (*facts, places) in described["metrics"].items():
            for epochs, offset, dtype, runs, _, counts, source in places:
                metric = Metric(name, *facts)
                yield _Column(task, metric, epochs, offset, dtype, runs, counts, source)


def _datasets(index: dict[str, Any]) -> Iterator[tuple[str, int, str, tuple[int, ...]]]:
    """Yield name, offset, type and shape of every array that the index knows."""
    rows = index["rows"]
    space: Space = registry.load("spaces", index["space"])
    yield ("genes", *index["genes"], (rows, len(space.genes)))
    if index["rows_by_code"] is not None:
        yield ("rows_by_code", *index["rows_by_code"], (np.prod(space.genes).item(),))
    for column in _columns(index):
        shape = (rows, column.runs) if column.runs else (rows,)
        yield column.path, column.offset, column.dtype, shape
        if column.counts is not None:
            yield f"runs/{column.path}", column.counts, "|u1", (rows,)
    for task, described in index["tasks"].items():
        for metric, kept in described["curves"].items():
            for length, offset, dtype, runs in kept:
                yield f"curves/{task}/{metric}/{length}", offset, dtype, (rows, runs, length)


def _mean(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean over the runs measured; NaN where there is none."""
    full = values.astype(np.float64)
    if full.ndim == 1:
        return full
    count = (~np.isnan(full)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(full, axis=1) / count)


def _asked(index: dict[str, Any], file: h5py.File) -> NDArray[Any]:
    """Return what to ask for each row: its number, or its genes where numbers are not rows."""
    by_number = index["official_order"] and index["key"] == "architecture"
    genes: NDArray[Any] = file["genes"][()]
    return np.arange(index["rows"]) if by_number else genes


class TableTests:
    """Override the fixture `table`: the folder with the card, the index and the table file."""

    @pytest.fixture
    def table(self) -> Path:
        """Return the folder to check."""
        pytest.fail("override the fixture `table`")

    @pytest.fixture
    def card(self, table: Path) -> dict[str, Any]:
        """Return its card."""
        return read_card(table)

    @pytest.fixture
    def index(self, table: Path) -> dict[str, Any]:
        """Return its index."""
        return read_index(table)

    @pytest.fixture
    def file(self, table: Path) -> Iterator[h5py.File]:
        """Return the table file, opened by h5py."""
        with h5py.File(table / TABLE, "r") as file:
            yield file

    # Files.

    def test_files_are_those_of_the_card(self, table: Path, card: dict[str, Any]) -> None:
        """Size and sha256 of each file are what the card says, and there is nothing else."""
        assert {path.name for path in table.iterdir()} == {CARD, INDEX, TABLE}
        assert set(card["files"]) == {INDEX, TABLE}
        for name, facts in card["files"].items():
            assert (table / name).stat().st_size == facts["bytes"]
            assert sha256(table / name) == facts["sha256"]
        benchmarks.check(table)

    def test_card_and_index_agree(
        self, table: Path, card: dict[str, Any], index: dict[str, Any]
    ) -> None:
        """The facts that queries use are the facts that people read."""
        space: Space = registry.load("spaces", card["space"])
        assert card["name"] == index["name"] == table.name
        assert card["space"] == index["space"]
        assert card["key"] == index["key"]
        assert card["key"] in ("architecture", "canonical")
        assert card["architectures"] == index["rows"]
        whole = space.forms if card["key"] == "canonical" else space.size
        assert card["space_size"] == whole
        assert card["covers_space"] is index["covers_space"] is (index["rows"] == whole)
        assert card["files"][TABLE]["bytes"] == index["bytes"]
        assert list(card["tasks"]) == list(index["tasks"])
        for task, facts in card["tasks"].items():
            assert facts["benchmark"] == f"{card['space']}/{task}"
            assert facts["reported"] == index["tasks"][task]["reported"]
            assert index["tasks"][task]["protocols"] == facts.get("protocols", card["protocols"])

    def test_card_and_index_describe_the_same_columns(
        self, card: dict[str, Any], index: dict[str, Any], file: h5py.File
    ) -> None:
        """Each metric of the card is in the index, task by task, with runs and counts."""
        told = {}
        for entry in card["metrics"]:
            named = ("name", "unit", "direction", "description")
            metric = Metric(split=entry.get("split"), **{key: entry[key] for key in named})
            for facts in entry["measured"]:
                assert facts["origin"]
                for task in facts["tasks"]:
                    told[task, metric, facts.get("epochs")] = facts
        columns = list(_columns(index))
        assert {(c.task, c.metric, c.epochs) for c in columns} == set(told)
        for column in columns:
            facts = told[column.task, column.metric, column.epochs]
            assert facts["source"] == column.source
            assert facts.get("single_runs", 0) == column.runs
            assert (facts.get("runs_of_the_mean") == "differs") == (column.counts is not None)
            values = file[column.path][()].reshape(index["rows"], -1)
            assert facts["architectures"] == np.count_nonzero(~np.isnan(values[:, 0]))

    def test_provenance_is_told(self, card: dict[str, Any]) -> None:
        """The card says who is to be cited, under which licence, and hashes every input."""
        for key in ("title", "version", "description", "licence", "missing"):
            assert isinstance(card[key], str), key
            assert card[key], key
        assert card["citations"]
        for entry in card["inputs"]:
            assert re.fullmatch("[0-9a-f]{64}", entry["sha256"]), entry
            assert entry["file"], entry
            assert entry["licence"], entry

    # Arrays.

    def test_every_dataset_is_mapped(
        self, table: Path, index: dict[str, Any], file: h5py.File
    ) -> None:
        """What h5py reads is what the memory map gives at the index's offset, type and shape.

        Each dataset is contiguous, uncompressed and aligned, and the index knows them all.
        """
        mapped = Mapped(table, index["bytes"])
        known = {"architectures"}
        for name, offset, dtype, shape in _datasets(index):
            dataset = file[name]
            assert (dataset.chunks, dataset.compression) == (None, None), name
            assert (dataset.id.get_offset(), dataset.dtype.str) == (offset, dtype), name
            assert dataset.shape == shape, name
            assert offset % _ALIGNMENT == 0, name
            assert mapped.array(offset, dtype, shape).tobytes() == dataset[()].tobytes(), name
            known.add(name)
        found: set[str] = set()
        file.visititems(
            lambda name, item: found.add(name) if isinstance(item, h5py.Dataset) else None
        )
        assert found == known

    def test_architectures_are_those_of_the_space(
        self, index: dict[str, Any], file: h5py.File
    ) -> None:
        """Strings parse to the genes beside them, once each, and are found by their code."""
        space: Space = registry.load("spaces", index["space"])
        texts = [text.decode() for text in file["architectures"][()]]
        archs = [tuple(genes) for genes in file["genes"][()].tolist()]
        assert [space.parse(text) for text in texts] == archs
        assert len(set(archs)) == len(archs) == index["rows"]
        assert all(space.valid(arch) for arch in archs)
        if index["official_order"]:
            assert archs == list(space)
        if index["key"] == "canonical":
            assert [space.canonical(arch) for arch in archs] == archs
        if index["rows_by_code"] is not None:
            rows = file["rows_by_code"][()]
            assert rows[[space.code(arch) for arch in archs]].tolist() == list(range(len(archs)))
            assert np.count_nonzero(rows >= 0) == len(archs)

    def test_metrics_say_what_they_are(self, index: dict[str, Any], file: h5py.File) -> None:
        """Each column has unit, direction, split and source, also as attributes in the file."""
        for column in _columns(index):
            _, unit, direction, split, description = column.metric
            assert unit in UNITS, column.path
            assert direction in DIRECTIONS, column.path
            assert split in (*SPLITS, None), column.path
            assert unit != "%" or split is not None, f"{column.path}: measured on which images?"
            assert column.source in _SOURCES, column.path
            assert description, column.path
            expected = {
                "unit": unit,
                "direction": direction,
                "split": split,
                "epochs": column.epochs,
                "source": column.source,
            }
            stated = {name: value for name, value in expected.items() if value is not None}
            assert dict(file[column.path].attrs) == stated, column.path

    def test_values_are_possible(self, index: dict[str, Any], file: h5py.File) -> None:
        """Percentages are 0 to 100, seconds are positive, and no quantity is infinite.

        Only a score that has no better or worse (`direction` none) may be.
        """
        for column in _columns(index):
            values = file[column.path][()]
            measured = values[~np.isnan(values)]
            assert measured.size, f"{column.path}: nothing was measured"
            if column.metric.direction != "none":
                assert np.isfinite(measured).all(), column.path
            if column.metric.unit == "%":
                assert measured.min() >= 0, column.path
                assert measured.max() <= 100, column.path
            if column.metric.unit == "s":
                assert measured.min() > 0, column.path

    def test_missing_runs_come_last(self, index: dict[str, Any], file: h5py.File) -> None:
        """An architecture with fewer runs lacks the last ones, so that run k is run k."""
        for column in _columns(index):
            if column.runs:
                missing = np.isnan(file[column.path][()])
                assert not (missing[:, :-1] & ~missing[:, 1:]).any(), column.path
        for name in (name for name, *_ in _datasets(index) if name.startswith("curves/")):
            missing = np.isnan(file[name][()]).all(axis=2)
            assert not (missing[:, :-1] & ~missing[:, 1:]).any(), name

    # Answers.

    def test_queries_give_the_arrays(
        self, table: Path, index: dict[str, Any], file: h5py.File
    ) -> None:
        """Mean, single runs and all runs of a query are those in the file."""
        tables = {task: Table.open(table, task) for task in index["tasks"]}
        asked = _asked(index, file)
        rows = np.random.default_rng(0).choice(index["rows"], 20).tolist()
        for column in _columns(index):
            name, epochs, opened = column.metric.name, column.epochs, tables[column.task]
            raw = file[column.path][()]
            mean = _mean(raw)
            every = opened.query_many(asked, name, epochs=epochs)
            np.testing.assert_allclose(every, mean, rtol=1e-12, err_msg=column.path)
            for row in rows:
                if np.isnan(mean[row]):
                    continue
                arch = asked[row].tolist()
                assert opened.query(arch, name, epochs=epochs) == every[row]
                if column.runs:
                    there = raw[row][~np.isnan(raw[row])].tolist()
                    answered = opened.query(arch, name, epochs=epochs, seed="all").tolist()
                    assert answered == there, column.path
                    for run, value in enumerate(there):
                        assert opened.query(arch, name, epochs=epochs, seed=run) == value

    def test_what_is_missing_is_not_measured(
        self, table: Path, index: dict[str, Any], file: h5py.File
    ) -> None:
        """Where nobody measured the array has NaN and the query raises `NotMeasured`."""
        tables = {task: Table.open(table, task) for task in index["tasks"]}
        asked = _asked(index, file)
        for column in _columns(index):
            name, epochs, opened = column.metric.name, column.epochs, tables[column.task]
            raw = file[column.path][()]
            for row in np.flatnonzero(np.isnan(_mean(raw)))[:3].tolist():
                with pytest.raises(NotMeasured):
                    opened.query(asked[row].tolist(), name, epochs=epochs)
                assert np.isnan(opened.query_many(asked[[row]], name, epochs=epochs)).all()
            for row, run in np.argwhere(np.isnan(raw))[:3].tolist() if column.runs else ():
                with pytest.raises(NotMeasured):
                    opened.query(asked[row].tolist(), name, epochs=epochs, seed=run)
            with pytest.raises(NotMeasured):
                opened.query(asked[0].tolist(), name, epochs=epochs, seed=column.runs)
            with pytest.raises(NotMeasured):
                opened.query(asked[0].tolist(), name, epochs=10**6)

    def test_the_optimum_is_proven(
        self, table: Path, card: dict[str, Any], index: dict[str, Any], file: h5py.File
    ) -> None:
        """No architecture in the array is better than the one that the card names."""
        for task, facts in card["tasks"].items():
            if "optimum" not in facts:
                continue
            best = facts["optimum"]
            metric, epochs = best["metric"], best.get("epochs")
            row = file["architectures"][()].tolist().index(best["architecture"].encode())
            (column,) = (
                c
                for c in _columns(index)
                if (c.task, c.metric.name, c.epochs) == (task, metric, epochs)
            )
            values = _mean(file[column.path][()])
            least = column.metric.direction == "min"
            found = np.nanmin(values) if least else np.nanmax(values)
            assert best["value"] == pytest.approx(found, rel=1e-14)
            assert values[row] == found
            opened = Table.open(table, task)
            assert opened.query(best["index"], metric, epochs=epochs) == best["value"]
            assert opened.query(best["architecture"], metric, epochs=epochs) == best["value"]
            if card["covers_space"]:
                assert opened.best(Question(metric, epochs, best["seed"])) == best["value"]

    def test_protocols_can_be_followed(self, table: Path, index: dict[str, Any]) -> None:
        """What a protocol shows, charges and reports was measured, at the epochs it names."""
        for task in index["tasks"]:
            opened = Table.open(table, task)
            assert opened.reported in opened.metrics
            for name, protocol in opened.protocols.items():
                assert protocol.name == name
                assert opened.protocol(name) is protocol
                assert protocol.description
                assert opened.metrics[protocol.objective].direction in ("max", "min")
                assert opened.metrics[protocol.report.metric].direction in ("max", "min")
                assert list(protocol.epochs) == sorted(set(protocol.epochs))
                asked = [
                    Question(protocol.objective, epochs, protocol.seed)
                    for epochs in protocol.epochs or (None,)
                ]
                if protocol.cost is not None:
                    assert opened.metrics[protocol.cost].unit == "s"
                    asked += [question._replace(metric=protocol.cost) for question in asked]
                for metric, epochs, seed in (*asked, protocol.report):
                    values = opened.query_many([0], metric, epochs=epochs, seed=seed)
                    assert values.shape == (1,)
                if protocol.report.epochs is not None:
                    assert protocol.report.epochs in opened.epochs(protocol.report.metric)
