"""The verb `measure`: what it prints, what it leaves behind, and what it says to wrong input."""

import json

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.campaigns import latencies
from nasbench_suite.core import DamagedInput, InvalidSetting

pytest.importorskip("torch", reason="measures networks: install the extra `train`")

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = registry.load("spaces", "nasbench201")
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
QUICK = ("--device", "cpu", "--recipe", "quick", "--warm-up", 1, "--passes", 3)
METRICS = ("--metric", "raspi4_latency_ms", "gold_6226_latency_ms")
TABLE = ("--table", "nasbench201/cifar10")


def test_one_architecture(nasbench):
    one = ("measure", "nasbench201", 6111, *QUICK, "--size", 8, "--channels", 1, "--batch", 4)
    code, text, told = nasbench(*one, "--json")
    assert (code, told) == (0, "")
    found = json.loads(text)
    assert found["architecture"] == SPACE.format(SPACE.at(6111))
    assert list(found["latency_ms"]) == ["5", "25", "50", "75", "95"]
    assert found["images_per_second"] == pytest.approx(4000 / found["latency_ms"]["50"])
    conditions = found["conditions"]
    assert conditions["images"] == {"classes": 10, "size": 8, "channels": 1}
    assert (conditions["batch"], conditions["passes"]) == (4, 3)
    assert {"cpu", "threads", "torch"} <= conditions["hardware"].keys()
    code, text, _ = nasbench(*one)
    assert code == 0
    assert "images/s" in text
    assert "batch 4 of 1x8x8" in text


def test_a_sample_is_compared_and_goes_on(nasbench, tmp_path, monkeypatch):
    asked = ("measure", "nasbench201", *QUICK, *TABLE, "--sample", 12, "--out", tmp_path / "o")
    made = []
    real = latencies.measure_one

    def dies(space, arch, *rest):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(arch)
        return real(space, arch, *rest)

    monkeypatch.setattr(latencies, "measure_one", dies)
    assert nasbench(*asked, *METRICS)[0] == 130
    kept = {path: path.read_bytes() for path in (tmp_path / "o" / "measurements").iterdir()}
    assert len(kept) == 5
    made.clear()
    monkeypatch.setattr(latencies, "measure_one", lambda *a: made.append(a[1]) or real(*a))
    code, text, _ = nasbench(*asked, *METRICS, "--json")
    assert (code, len(made)) == (0, 7)
    assert all(path.read_bytes() == content for path, content in kept.items())
    rows = json.loads(text)
    assert [row["metric"] for row in rows] == list(METRICS[1:])
    for row in rows:
        assert row["architectures"] == 12
        assert -1 <= row["spearman_low"] <= row["spearman"] <= row["spearman_high"] <= 1
        assert -1 <= row["kendall_low"] <= row["kendall"] <= row["kendall_high"] <= 1
    assert json.loads((tmp_path / "o" / "agreement.json").read_text()) == rows


def test_the_same_is_asked_again_and_nothing_else(monkeypatch, tmp_path, cifar10):
    from nasbench_suite import training

    made = []
    real = latencies.measure_one
    monkeypatch.setattr(latencies, "measure_one", lambda *a: made.append(a[1]) or real(*a))

    def asked(*metrics, seed=0, **changed):
        conditions = {"device": "cpu", "warm_up": 1, "passes": 2, **changed}
        return latencies.compare_latencies(
            cifar10,
            metrics,
            training.recipe("quick"),
            latencies.Images(size=8),
            training.Conditions(**conditions),
            sample=10,
            seed=seed,
            out=tmp_path / "o",
        )

    (first,) = asked("raspi4_latency_ms")
    assert len(made) == 10
    # Another metric needs no measurement, and the same again gives the same.
    again, flops = asked("raspi4_latency_ms", "flops")
    assert (again, len(made)) == (first, 10)
    assert flops.spearman_of_flops > 0.9
    for changed, says in (
        ({"batch": 2}, "another batch"),
        ({"seed": 1}, "another seed"),
        ({"passes": 4}, "another passes"),
        ({"threads": 2}, "another hardware"),
    ):
        with pytest.raises(InvalidSetting, match=says):
            asked("raspi4_latency_ms", **changed)
    path = next((tmp_path / "o" / "measurements").iterdir())
    whole = path.read_text("utf-8")
    for damaged in ("{", whole.replace("nasbench-measurement-1", "x"), whole.replace("load", "l")):
        path.write_text(damaged, "utf-8")
        with pytest.raises(DamagedInput, match="remove it, and it is made again"):
            asked("raspi4_latency_ms")
    path.unlink()
    asked("raspi4_latency_ms")
    assert len(made) == 11


def test_the_order_of_the_table_itself_agrees_wholly(monkeypatch, tmp_path, cifar10):
    """The medians are the table's own numbers here, so their order is the column's."""
    from nasbench_suite import training

    def told(space, arch, *_):
        value = cifar10.query(arch, "raspi4_latency_ms")
        return training.Measurement((value,) * 5, 1.0, 1.0, 1.0, 0.0)

    monkeypatch.setattr(latencies, "measure_one", told)
    metrics = ("raspi4_latency_ms", "fpga_latency_ms")
    same, other = latencies.compare_latencies(
        cifar10,
        metrics,
        training.recipe("quick"),
        latencies.Images(),
        training.Conditions(device="cpu"),
        sample=40,
        out=tmp_path / "o",
    )
    assert (same.spearman, same.spearman_low, same.kendall) == pytest.approx((1, 1, 1))
    assert other.kendall < other.spearman < 1
    assert other.spearman_low < other.spearman < other.spearman_high


def test_no_network_of_a_sample_leaves_its_input_out(cifar10):
    from nasbench_suite.training import recipe

    chosen = latencies._drawn(cifar10, recipe("quick"), latencies.Images(), 200, 0)
    assert len(set(chosen)) == 200
    for arch in chosen:
        latencies.network_of(SPACE, arch, recipe("quick"), latencies.Images())
    assert np.std([SPACE.index(arch) for arch in chosen]) > 3000


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"--batch": 0}, "batch is 0"),
        ({"--size": 0}, "--size is 0"),
        ({"--channels": -1}, "--channels is -1"),
        ({"--classes": 0}, "--classes is 0"),
        ({"--passes": 0}, "passes is 0"),
        ({"--threads": 0}, "threads is 0"),
        ({"--device": "tpu"}, "no device named"),
        ({"--device": "cuda:99"}, "is not there"),
        ({"--precision": "fp16", "--device": "cpu"}, "needs a GPU"),
        ({"--recipe": "quik"}, "did you mean quick?"),
        ({"space": "nasbench20"}, "did you mean"),
        ({"space": "hwgpt_s"}, "no network of images"),
        ({"architecture": 20_000}, "20000"),
        ({"architecture": NOTHING}, "nothing to measure"),
        ({"architecture": None}, "give --sample N"),
        ({"--table": "nasbench201/cifar10"}, "--table is for --sample"),
        ({"--sample": 12}, "not both"),
        ({"--sample": 12, "architecture": None}, "--sample needs --table"),
    ],
)
def test_wrong_input(nasbench, changed, says):
    given = {"space": "nasbench201", "architecture": 5, "--device": "cpu", **changed}
    words = [
        part for key, part in given.items() for part in ((key, part) if key[0] == "-" else (part,))
    ]
    if "hwgpt_s" in words:
        words[1] = ",".join("0" * len(registry.load("spaces", "hwgpt_s").genes))
    code, text, told = nasbench("measure", *(word for word in words if word is not None))
    assert (code, text) == (2, "")
    line = told.splitlines()[-1]
    assert line.startswith("nasbench: ")
    assert says in line


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (("--sample", 9), "sample is 9"),
        (("--sample", 20_000), "sample is 20,000"),
        (("--metric", "raspi_latency"), "did you mean raspi4_latency_ms"),
        (("--table", "mnasnet/imagenet"), "is of the space mnasnet"),
        (("--seed", -1), "seed is -1"),
    ],
)
def test_wrong_samples_leave_nothing(nasbench, tmp_path, changed, says):
    asked = ("nasbench201", *QUICK, *TABLE, *METRICS, "--sample", 12, "--out", tmp_path / "o")
    code, _, told = nasbench("measure", *asked, *changed)
    assert (code, says in told) == (2, True), told
    assert not (tmp_path / "o").exists()
