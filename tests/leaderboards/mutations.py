"""Ways to spoil a submission; each returns the file at fault and, where it is a line, which."""

import gzip
import os
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite import load

Rng = np.random.Generator
Place = tuple[str, int | None]
TOML = "submission.toml"
REPORTED = {"cifar10": 200, "cifar100": 200, "imagenet16-120": 200}


def one(rng: Rng, values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def table(file: str) -> Any:
    return load(file.removesuffix(".jsonl.gz").replace("-", "/", 1))


def last_digit(value: float) -> float:
    """Change the last digit of a number as it is written, so that it is another number."""
    text = repr(float(value))
    others = (float(text[:-1] + digit) for digit in "0123456789")
    return next(other for other in others if other != value)


def in_line(change: Callable[[Rng, dict[str, Any], Any], None]) -> Callable[[Rng, Any], Place]:
    """Make of what spoils a line what spoils a submission."""

    def spoil(rng: Rng, folder: Any) -> Place:
        file = one(rng, folder.files)
        lines = folder.lines(file)
        at = int(rng.integers(len(lines)))
        change(rng, lines[at], table(file))
        folder.write(file, lines)
        return file, at + 1

    return spoil


def of_lines(change: Callable[[Rng, list[Any]], int]) -> Callable[[Rng, Any], Place]:
    def spoil(rng: Rng, folder: Any) -> Place:
        file = one(rng, folder.files)
        lines = folder.lines(file)
        at = change(rng, lines)
        folder.write(file, lines)
        return file, at

    return spoil


def trial(rng: Rng, line: dict[str, Any]) -> int:
    return int(rng.integers(len(line["architecture"])))


def value_in_last_digit(rng, line, _):
    place = trial(rng, line)
    line["objective"][place] = last_digit(line["objective"][place])


def value_lost(rng, line, _):
    line["objective"][trial(rng, line)] = None


def better_value(rng, line, _):
    line["objective"][trial(rng, line)] = 99.9


def seconds_in_last_digit(rng, line, _):
    line["seconds"] = round(line["seconds"] + one(rng, [-0.001, 0.001]), 3)


def cost(rng, line, _):
    if "cost" not in line:  # nobody asks for costs of one worker, but what is there must be right
        line["cost"] = [1.0] * len(line["architecture"])
    place = trial(rng, line)
    line["cost"][place] = last_digit(line["cost"][place])


def best(benchmark: Any) -> int:
    return int(np.argmax(benchmark.query_many(np.arange(15625), "val_accuracy", epochs=12)))


def better_architecture(rng, line, benchmark):
    line["architecture"][trial(rng, line)] = best(benchmark)


def better_architecture_and_its_value(rng, line, benchmark):
    place, arch = trial(rng, line), best(benchmark)
    while line["architecture"][place] == arch:
        place = trial(rng, line)
    line["architecture"][place] = arch
    line["objective"][place] = benchmark.query(arch, "val_accuracy", epochs=12)


def better_run(rng, line, benchmark):
    """Claim the best architecture, and mend all that follows from it but the digest."""
    better_architecture_and_its_value(rng, line, benchmark)
    if "cost" not in line:
        costs = [benchmark.query(a, "train_seconds", epochs=12) for a in line["architecture"]]
        line["seconds"] = round(sum(costs), 3)


def score_for_objective(rng, line, benchmark):
    place = trial(rng, line)
    line["objective"][place] = benchmark.query(line["architecture"][place], "test_accuracy")


def score_beside(rng, line, _):
    line[one(rng, ["test_accuracy", "valtest_accuracy"])] = [94.0]


def unknown_field(rng, line, _):
    line[one(rng, ["notes", "constructor", "__class__", "<script>alert(1)</script>"])] = 1


def seed_of_ones_own(rng, line, _):
    line["seed"] = int(rng.integers(1000, 2000))


def seed_of_another_kind(rng, line, _):
    line["seed"] = one(rng, [True, "0", None, -1, 0.5, 10**30])


def architecture_outside(rng, line, _):
    wrong = [15625, -1, 10**30, True, 3.0, None, "|nor_conv|", "../../x", [1], {}, "\u0000"]
    line["architecture"][trial(rng, line)] = one(rng, wrong)


def trial_dropped(rng, line, _):
    place = trial(rng, line)
    for values in line.values():
        if isinstance(values, list):
            del values[place]


def trial_doubled(rng, line, _):
    place = trial(rng, line)
    for values in line.values():
        if isinstance(values, list):
            values.insert(place, values[place])


def entry_dropped(rng, line, _):
    name = one(rng, [name for name, values in line.items() if isinstance(values, list)])
    del line[name][trial(rng, line) if name != "architecture" else 0]


def field_dropped(rng, line, _):
    del line[one(rng, ["seed", "architecture", "objective", "seconds", "digest"])]


def exhausted_of_another_kind(rng, line, _):
    line["exhausted"] = one(rng, [1, "true", None])


def digest_of_another_kind(rng, line, _):
    line["digest"] = one(rng, [None, 7, "", line["digest"].upper() + "0", "0" * 16, "<b>\u202e"])


def line_dropped(rng, lines):
    at = int(rng.integers(len(lines)))
    del lines[at]
    return at + 1


def line_doubled(rng, lines):
    at = int(rng.integers(len(lines)))
    lines.insert(at, lines[at])
    return at + 2


def lines_reordered(rng, lines):
    a, b = sorted(rng.choice(len(lines), 2, replace=False).tolist())
    lines[a], lines[b] = lines[b], lines[a]
    return a + 1


def seeds_swapped(rng, lines):
    a, b = sorted(rng.choice(len(lines), 2, replace=False).tolist())
    lines[a]["seed"], lines[b]["seed"] = lines[b]["seed"], lines[a]["seed"]
    return a + 1


def runs_swapped(rng, lines):
    """Two runs exchange their places, and not their seeds."""
    a, b = sorted(rng.choice(len(lines), 2, replace=False).tolist())
    lines[a], lines[b] = {**lines[b], "seed": a}, {**lines[a], "seed": b}
    return a + 1


def seeds_too_few(rng, lines):
    del lines[int(rng.integers(1, len(lines))) :]
    return len(lines) + 1


def seeds_too_many(rng, lines):
    lines.append({**lines[-1], "seed": len(lines)})
    return len(lines)


def raw(rng: Rng, folder: Any) -> tuple[str, bytes]:
    file = one(rng, folder.files)
    return file, gzip.decompress((folder.path / file).read_bytes())


def no_number(rng: Rng, folder: Any) -> Place:
    file, text = raw(rng, folder)
    number = one(rng, [b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"9" * 400])
    head, _, tail = text.partition(b'"objective":[')
    _, comma, rest = tail.partition(b",")
    folder.text(file, head + b'"objective":[' + number + comma + rest)
    return file, 1


def field_twice(rng: Rng, folder: Any) -> Place:
    file, text = raw(rng, folder)
    folder.text(file, text.replace(b'"seed":', b'"seed":7,"seed":', 1))
    return file, 1


def nested(rng: Rng, folder: Any) -> Place:
    file, text = raw(rng, folder)
    deep = int(rng.integers(2_000, 200_000))
    folder.text(file, text.replace(b"[", b"[" * deep, 1))
    return file, 1


def interrupted(rng: Rng, folder: Any) -> Place:
    """The last line was not written to its end."""
    file, text = raw(rng, folder)
    last = text[:-1].rindex(b"\n") + 1
    cut = int(rng.integers(last + 1, len(text) - 2))
    folder.text(file, text[:cut])
    return file, text.count(b"\n")


def control_character_in_runs(rng: Rng, folder: Any) -> Place:
    file, text = raw(rng, folder)
    place = int(rng.integers(len(text)))
    folder.text(file, text[:place] + one(rng, [b"\0", b"\x1b", b"\x7f", b"\x08"]) + text[place:])
    return file, len((text[:place] + b".").splitlines())


def no_text(rng: Rng, folder: Any) -> Place:
    file, text = raw(rng, folder)
    place = int(rng.integers(len(text)))
    folder.text(file, text[:place] + b"\xff\xfe" + text[place:])
    return file, len((text[:place] + b".").splitlines())


def archive_truncated(rng: Rng, folder: Any) -> Place:
    file = one(rng, folder.files)
    data = (folder.path / file).read_bytes()
    (folder.path / file).write_bytes(data[: int(rng.integers(1, len(data)))])
    return file, None


def archive_damaged(rng: Rng, folder: Any) -> Place:
    file = one(rng, folder.files)
    data = bytearray((folder.path / file).read_bytes())
    data[int(rng.integers(10, len(data)))] ^= 0xFF
    (folder.path / file).write_bytes(data)
    return file, None


@cache
def bomb() -> bytes:
    return gzip.compress(b" " * ((64 << 20) + 1), 1)


def archive_bomb(rng: Rng, folder: Any) -> Place:
    file = one(rng, folder.files)
    (folder.path / file).write_bytes(bomb())
    return file, None


def file_too_large(rng: Rng, folder: Any) -> Place:
    file = one(rng, [*folder.files, TOML])
    os.truncate(folder.path / file, 1 << 33)  # sparse
    return file, None


def file_empty(rng: Rng, folder: Any) -> Place:
    file = one(rng, folder.files)
    (folder.path / file).write_bytes(b"")
    return file, None


def file_missing(rng: Rng, folder: Any) -> Place:
    file = one(rng, [*folder.files, TOML])
    (folder.path / file).unlink()
    return file, None


def file_added(rng: Rng, folder: Any) -> Place:
    file = one(rng, ["run.py", ".hidden", "\x1b[31m.gz", "<script>.gz", "..jsonl.gz", "a\nb"])
    (folder.path / file).write_text("import os")
    return file.encode("unicode_escape").decode(), None


def path_tricks(rng: Rng, folder: Any) -> Place:
    """A file is a link to another place, a folder or a pipe."""
    file = one(rng, [*folder.files, TOML])
    path: Path = folder.path / file
    whole = path.with_name("..moved")
    path.rename(folder.path.parent / whole.name)
    kind = int(rng.integers(4))
    if kind == 0:
        path.symlink_to(folder.path.parent / whole.name)
    elif kind == 1:
        path.symlink_to("/dev/zero")
    elif kind == 2:
        path.mkdir()
    else:
        os.mkfifo(path)
    return file, None


def files_swapped(rng: Rng, folder: Any) -> Place:
    one_file, other = folder.files[:2]
    held = (folder.path / one_file).read_bytes()
    (folder.path / one_file).write_bytes((folder.path / other).read_bytes())
    (folder.path / other).write_bytes(held)
    return one_file, 1


def described(rng: Rng, folder: Any, name: str, value: str) -> Place:
    path = folder.path / TOML
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
    lines[at] = f"{name} = {value}"
    path.write_text("\n".join(lines))
    return TOML, None


def data_version(rng: Rng, folder: Any) -> Place:
    path = folder.path / TOML
    digits = "".join(random.Random(int(rng.integers(1 << 30))).choices("0123456789abcdef", k=64))
    head, mark, tail = path.read_text().partition("[data]\n")
    first, rest = tail.split("\n", 1)
    path.write_text(f'{head}{mark}{first.split(" = ")[0]} = "{digits}"\n{rest}')
    return TOML, None


def protocol_of_ones_own(rng, folder):
    path = folder.path / TOML
    wrong = ['"multi_fidelity"', '"test"', "1", '["standard"]', '""']
    text = path.read_text().replace('protocol = "standard"\n', "", 1)
    path.write_text(f"protocol = {one(rng, wrong)}\n{text}")
    return TOML, None


def track_version(rng, folder):
    return described(rng, folder, "track_version", one(rng, ['"2"', "1", '""', "[1]"]))


def other_track(rng, folder):
    wrong = ['"../small"', '"/etc"', '"small/"', '"."', '"smal"', "3", '"\\u0000"', '"a\\nb"']
    return described(rng, folder, "track", one(rng, wrong))


def bad_text(rng, folder):
    name = one(rng, ["name", "strategy", "author", "code"])
    wrong = [
        '"<script>alert(1)</script>"',
        '"a\\u001b[31mb"',
        '"a\\u202eb"',
        '"a\\u0000b"',
        '""',
        '"../../x\\n"',
        "7",
        f'"{"a" * 500}"',
        '"javascript:alert(1)<"',
    ]
    return described(rng, folder, name, one(rng, wrong))


def control_character_in_description(rng, folder):
    path = folder.path / TOML
    data = path.read_bytes()
    place = int(rng.integers(len(data)))
    path.write_bytes(data[:place] + one(rng, [b"\x1b", b"\0", b"\x7f"]) + data[place:])
    return TOML, len((data[:place] + b".").splitlines())


def score_in_description(rng, folder):
    path = folder.path / TOML
    path.write_text(f"test_accuracy = 94.37\n{path.read_text()}")
    return TOML, None


def name_of_a_thousand_parts(rng, folder):
    path = folder.path / TOML
    part = one(rng, ["a", '"a"', "'b c'", "x "])
    name = ".".join([one(rng, ["name", "settings", "track", "z"]), *[part] * 20_000])
    text = path.read_text()
    held = f"{name} = 1\n{text}" if rng.random() < 0.5 else f"{text}\n[{name}]\n"
    path.write_text(held[: 60 << 10])
    return TOML, None


def lines_without_end(rng, folder):
    file, text = raw(rng, folder)
    end = one(rng, [b"\n", b"\r\n", b"a\n", b" \r"])
    folder.text(file, "😀".encode() + end * (20 << 20 >> 2) + text)
    return file, None


def toml_cut(rng, folder):
    path = folder.path / TOML
    text = path.read_text()
    path.write_text(text[: int(rng.integers(1, text.index("[data]") + 20))])
    return TOML, None


ANYWHERE: dict[str, Callable[[Rng, Any], Place]] = {
    change.__name__: in_line(change)
    for change in (
        value_in_last_digit,
        value_lost,
        better_value,
        seconds_in_last_digit,
        cost,
        better_architecture,
        better_architecture_and_its_value,
        better_run,
        digest_of_another_kind,
        score_for_objective,
        score_beside,
        unknown_field,
        seed_of_ones_own,
        seed_of_another_kind,
        architecture_outside,
        trial_dropped,
        trial_doubled,
        entry_dropped,
        field_dropped,
        exhausted_of_another_kind,
    )
}
ANYWHERE |= {
    change.__name__: of_lines(change)
    for change in (
        line_dropped,
        line_doubled,
        lines_reordered,
        seeds_swapped,
        runs_swapped,
        seeds_too_few,
        seeds_too_many,
    )
}
ANYWHERE |= {
    change.__name__: change
    for change in (
        no_number,
        field_twice,
        nested,
        interrupted,
        control_character_in_runs,
        no_text,
        archive_truncated,
        archive_damaged,
        archive_bomb,
        file_too_large,
        file_empty,
        file_missing,
        file_added,
        path_tricks,
        files_swapped,
        data_version,
        protocol_of_ones_own,
        track_version,
        other_track,
        bad_text,
        control_character_in_description,
        score_in_description,
        toml_cut,
        name_of_a_thousand_parts,
        lines_without_end,
    )
}
