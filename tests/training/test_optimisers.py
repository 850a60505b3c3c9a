"""RMSProp as TensorFlow has it, against numpy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from nasbench_suite.training.optimisers import RMSProp, optimiser  # noqa: E402
from nasbench_suite.training.recipes import recipe  # noqa: E402


def test_rmsprop_by_hand():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(5, 3)), rng.normal(size=(4, 5, 3))
    value = torch.nn.Parameter(torch.tensor(start))
    untouched = torch.nn.Parameter(torch.ones(2))
    ours = RMSProp([value, untouched], 0.0, momentum=0.9, decay=0.8, epsilon=0.5, weight_decay=0.1)
    x, mean, moved = start.copy(), np.ones((5, 3)), np.zeros((5, 3))
    for rate, gradient in zip((0.3, 0.2, 0.1, 0.0), gradients, strict=True):
        ours.param_groups[0]["lr"] = rate
        value.grad = torch.tensor(gradient)
        ours.step()
        whole = gradient + 0.1 * x
        mean = 0.8 * mean + 0.2 * whole**2
        moved = 0.9 * moved + rate * whole / np.sqrt(mean + 0.5)
        x = x - moved
        np.testing.assert_allclose(value.detach().numpy(), x, rtol=1e-12)
    assert torch.equal(untouched, torch.ones(2))
    assert untouched not in ours.state


def test_a_recipe_names_its_optimiser():
    values = [torch.nn.Parameter(torch.ones(2))]
    ours = optimiser(values, recipe("nasbench101"))
    assert isinstance(ours, RMSProp)
    assert ours.defaults == {
        "lr": 0.2,
        "momentum": 0.9,
        "decay": 0.9,
        "epsilon": 1.0,
        "weight_decay": 1e-4,
    }
    plain = optimiser(values, recipe("nasbench_macro"))
    assert isinstance(plain, torch.optim.SGD)
    assert not plain.defaults["nesterov"]
