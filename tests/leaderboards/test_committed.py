"""The standings in the checkout are those of the submissions that lie beside them."""

import json
from pathlib import Path

import pytest

from nasbench_suite.leaderboards.standing_files import stale
from nasbench_suite.leaderboards.standings import build

ROOT = Path(__file__).parents[2]
TRACKS = sorted(path.parent for path in ROOT.glob("leaderboards/*/track.toml"))


in_checkout = pytest.mark.skipif(
    not (ROOT / ".github").is_dir(), reason="submissions are in a checkout alone"
)


@in_checkout
@pytest.mark.parametrize("folder", TRACKS, ids=lambda folder: folder.name)
def test_committed_standings(folder, monkeypatch):
    monkeypatch.delenv("NASBENCH_DATA")
    wrong = stale(build(folder.name), folder)
    assert not wrong, f"{wrong}: run `nasbench leaderboard update` and commit what it writes"


@in_checkout
@pytest.mark.parametrize("preset", ["live", "gp"])
def test_a_better_predictor_finds_better_architectures(preset):
    """BANANAS with features of the live network, beside the paths of its paper; 200 seeds."""
    told = json.loads((ROOT / "leaderboards/nasbench201/standings.json").read_text("utf-8"))
    last = {
        entry["name"]: [result["points"][-1] for result in entry["results"]]
        for entry in told["entries"]
    }
    for own, better in zip(last["bananas"], last[f"bananas-{preset}"], strict=True):
        assert better["low"] > own["high"]
