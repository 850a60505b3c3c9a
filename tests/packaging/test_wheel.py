"""The sdist and the wheel, as a user gets them: `make package`."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
PLAIN = {k: v for k, v in os.environ.items() if k not in ("NASBENCH_DATA", "PYTHONPATH")}


def call(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=PLAIN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, without extras, in a fresh environment outside the checkout."""
    home = tmp_path_factory.mktemp("user")
    call(sys.executable, "-m", "venv", home / "venv", cwd=home)
    (wheel,) = built.glob("*.whl")
    call(home / "venv/bin/python", "-m", "pip", "install", "--quiet", wheel, cwd=home)
    return home


def test_the_wheel_carries_all_data_and_no_tests(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for table in (ROOT / "datasets_tabular").glob("*/card.toml"):
        for file in table.parent.iterdir():
            assert f"nasbench_suite/_data/datasets_tabular/{table.parent.name}/{file.name}" in names
    for card in (ROOT / "surrogates").glob("*/card.toml"):
        for file in (path for path in card.parent.rglob("*.*") if not path.name.startswith(".")):
            place = file.relative_to(ROOT).as_posix()
            assert f"nasbench_suite/_data/{place}" in names
    for track in (ROOT / "leaderboards").glob("*/track.toml"):
        assert f"nasbench_suite/_data/leaderboards/{track.parent.name}/track.toml" in names
    assert not any("/submissions/" in name for name in names)
    assert "nasbench_suite/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"nasbench_suite"}


def test_the_sdist_is_what_git_knows(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = call("git", "ls-files", cwd=ROOT).split()
    left = ".ci/", ".git"
    # What was submitted, and what follows from it, is the repository's and no package's.
    board = re.compile(r"leaderboards/[^/]+/(submissions/|standings\.)")
    kept = {name for name in tracked if not name.startswith(left) and not board.match(name)}
    assert kept <= names
    assert not any(map(board.match, names))


def test_every_table_of_the_wheel_answers(installed: Path) -> None:
    nasbench = installed / "venv/bin/nasbench"
    listed = json.loads(call(nasbench, "list", "--check", "--json", cwd=installed))
    for source, folder in (("table", "datasets_tabular"), ("surrogate", "surrogates")):
        assert {row["table"] for row in listed if row["source"] == source} == {
            card.parent.name for card in (ROOT / folder).glob("*/card.toml")
        }
    known = {row["benchmark"]: row["table"] for row in listed if row["source"] == "table"}
    for row in listed:
        # Not every table holds the architecture of number 0.
        with h5py.File(ROOT / "datasets_tabular" / known[row["benchmark"]] / "table.h5") as file:
            first = file["architectures"][0].decode()
        asked = (row["benchmark"], "--source", row["source"])
        call(nasbench, "query", *asked, "--", first, cwd=installed)
        assert call(nasbench, "info", *asked, cwd=installed)
    answer = json.loads(
        call(
            nasbench,
            "query",
            "nasbench201/cifar10",
            "6111",
            "--metric",
            "test_accuracy",
            "--json",
            cwd=installed,
        )
    )
    assert answer["value"] == pytest.approx(94.3733, abs=1e-4)


def test_nothing_heavy_was_installed_or_is_needed(installed: Path) -> None:
    script = """
import importlib.util, nasbench_suite
for name in ("torch", "sklearn", "xgboost", "plotly", "jinja2", "matplotlib"):
    assert importlib.util.find_spec(name) is None, name
from pathlib import Path
assert Path(nasbench_suite.__file__).is_relative_to(Path.cwd()), nasbench_suite.__file__
print(nasbench_suite.load("nasbench201/cifar100").query(9930))
"""
    found = call(installed / "venv/bin/python", "-c", script, cwd=installed)
    assert float(found) == pytest.approx(73.5133, abs=1e-4)


def test_compare_works_without_the_report_extra(installed: Path) -> None:
    made = json.loads(
        call(
            installed / "venv/bin/nasbench",
            "compare",
            "nasbench201/cifar10",
            "--strategies",
            "random_search",
            "--evaluations",
            "5",
            "--seeds",
            "2",
            "--out",
            installed / "made",
            "--json",
            cwd=installed,
        )
    )
    assert [row["strategy"] for row in made] == ["random_search"]
    assert not (installed / "made/report.html").exists()
