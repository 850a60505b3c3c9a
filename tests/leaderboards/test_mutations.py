"""A submission is hostile until checked: what is spoilt is found, and what is harmless passes."""

import gzip
import io
import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import load
from nasbench_suite.leaderboards.checking import check
from nasbench_suite.leaderboards.lines import digest
from nasbench_suite.leaderboards.submitting import submit

KINDS = runpy.run_path(str(Path(__file__).with_name("mutations.py")))["ANYWHERE"]
EACH = 20
"""Of each of the 52 kinds, so that there are a thousand."""


def assert_found(report, file, line, told):
    assert not report.ok, told
    first = {failure.file: failure for failure in report.failures}
    assert file in first, (told, report.failures)
    found = first[file]
    assert line is None or found.line == line, (told, found)
    for failure in report.failures:
        assert failure.code.replace("_", "").isalnum(), told
        assert failure.message.isprintable(), told
        assert failure.cure.isprintable(), told
        assert failure.cure, told
        assert failure.file.isprintable(), told


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_spoilt_is_refused_with_its_place(kind, folder, submitted):
    rng = np.random.default_rng([7, *kind.encode()])
    for turn in range(EACH):
        entry = folder("small" if turn % 2 else "crew")
        before = {path.name: path.read_bytes() for path in entry.path.iterdir()}
        file, line = KINDS[kind](rng, entry)
        now = {path.name: path.is_file() and path.name for path in entry.path.iterdir()}
        assert set(now) != set(before) or any(
            not path.is_file()
            or path.is_symlink()
            or path.stat().st_size > 1 << 24
            or path.read_bytes() != before[path.name]
            for path in entry.path.iterdir()
        )
        assert_found(check(entry.path), file, line, (kind, turn))


def test_there_are_a_thousand():
    assert EACH * len(KINDS) >= 1000


def written_otherwise(rng, entry):
    """Write the same submission in another way."""
    for file in entry.files:
        name = file.removesuffix(".jsonl.gz").replace("-", "/", 1)
        benchmark = load(name)
        lines = []
        for line in entry.lines(file):
            names = list(rng.permutation(list(line)))
            line = {name: line[name] for name in names}
            if rng.random() < 0.3:
                archs = line["architecture"]
                line["architecture"] = [
                    benchmark.space.format(benchmark.space.at(arch)) for arch in archs
                ]
                lists = line["architecture"], line.get("number")
                line["digest"] = digest(name, line["seed"], *lists)
            if rng.random() < 0.3:
                archs = line["architecture"]
                line["objective"] = [
                    benchmark.query(arch, "val_accuracy", epochs=12) for arch in archs
                ]
            if rng.random() < 0.2:
                line["exhausted"] = False
            gap = " " * int(rng.integers(4))
            separators = f"{gap},{gap}", f"{gap}:{gap}"
            lines.append(gap + json.dumps(line, separators=separators) + gap)
        end = ["\n", "\r\n", "\r", "\n\n"][int(rng.integers(4))]
        text = end.join(lines) + (end if rng.random() < 0.7 else "")
        (entry.path / file).write_bytes(zipped(rng, text.encode()))
    path = entry.path / "submission.toml"
    text = path.read_text()
    head, mark, tail = text.partition("[data]")
    rows = list(rng.permutation(head.strip().split("\n")))
    if rng.random() < 0.5:
        rows.insert(0, "# a remark")
    end = "\n" if rng.random() < 0.5 else "\r\n"
    path.write_bytes(end.join([*rows, "", *(mark + tail).split("\n")]).encode())


def zipped(rng, data):
    """Compress in one of many ways, perhaps in several members."""
    held = io.BytesIO()
    cut = int(rng.integers(1, len(data))) if rng.random() < 0.3 else len(data)
    for piece in (data[:cut], data[cut:]):
        if piece:
            name = "../../etc/passwd" if rng.random() < 0.3 else ""
            level = int(rng.integers(0, 10))
            with gzip.GzipFile(name, "wb", level, held, mtime=int(rng.integers(1 << 30))) as file:
                file.write(piece)
    return held.getvalue()


@pytest.mark.parametrize("part", range(10))
def test_a_thousand_harmless_variations_pass(part, folder):
    rng = np.random.default_rng(part)
    for turn in range(100):
        entry = folder("small" if turn % 2 else "crew")
        written_otherwise(rng, entry)
        report = check(entry.path)
        assert report.ok, (part, turn, report.failures)


@pytest.mark.slow
def test_what_is_spoilt_is_found_on_a_real_track(tmp_path, monkeypatch, opened):
    monkeypatch.delenv("NASBENCH_DATA")
    whole = tmp_path / "whole"
    said = {"author": "A", "code": "https://example.org"}
    assert submit("nasbench201", "random_search", out=whole, **said).ok
    rng = np.random.default_rng(3)
    for kind, spoil in KINDS.items():
        place = tmp_path / "entry"
        shutil.copytree(whole, place)
        file, line = spoil(rng, opened(place))
        assert_found(check(place), file, line, kind)
        shutil.rmtree(place)
