"""HW-GPT-Bench, scale S: GPT networks up to the size of GPT-2 small; see `_hwgpt`.

6 * (9^10 + 9^11 + 9^12) networks.
"""

from __future__ import annotations

from nasbench_suite.spaces._hwgpt import HwGpt


class HwgptS(HwGpt):
    """The networks of 10 to 12 layers."""

    name = "hwgpt_s"
    scale = "s"
    embeddings = (192, 384, 768)
    depths = (10, 11, 12)
    heads = (4, 8, 12)
    genes = (3, 3, *[3] * (2 * 12), 2)
