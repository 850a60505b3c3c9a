"""Checking what was submitted, and standings of it, of the entries that lie in the tracks."""

import shutil

import pytest

from nasbench_suite.leaderboards import track
from nasbench_suite.leaderboards.checking import check, entries
from nasbench_suite.leaderboards.standings import build


@pytest.fixture(scope="module")
def homes():
    """The folder of each track that has entries."""
    return {name: home for name, home in track.names().items() if entries(home)}


def test_checking_a_submission(side_by_side, homes):
    folder = homes["nasbench201"] / "submissions" / "random_search"

    def ours():
        assert check(folder).ok

    side_by_side("check, 600 runs of track nasbench201", ours, rounds=3, limit=10.0)


def test_standings(side_by_side, homes, tmp_path):
    def anew():
        shutil.rmtree(tmp_path, ignore_errors=True)
        return ()

    def ours():
        for name in homes:
            assert build(name, tmp_path).entries

    count = sum(len(entries(home)) for home in homes.values())
    what = f"standings of all tracks, {count} entries"
    side_by_side(what, ours, rounds=1, limit=60.0, fresh=anew)


def test_standings_after_one_new_submission(side_by_side, homes, tmp_path):
    for name in homes:
        build(name, tmp_path)

    def one_more():
        min((tmp_path / "nasbench201").iterdir()).unlink()
        return ()

    def ours():
        for name in homes:
            assert build(name, tmp_path).entries

    side_by_side("the same, after one more", ours, rounds=1, limit=10.0, fresh=one_more)
