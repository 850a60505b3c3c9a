"""The checker's answers to what a first submitter does wrong, and to honest submissions."""

import json
import shutil

import pytest

from nasbench_suite import Budget, compare, load
from nasbench_suite.leaderboards import checking
from nasbench_suite.leaderboards.checking import check
from nasbench_suite.leaderboards.submitting import submit

SAID = {"author": "A. Author", "code": "https://example.org/a"}
FIRST = "nasbench201-cifar10.jsonl.gz"


def only(report):
    (failure,) = report.failures
    return failure


def test_an_honest_submission_passes(nasbench, submitted):
    for track in ("small", "crew"):
        done = nasbench("check", submitted(track))
        assert done.code == 0
        assert f"ok ({track}, regularized_evolution by A. Author)" in done.out
        done = nasbench("check", submitted(track), "--json")
        assert (done.code, done.json) == (0, {"ok": True, "failures": []})


def test_what_is_at_fault_is_told_with_its_cure(nasbench, folder):
    entry = folder()
    lines = entry.lines(FIRST)
    lines[1]["objective"][4] = 99.0
    entry.write(FIRST, lines)
    done = nasbench("check", entry.path, "--json")
    assert done.code == 2
    assert not done.json["ok"]
    (failure,) = done.json["failures"]
    assert set(failure) == {"code", "file", "line", "message", "cure"}
    assert (failure["code"], failure["file"], failure["line"]) == ("objective_differs", FIRST, 2)
    assert "trial 4: val_accuracy" in failure["message"]
    assert "is 99.0, and the table has" in failure["message"]
    done = nasbench("check", entry.path)
    assert done.code == 2
    assert f"{FIRST}, line 2: trial 4" in done.out
    assert "[objective_differs]" in done.out


def test_a_folder_that_is_none(tmp_path, folder):
    failure = only(check(tmp_path / "nowhere"))
    assert failure.code == "folder_missing"
    failure = only(check(tmp_path))
    assert failure.code == "file_missing"
    assert "name the folder of a submission" in failure.cure
    entry = folder()
    failure = only(check(entry.path.parent))
    assert failure.cure == f"name {entry.path}"


def test_a_link_to_a_folder_is_not_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder().path)
    assert only(check(tmp_path / "link")).code == "not_a_file"


def test_the_folder_of_a_comparison(tmp_path):
    out = tmp_path / "exp"
    compare(["nasbench201/cifar10"], ["random_search"], budget=Budget(3), seeds=1, out=out)
    failure = only(check(out))
    assert "is the folder of a comparison" in failure.message
    assert "nasbench submit" in failure.cure


def test_an_unknown_track_and_other_versions(folder):
    entry = folder()
    entry.change('track = "small"', 'track = "smal"')
    failure = only(check(entry.path))
    assert failure.code == "track_unknown"
    assert "did you mean small" in failure.message
    entry = folder()
    entry.change('track_version = "1"', 'track_version = "0"')
    assert only(check(entry.path)).code == "track_version"
    entry = folder()
    entry.change('"nasbench201/cifar10" = "', '"nasbench201/cifar10" = "0123456789')
    assert only(check(entry.path)).code == "field_invalid"
    entry = folder()
    entry.change(load("nasbench201/cifar10").data, "0" * 64)
    failure = only(check(entry.path))
    assert failure.code == "data_version"
    assert "run again" in failure.cure


def test_too_few_seeds_and_seeds_of_their_own(folder):
    entry = folder()
    entry.write(FIRST, entry.lines(FIRST)[:2])
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("seed_missing", 3)
    assert failure.message == "seed 2 is not there: it has 2 of 3 runs"
    entry = folder()
    lines = entry.lines(FIRST)
    for line, seed in zip(lines, (42, 43, 44), strict=True):
        line["seed"] = seed
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("seed_foreign", 1)
    assert "list the seeds 0 to 2" in failure.cure


@pytest.mark.parametrize("track", ["small", "crew"])
def test_runs_that_were_exchanged(folder, track):
    """Each is true, and of another seed; only who makes the digests anew can say so."""
    entry = folder(track)
    lines = entry.lines(FIRST)
    lines[0], lines[2] = {**lines[2], "seed": 0}, {**lines[0], "seed": 2}
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("digest_differs", 1)
    assert "runs were exchanged or edited" in failure.cure
    entry.signed(FIRST, lines)
    assert check(entry.path).ok


def test_logs_of_an_interrupted_run(folder):
    entry = folder()
    lines = entry.lines(FIRST)
    table = load("nasbench201/cifar10")
    for name in ("architecture", "objective"):
        del lines[2][name][12:]
    costs = [table.query(a, "train_seconds", epochs=12) for a in lines[2]["architecture"]]
    lines[2]["seconds"] = round(sum(costs), 3)
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("run_interrupted", 3)
    assert "12 trials, and the budget is 20" in failure.message
    lines[2]["exhausted"] = True
    entry.write(FIRST, lines)
    assert only(check(entry.path)).code == "digest_differs"
    entry.signed(FIRST, lines)
    assert check(entry.path).ok


def test_an_interrupted_run_of_two_workers(folder):
    entry = folder("crew")
    lines = entry.lines(FIRST)
    for name in ("architecture", "objective", "number", "cost"):
        del lines[0][name][-6:]
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert failure.code == "seconds_differ"
    ended = failure.message.rpartition(" ")[2]
    lines[0]["seconds"] = float(ended)
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("run_interrupted", 1)
    assert "can have ended within the budget of 3000" in failure.message


def test_an_order_that_two_workers_cannot_have(folder):
    entry = folder("crew")
    whole = entry.lines(FIRST)
    for a, b in ((0, 1), (3, 9)):
        lines = json.loads(json.dumps(whole))
        for name in ("architecture", "objective", "number", "cost"):
            values = lines[1][name]
            values[a], values[b] = values[b], values[a]
        entry.write(FIRST, lines)
        failure = only(check(entry.path))
        assert (failure.code, failure.line) == ("order_impossible", 2)
    lines = json.loads(json.dumps(whole))
    lines[0]["number"][2] = lines[0]["number"][1]
    entry.write(FIRST, lines)
    assert only(check(entry.path)).code == "order_impossible"


def test_a_trial_after_the_deadline(folder):
    entry = folder("crew")
    lines = entry.lines(FIRST)
    table = load("nasbench201/cifar10")
    line = lines[0]
    missing = min(set(range(len(line["number"]) + 2)) - set(line["number"]))
    dearest = max(range(15625), key=lambda n: table.query(n, "train_seconds", epochs=12))
    line["architecture"].append(dearest)
    line["objective"].append(table.query(dearest, "val_accuracy", epochs=12))
    line["number"].append(missing)
    line["cost"].append(table.query(dearest, "train_seconds", epochs=12))
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert failure.code == "seconds_differ"
    line["seconds"] = float(failure.message.rpartition(" ")[2])
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert failure.code == "budget_exceeded"
    assert "and the budget is 3000" in failure.message


def test_more_evaluations_than_there_are(folder):
    entry = folder()
    lines = entry.lines(FIRST)
    line = lines[0]
    first = line["architecture"][0]
    line["architecture"].append(first)
    line["objective"].append(line["objective"][0])
    table = load("nasbench201/cifar10")
    costs = [table.query(arch, "train_seconds", epochs=12) for arch in line["architecture"]]
    line["seconds"] = round(sum(costs), 3)
    entry.write(FIRST, lines)
    assert only(check(entry.path)).code == "budget_exceeded"


def test_a_search_by_the_test_score_is_named_as_one(folder):
    entry = folder()
    lines = entry.lines(FIRST)
    table = load("nasbench201/cifar10")
    for line in lines:
        line["objective"] = [table.query(arch, "test_accuracy") for arch in line["architecture"]]
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("reported_metric", 1)
    assert "this is test_accuracy, which no search may see" in failure.message


def test_of_each_file_the_first_line_at_fault_is_named(folder):
    entry = folder()
    for file in entry.files:
        lines = entry.lines(file)
        for line in lines[1:]:
            line["objective"][0] = 0.0
        entry.write(file, lines)
    (entry.path / "notes.txt").write_text("mine")
    found = [(failure.file, failure.line) for failure in check(entry.path).failures]
    assert found == [("notes.txt", None), *((file, 2) for file in entry.files)]


@pytest.fixture
def home(tracks, submitted, tmp_path, monkeypatch):
    """A data folder of its own, in whose tracks submissions lie."""
    place = tmp_path / "home"
    shutil.copytree(tracks, place)
    for track in ("small", "crew"):
        entry = place / "leaderboards" / track / "submissions" / "regularized_evolution"
        shutil.copytree(submitted(track), entry)
    monkeypatch.setenv("NASBENCH_DATA", str(place))
    alone(place, monkeypatch)
    return place / "leaderboards"


def alone(data, monkeypatch):
    """Let no tracks be there but those of a data folder: a checkout has entries of its own."""
    known = {name: data / "leaderboards" / name for name in ("small", "crew")}
    monkeypatch.setattr(checking, "names", lambda: known)


def test_a_line_that_would_never_end(folder):
    entry = folder()
    lines = entry.lines(FIRST)
    lines[1]["objective"] = [1.5] * 1_500_000
    entry.write(FIRST, lines)
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("file_too_large", 2)


def test_settings_that_no_strategy_has(folder):
    for wrong in (
        "a = 1979-05-27",
        "a = nan",
        'a = "\\u0007"',
        'a = "\\n"',
        f'a = "{"x" * 30_000}"',
    ):
        entry = folder()
        entry.change("[settings]", f"[settings]\n{wrong}")
        assert only(check(entry.path)).code == "field_invalid"
    entry = folder()
    entry.change("[data]", 'unset = "ab"\n[data]')
    assert only(check(entry.path)).code == "field_invalid"
    entry = folder()
    entry.change("[data]", 'unset = ["patience"]\n[data]')
    assert check(entry.path).about.settings["patience"] is None


def test_all_that_lie_in_the_tracks(nasbench, home):
    done = nasbench("check", "--all", "--json")
    assert (done.code, done.json) == (0, {"ok": True, "failures": []})
    wrong = home / "crew" / "submissions" / "other"
    shutil.copytree(home / "small" / "submissions" / "regularized_evolution", wrong)
    done = nasbench("check", "--all", "--json")
    assert done.code == 2
    assert [(one["folder"], one["code"]) for one in done.json["failures"]] == [
        (str(wrong), "track_differs"),
        (str(wrong), "name_differs"),
    ]


def test_some_of_all_drawn_by_a_seed(nasbench, home):
    entry = home / "small" / "submissions" / "regularized_evolution"
    named = nasbench("check", entry, "--sample", 1)
    assert named.code == 0
    assert named.out.count(": ok") == 2
    drawn = {nasbench("check", "--sample", 1, "--seed", seed).out for seed in range(12)}
    assert len(drawn) == 2
    assert nasbench("check", "--sample", 0).out == ""


def test_what_is_deep_is_refused_in_little_memory(folder, nasbench):
    """Of a name's parts reading takes the square, and repr overflows at a thousand."""
    for parts in (30, 1_500, 15_000):
        for name in ("name", "code", "settings.a", "protocol"):
            entry = folder()
            path = entry.path / "submission.toml"
            kept = [line for line in path.read_text().splitlines() if not line.startswith(name)]
            path.write_text("\n".join([f"{name}{'.a' * parts} = 1", *kept]))
            failure = only(check(entry.path))
            assert (failure.code, failure.line) == ("toml_damaged", 1)
    for nested in ("[" * 900 + "]" * 900, "{a=" * 300 + "1" + "}" * 300):
        entry = folder()
        text = (entry.path / "submission.toml").read_text()
        text = text.replace('name = "regularized_evolution"', f"name = {nested}", 1)
        (entry.path / "submission.toml").write_text(text)
        assert only(check(entry.path)).code in ("field_invalid", "toml_damaged")


def test_bytes_that_begin_a_file_in_vain(folder):
    entry = folder()
    entry.text(FIRST, "\ufeff" + "".join(f"{json.dumps(line)}\n" for line in entry.lines(FIRST)))
    failure = only(check(entry.path))
    assert (failure.code, failure.line) == ("line_damaged", 1)
    assert "byte order mark" in failure.message


def test_many_files_too_many(folder):
    entry = folder()
    for number in range(300):
        (entry.path / f"{number}.txt").write_text("")
    failures = check(entry.path).failures
    assert len(failures) == 11
    assert "290 more files" in failures[-1].message


def test_the_file_instead_of_its_folder(submitted):
    failure = only(check(submitted("small") / "submission.toml"))
    assert failure.cure == f"name its folder: {submitted('small')}"


def test_nothing_to_check(nasbench, submitted, tracks, monkeypatch):
    alone(tracks, monkeypatch)
    assert "no submissions" in nasbench("check", "--all").out
    for wrong in (("--seed", -1), ("--sample", -1)):
        done = nasbench("check", "--sample", 1, *wrong)
        assert done.code == 2
        assert "at least 0" in done.err
    done = nasbench("check")
    assert done.code == 2
    assert "name the folder of a submission" in done.err
    done = nasbench("check", submitted("small"), submitted("crew"), "--replay", "random_search")
    assert done.code == 2


@pytest.mark.parametrize("track", ["small", "crew"])
def test_a_replay_gives_the_same_runs(nasbench, submitted, track):
    done = nasbench("check", submitted(track), "--replay", "regularized_evolution")
    assert done.code == 0


def test_a_replay_that_differs_names_the_line(nasbench, folder, tmp_path):
    entry = folder()
    entry.path.joinpath("submission.toml").write_text(
        entry.path.joinpath("submission.toml").read_text().partition("[settings]")[0]
    )
    done = nasbench("check", entry.path, "--replay", "random_search", "--json")
    assert done.code == 2
    # Evolution begins with random architectures, and this many of them.
    failures = done.json["failures"]
    assert [failure["code"] for failure in failures] == ["replay_differs"] * 2
    assert failures[0]["line"] == 1
    assert failures[0]["message"].startswith("trial 10 is of architecture ")


SEVERAL = """format = "nasbench-track-1"
version = "1"
title = "Lengths"
description = "Longer trainings continue shorter ones."
protocols = ["multi_fidelity"]
source = "table"
workers = {workers}
seeds = 2
provisional = false
checkpoints = [1.0]
rules = ["None."]

[[benchmarks]]
benchmark = "nasbench201/digits"
seconds = {seconds}
data = "{data}"
"""


@pytest.mark.parametrize("workers", [1, 3])
def test_trainings_of_several_lengths(tmp_path, monkeypatch, workers, opened):
    table = load("nasbench201/digits")
    costs = table.query_many(range(1000), "train_seconds")
    place = tmp_path / "leaderboards" / "lengths"
    place.mkdir(parents=True)
    text = SEVERAL.format(workers=workers, seconds=40 * float(costs[0]), data=table.data)
    (place / "track.toml").write_text(text)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    out = tmp_path / "hyperband"
    report = submit("lengths", "hyperband", out=out, **SAID)
    assert report.ok, report.failures
    entry = opened(out)
    (file,) = entry.files
    lines = entry.lines(file)
    assert len(set(lines[0]["epochs"])) > 1
    lines[0]["epochs"][0] = 7
    entry.write(file, lines)
    assert only(check(out)).code == "epochs_invalid"


def test_a_track_whose_answers_are_predicted(with_small, tmp_path, opened):
    """Predictions are compared to the digits that processors agree on, and no further."""
    place = with_small.parents[1] / "leaderboards" / "predicted"
    place.mkdir(parents=True, exist_ok=True)
    benchmark = load("mnasnet/imagenet", source="surrogate")
    text = SEVERAL.format(workers=2, seconds=1, data=benchmark.data)
    text = text.replace("multi_fidelity", "standard").replace('"table"', '"surrogate"')
    text = text.replace("nasbench201/digits", "mnasnet/imagenet")
    (place / "track.toml").write_text(text.replace("seconds = 1", "evaluations = 15"))
    out = tmp_path / "random_search"
    report = submit("predicted", "random_search", out=out, **SAID)
    assert report.ok, report.failures
    entry = opened(out)
    lines = entry.lines("mnasnet-imagenet.jsonl.gz")
    value = lines[1]["objective"][3]
    lines[1]["objective"][3] = float(f"{value:.6g}") + 10.0 ** -(6 - len(str(int(value))))
    entry.write("mnasnet-imagenet.jsonl.gz", lines)
    failure = only(check(out))
    assert (failure.code, failure.line) == ("objective_differs", 2)
    assert "the surrogate has" in failure.message
