"""Official files of NATS-Bench and NAS-Bench-201, in every form in which they are given out.

Some are the published files of six architectures; the others are made here in the same form, of
values that follow from the architecture, the data set, the seed and the epoch.
"""

import bz2
import pickle
import re
import runpy
import tarfile
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import registry, unpickle
from nasbench_suite.core import DamagedInput, DataNotFound, NotMeasured, UnsafePickle
from nasbench_suite.tables.pack import pack
from nasbench_suite.tables.store import Table

TSS = "NATS-tss-v1_0-3ffb9"
SSS = "NATS-sss-v1_0-50262"
SPACES = {"tss": "nasbench201", "sss": "nats_sss"}
DATA = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
SPLITS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
HOSTILE = runpy.run_path(str(Path(__file__).parents[1] / "unpickle" / "hostile.py"))["executing"]


def value(*parts):
    """A number from 0 to 100 that only these parts have."""
    return float(np.random.default_rng([hash_of(part) for part in parts]).uniform(0, 100))


def hash_of(part):
    return part if isinstance(part, int) else int.from_bytes(str(part).encode(), "little") % 2**63


def result(index, data, seed, epochs, curve):
    """The results of one training; evaluations of every epoch, or of the last alone."""
    evaluated = range(epochs) if curve else (epochs - 1,)
    keys = [f"{split}@{at}" for split in SPLITS[data] for at in evaluated]
    made = {
        "name": data,
        "arch_config": {"name": "infer.tiny", "num_classes": 10},
        "params": 0.1 + index / 10_000,
        "flop": 10.0 + index,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.01],
        "net_state_dict": None,
        "train_acc5es": None,
        "train_times": {at: 1.0 + at / 8 for at in range(epochs)},
        "eval_names": list(SPLITS[data]),
        "eval_times": {},
    }
    for kind in ("acc1es", "losses"):
        made[f"train_{kind}"] = {at: value(index, data, seed, kind, at) for at in range(epochs)}
        made[f"eval_{kind}"] = {key: value(index, data, seed, kind, key) for key in keys}
    return made


def results(space, index, seeds, epochs, curve=True):
    """The results of an architecture under one schedule."""
    return {
        "arch_index": index,
        "arch_str": space.format(space.at(index)),
        "clear_net_done": True,
        "dataset_seed": {data: list(seeds) for data in DATA},
        # As published, not in the order of the seeds.
        "all_results": {
            (data, seed): result(index, data, seed, epochs, curve)
            for seed in reversed(seeds)
            for data in DATA
        },
    }


def architectures(kind, indices, curve=True):
    """Files of architectures: the even ones have two seeds, the odd ones three."""
    space = registry.load("spaces", SPACES[kind])
    names = ("12", "200") if kind == "tss" else ("01", "90")
    return {
        index: {
            names[0]: results(space, index, (111,), int(names[0]), curve),
            # Shorter than published, so that the tests are.
            names[1]: results(space, index, (777, 888, 999)[: 2 + index % 2], int(names[1]), curve),
        }
        for index in indices
    }


def strings(kind):
    space = registry.load("spaces", SPACES[kind])
    return [space.format(arch) for arch in space]


def packed(content):
    return bz2.compress(pickle.dumps(content))


@pytest.fixture(scope="module")
def cells():
    return architectures("tss", (0, 7, 284, 15_624))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cells):
    made = tmp_path_factory.mktemp("official") / f"{TSS}-simple"
    made.mkdir()
    for index, content in cells.items():
        (made / f"{index:06d}.pickle.pbz2").write_bytes(packed(content))
    meta = {"meta_archs": strings("tss"), "total_archs": 15_625, "arch2infos": None}
    (made / "meta.pickle.pbz2").write_bytes(packed(meta))
    return made


@pytest.fixture(scope="module")
def table(folder, tmp_path_factory):
    return pack("nats_bench", folder, tmp_path_factory.mktemp("table") / "nats")


def whole(path, cells, names=None, protocol=4):
    """One pickle of all architectures."""
    infos = {
        index: {(names or {}).get(hp, hp): found for hp, found in schedules.items()}
        for index, schedules in cells.items()
    }
    content = {
        "meta_archs": strings("tss"),
        "total_archs": 15_625,
        "arch2infos": infos,
        "evaluated_indexes": set(cells),
    }
    data = pickle.dumps(content, protocol)
    path.write_bytes(bz2.compress(data) if path.suffix == ".pbz2" else data)
    return path


class TestValues:
    def test_every_training_is_a_run_in_the_order_of_its_seed(self, table, cells):
        opened = Table.open(table, "cifar100")
        for index, schedules in cells.items():
            for seed, run in ((777, 0), (888, 1), (999, 2)):
                if seed not in schedules["200"]["dataset_seed"]["cifar100"]:
                    with pytest.raises(NotMeasured):
                        opened.query(index, "val_accuracy", epochs=200, seed=run)
                    continue
                expected = value(index, "cifar100", seed, "acc1es", "x-valid@199")
                assert opened.query(index, "val_accuracy", epochs=200, seed=run) == expected
                loss = value(index, "cifar100", seed, "losses", "x-test@199")
                assert opened.query(index, "test_loss", epochs=200, seed=run) == loss

    def test_seeds_that_a_file_lists_in_another_order(self, cells, table, tmp_path):
        turned = pickle.loads(pickle.dumps(cells[next(iter(cells))]))
        for results in turned.values():
            for seeds in results["dataset_seed"].values():
                seeds.reverse()
        index = turned["200"]["arch_index"]
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / f"{index:06}.pickle.pbz2").write_bytes(packed(turned))
        made = Table.open(pack("nats_bench", tmp_path / "in", tmp_path / "out"), "cifar10")
        asked = {"epochs": 200, "seed": "all"}
        known = Table.open(table, "cifar10").query(index, "test_accuracy", **asked)
        assert len(known) > 1
        assert np.array_equal(made.query(index, "test_accuracy", **asked), known)

    def test_splits_of_cifar10(self, table):
        opened = Table.open(table, "cifar10")
        for metric, data, key in (
            ("val_accuracy", "cifar10-valid", "x-valid@199"),
            ("test_accuracy_half", "cifar10-valid", "ori-test@199"),
            ("test_accuracy", "cifar10", "ori-test@199"),
            ("train_accuracy", "cifar10-valid", 199),
        ):
            expected = value(284, data, 777, "acc1es", key)
            assert opened.query(284, metric, epochs=200, seed=0) == expected, metric

    def test_curves(self, table):
        opened = Table.open(table, "imagenet16-120")
        curve = opened.curve(7, "valtest_loss", seed=2, epochs=200)
        expected = [value(7, DATA[3], 999, "losses", f"ori-test@{at}") for at in range(200)]
        assert curve.tolist() == expected
        short = opened.curve(7, "train_accuracy", epochs=12)
        assert short.tolist() == [value(7, DATA[3], 111, "acc1es", at) for at in range(12)]

    def test_costs(self, table):
        opened = Table.open(table, "cifar10")
        assert opened.query(15_624, "published_params") == round((0.1 + 1.5624) * 1e6)
        seconds = sum(1.0 + at / 8 for at in range(12))
        assert opened.query(7, "train_seconds", epochs=12) == seconds

    def test_it_is_a_sample_that_can_be_searched(self, table):
        opened = Table.open(table, "cifar10")
        assert not opened.covers_space
        assert sorted(opened.protocols) == ["multi_fidelity", "standard"]
        assert [m.split for m in opened.metrics.values() if m.name == "valtest_accuracy"] == []
        card = (table / "card.toml").read_text()
        assert "training_seeds = [\n    777,\n    888,\n    999,\n]" in card


class TestForms:
    """Every form gives the same table."""

    def test_archives_of_the_folder(self, folder, table, tmp_path):
        for name, mode in (("plain.tar", "w"), ("packed.tar.gz", "w:gz")):
            path = tmp_path / name
            with tarfile.open(path, mode) as archive:
                # In another order, and beside what other systems put there.
                for file in sorted(folder.iterdir(), reverse=True):
                    archive.add(file, f"{folder.name}/{file.name}")
                    archive.add(file, f"{folder.name}/._{file.name}")
            made = pack("nats_bench", path, tmp_path / f"of-{name}")
            assert (made / "table.h5").read_bytes() == (table / "table.h5").read_bytes()

    def test_one_pickle(self, table, cells, tmp_path):
        path = whole(tmp_path / f"{TSS}.pickle.pbz2", cells)
        made = pack("nats_bench", path, tmp_path / "made")
        assert (made / "table.h5").read_bytes() == (table / "table.h5").read_bytes()

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_nasbench201(self, table, cells, tmp_path, protocol):
        names = {"12": "less", "200": "full"}
        path = whole(tmp_path / "NAS-Bench-201-v1_1-096897.pth", cells, names, protocol)
        made = pack("nasbench201_official", tmp_path, tmp_path / "made")
        assert (made / "table.h5").read_bytes() == (table / "table.h5").read_bytes()
        assert Table.open(made, "cifar10").query(7, epochs=200, seed=1) == value(
            7, "cifar10", 888, "acc1es", "ori-test@199"
        )
        again = path.rename(tmp_path / "NAS-Bench-201-v1_0-e61699.pth")
        assert pack("nasbench201_official", again, tmp_path / "older").is_dir()

    def test_torch_file(self, cells, table, tmp_path):
        torch = pytest.importorskip("torch")
        path = whole(tmp_path / "NAS-Bench-201-x.pth", cells, {"12": "less", "200": "full"})
        content = pickle.loads(path.read_bytes())
        for new in (False, True):
            torch.save(content, path, _use_new_zipfile_serialization=new)
            made = pack("nasbench201_official", path, tmp_path / f"made-{new}")
            assert (made / "table.h5").read_bytes() == (table / "table.h5").read_bytes()

    def test_without_curves(self, tmp_path):
        few = architectures("tss", (3, 4), curve=False)
        path = whole(tmp_path / "NAS-Bench-201-v1_1.pth", few, {"12": "less", "200": "full"})
        opened = Table.open(pack("nasbench201_official", path, tmp_path / "made"), "cifar10")
        with pytest.raises(NotMeasured):
            opened.curve(3, "val_accuracy")
        assert len(opened.curve(3, "train_loss", epochs=200)) == 200

    def test_sizes(self, tmp_path):
        source = tmp_path / f"{SSS}-simple"
        source.mkdir()
        for index, content in architectures("sss", (0, 32_767)).items():
            (source / f"{index:06d}.pickle.pbz2").write_bytes(packed(content))
        opened = Table.open(pack("nats_bench", source, tmp_path / "made"), "cifar10")
        assert opened.space.name == "nats_sss"
        expected = value(32_767, "cifar10", 777, "acc1es", "ori-test@89")
        assert opened.query("64:64:64:64:64", epochs=90, seed=0) == expected
        assert opened.epochs("val_accuracy") == (1, 90)

    def test_packing_again_gives_the_same_bytes(self, folder, table, tmp_path):
        again = pack("nats_bench", folder, tmp_path / "again")
        for name in ("table.h5", "index.json", "card.toml"):
            assert (again / name).read_bytes() == (table / name).read_bytes()


@pytest.mark.published
@pytest.mark.parametrize("name", [f"{TSS}-simple", f"{SSS}-simple"])
def test_published_files(published, tmp_path, name):
    source = published / "nats-bench-sample" / name
    made = pack("nats_bench", source, tmp_path / "made")
    tasks = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
    compared = 0
    for path in sorted(source.glob("0*.pickle.pbz2")):
        index = int(path.name[:6])
        for results in unpickle.load(path).values():
            for (data, seed), found in results["all_results"].items():
                epochs = found["epochs"]
                run = sorted(results["dataset_seed"][data]).index(seed)
                for task, full in tasks.items():
                    opened = Table.open(made, task)
                    if data not in (full, f"{full}-valid"):
                        continue
                    for metric, split in splits(data).items():
                        if f"{split}@{epochs - 1}" not in found["eval_acc1es"]:
                            continue
                        for kind, key in (("accuracy", "eval_acc1es"), ("loss", "eval_losses")):
                            asked = metric.replace("accuracy", kind)
                            answer = opened.query(index, asked, epochs=epochs, seed=run)
                            assert answer == found[key][f"{split}@{epochs - 1}"]
                            curve = [found[key].get(f"{split}@{at}") for at in range(epochs)]
                            if epochs > 1 and None not in curve:
                                given = opened.curve(index, asked, seed=run, epochs=epochs)
                                assert given.tolist() == curve
                                compared += 1
                    if data != "cifar10":
                        seconds = opened.query(index, "train_seconds", epochs=epochs, seed=run)
                        assert seconds == pytest.approx(sum(found["train_times"].values()))
                    assert opened.query(index, "published_flops") == round(found["flop"] * 1e6)
    assert compared > 30


def splits(data):
    """Return the metrics of a data set, and the split that each is of."""
    if data == "cifar10-valid":
        return {"val_accuracy": "x-valid", "test_accuracy_half": "ori-test"}
    if data == "cifar10":
        return {"test_accuracy": "ori-test"}
    return {"val_accuracy": "x-valid", "test_accuracy": "x-test", "valtest_accuracy": "ori-test"}


def lengthen(content, epochs):
    """Add a schedule whose trainings claim so many epochs."""
    results = {
        key: {**found, "epochs": epochs} for key, found in content["12"]["all_results"].items()
    }
    content[f"of {epochs}"] = {**content["12"], "all_results": results}


class TestBadInput:
    """An error that names the file and the architecture, and no table."""

    @pytest.fixture
    def source(self, tmp_path):
        made = tmp_path / "source"
        made.mkdir()
        return made

    def refused(self, source, says, kind=DamagedInput, importer="nats_bench"):
        out = source.parent / "out" / "table"
        with pytest.raises(kind, match=says):
            pack(importer, source, out)
        assert not out.parent.exists()

    def change(self, source, change):
        content = architectures("tss", (5,))[5]
        change(content)
        (source / "000005.pickle.pbz2").write_bytes(packed(content))

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda c: c["200"].pop("arch_str"), "'arch_str' is missing"),
            (lambda c: c["200"].update(arch_str="|none~0|"), "none~0"),
            (lambda c: c["200"].update(arch_index=6), "number 6"),
            (lambda c: c["12"].update(arch_str="8:8:8:8:8"), "8:8:8:8:8"),
            (lambda c: c["200"]["dataset_seed"].update(cifar100=[777, 888, 999, 1]), "may have 3"),
            (lambda c: c["200"]["dataset_seed"].update(cifar100=[777, 777]), "777, 777"),
            (lambda c: c["200"]["dataset_seed"].update(cifar100=[5]), "'cifar100', 5.* is missing"),
            (lambda c: c.update({"100": c["200"]}), "200 epochs under '100'"),
            (lambda c: c["200"]["all_results"]["cifar100", 777].pop("train_times"), "is missing"),
            (
                lambda c: c["200"]["all_results"]["cifar10", 777].update(epochs=0),
                "0 epochs: 1 to 200",
            ),
            (
                lambda c: c["200"]["all_results"]["cifar10", 777].update(epochs="many"),
                "many' epochs",
            ),
            (lambda c: lengthen(c, 20_000_000), "20000000 epochs: 1 to 200"),
            (lambda c: [lengthen(c, epochs) for epochs in (2, 3, 4)], "more than 4 lengths"),
            (lambda c: c["200"]["all_results"]["cifar10", 777].update(eval_acc1es=[1.0]), "list"),
            (lambda c: c.update({"200": [1]}), "list"),
            (lambda c: c.clear(), "no training"),
        ],
    )
    def test_records(self, source, change, says):
        self.change(source, change)
        self.refused(source, rf"000005\.pickle\.pbz2: not the results.*{says}")

    @pytest.mark.parametrize("wrong", [-1.0, 100.1, float("inf"), 1e300])
    def test_impossible_values(self, source, wrong):
        def change(content):
            found = content["200"]["all_results"]["cifar100", 777]
            found["eval_acc1es"]["x-valid@199"] = wrong

        self.change(source, change)
        self.refused(source, r"architecture 5: its val_accuracy is .*cannot be")

    def test_a_loss_that_is_infinite(self, source):
        def change(content):
            found = content["200"]["all_results"]["cifar100", 777]
            found["eval_losses"]["x-valid@3"] = float("inf")

        self.change(source, change)
        self.refused(source, r"architecture 5: its val_loss is inf, which cannot be")

    def test_another_number(self, source):
        content = architectures("tss", (5,))[5]
        (source / "000006.pickle.pbz2").write_bytes(packed(content))
        self.refused(source, r"000006\.pickle\.pbz2.*architecture 6")

    def test_another_list(self, source):
        self.change(source, lambda content: None)
        for listed in (strings("tss")[::-1], strings("tss")[:10], [], None):
            (source / "meta.pickle.pbz2").write_bytes(packed({"meta_archs": listed}))
            self.refused(source, "simple|source")
        (source / "meta.pickle.pbz2").write_bytes(packed([1]))
        self.refused(source, r"meta\.pickle\.pbz2 is no file of NATS-Bench")

    def test_nothing(self, source):
        self.refused(source, "holds no architecture's file$")
        (source / "inside").mkdir()
        (source / "inside" / "000007.pickle.pbz2").write_bytes(b"")
        self.refused(source, "holds no architecture's file, but these within it have: inside")
        self.refused(source / "missing", "is not there", DataNotFound)
        self.refused(source, r"NAS-Bench-201-\*\.pth", DataNotFound, "nasbench201_official")
        for version in ("v1_0", "v1_1"):
            (source / f"NAS-Bench-201-{version}.pth").write_bytes(b"")
        self.refused(source, "name the one to read", DamagedInput, "nasbench201_official")

    def test_cut_short(self, folder, cells, source, tmp_path):
        data = (folder / "000007.pickle.pbz2").read_bytes()
        (source / "000007.pickle.pbz2").write_bytes(data[:-100])
        self.refused(source, r"000007\.pickle\.pbz2 is damaged")
        (source / "000007.pickle.pbz2").write_bytes(b"")
        self.refused(source, r"000007\.pickle\.pbz2 is damaged")
        one = whole(tmp_path / f"{TSS}.pickle.pbz2", cells)
        one.write_bytes(one.read_bytes()[:-1_000])
        self.refused(one, re.escape(one.name))
        archive = tmp_path / "cut.tar"
        with tarfile.open(archive, "w") as opened:
            opened.add(folder, folder.name)
        archive.write_bytes(archive.read_bytes()[:-120_000])
        self.refused(archive, r"cut\.tar")

    def test_an_archive_that_stops_between_its_files(self, folder, tmp_path):
        archive = tmp_path / "cut.tar"
        with tarfile.open(archive, "w") as opened:
            opened.add(folder, folder.name)
        with tarfile.open(archive) as opened:
            last = opened.getmembers()[-1].offset
        whole = archive.read_bytes()
        # Nothing, half of a header, and one that is damaged follow what is whole.
        for content in (whole[:last], whole[: last + 99], whole[:last] + b"!" + whole[last + 1 :]):
            archive.write_bytes(content)
            self.refused(archive, rf"cut\.tar is damaged: no member begins at byte {last:,}")

    def test_twice(self, folder, tmp_path):
        archive = tmp_path / "twice.tar"
        with tarfile.open(archive, "w") as opened:
            for name in ("a", "b"):
                opened.add(folder / "000007.pickle.pbz2", f"{name}/000007.pickle.pbz2")
        self.refused(archive, r"b/000007\.pickle\.pbz2.*it was there before")

    def test_too_large(self, source, tmp_path):
        (source / "000007.pickle.pbz2").write_bytes(b"0" * ((1 << 24) + 1))
        self.refused(source, "too large to be of one architecture")
        archive = tmp_path / "large.tar"
        with tarfile.open(archive, "w") as opened:
            opened.add(source, "x")
        self.refused(archive, "too large to be of one architecture")
        bomb = bz2.compress(b"}" * (1 << 24)) * 2
        (source / "000007.pickle.pbz2").write_bytes(bomb)
        self.refused(source, r"000007\.pickle\.pbz2 is damaged: it unpacks to more than 16,777,216")

    def test_links_in_an_archive_are_not_followed(self, folder, tmp_path):
        archive = tmp_path / "links.tar"
        with tarfile.open(archive, "w") as opened:
            link = tarfile.TarInfo("x/000007.pickle.pbz2")
            link.type, link.linkname = tarfile.SYMTYPE, str(folder / "000007.pickle.pbz2")
            opened.addfile(link)
        self.refused(archive, r"000007\.pickle\.pbz2 is a link")

    def test_another_file(self, source):
        for name, content in (("a.txt", b"hello"), ("b.pth", pickle.dumps({"a": 1}))):
            path = source / name
            path.write_bytes(content)
            self.refused(path, re.escape(name))
            self.refused(path, re.escape(name), importer="nasbench201_official")

    def test_entries_that_are_none(self, source):
        for infos in ({0: 1}, {"0": {}}, {0: {}}, {0: {"full": 1}}, {0: {"full": {"a": 1}}}):
            path = source / "NAS-Bench-201-x.pth"
            path.write_bytes(pickle.dumps({"meta_archs": [], "arch2infos": infos}))
            self.refused(path, r"entry 0", importer="nasbench201_official")

    @pytest.mark.parametrize("case", ["GLOBAL os.system", "eval", "numpy.load", "extension 1"])
    def test_hostile(self, source, case):
        sentinel = source / "executed"
        data = HOSTILE(sentinel)[case]
        (source / "000007.pickle.pbz2").write_bytes(bz2.compress(data))
        kinds = (UnsafePickle, DamagedInput)
        self.refused(source, r"000007\.pickle\.pbz2", kinds)
        path = source / "NAS-Bench-201-x.pth"
        path.write_bytes(data)
        self.refused(path, "NAS-Bench-201-x", kinds, "nasbench201_official")
        assert not sentinel.exists()
