"""The conformance kit: what a new space, strategy or table must pass. It needs pytest.

A package that brings its own subclasses the kit in its tests, and overrides one fixture:

    import pytest
    from nasbench_suite.testing import StrategyTests
    from my_package.my_strategy import MyStrategy

    class TestMyStrategy(StrategyTests):
        @pytest.fixture
        def strategy(self):
            return MyStrategy

`SpaceTests` asks for the fixture `space` (a space), `StrategyTests` for `strategy` (a class;
`space` may be overridden too), `SurrogateTests` for `surrogate` (likewise) and `TableTests` for
`table` (a folder). Each check is one method,
whose docstring says what it proves.
"""

from __future__ import annotations

import pytest

# So that a failed check of the kit shows its values, as one in a test file does.
pytest.register_assert_rewrite(
    "nasbench_suite.testing.spaces",
    "nasbench_suite.testing.strategies",
    "nasbench_suite.testing.surrogates",
    "nasbench_suite.testing.tables",
)

from nasbench_suite.testing.made_up import TinySpace  # noqa: E402
from nasbench_suite.testing.spaces import SpaceTests  # noqa: E402
from nasbench_suite.testing.strategies import StrategyTests  # noqa: E402
from nasbench_suite.testing.surrogates import SurrogateTests  # noqa: E402
from nasbench_suite.testing.tables import TableTests  # noqa: E402

__all__ = ["SpaceTests", "StrategyTests", "SurrogateTests", "TableTests", "TinySpace"]
