"""Tracks: those that ship, and files that describe none."""

import pytest

from nasbench_suite import benchmarks
from nasbench_suite.core import DamagedInput, DamagedTable, DataNotFound, UnknownName
from nasbench_suite.leaderboards.track import names, open_track, read_track

SHIPPED = ("anytime_parallel", "general", "mnasnet", "nasbench201", "transbench101_micro")


@pytest.fixture(autouse=True)
def with_tracks(monkeypatch):
    """Only what ships."""
    monkeypatch.delenv("NASBENCH_DATA", raising=False)


def test_every_track_is_of_the_data_that_ship():
    assert set(names()) == set(SHIPPED)
    for name in SHIPPED:
        track = open_track(name)
        assert len(track.rules) >= 3
        for part in track.parts:
            assert track.load(part).covers_space
            assert part.budget.seconds is not None or part.budget.evaluations is not None


def test_the_budgets_are_those_that_were_agreed():
    parts = open_track("nasbench201").parts
    assert [part.budget.seconds for part in parts] == [20_000, 40_000, 120_000]
    assert open_track("nasbench201").seeds == 200
    parallel = open_track("anytime_parallel")
    assert (parallel.workers, parallel.seeds) == (8, 100)
    assert [part.budget.seconds for part in parallel.parts] == [2_500, 5_000, 15_000]
    micro = open_track("transbench101_micro")
    assert (len(micro.parts), micro.seeds) == (7, 100)
    assert {part.budget.evaluations for part in micro.parts} == {100}
    assert open_track("mnasnet").provisional


def test_whatever_a_search_sees_the_same_is_reported():
    for name in SHIPPED:
        track = open_track(name)
        for part in track.parts:
            benchmark = track.load(part)
            assert len({benchmark.protocol(one).report for one in track.protocols}) == 1
    assert open_track("nasbench201").protocols == ("standard", "multi_fidelity")


def test_the_general_track_has_every_table_that_covers_its_space():
    covering = {name for name in benchmarks.names() if benchmarks.load(name, "table").covers_space}
    assert {part.benchmark for part in open_track("general").parts} == covering


def test_what_is_not_a_track_is_named():
    with pytest.raises(UnknownName, match="did you mean nasbench201"):
        open_track("nasbench2O1")
    for trick in ("../leaderboards/nasbench201", ".", "", "a/b", "nasbench201/"):
        with pytest.raises(UnknownName):
            open_track(trick)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds = 3", "seeds = 0"),
        ("seeds = 3", "seeds = true"),
        ("workers = 1", "workers = 1.5"),
        ('version = "1"', "version = 1"),
        ("provisional = false", "provisional = 0"),
        ("checkpoints = [0.5, 1.0]", "checkpoints = [1.0, 0.5]"),
        ("checkpoints = [0.5, 1.0]", "checkpoints = [0.5]"),
        ("checkpoints = [0.5, 1.0]", "checkpoints = [nan, 1.0]"),
        ('source = "table"', 'source = "live"'),
        ("evaluations = 20", ""),
        ("evaluations = 20", "evaluations = -1"),
        ("evaluations = 20", "evaluation = 20"),
        ("nasbench201/cifar100", "../cifar100"),
        ("nasbench201/cifar100", "nasbench201/cifar10"),
        ('data = "', 'data = "x'),
        ('rules = ["None."]', "rules = [1]"),
        ('title = "For tests"', 'title = "For tests"\ncolour = "red"'),
        ("nasbench-track-1", "nasbench-track-9"),
        ("[[benchmarks]]", "[[bench"),
    ],
)
def test_a_damaged_track_is_refused(tracks, tmp_path, old, new):
    text = (tracks / "leaderboards/small/track.toml").read_text()
    assert old in text
    (tmp_path / "track.toml").write_text(text.replace(old, new))
    with pytest.raises(DamagedInput, match="does not describe a track"):
        read_track(tmp_path)


def test_a_folder_without_a_track(tmp_path):
    with pytest.raises(DataNotFound, match="holds no track"):
        read_track(tmp_path)


def test_other_data_and_data_that_are_not_there(tracks, tmp_path):
    text = (tracks / "leaderboards/small/track.toml").read_text()
    path = tmp_path / "track.toml"
    digest = text.split('data = "')[1][:64]
    path.write_text(text.replace(digest, "0" * 64))
    track = read_track(tmp_path)
    with pytest.raises(DamagedTable, match="another version"):
        track.load(track.parts[0])
    path.write_text(text.replace(f'data = "{digest}"\n', ""))
    track = read_track(tmp_path)
    with pytest.raises(DataNotFound, match=f"not open yet.*{digest}"):
        track.load(track.parts[0])
    path.write_text(text.replace("nasbench201/cifar10", "no_such/table"))
    track = read_track(tmp_path)
    with pytest.raises(DataNotFound, match="not installed"):
        track.load(track.parts[0])
