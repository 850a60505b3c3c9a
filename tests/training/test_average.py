"""The moving average of a network's weights."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite import training  # noqa: E402
from nasbench_suite.training.average import Average  # noqa: E402
from nasbench_suite.training.network import Network  # noqa: E402
from nasbench_suite.training.skeleton import skeleton  # noqa: E402

CELL = (3, 1, 2, 3, 0, 2)


def recipe(**changes):
    return training.recipe("quick", {"epochs": 3, "eval_draws": 1, "batch": 128, **changes})


@pytest.fixture
def network(space, digits):
    graph = skeleton(space, CELL, recipe(), **digits.form)
    return Network(graph, generator=torch.Generator().manual_seed(0))


def test_it_is_the_weighted_mean_of_all_weights_so_far(network):
    generator = torch.Generator().manual_seed(1)
    average = Average(network, 0.8)
    expected = {name: value.double() for name, value in network.state_dict().items()}
    for steps in range(1, 60):
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator))
        average.follow(steps)
        decay = min(0.8, steps / (steps + 9))
        for name, value in network.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value.double()
    for name, value in average.network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_batch_statistics_are_averaged_over_batches(network):
    """Constant weights over batches of one law: the average knows its statistics, after few."""
    average = Average(network, 0.95)
    for steps in range(1, 41):
        images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(steps))
        network(images)
        average.follow(steps)
    exact = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(100)
    exact(torch.randn(4096, 1, 8, 8, generator=generator))
    for name, value in exact.state_dict().items():
        if name.endswith("running_var"):
            torch.testing.assert_close(average.network.state_dict()[name], value, rtol=0.1, atol=0)


def test_training_is_the_same_and_early_epochs_are_judged_better(space, digits):
    plain = training.train(CELL, space, digits, recipe(average=0), seed=0)
    judged = training.train(CELL, space, digits, recipe(average=0.9), seed=0)
    assert judged.curves["train_loss"] == plain.curves["train_loss"]
    assert judged.curves["val_accuracy"][0] > plain.curves["val_accuracy"][0]
    assert judged.digest != plain.digest
