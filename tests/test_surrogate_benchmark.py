"""A fitted surrogate asked as a table is: queries, seeds, records, searches, and damage."""

import json
import shutil

import numpy as np
import pytest
from scipy.stats import kstest

from nasbench_suite import Budget, benchmarks, load, run
from nasbench_suite.benchmarks.surrogate import SurrogateBenchmark
from nasbench_suite.core import (
    DamagedInput,
    DataNotFound,
    InvalidArchitecture,
    InvalidSetting,
    NotMeasured,
    UnknownName,
)
from nasbench_suite.surrogates.fitted import Noise, Seen, draw_of
from nasbench_suite.surrogates.ridge import Ridge
from nasbench_suite.tables.store import Table

NAME = "mnasnet/imagenet"
FIRST_DRAW = 1.963844820605499


@pytest.fixture(scope="module")
def opened(small_surrogate):
    return SurrogateBenchmark(small_surrogate)


@pytest.fixture(scope="module")
def archs(opened):
    rng = np.random.default_rng(0)
    return [opened.space.sample(rng) for _ in range(500)]


class TestLoad:
    def test_the_surrogate_where_the_table_is_a_sample(self, with_small):
        assert isinstance(load(NAME), SurrogateBenchmark)
        assert isinstance(load(NAME, "surrogate"), SurrogateBenchmark)
        assert isinstance(load(NAME, "table"), Table)
        assert isinstance(load("nasbench201/cifar10"), Table)
        assert benchmarks.predicted()[NAME] == with_small

    def test_there_is_none(self, with_small):
        with pytest.raises(UnknownName, match="nasbench201/cifar10"):
            load("nasbench201/cifar10", "surrogate")
        with pytest.raises(UnknownName, match=f"did you mean {NAME}"):
            load("mnasnet/imagenett")
        with pytest.raises(InvalidSetting, match="source"):
            load(NAME, "oracle")

    def test_by_name(self, with_small):
        assert SurrogateBenchmark.open("mnasnet").folder == with_small
        with pytest.raises(UnknownName, match="did you mean mnasnet"):
            SurrogateBenchmark.open("mnasnt")


class TestQuery:
    def test_every_way_to_name_an_architecture(self, opened, archs):
        arch = archs[0]
        expected = opened.query(arch)
        space = opened.space
        for other in (space.format(arch), list(arch), np.array(arch), space.index(arch)):
            assert opened.query(other) == expected
        assert opened.query(arch, "val_accuracy") == expected
        assert type(expected) is float

    def test_many_are_each(self, opened, archs):
        together = opened.query_many(archs, "train_seconds")
        assert together == pytest.approx([opened.query(a, "train_seconds") for a in archs])
        assert np.array_equal(opened.query_many(np.array(archs), "train_seconds"), together)
        assert opened.query_many([]).shape == (0,)
        seeded = opened.query_many(archs[:20], seed=3)
        assert seeded == pytest.approx([opened.query(arch, seed=3) for arch in archs[:20]])

    @pytest.mark.parametrize("wrong", ["e4_k3", -1, 10**30, (0,) * 27, (9,) * 28, [1.5] * 28, None])
    def test_outside_of_the_space(self, opened, wrong):
        with pytest.raises(InvalidArchitecture):
            opened.query(wrong)

    def test_what_is_not_predicted(self, opened, archs):
        with pytest.raises(UnknownName, match="did you mean val_accuracy"):
            opened.query(archs[0], "val_acuracy")
        with pytest.raises(NotMeasured, match="does not depend on epochs"):
            opened.query(archs[0], epochs=16)
        for seed in ("all", -1, 0.5, None):
            with pytest.raises(NotMeasured, match="there is the mean"):
                opened.query(archs[0], seed=seed)
        with pytest.raises(UnknownName, match="multi_fidelity"):
            opened.protocol("multi_fidelity")

    def test_a_record_says_that_it_is_predicted(self, opened, archs):
        record = opened.record(archs[0], "train_seconds")
        assert (record.source, record.unit, record.seed) == ("predicted", "s", "mean")
        assert record.value == opened.query(archs[0], "train_seconds")
        assert record.std > 0
        assert record.outside is False
        drawn = opened.record(archs[0], seed=np.random.default_rng(1))
        assert drawn.seed == "drawn"


class TestNoise:
    def test_a_seed_is_always_the_same_training(self, opened, small_surrogate, archs):
        values = [opened.query(archs[0], seed=seed) for seed in range(50)]
        again = SurrogateBenchmark(small_surrogate)
        assert [again.query(archs[0], seed=seed) for seed in reversed(range(50))] == values[::-1]
        assert len(set(values)) == 50
        assert opened.query(archs[0], seed=np.int64(7)) == values[7]

    def test_trainings_scatter_as_the_card_says(self, opened, archs):
        """Normal about the mean, and independent between architectures and seeds."""
        noise = opened.card["predictors"][0]["noise"]["deviation"]
        apart = opened.query_many(archs, seed=0) - opened.query_many(archs)
        assert kstest(apart / noise, "norm").pvalue > 1e-3
        other = opened.query_many(archs, seed=1) - opened.query_many(archs)
        assert abs(np.corrcoef(apart, other)[0, 1]) < 0.15
        seconds = np.log(opened.query_many(archs, "train_seconds", seed=0))
        seconds -= np.log(opened.query_many(archs, "train_seconds"))
        share = opened.card["predictors"][1]["noise"]["deviation"]
        assert kstest(seconds / share, "norm").pvalue > 1e-3
        assert abs(np.corrcoef(apart, seconds)[0, 1]) < 0.15

    def test_a_generator_draws(self, opened, archs):
        values = [opened.query(archs[0], seed=np.random.default_rng(s)) for s in (1, 1, 2)]
        assert values[0] == values[1] != values[2]

    def test_draws_do_not_depend_on_the_machine(self):
        """They are part of what a search sees, and so of what others repeat."""
        assert draw_of("mnasnet/imagenet", "val_accuracy", None, "0-1", 0) == pytest.approx(
            FIRST_DRAW, rel=1e-12
        )
        draws = [draw_of("b", number) for number in range(5000)]
        assert kstest(draws, "norm").pvalue > 1e-3
        assert Noise("relative", 0.5).drawn(10.0, -1.0) == pytest.approx(10 * np.exp(-0.5))
        assert Noise("absolute", 0.5).drawn(10.0, -1.0) == 9.5


class TestSeen:
    def test_a_choice_never_taken_is_outside(self, opened, archs):
        place = next(n for n, count in enumerate(opened.space.genes) if count > 1)
        without = [arch for arch in archs if arch[place] != archs[0][place]]
        seen = Seen.of(opened.space, without)
        assert seen.outside([archs[0], without[0]]) == [True, False]
        assert not any(seen.outside(without))

    def test_it_is_kept(self, opened, archs, tmp_path):
        seen = Seen.of(opened.space, archs[:50])
        seen.write(tmp_path)
        again = Seen.read(tmp_path, opened.space)
        assert again.outside(archs) == seen.outside(archs)
        assert any(again.outside(archs))
        with pytest.raises(DamagedInput, match=r"seen\.npz is damaged"):
            Seen.read(tmp_path, load("nasbench201/cifar10").space)


class TestSearch:
    def test_a_search_sees_noise_and_pays_predicted_seconds(self, opened):
        found = run("regularized_evolution", opened, budget=Budget(evaluations=150), seed=0)
        assert (found.source, found.data) == ("surrogate", opened.data)
        for trial in found.trials[::10]:
            assert trial.values["val_accuracy"] == opened.query(trial.arch, seed=0)
            assert trial.values["val_accuracy"] != opened.query(trial.arch)
            assert trial.cost == opened.query(trial.arch, "train_seconds", seed=0)
        best = max(found.trials, key=lambda trial: trial.score)
        report = opened.protocol("standard").report
        assert opened.query(best.arch) > opened.average(report) + 5
        assert opened.best(report) is None

    def test_a_comparison_and_its_report(self, with_small, nasbench, tmp_path):
        given = [NAME, "--strategies", "random_search,local_search", "--evaluations", "40"]
        given += ["--seeds", "5", "--out", tmp_path / "out"]
        done = nasbench("compare", *given)
        assert done.code == 0
        page = (tmp_path / "out" / "report.html").read_text()
        assert "A small surrogate, version\N{NO-BREAK SPACE}1, predicted" in page
        assert "predicted by a surrogate and not measured" in page
        assert "predicted, with the noise of training 0" in page
        before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.jsonl")}
        assert nasbench("compare", *given).code == 0
        assert {p: p.read_bytes() for p in before} == before


class TestCommands:
    def test_list_and_info_and_query(self, with_small, nasbench, archs, opened):
        rows = {row["benchmark"]: row for row in nasbench("list", "--json").json}
        assert rows["nasbench201/cifar10"]["source"] == "table"
        listed = nasbench("list", "--check", "--json").json
        mine = [row for row in listed if row["benchmark"] == NAME]
        assert [row["source"] for row in mine] == ["table", "surrogate"]
        assert mine[1]["architectures"] == opened.space.size
        shown = nasbench("info", NAME).out
        for words in ("predicted", "4,100 fitted", "differ by", "Kendall's tau", "for tests"):
            assert words in shown
        assert nasbench("info", NAME, "--json").json["format"] == "nasbench-fitted-1"
        assert nasbench("info", NAME, "--source", "table", "--json").json["architectures"] == 5125
        text = opened.space.format(archs[0])
        answer = nasbench("query", NAME, text, "--metric", "val_accuracy", "--json").json
        assert (answer["source"], answer["outside"]) == ("predicted", False)
        assert answer["std"] > 0
        every = nasbench("query", NAME, text).out
        assert every.count("predicted") == 2
        assert every.count("±") == 2
        measured = nasbench("query", "nasbench201/cifar10", "0", "--json").json
        assert not any("std" in entry or "outside" in entry for entry in measured)

    def test_fit(self, small_surrogate, nasbench, tmp_path):
        done = nasbench(
            "surrogate", "fit", small_surrogate / "recipe.toml", "--out", tmp_path / "o"
        )
        assert done.code == 0
        assert "val_accuracy" in done.out
        assert f"fitted into {tmp_path / 'o'}" in done.out
        done = nasbench("surrogate", "fit", "none.toml", "--out", tmp_path / "p")
        assert done.code == 2
        assert "there is no recipe none.toml" in done.err


class TestDamage:
    @pytest.fixture
    def copy(self, small_surrogate, tmp_path, monkeypatch):
        folder = tmp_path / "surrogates" / "mnasnet"
        shutil.copytree(small_surrogate, folder)
        monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
        return folder

    def test_a_model_that_was_changed(self, copy, archs, nasbench):
        model = copy / "models" / "val_accuracy" / "model.npz"
        content = model.read_bytes()
        model.write_bytes(content[:-100])
        with pytest.raises(DamagedInput, match=r"model\.npz"):
            SurrogateBenchmark(copy).query(archs[0])
        done = nasbench("run", NAME, "--strategy", "random_search", "--evaluations", 5)
        assert done.code == 2
        shutil.copy(copy / "models" / "train_seconds" / "model.npz", model)
        with pytest.raises(DamagedInput, match="sha256 differs"):
            SurrogateBenchmark(copy).query(archs[0])
        done = nasbench("list", "--check")
        assert done.code == 2
        assert "its sha256 differs" in done.err
        model.unlink()
        with pytest.raises(DamagedInput, match=r"model\.npz"):
            SurrogateBenchmark(copy).query(archs[0])

    def test_a_model_of_another_metric(self, copy, opened, archs):
        """It is of the same family and space, so nothing but the card tells."""
        y = opened.query_many(archs, "val_accuracy")
        other = Ridge(opened.space).fit(archs, y, np.random.default_rng(0))
        other.save(copy / "models" / "train_seconds")
        with pytest.raises(DamagedInput, match="sha256 differs"):
            SurrogateBenchmark(copy).query(archs[0], "train_seconds")

    def test_where_it_lies_was_changed(self, copy, archs):
        width = len(np.load(copy / "seen.npz")["low"])
        words = np.full(width, "a")
        np.savez(copy / "seen.npz", low=words, high=words)
        with pytest.raises(DamagedInput, match=r"seen\.npz"):
            SurrogateBenchmark(copy).record(archs[0])

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('format = "nasbench-fitted-1"', 'format = "nasbench-fitted-9"', "its format is"),
            ('reported = "val_accuracy"', "", "lacks reported"),
            ("[[predictors]]", "[[predictors", "damaged"),
            ('family = "ridge"', "", "family"),
            ("average = ", "avarage = ", "average"),
            ('space = "mnasnet"', 'space = ["mnasnet"]', "space is"),
            ('family = "ridge"', 'family = ["ridge"]', "family is"),
            ("[files]", "[filed]", "files"),
            ('name = "val_accuracy"', 'name = "accuracy"', "not describe val_accuracy"),
            ('family = "ridge"', 'family = "ridge"\nepochs = "x"', "after 'x' epochs"),
            ('family = "ridge"', 'family = "ridge"\nepochs = [1]', "epochs"),
            ('family = "ridge"', 'family = "ridge"\nfactor = nan', "no number"),
            ("deviation = ", "deviation = -", "noise of -"),
            ('kind = "absolute"', 'kind = "loud"', "loud noise"),
        ],
    )
    def test_a_card_that_was_changed(self, copy, old, new, words):
        card = copy / "card.toml"
        text = card.read_text()
        assert old in text
        card.write_text(text.replace(old, new))
        with pytest.raises(DamagedInput, match=words):
            SurrogateBenchmark(copy)

    def test_another_table_than_the_one_that_was_fitted(self, copy):
        card = copy / "card.toml"
        digest = SurrogateBenchmark(copy).card["table"]["sha256"]
        text = card.read_text()
        for changed in (
            text.replace(digest, "0" * 64),
            text.replace('version = "1"', 'version = "7"'),
        ):
            card.write_text(changed)
            with pytest.raises(
                DamagedInput, match=r"fitted to version . of the table mnasnet.*again"
            ):
                SurrogateBenchmark(copy)
        card.write_text(text.replace(digest, "0" * 64))
        with pytest.raises(DamagedInput, match=r"fitted to version 1 of the table mnasnet.*again"):
            SurrogateBenchmark(copy)

    def test_no_card(self, tmp_path):
        with pytest.raises(DataNotFound, match="holds no fitted surrogate"):
            SurrogateBenchmark(tmp_path)

    def test_logs_of_another_surrogate_are_not_gone_on_with(self, copy, nasbench, tmp_path):
        given = ["compare", NAME, "--strategies", "random_search", "--evaluations", "5"]
        given += ["--seeds", "1", "--out", tmp_path / "out"]
        assert nasbench(*given).code == 0
        card = copy / "card.toml"
        text = card.read_text()
        noise = SurrogateBenchmark(copy).card["predictors"][0]["noise"]["deviation"]
        card.write_text(text.replace(f"deviation = {noise}", "deviation = 0.5", 1))
        done = nasbench(*given)
        assert done.code == 2
        assert json.dumps("data")[1:-1] in done.err
