"""NAS-Bench-301's data: result files made in the official form, in folders and in zips."""

import io
import json
import struct
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite import cli, registry, run
from nasbench_suite.core import Budget, DamagedInput, DataNotFound, InvalidSetting
from nasbench_suite.spaces.darts import network
from nasbench_suite.tables.card import read_card
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table
from nasbench_suite.testing import TableTests

SPACE = registry.load("spaces", "darts")
PREFIX = "NetworkSelectorDatasetInfo:darts:"
T_MAX = "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max"
SETTINGS = {
    "CreateImageDataLoader:batch_size": 96,
    "ImageAugmentation:cutout": "True",
    f"{PREFIX}auxiliary": "True",
    f"{PREFIX}drop_path_prob": 0.2,
    f"{PREFIX}init_channels": 32,
    f"{PREFIX}layers": 8,
    "NetworkSelectorDatasetInfo:network": "darts",
    "OptimizerSelector:sgd:learning_rate": 0.025,
    "OptimizerSelector:sgd:momentum": 0.9,
    "OptimizerSelector:sgd:weight_decay": 0.0003,
    T_MAX: 100,
    "SimpleTrainNode:mixup:alpha": 0.2,
}
ARCHS = [SPACE.sample(np.random.default_rng(seed)) for seed in range(6)]


def config(arch):
    """The parameters of an architecture, by the edges' numbers and without the suite's own."""
    genotype = SPACE.to_genotype(arch)
    found = {}
    for cell in ("normal", "reduce"):
        edges = getattr(genotype, cell)
        for place, node in enumerate((2, 3, 4, 5)):
            both = edges[2 * place : 2 * place + 2]
            for operation, source in both:
                # Before the edges into a node are those into all nodes before it.
                number = sum(range(2, node)) + source
                found[f"{PREFIX}edge_{cell}_{number}"] = operation
            if node > 2:
                inputs = "_".join(str(source) for _, source in both)
                found[f"{PREFIX}inputs_node_{cell}_{node}"] = inputs
    return found


def result(arch, val=93.25, test=92.5, seconds=4321, changed=None):
    """A result file as the authors' own, of as many keys."""
    return {
        "final_metric_score": -93.25,
        "optimized_hyperparamater_config": {**SETTINGS, **config(arch), **(changed or {})},
        "budget": 100,
        "info": [
            {
                "train_loss": 0.66,
                "train_accuracy": 86.6,
                "val_accuracy": val,
                "val_cross_entropy": 0.3,
                "epochs": 98,
                "model_parameters": 1_000_000,
                "dataset_id": 0,
            }
        ],
        "test_accuracy": test,
        "runtime": seconds,
    }


def text(content):
    if isinstance(content, bytes | str):
        return content
    return json.dumps(content)


def zipped(files, path, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, text(content))
    return path


def unzipped(files, folder):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(content))
    return folder


FILES = {
    "data/rs/results_2.json": result(ARCHS[1], 91.5, 91.0, 3000),
    "data/rs/results_10.json": result(ARCHS[0], 94.5, 94.0, 5001),
    "data/rs/results_3_ti.json": result(ARCHS[2]),
    "data/bananas/results_7.json": result(ARCHS[0], 94.25, 93.75, 5000),
    "data/bananas/deep/er/results_1.json": result(ARCHS[3]),
    "data/README.md": "nothing to read",
    "data/rs/notes.json": "{}",
    "__MACOSX/data/rs/._results_2.json": "no JSON",
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The table of a zip."""
    folder = tmp_path_factory.mktemp("made")
    return pack("nasbench301", zipped(FILES, folder / "nb.zip"), folder / "nasbench301_data")


class TestMade(TableTests):
    @pytest.fixture
    def table(self, packed):
        return packed


def test_trainings_are_runs_of_their_architecture(packed):
    table = Table.open(packed)
    assert (table.name, table.benchmark) == ("nasbench301_data", "darts/cifar10")
    assert (table.rows, table.covers_space, table.key) == (4, False, "architecture")
    assert table.epochs("val_accuracy") == (100,)
    assert table.query(ARCHS[0], "val_accuracy", seed="all").tolist() == [94.25, 94.5]
    assert table.query(SPACE.format(ARCHS[0]), "test_accuracy", seed=1) == 94.0
    assert table.query(ARCHS[0]) == 93.875
    assert table.query(ARCHS[0], "train_seconds", seed=0) == 5000
    assert table.query(ARCHS[1], "val_accuracy") == 91.5
    record = table.record(ARCHS[2])
    assert (record.runs, record.unit, record.split, record.value) == (1, "%", "test", 92.5)


def test_whose_each_training_is_stands_in_the_card(packed):
    card = read_card(packed)
    # Rows by folder and number: bananas/7, bananas/deep/er/1, rs/2, rs/3; rs/10 is a second run.
    assert card["lists"] == {
        "asked_by_bananas": [[0, 1, 0]],
        "asked_by_rs": [[0, 0, 1], [2, 3, 0]],
    }
    assert [entry["file"] for entry in card["inputs"]] == ["nb.zip"]
    assert not any("left out" in line for line in card["defects"])


def test_it_is_looked_up_and_not_searched(packed):
    with pytest.raises(InvalidSetting, match="holds a sample of darts"):
        run("random_search", Table.open(packed), budget=Budget(evaluations=2), seed=0)


@pytest.mark.parametrize("inside", [".", "data"])
def test_a_folder_and_its_zip_give_the_same_table(inside, packed, tmp_path):
    source = unzipped(FILES, tmp_path / "in") / inside
    folder = pack("nasbench301", source, tmp_path / "nasbench301_data")
    for file in ("table.h5", "index.json"):
        assert (folder / file).read_bytes() == (packed / file).read_bytes()
    assert read_card(folder)["lists"] == read_card(packed)["lists"]


def test_the_folder_one_is_in_has_its_name(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(unzipped(FILES, tmp_path / "in"))
    folder = pack("nasbench301", Path(), tmp_path / "nasbench301_data")
    assert [entry["file"] for entry in read_card(folder)["inputs"]] == ["in"]
    assert (folder / "table.h5").read_bytes() == (packed / "table.h5").read_bytes()


def test_a_single_optimiser_is_named(tmp_path):
    for place, (name, optimizer) in enumerate(
        (("results_0.json", "de"), ("re/results_0.json", "re"), ("a/tpe/results_0.json", "tpe"))
    ):
        source = zipped({name: result(ARCHS[0])}, tmp_path / "de.zip")
        folder = pack("nasbench301", source, tmp_path / str(place))
        assert read_card(folder)["lists"] == {f"asked_by_{optimizer}": [[0, 0, 0]]}


archs = st.sampled_from(ARCHS[:2]) | st.tuples(
    *(st.integers(0, choices - 1) for choices in SPACE.genes)
)
# Accuracies of less than 1 % would be shares.
numbers = st.just(0.0) | st.floats(1, 100, exclude_min=True)
trainings = st.lists(
    st.tuples(
        archs, st.sampled_from(["rs", "de", "gdas"]), numbers, numbers, st.integers(1, 10**6)
    ),
    min_size=1,
    max_size=12,
    unique_by=(lambda training: training[4]),
)


@given(trainings)
@settings(max_examples=30)
def test_any_trainings_round_trip(found):
    files = {
        f"nb/{optimizer}/results_{number}.json": result(arch, val, test, seconds)
        for number, (arch, optimizer, val, test, seconds) in enumerate(found)
    }
    with tempfile.TemporaryDirectory() as place:
        tables = [
            pack("nasbench301", source, Path(place) / str(number))
            for number, source in enumerate(
                (zipped(files, Path(place) / "nb.zip"), unzipped(files, Path(place) / "in"))
            )
        ]
        one, other = ((folder / "table.h5").read_bytes() for folder in tables)
        assert one == other
        table = Table.open(tables[0])
        order = sorted(range(len(found)), key=lambda number: (found[number][1], number))
        for arch in {training[0] for training in found}:
            mine = [found[number] for number in order if found[number][0] == arch]
            for metric, place_of in (
                ("val_accuracy", 2),
                ("test_accuracy", 3),
                ("train_seconds", 4),
            ):
                expected = [training[place_of] for training in mine]
                assert table.query(arch, metric, seed="all").tolist() == expected
        assert table.rows == len({training[0] for training in found})


def test_the_one_result_file_of_the_authors_repository(tmp_path):
    # Of surrogate_models/test/results_fidelity_0/results_0.json: 50 channels, 20 layers.
    operations = {
        "normal": (
            "skip_connect sep_conv_3x3 sep_conv_3x3 skip_connect - dil_conv_3x3 - dil_conv_5x5 - - "
            "sep_conv_3x3 skip_connect"
        ),
        "reduce": (
            "max_pool_3x3 avg_pool_3x3 skip_connect dil_conv_5x5 - - sep_conv_3x3 sep_conv_5x5 - - "
            "- sep_conv_3x3 dil_conv_3x3"
        ),
    }
    inputs = {"normal": ("0_1", "0_2", "1_2"), "reduce": ("0_1", "1_2", "2_3")}
    architecture = {
        f"{PREFIX}edge_{cell}_{number}": operation
        for cell, words in operations.items()
        for number, operation in enumerate(words.split())
        if operation != "-"
    } | {
        f"{PREFIX}inputs_node_{cell}_{node}": pair
        for cell, pairs in inputs.items()
        for node, pair in zip((3, 4, 5), pairs, strict=True)
    }
    published = {
        "final_metric_score": -97.68,
        "optimized_hyperparamater_config": {
            **SETTINGS,
            **architecture,
            f"{PREFIX}init_channels": 50,
            f"{PREFIX}layers": 20,
            "OptimizerSelector:sgd:learning_rate": 0.02920949203420479,
            "OptimizerSelector:sgd:weight_decay": 0.0003974557149504894,
            T_MAX: 1500,
        },
        "budget": 1500,
        "info": [{"val_accuracy": 97.68, "epochs": 1488, "model_parameters": 6_369_358}],
        "test_accuracy": 97.54,
        "runtime": 365_136,
    }
    # It is no training of the benchmark's own settings.
    source = unzipped({"rs/results_0.json": published}, tmp_path / "in")
    with pytest.raises(DamagedInput, match="32 channels, 8 layers and 100 epochs: name"):
        pack("nasbench301", source, tmp_path / "out")
    published["optimized_hyperparamater_config"] |= SETTINGS
    source = unzipped({"rs/results_0.json": published}, tmp_path / "in")
    table = Table.open(pack("nasbench301", source, tmp_path / "out"))
    frame = table.frame()
    assert frame["val_accuracy"].tolist() == [97.68]
    assert frame["test_accuracy"].tolist() == [97.54]
    assert frame["train_seconds"].tolist() == [365_136]
    # The published parameters are those of the architecture that was read, and of the auxiliary
    # classifier: convolutions of 1x1 to 128 and of 2x2 to 768 channels, each normalised, and a
    # linear layer (quark0/darts, cnn/model.py).
    arch = SPACE.parse(frame.index[0])
    net = network(arch, channels=50, layers=20, classes=10, size=32)
    widest = 16 * 50
    auxiliary = 128 * widest + 2 * 128 + 4 * 128 * 768 + 2 * 768 + 768 * 10 + 10
    assert net.params + auxiliary == 6_369_358


def test_copies_and_other_settings_are_left_out_and_listed(tmp_path):
    files = {
        "rs/results_0.json": result(ARCHS[0]),
        "rs/results_1.json": result(ARCHS[0], seconds=4322),
        "de/results_5.json": result(ARCHS[0]),
        "gt/results_1.json": result(ARCHS[1], changed={T_MAX: 50}),
        "gt/results_2.json": result(ARCHS[2], changed={"OptimizerSelector:sgd:learning_rate": 0.1}),
    }
    folder = pack("nasbench301", zipped(files, tmp_path / "nb.zip"), tmp_path / "out")
    table = Table.open(folder)
    assert table.rows == 1
    assert table.query(ARCHS[0], "train_seconds", seed="all").tolist() == [4321, 4322]
    card = read_card(folder)
    assert card["lists"] == {
        "asked_by_de": [[0, 0, 0]],
        "asked_by_rs": [[0, 0, 1]],
        "copies": ["rs/results_0.json"],
        "other_settings": ["gt/results_1.json", "gt/results_2.json"],
    }
    assert [line[:22] for line in card["defects"][-2:]] == [
        "1 files are left out, ",
        "2 files are left out, ",
    ]


# What is wrong.


def without(*path):
    made = result(ARCHS[0])
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return made


def changed(**parameters):
    return result(ARCHS[0], changed={f"{PREFIX}{key}": value for key, value in parameters.items()})


CONFIG = "optimized_hyperparamater_config"
WRONG = {
    "no JSON": ("{", "no result of a training"),
    "not UTF-8": (b"\xff\xfe{}", "no result of a training"),
    "a list": ([], "no result of a training"),
    "a list in a list": ("[" * 100_000, "no result of a training"),
    "empty": ("", "no result of a training"),
    "no configuration": (without(CONFIG), f"'{CONFIG}' is missing"),
    "a configuration that is none": ({**result(ARCHS[0]), CONFIG: [1]}, "no result of a training"),
    "no information": ({**result(ARCHS[0]), "info": []}, "no result of a training"),
    "a share": ({**result(ARCHS[0]), "test_accuracy": 0.91}, "a share of 1, and is published in %"),
    "no validation": (without("info", 0, "val_accuracy"), "'val_accuracy' is missing"),
    "no test": (without("test_accuracy"), "'test_accuracy' is missing"),
    "no seconds": (without("runtime"), "'runtime' is missing"),
    "no settings": (without(CONFIG, T_MAX), "T_max' is missing"),
    "an operation less": (
        without(CONFIG, f"{PREFIX}edge_normal_0"),
        "edge_normal_0 is None, which is no operation",
    ),
    "an unknown operation": (changed(edge_reduce_1="sep_conv_7x7"), "edge_reduce_1 is 'sep_conv_7"),
    "an operation that is a list": (changed(edge_reduce_1=[]), "no result of a training"),
    "no inputs": (without(CONFIG, f"{PREFIX}inputs_node_normal_3"), "normal_3 is None, which"),
    "inputs that go on": (changed(inputs_node_normal_3="\x1b" * 9_999), r"is '\\x1b.{,200}$"),
    "an operation that goes on": (changed(edge_normal_0="\x1b" * 9_999), r"is '\\x1b.{,200}$"),
    "one input twice": (changed(inputs_node_normal_3="1_1"), "predecessors 1 and 1"),
    "an input that comes later": (
        changed(inputs_node_normal_3="0_4"),
        "edge_normal_6|predecessors",
    ),
    "an accuracy above 100": (result(ARCHS[0], val=100.5), r"val_accuracy is 100\.5"),
    "an accuracy below 0": (result(ARCHS[0], test=-1), "test_accuracy is -1"),
    "no number": (result(ARCHS[0], val="93.2"), "val_accuracy is '93.2'"),
    "not a number": (result(ARCHS[0], test=float("nan")), "test_accuracy is nan"),
    "infinite": (result(ARCHS[0], seconds=float("inf")), "train_seconds is inf"),
    "a truth": (result(ARCHS[0], seconds=True), "train_seconds is True"),
    "seconds below 0": (result(ARCHS[0], seconds=-5), "train_seconds is -5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case, tmp_path):
    content, says = WRONG[case]
    files = {"nb/rs/results_0.json": result(ARCHS[1]), "nb/rs/results_17.json": content}
    with pytest.raises(DamagedInput, match=rf"^nb\.zip, nb/rs/results_17\.json: .*(?:{says})"):
        pack("nasbench301", zipped(files, tmp_path / "nb.zip"), tmp_path / "out" / "table")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["../rs/results_1.json", "/rs/results_1.json", "a\\results_1.json/results_1.json"]
)
def test_odd_names_are_refused(name, tmp_path):
    source = zipped({"rs/results_0.json": result(ARCHS[1]), name: "{}"}, tmp_path / "nb.zip")
    with pytest.raises(DamagedInput, match=r"nb\.zip has a file of the odd name"):
        pack("nasbench301", source, tmp_path / "table")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nb.zip"]


def test_names_that_cannot_be_printed_are_refused(tmp_path):
    source = zipped({"\x1b[2J/results_0.json": result(ARCHS[1])}, tmp_path / "nb.zip")
    with pytest.raises(DamagedInput, match=r"odd name '\\x1b\[2J/results_0\.json'"):
        pack("nasbench301", source, tmp_path / "table")


def test_a_member_that_is_there_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "nb.zip", "w") as archive:
        archive.writestr("rs/results_1.json", text(result(ARCHS[0], seconds=1)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("rs/results_1.json", text(result(ARCHS[0], seconds=2)))
    with pytest.raises(DamagedInput, match=r"nb\.zip, rs/results_1\.json: it is there 2 times"):
        pack("nasbench301", tmp_path / "nb.zip", tmp_path / "table")


def test_a_bomb_is_refused_in_little_memory(tmp_path):
    files = {"rs/results_0.json": result(ARCHS[0]), "rs/results_1.json": b" " * (1 << 27)}
    source = zipped(files, tmp_path / "nb.zip")
    assert source.stat().st_size < 1 << 18
    tracemalloc.start()
    try:
        with pytest.raises(DamagedInput, match=r"results_1\.json: .*more than 16,777,216 bytes"):
            pack("nasbench301", source, tmp_path / "table")
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()
    source = unzipped({"rs/results_1.json": " " * (1 << 25)}, tmp_path / "in")
    with pytest.raises(DamagedInput, match=r"in, rs/results_1\.json: .*more than 16,777,216"):
        pack("nasbench301", source, tmp_path / "table")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings_are_refused(compression, tmp_path):
    source = zipped({"rs/results_1.json": result(ARCHS[0])}, tmp_path / "nb.zip", compression)
    with pytest.raises(DamagedInput, match=r"rs/results_1\.json: it is packed in an unusual way"):
        pack("nasbench301", source, tmp_path / "table")


def test_members_that_cannot_be_read(tmp_path):
    made = zipped({"rs/results_1.json": result(ARCHS[0])}, tmp_path / "nb.zip").read_bytes()
    directory = made.index(b"PK\x01\x02")
    encrypted = bytearray(made)
    struct.pack_into("<H", encrypted, 6, 1)
    struct.pack_into("<H", encrypted, directory + 8, 1)
    damaged = bytearray(made)
    damaged[directory - 100] ^= 0xFF
    shorter = bytearray(made)
    struct.pack_into("<I", shorter, directory + 24, 10)
    for content in (encrypted, damaged, shorter):
        (tmp_path / "nb.zip").write_bytes(content)
        with pytest.raises(DamagedInput, match=r"nb\.zip, rs/results_1\.json: "):
            pack("nasbench301", tmp_path / "nb.zip", tmp_path / "table")


def test_a_zip_cut_short(tmp_path):
    whole = zipped(FILES, tmp_path / "nb.zip").read_bytes()
    for end in (0, 4, 500, len(whole) // 2, len(whole) - 23):
        (tmp_path / "nb.zip").write_bytes(whole[:end])
        with pytest.raises(DamagedInput, match=r"nb\.zip is no whole zip.*fetch it again"):
            pack("nasbench301", tmp_path / "nb.zip", tmp_path / "table")


def test_nothing_to_read(tmp_path):
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    (tmp_path / "nb.zip").write_bytes(empty.getvalue())
    (tmp_path / "in").mkdir()
    for source in (tmp_path / "nb.zip", tmp_path / "in"):
        with pytest.raises(DamagedInput, match="name the folder or the zip"):
            pack("nasbench301", source, tmp_path / "table")
    with pytest.raises(DataNotFound):
        pack("nasbench301", tmp_path / "nowhere", tmp_path / "table")


def test_the_command_line(tmp_path, capsys):
    source = zipped(FILES, tmp_path / "nb.zip")
    out = tmp_path / "out" / "nasbench301_data"
    asked = ["pack", "nasbench301", "--from", str(source), "--out", str(out)]
    assert cli.main(asked) == 0
    assert "nb.zip, data/bananas/results_7.json" in capsys.readouterr().err
    zipped({**FILES, "data/rs/results_4.json": changed(edge_normal_0="none")}, source)
    asked[-1] = str(tmp_path / "other" / "table")
    assert cli.main(asked) == 2
    said = capsys.readouterr().err
    assert "nb.zip, data/rs/results_4.json: " in said
    assert "edge_normal_0 is 'none', which is no operation" in said
    assert not (tmp_path / "other").exists()
