"""Standings are what scoring says of the runs, whoever else is there."""

import csv
import json
import math

import numpy as np
import pytest

from nasbench_suite import load
from nasbench_suite.core import DataNotFound, UnknownName
from nasbench_suite.experiments.experiment import open_experiment
from nasbench_suite.leaderboards import standings
from nasbench_suite.leaderboards.standing_files import to_csv, to_json, to_markdown
from nasbench_suite.leaderboards.standings import build
from nasbench_suite.leaderboards.submitting import runs_of
from nasbench_suite.scoring.intervals import mean_interval
from nasbench_suite.scoring.ranks import ranks
from nasbench_suite.scoring.scores import steps, values_at

ENTRIES = ("local_search", "random_search", "regularized_evolution")
TASKS = ("nasbench201/cifar10", "nasbench201/cifar100")


def direct(made, track, entry, task, axis, budgets):
    """The reported values at budgets, (seeds, budgets), from the logs of the runs themselves."""
    folder = runs_of(made / track / entry) / task.replace("/", "-")
    experiment = open_experiment(folder)
    benchmark = load(task)
    runs = [steps(run, benchmark) for run in experiment.runs(task, entry)]
    return values_at(runs, axis, np.array(budgets))


@pytest.mark.parametrize(
    ("track", "axis", "budgets"),
    [("small", "evaluations", (10, 20)), ("crew", "seconds", (1500, 3000))],
)
def test_numbers_are_those_of_the_runs(made, board, track, axis, budgets):
    board(track, *ENTRIES)
    found = build(track)
    assert [entry.about.name for entry in found.entries] == list(ENTRIES)
    assert not found.left_out
    table = np.array([[direct(made, track, e, t, axis, budgets) for e in ENTRIES] for t in TASKS])
    for at, task in enumerate(found.tasks):
        best = load(task.benchmark).best(load(task.benchmark).protocol("standard").report)
        assert task.budgets == budgets
        for row, entry in enumerate(found.entries):
            mean, _, low, high = mean_interval(table[at, row])
            points = entry.results[at].points
            assert [point.mean for point in points] == mean.tolist()
            assert [point.low for point in points] == low.tolist()
            assert [point.high for point in points] == high.tolist()
            assert [point.regret for point in points] == (best - mean).tolist()
            assert entry.results[at].score.mean == mean[-1]
            assert all(point.regret >= 0 for point in points)
    for place, one in enumerate(found.together):
        means = table[..., place].mean(axis=2)
        expected = ranks(means).mean(axis=0)
        assert [ranked.rank for ranked in one.ranked] == expected.tolist()
        assert sum(ranked.rank for ranked in one.ranked) == pytest.approx(6)
        for ranked in one.ranked:
            assert 1 <= ranked.low <= ranked.high <= 3
            assert (ranked.place == "best") == (ranked.rank == expected.min())
        ours, theirs = table[:, 0, :, place], table[:, 1, :, place]
        pairs = ours[:, :, None] - theirs[:, None]
        assert one.wins[0, 1] == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())


def test_the_same_submissions_give_the_same_bytes(board):
    board("small", *ENTRIES)
    first, again = build("small"), build("small")
    for write in (to_json, to_csv, to_markdown):
        assert write(first) == write(again)
    rows = list(csv.DictReader(to_csv(first).splitlines()))
    assert len(rows) == 3 * 2 * 2
    mean = first.entries[0].results[0].points[0].mean
    assert float(rows[0]["mean"]) == pytest.approx(mean, rel=1e-9)
    told = json.loads(to_json(first))
    assert told["entries"][0]["results"][0]["points"][0]["mean"] == float(rows[0]["mean"])


def told(found):
    """All numbers of standings, those that their files do not have too."""
    curves = [
        [result.curve.grid, result.curve.mean, result.curve.low, result.curve.high, result.finals]
        for entry in found.entries
        for result in entry.results
    ]
    return to_json(found), [array.tobytes() for arrays in curves for array in arrays]


def test_what_is_kept_changes_no_number(board, opened, tmp_path, monkeypatch):
    place = board("small", *ENTRIES)
    direct = build("small")
    store = tmp_path / "kept"
    first = build("small", store)
    files = sorted((store / "small").iterdir())
    assert len(files) == 3
    read = []
    whole = standings.read
    monkeypatch.setattr(standings, "read", lambda folder: read.append(folder.name) or whole(folder))
    again = build("small", store)
    assert read == []
    for found in (first, again):
        assert told(found) == told(direct)
    # A file that is damaged, or an entry that is another, is recomputed; the others are not.
    whole_file = files[0].read_text()
    for damage in ("[]", "[" * 100_000, whole_file[:-9], whole_file.replace("9", "8", 70)):
        files[0].write_text(damage)
        assert told(build("small", store)) == told(direct)
        assert len(read) == 1
        read.clear()
    folder = opened(place / "local_search")
    folder.change("[settings]", '[settings]\nnote = "other"')
    build("small", store)
    assert read == ["local_search"]
    assert len(list((store / "small").iterdir())) == 3
    read.clear()
    (place / "local_search" / "more.txt").write_text("")
    found = build("small", store)
    assert read == ["local_search"]
    assert [one.folder for one in found.left_out] == ["local_search"]
    # What is not its own, it leaves.
    (store / "small" / "standings.json").write_text("mine")
    (store / "small" / "mine.own.json").write_text("mine")
    first, second = sorted((store / "small").glob("?????????????????????*.own.json"))
    second.write_bytes(first.read_bytes())  # a result under another's fingerprint
    read.clear()
    build("small", store)
    assert len(read) == 2
    assert (store / "small" / "standings.json").read_text() == "mine"
    assert (store / "small" / "mine.own.json").read_text() == "mine"


def test_an_added_entry_changes_no_result_of_another(board):
    board("small", *ENTRIES[1:])
    before = json.loads(to_json(build("small")))
    board("small", ENTRIES[0])
    after = json.loads(to_json(build("small")))

    def own(told):
        """What depends on no other entry."""
        found = {entry["name"]: entry for entry in told["entries"] if entry["name"] != ENTRIES[0]}
        for entry in found.values():
            for result in entry["results"]:
                for point in result["points"]:
                    del point["place"]
        return found

    assert own(before) == own(after)
    assert before["benchmarks"] == after["benchmarks"]
    for old, new in zip(before["together"], after["together"], strict=True):
        assert [row[1:] for row in new["wins"][1:]] == old["wins"]
        gaps = [[one["gap"], one["gap_low"], one["gap_high"]] for one in new["ranked"][1:]]
        assert gaps == [[one["gap"], one["gap_low"], one["gap_high"]] for one in old["ranked"]]


def test_a_failing_entry_is_named_and_left_out(board, opened):
    place = board("small", *ENTRIES)
    whole = build("small")
    folder = opened(place / "local_search")
    file = folder.files[0]
    rows = folder.lines(file)
    rows[1]["objective"][3] = 99.5
    folder.write(file, rows)
    found = build("small")
    assert [entry.about.name for entry in found.entries] == list(ENTRIES[1:])
    (out,) = found.left_out
    assert (out.folder, out.name, out.kind) == ("local_search", "local_search", "faulty")
    assert (out.failure.code, out.failure.file, out.failure.line) == ("objective_differs", file, 2)
    assert "local\\_search: not accepted" in to_markdown(found)
    kept = whole.entries[1].results[0].score
    assert found.entries[0].results[0].score == kept


def test_older_versions_and_doubles_are_shown_for_what_they_are(board, opened):
    place = board("small", *ENTRIES)
    opened(place / "local_search").change('track_version = "1"', 'track_version = "0"')
    (place / "random_search").rename(place / "twin")
    board("small", "random_search")
    (place / "<b>x").mkdir()
    found = build("small")
    assert [entry.about.name for entry in found.entries] == list(ENTRIES[1:])
    out = {one.folder: one for one in found.left_out}
    assert set(out) == {"<b>x", "local_search", "twin"}
    assert out["local_search"].kind == "superseded"
    assert out["twin"].failure.code == "name_differs"
    assert out["twin"].same_name == ("random_search",)
    assert out["<b>x"].failure.code == "file_missing"
    # Where the checkout lies does not matter, and what is no text of ours is no markup.
    assert str(place) not in to_json(found)
    page = to_markdown(found)
    assert "&lt;b&gt;x" in page
    assert "<b>" not in page


def test_one_entry_and_none(board):
    none = build("small")
    assert (none.entries, none.together, none.left_out) == ((), (), ())
    assert "No entries yet" in to_markdown(none)
    assert json.loads(to_json(none))["entries"] == []
    board("small", "random_search")
    one = build("small").together[-1]
    assert (one.ranked[0].rank, one.ranked[0].place) == (1.0, "best")
    assert math.isnan(one.difference)
    assert json.loads(to_json(build("small")))["together"][-1]["critical_difference"] is None


def test_missing_data_are_no_fault_of_an_entry(board):
    place = board("small", "random_search")
    track = place.parent / "track.toml"
    digest = load(TASKS[0]).data
    track.write_text(track.read_text().replace(digest, "0" * 64))
    with pytest.raises(DataNotFound, match="no standings without"):
        build("small")
    with pytest.raises(UnknownName, match="did you mean small"):
        build("smal")


def test_the_command_line(board, nasbench, tmp_path):
    place = board("small", *ENTRIES[1:])
    done = nasbench("leaderboard", "build", "--track", "small", "--out", tmp_path / "site")
    assert done.code == 0, done.err
    written = tmp_path / "site" / "small"
    assert {"standings.json", "standings.csv", "standings.md"} <= {
        path.name for path in written.iterdir()
    }
    on = ("--track", "small", "--track", "crew")
    assert nasbench("leaderboard", "update", "--check", *on).code == 2
    assert not (place.parent / "standings.json").exists()
    assert nasbench("leaderboard", "update", *on).code == 0
    committed = place.parent / "standings.json"
    assert committed.read_bytes() == (written / "standings.json").read_bytes()
    assert nasbench("leaderboard", "update", "--check", *on).code == 0
    board("small", ENTRIES[0])
    done = nasbench("leaderboard", "update", "--check", "--json", *on)
    assert done.code == 2
    names = sorted(path.rpartition("/")[2] for path in done.json["stale"])
    assert names == ["standings.json", "standings.md"]
    assert nasbench("leaderboard", "build", "--track", "no", "--out", tmp_path / "x").code == 2
