"""What tests of trainings share."""

import pytest

from nasbench_suite import registry


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small networks are no faster with more, and other tests run beside these."""
    try:
        import torch
    except ImportError:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def space():
    return registry.load("spaces", "nasbench201")


@pytest.fixture(scope="session")
def digits():
    from nasbench_suite import training

    return training.load("digits")
