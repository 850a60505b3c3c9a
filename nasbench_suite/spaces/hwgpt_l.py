"""HW-GPT-Bench, scale L: GPT networks up to the size of GPT-2 large; see `_hwgpt`.

6 * (9^34 + 9^35 + 9^36) networks.
"""

from __future__ import annotations

from nasbench_suite.spaces._hwgpt import HwGpt


class HwgptL(HwGpt):
    """The networks of 34 to 36 layers."""

    name = "hwgpt_l"
    scale = "l"
    embeddings = (320, 640, 1280)
    depths = (34, 35, 36)
    heads = (8, 16, 20)
    genes = (3, 3, *[3] * (2 * 36), 2)
