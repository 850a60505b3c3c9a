"""HW-GPT-Bench, scale M: GPT networks up to the size of GPT-2 medium; see `_hwgpt`.

6 * (9^22 + 9^23 + 9^24) networks.
"""

from __future__ import annotations

from nasbench_suite.spaces._hwgpt import HwGpt


class HwgptM(HwGpt):
    """The networks of 22 to 24 layers."""

    name = "hwgpt_m"
    scale = "m"
    embeddings = (256, 512, 1024)
    depths = (22, 23, 24)
    heads = (8, 12, 16)
    genes = (3, 3, *[3] * (2 * 24), 2)
