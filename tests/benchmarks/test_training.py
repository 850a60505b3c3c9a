"""Training: a network at 32x32 beside a plain loop over it, and what the input pipeline takes."""

import json
from time import perf_counter

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from torch.nn import functional as F  # noqa: E402, N812

from nasbench_suite import Budget, compare, executors, registry, training  # noqa: E402
from nasbench_suite.campaigns.building import build  # noqa: E402
from nasbench_suite.campaigns.verifying import verify  # noqa: E402
from nasbench_suite.training.data.images import assemble  # noqa: E402
from nasbench_suite.training.jobs import Data  # noqa: E402
from nasbench_suite.training.loop import _Trainer  # noqa: E402
from nasbench_suite.training.network import Network  # noqa: E402
from nasbench_suite.training.skeleton import skeleton  # noqa: E402

SPACE = registry.load("spaces", "nasbench201")
# NAS-Bench-201's best on CIFAR-10 that is no mere chain of 3x3 convolutions, official index 6111.
ARCH = SPACE.at(6111)
IMAGES = 128
BATCH = 64


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """What else runs on the machine makes threads wait for one another, and ratios of nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 3, 32, 32), dtype=np.uint8)
    pair = pixels, rng.integers(0, 10, IMAGES)
    return assemble("random", 10, pair, pair, pair)


@pytest.fixture(scope="module")
def trainer(images):
    recipe = training.recipe("nasbench201", {"batch": BATCH})
    return _Trainer(SPACE, ARCH, images, recipe, 0, torch.device("cpu"), {})


def plain(images):
    """Return one epoch of a loop as a tutorial has it: NCHW, float32, and no augmentation."""
    graph = SPACE.graph(ARCH, classes=10, size=32)
    network = Network(graph, generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(
        network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    inputs = (images.train.images.float() / 255 - 0.5) / 0.25
    batches = list(zip(inputs.split(BATCH), images.train.labels.split(BATCH), strict=True))

    def epoch():
        network.train()
        for x, labels in batches:
            optimiser.zero_grad()
            F.cross_entropy(network(x), labels).backward()
            optimiser.step()

    return epoch


def test_images_a_second(side_by_side, beside, images, trainer):
    side_by_side(
        f"training at 32x32 in {trainer._record['precision']}, an image",
        trainer._train,
        beside("a plain NCHW float32 loop", plain(images), IMAGES, faster=1.5),
        count=IMAGES,
        rounds=5,
    )


def test_a_network_is_made(side_by_side):
    side_by_side(
        "making the network of a cell of NAS-Bench-201, with its graph and weights",
        lambda: Network(
            SPACE.graph(ARCH, classes=10, size=32), generator=torch.Generator().manual_seed(0)
        ),
        limit=0.02,
    )


def test_input_pipeline(side_by_side, beside, images, trainer):
    """Order, crop, mirror and standardisation: at most a twentieth of the step."""
    side_by_side(
        "the input pipeline at 32x32, an image",
        lambda: list(trainer._batches(IMAGES)),
        beside("the whole step", trainer._train, IMAGES, faster=20),
        count=IMAGES,
        rounds=5,
    )


def test_input_pipeline_of_digits(side_by_side, beside):
    digits = training.load("digits")
    trainer = _Trainer(SPACE, ARCH, digits, training.recipe("quick"), 0, torch.device("cpu"), {})
    count = len(digits.train.labels)
    side_by_side(
        "the input pipeline of digits, an image",
        lambda: list(trainer._batches(count)),
        beside("the whole step", trainer._train, count, faster=20),
        count=count,
        rounds=10,
    )


def test_building_in_two_processes(ratios, benchmark, tmp_path):
    """The same trainings on digits by two processes of one thread, and by one."""
    asked = {"archs": 24, "name": "small"}
    seconds = {}
    for jobs in (1, 2):
        with executors.processes(jobs) as pool:
            # Both begin with processes that have started and imported torch.
            tiny = training.recipe("quick", {"epochs": 1, "eval_draws": 1})
            warm = {"archs": 4 * jobs, "out": tmp_path / f"warm-{jobs}", "executor": pool}
            build("nasbench201", Data("digits"), tiny, **warm)
            given = ("nasbench201", Data("digits"), training.recipe("quick"))
            asked |= {"out": tmp_path / str(jobs), "executor": pool}
            begun = perf_counter()
            if jobs == 1:
                build(*given, **asked)
            else:
                benchmark.pedantic(build, given, asked, rounds=1)
            seconds[jobs] = perf_counter() - begun
    ratios.add(
        "build on digits, 24 trainings, two processes", seconds[2], "one", seconds[1], faster=1.7
    )


def test_a_network_is_built(side_by_side):
    """From the space's graph to torch, as every training begins."""
    quick = training.recipe("quick")
    form = training.load("digits").form
    side_by_side(
        "a network of NAS-Bench-201, from its architecture to torch",
        lambda: Network(
            skeleton(SPACE, ARCH, quick, **form), generator=torch.Generator().manual_seed(0)
        ),
        limit=0.02,
    )


def test_verification(ratios, benchmark, tmp_path):
    """What verifying takes beyond the trainings that it makes, which are made alone beside it."""
    out, quick, digits = tmp_path / "runs", training.recipe("quick"), Data("digits")
    strategies = ["random_search", "local_search"]
    compare(["nasbench201/digits"], strategies, budget=Budget(100), seeds=5, out=out)
    digits.load()
    asked = (out, digits, quick)
    verify(*asked, top=1, seeds=1, out=tmp_path / "warm", devices="cpu")
    begun = perf_counter()
    benchmark.pedantic(
        verify,
        asked,
        {"top": 5, "seeds": 2, "out": tmp_path / "out", "devices": "cpu"},
        rounds=1,
    )
    whole = perf_counter() - begun
    found = [json.loads(path.read_text()) for path in (tmp_path / "out" / "trainings").iterdir()]
    begun = perf_counter()
    for one in found:
        arch = SPACE.parse(one["architecture"])
        training.train(arch, SPACE, digits.load(), quick, seed=one["seed"], device="cpu")
    alone = perf_counter() - begun
    what = "verifying five architectures, two trainings each"
    ratios.add(what, whole, "the trainings alone", alone, longer=1.02)
