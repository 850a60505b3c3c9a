"""The standings in the checkout are those of the submissions that lie beside them."""

from pathlib import Path

import pytest

from nasbench_suite.leaderboards.standing_files import stale
from nasbench_suite.leaderboards.standings import build

ROOT = Path(__file__).parents[2]
TRACKS = sorted(path.parent for path in ROOT.glob("leaderboards/*/track.toml"))


@pytest.mark.skipif(not (ROOT / ".github").is_dir(), reason="submissions are in a checkout alone")
@pytest.mark.parametrize("folder", TRACKS, ids=lambda folder: folder.name)
def test_committed_standings(folder, monkeypatch):
    monkeypatch.delenv("NASBENCH_DATA")
    wrong = stale(build(folder.name), folder)
    assert not wrong, f"{wrong}: run `nasbench leaderboard update` and commit what it writes"
