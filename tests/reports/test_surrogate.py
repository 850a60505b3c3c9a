"""The page of a fitted surrogate: what it says, the figures of its files, and what it refuses."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from nasbench_suite.campaigns.examining import Proportional
from nasbench_suite.campaigns.fidelity import Agreement
from nasbench_suite.core import (
    DamagedInput,
    DataNotFound,
    InvalidSetting,
    MissingExtra,
    OutputError,
)
from nasbench_suite.reports.fidelity import read_fidelity, rows, write_fidelity
from nasbench_suite.reports.surrogate import write_surrogate
from nasbench_suite.reports.surrogate_figures import compact, figures


def agreements():
    """Numbers of a study, made up: two benchmarks, two sizes of two samples, two lengths."""
    return [
        Agreement(
            benchmark=name,
            train=train,
            trial=trial,
            evaluations=evaluations,
            ranking=0.9 if train is None else train / 1000 + trial / 100,
            anytime=0.5,
            gap=0.25,
            kendall=None if train is None else 0.7,
        )
        for name in ("nasbench201/cifar10", "nasbench_macro/cifar10")
        for evaluations in (50, 100)
        for train, trial in ((None, None), (100, 0), (100, 1), (400, 0), (400, 1))
    ]


@pytest.fixture
def studied(tmp_path):
    folder = tmp_path / "studied"
    write_fidelity(agreements(), folder, family="ridge", strategies=10, seeds=200)
    return folder


class Page(HTMLParser):
    """What a page names and refers to, and the texts of its cells."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.cells = [], [], set(), []
        self._cell = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "xlink:href", "src"):
                self.links.append(value)
            else:
                self.links += re.findall(r"url\(([^)]*)\)", value or "")
        if tag in ("td", "th"):
            self._cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.cells.append(self._cell)
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell += data


@pytest.fixture(scope="module")
def written(examined, tmp_path_factory):
    return write_surrogate(examined, tmp_path_factory.mktemp("written") / "out")


@pytest.fixture(scope="module")
def text(written):
    return written.read_text("utf-8")


def test_every_score_is_in_the_page(text, examined):
    cells = Page(text).cells
    for one in examined.metrics:
        for scores in (one.scores, one.teacher, one.top, one.beyond):
            if not scores:
                continue
            row = [
                f"{scores[name]:.3f}".replace("-", "−") for name in ("kendall", "spearman", "r2")
            ]
            # Two digits of the least, a MAE of 0.37 % and of 98 s.
            places = 2 if one.metric.unit == "%" else 0
            row += [
                f"{scores[name]:.{places}f}".replace("-", "−") for name in ("rmse", "mae", "bias")
            ]
            assert any(cells[n : n + 6] == row for n in range(len(cells))), row
        assert f"{one.ceiling['kendall']:.3f}" in cells


def test_it_says_what_it_is(text, examined):
    held = examined.metrics[0].held.mean()
    for words in (
        "A small surrogate",
        "Two metrics of MnasNet&#39;s networks, for tests.",
        "Accel-NASBench, version\N{NO-BREAK SPACE}1",
        "4,100 fitted, 512 calibrated with, 512 tested on",
        "lie outside what was fitted",
        "Apache-2.0",
        "A. Ahmad, L. Du, Z. Xie and W. Zhang",
        "for tests</dd>",
        f"{100 * held:.1f}\N{NO-BREAK SPACE}% of the test part lie in their 90",
        "0.0902\N{NO-BREAK SPACE}% between trainings of one architecture, by 13 architectures",
        "<code>teacher = &#34;ridge&#34;</code>",
        examined.table_sha256[:12],
    ):
        assert words in text
    assert "None" not in text
    assert "nan" not in Page(text).cells


def test_it_loads_nothing_and_its_links_lead_somewhere(text):
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert {link.lstrip("#") for link in page.links} <= set(page.ids)
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert "default-src 'none'" in text
    # Each metric is reached from the table of all.
    assert {"#m0", "#m1", "#overview"} <= {f"#{name}" for name in page.ids}
    assert {"#m0", "#m1"} <= set(page.links)


def test_the_same_surrogate_gives_the_same_bytes(written, examined, tmp_path):
    again = write_surrogate(examined, tmp_path / "again")
    names = sorted(path.relative_to(written.parent) for path in written.parent.rglob("*.*"))
    assert len(names) == 2 + 6 + 1
    for name in names:
        assert (again.parent / name).read_bytes() == (written.parent / name).read_bytes()
    # And in the place of what is there.
    again.write_text("cut short")
    assert write_surrogate(examined, tmp_path / "again").read_bytes() == written.read_bytes()


class TestFigures:
    def test_there_is_a_dot_an_architecture(self, examined):
        for one in examined.metrics:
            svg = dict(figures(one))["predicted"].decode()
            assert svg.count("h0") == len(one.true) == 512
            missed = re.findall(r'd="([^"]*)"[^>]*#d55e00', svg, flags=re.DOTALL)
            assert sum(path.count("h0") for path in missed) == (~one.held).sum()

    def test_dots_lie_where_they_are_predicted(self, examined):
        """Places in the figure are linear in what is true and predicted."""
        one = examined.metrics[0]
        one = replace(one, held=np.ones_like(one.held))
        svg = dict(figures(one))["predicted"].decode()
        places = np.array(re.findall(r"M(\S+) (\S+)h0", svg), dtype=float)
        order = np.concatenate([np.arange(512)[layer::6] for layer in range(6)])
        for at, values in zip(places.T, (one.true[order], one.mean[order]), strict=True):
            slope, start = np.polyfit(values, at, 1)
            assert np.abs(slope * values + start - at).max() < 0.01

    def test_a_curve_needs_sizes(self, examined):
        one = replace(examined.metrics[0], learning=())
        assert [name for name, _ in figures(one)] == ["predicted", "calibration"]
        known = examined.metrics[0].learning
        unknown = [known[0]._replace(kendall=float("nan")), known[2]]
        svg = dict(figures(replace(one, learning=tuple(unknown))))["learning"].decode()
        assert ">4,100<" in svg
        assert ">256<" not in svg
        assert ">noise ceiling<" in svg

    def test_paths_are_shortened_and_nothing_else(self):
        svg = (
            '<path d="M 1.23456 2.5 \nL 1.23456 2.5 \nM 3.999 4.001 \nL 5.0 6.125 \n" '
            'style="stroke-width: 0.12345"/>'
        )
        short = '<path d="M1.23 2.50h0M4.00 4.00L5.00 6.12" style="stroke-width: 0.12345"/>'
        assert compact(svg.encode()).decode() == short


def test_a_page_without_what_a_card_may_lack(examined, tmp_path):
    first, second = examined.metrics
    bare = replace(
        examined,
        speed=None,
        notes=(),
        citations=(),
        metrics=(
            replace(first, teacher={}, beyond={}, ceiling={}, noise=None, learning=()),
            Proportional(first.metric, 4, 16, 0.25),
            replace(second, epochs=16, scores={**second.scores, "kendall": float("nan")}),
        ),
    )
    bare = replace(bare, metrics=(replace(bare.metrics[0], epochs=16), *bare.metrics[1:]))
    text = write_surrogate(bare, tmp_path / "out").read_text("utf-8")
    page = Page(text)
    assert "0.250 times that after 16 epochs" in page.cells
    assert {link.lstrip("#") for link in page.links} <= set(page.ids)
    assert "Teacher" not in text
    assert "nan" not in page.cells


def test_hostile_text_stays_text(examined, tmp_path):
    evil = "</style><script>alert(1)</script><img src=x onerror=alert(2)>"
    first, second = examined.metrics
    metric = first.metric._replace(name=evil, unit="", description=evil)
    changed = replace(
        examined,
        title=evil,
        notes=(evil,),
        metrics=(replace(first, metric=metric, not_measured=evil, settings={evil: evil}), second),
    )
    page = write_surrogate(changed, tmp_path / "out")
    assert not Page(page.read_text("utf-8")).tags & {"script", "img"}
    # And a name is no path.
    assert len(list((tmp_path / "out" / "figures").iterdir())) == 6


class TestStudy:
    def test_numbers_come_back(self, studied):
        study = read_fidelity(studied)
        assert list(study.agreements) == agreements()
        assert (study.family, study.strategies, study.seeds) == ("ridge", 10, 200)

    def test_its_tables_and_figures_are_in_the_page(self, examined, studied, tmp_path):
        page = write_surrogate(examined, tmp_path / "out", study=read_fidelity(studied))
        cells = Page(page.read_text("utf-8")).cells
        for name in ("nasbench201/cifar10", "nasbench_macro/cifar10"):
            for row in rows([one for one in agreements() if one.benchmark == name])[1:]:
                assert any(cells[n : n + len(row)] == row for n in range(len(cells)))
        assert "0.41 [0.40, 0.41]" in cells
        drawn = sorted(path.name for path in (page.parent / "figures").glob("fidelity-*"))
        assert drawn == ["fidelity-nasbench201-cifar10.svg", "fidelity-nasbench_macro-cifar10.svg"]

    def test_a_folder_of_something_else(self, tmp_path):
        with pytest.raises(DataNotFound, match="surrogate fidelity"):
            read_fidelity(tmp_path)
        with pytest.raises(DataNotFound, match="surrogate fidelity"):
            read_fidelity(tmp_path / "none")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("nasbench-fidelity-1", "nasbench-fidelity-9"),
            ('"ranking"', '"rank"'),
            ('"ranking": 0.9', '"ranking": "high"'),
            ('"train": null', '"train": 3'),
            ('"agreements": [', '"agreements": [], "more": ['),
            ("{", "["),
        ],
    )
    def test_damaged_numbers(self, studied, old, new):
        path = studied / "agreements.json"
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(DamagedInput, match="ask `nasbench surrogate fidelity` the same again"):
            read_fidelity(studied)


class TestRefused:
    def test_a_folder_of_something_else(self, examined, tmp_path):
        (tmp_path / "thesis.tex").write_text("important")
        with pytest.raises(OutputError, match=r"thesis\.tex"):
            write_surrogate(examined, tmp_path)
        assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["thesis.tex"]

    def test_a_folder_of_another_surrogate(self, examined, written, text):
        for other in ({"name": "other"}, {"card_sha256": "0" * 64}):
            with pytest.raises(InvalidSetting, match=r"another (surrogate|card)"):
                write_surrogate(
                    replace(examined, metrics=examined.metrics[:1], **other), written.parent
                )
        assert written.read_text("utf-8") == text

    @pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
    def test_without_the_extra(self, examined, monkeypatch, tmp_path, package):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtra, match=r"nasbench-suite\[report\]"):
            write_surrogate(examined, tmp_path / "out")
        assert not (tmp_path / "out").exists()


class TestCommand:
    def test_by_name_and_by_folder(self, nasbench, with_small, written, studied, tmp_path):
        done = nasbench("surrogate", "report", "mnasnet", "--out", tmp_path / "one")
        assert done.code == 0, done.err
        assert done.out == f"page: {tmp_path / 'one' / 'report.html'}\n"
        assert (tmp_path / "one" / "report.html").read_bytes() == written.read_bytes()
        given = ("surrogate", "report", with_small, "--out", tmp_path / "two", "--json")
        done = nasbench(*given, "--fidelity", studied)
        assert done.json == {"page": str(tmp_path / "two" / "report.html")}
        assert 'id="fidelity"' in (tmp_path / "two" / "report.html").read_text("utf-8")

    def test_wrong_input_is_told_in_one_line(self, nasbench, with_small, tmp_path, monkeypatch):
        (tmp_path / "empty").mkdir()
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.tex").write_text("important")
        out = tmp_path / "out"
        for given, said in (
            (("mnasnt", "--out", out), "did you mean mnasnet"),
            ((f"{tmp_path}/none", "--out", out), "holds no fitted surrogate"),
            (("mnasnet", "--out", out, "--fidelity", tmp_path / "empty"), "agreements.json"),
            (("mnasnet", "--out", tmp_path / "mine"), "holds something else (thesis.tex)"),
        ):
            done = nasbench("surrogate", "report", *given)
            assert done.code == 2
            assert done.err.startswith("nasbench: ")
            assert done.err.count("\n") == 1
            assert said in done.err
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        done = nasbench("surrogate", "report", "mnasnet", "--out", out)
        assert (done.code, "nasbench-suite[report]" in done.err) == (2, True)
        assert not out.exists()

    def test_a_damaged_card_leaves_nothing(self, nasbench, small_surrogate, tmp_path):
        folder = tmp_path / "damaged"
        folder.mkdir()
        text = (small_surrogate / "card.toml").read_text()
        (folder / "card.toml").write_text(text[: len(text) // 2])
        done = nasbench("surrogate", "report", folder, "--out", tmp_path / "out")
        assert done.code == 2
        assert "card.toml is damaged" in done.err
        assert not (tmp_path / "out").exists()


def test_the_question_is_json(written, examined):
    asked = json.loads((written.parent / "report.json").read_text())
    assert asked == {"surrogate": "small", "card": examined.card_sha256}
    assert len(examined.card_sha256) == 64
