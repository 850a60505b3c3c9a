"""The report of an experiment as one page that loads nothing from elsewhere.

The template, its style and its script lie beside this file. jinja2 and plotly are imported when
a page is made, and not before: they belong to the extra `report`.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from nasbench_suite.reports.content import content
from nasbench_suite.reports.figures import panels
from nasbench_suite.reports.ranking import all_series, together_panels
from nasbench_suite.scoring.summary import Summary


def render(summary: Summary) -> str:
    """Return the page; the same summary gives the same text.

    Raises:
        ModuleNotFoundError: the extra `report` is not installed.
        DataNotFound, DamagedTable: the card of a benchmark cannot be read.
    """
    import markupsafe
    import plotly.offline

    environment = templates()
    page: str = environment.from_string(own("page.html.j2")).render(
        page=content(summary),
        figures={
            "series": all_series(summary),
            "benchmarks": [
                panels(summary, name, n) for n, name in enumerate(summary.experiment.benchmarks)
            ],
            "together": together_panels(summary),
        },
        # These three are the suite's own and plotly's, and hold no data.
        style=markupsafe.Markup(own("page.css")),
        script=markupsafe.Markup(own("page.js")),
        plotly=markupsafe.Markup(plotly.offline.get_plotlyjs()),
    )
    return page


def templates() -> Any:
    """Return what reads templates: an environment of jinja2 in which text stays text.

    Raises:
        ModuleNotFoundError: jinja2 is not installed.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(own),
    )
    environment.filters["next"] = next
    # Data go into the page as JSON, which knows no NaN.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


def own(name: str) -> str:
    """Return the text of a file that lies beside this one."""
    return (files("nasbench_suite.reports") / name).read_text(encoding="utf-8")
