"""The page of a fitted surrogate: how far it can be trusted, metric by metric.

It loads nothing from elsewhere and runs no script. The template lies beside this file; the style is
that of an experiment's report.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from nasbench_suite.campaigns.examining import Examination, Examined
from nasbench_suite.files import alone, ask, write_whole
from nasbench_suite.reports import words
from nasbench_suite.reports.drawings import check_drawing
from nasbench_suite.reports.fidelity import Study, figure
from nasbench_suite.reports.page import own, templates
from nasbench_suite.reports.surrogate_content import content
from nasbench_suite.reports.surrogate_figures import compact, figures, inlined

PAGE: Final = "report.html"
FIGURES: Final = "figures"
WHAT: Final = "the page of a surrogate"
"""What a message calls it."""
PACKAGES: Final = ("jinja2", "matplotlib")
"""What it is made with."""
QUESTION: Final = "report.json"
"""The file that says which surrogate's report a folder holds."""

Progress = Callable[[int, int], None]
"""Is told how many metrics are drawn, of how many."""


def write_surrogate(
    found: Examination,
    folder: Path,
    *,
    study: Study | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write `report.html` and its figures into a folder, and return the page.

    All is drawn before anything is written, the page last. The same surrogate gives the same bytes.

    Args:
        found: the surrogate.
        folder: an empty one, a new one, or one that has a report of the same surrogate.
        study: whether surrogates rank strategies as tables do, to be told in the page.
        progress: called at the start and after each metric.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
        OutputError: the folder holds something else, or cannot be written.
        InvalidSetting: the folder has a report of another surrogate.
    """
    check_drawing(WHAT, PACKAGES)
    fitted = [one for one in found.metrics if isinstance(one, Examined)]
    if progress is not None:
        progress(0, len(fitted))
    drawn: list[dict[str, bytes]] = []
    for one in fitted:
        drawn.append(dict(figures(one)))
        if progress is not None:
            progress(len(drawn), len(fitted))
    studied = {} if study is None else _studied(study)
    page = render(found, drawn, study, studied)
    with alone(folder):
        ask(folder / QUESTION, {"surrogate": found.name, "card": found.card_sha256})
        stems = words.file_names(_stem(one) for one in fitted)
        for one, own_figures in zip(fitted, drawn, strict=True):
            for name, svg in own_figures.items():
                write_whole(folder / FIGURES / f"{stems[_stem(one)]}-{name}.svg", svg)
        safe = words.file_names(studied)
        for name, svg in studied.items():
            write_whole(folder / FIGURES / f"fidelity-{safe[name]}.svg", svg)
        write_whole(folder / PAGE, page)
    return folder / PAGE


def render(
    found: Examination,
    drawn: list[dict[str, bytes]],
    study: Study | None,
    studied: dict[str, bytes],
) -> str:
    """Return the page; the same surrogate gives the same text.

    Args:
        found: the surrogate.
        drawn: the figures of each metric that was fitted, in order, by name.
        study: whether surrogates rank strategies as tables do, if it is to be told.
        studied: its figures, by benchmark.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    import markupsafe

    # These are the suite's own, or drawn by matplotlib, which escapes what it is given.
    placed = [
        {name: markupsafe.Markup(inlined(svg, f"f{n}-{name}")) for name, svg in own_figures.items()}
        for n, own_figures in enumerate(drawn)
    ]
    rankings = {
        name: markupsafe.Markup(inlined(svg, f"s{n}"))
        for n, (name, svg) in enumerate(studied.items())
    }
    page: str = (
        templates()
        .from_string(own("surrogate.html.j2"))
        .render(
            page=content(found, placed, study),
            rankings=rankings,
            style=markupsafe.Markup(own("page.css")),
        )
    )
    return page


def _studied(study: Study) -> dict[str, bytes]:
    """Return the figures of a study, by benchmark."""
    return {
        name: compact(figure([one for one in study.agreements if one.benchmark == name]))
        for name in dict.fromkeys(one.benchmark for one in study.agreements)
    }


def _stem(one: Examined) -> str:
    return one.metric.name if one.epochs is None else f"{one.metric.name}-{one.epochs}"
