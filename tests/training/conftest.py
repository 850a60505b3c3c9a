"""What tests of trainings share."""

import pytest

from nasbench_suite import registry


@pytest.fixture(scope="session", autouse=True)
def alone(one_thread):
    """All trainings of these tests have one thread."""


@pytest.fixture(scope="session")
def space():
    return registry.load("spaces", "nasbench201")


@pytest.fixture(scope="session")
def digits():
    from nasbench_suite import training

    return training.load("digits")
