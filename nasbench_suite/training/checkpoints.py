"""A training under way, on disk: plain arrays and a header of JSON, written whole and no pickle.

Generators have no state to keep: each epoch draws from a seed of its own.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nasbench_suite import files
from nasbench_suite.core import DamagedInput, InvalidSetting
from nasbench_suite.files import UNREADABLE

FORMAT: Final = 1
"""The version of the file; another is refused."""
_HEADER: Final = "header"


def write(path: Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint, an `.npz` file, under a temporary name and rename it.

    Raises:
        OutputError: it cannot be written; an older one of this name is kept.
    """
    text = json.dumps({"format": FORMAT, **header})
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    arrays[_HEADER] = np.frombuffer(text.encode("utf-8"), np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    files.write_whole(path, content.getvalue())


def read(path: Path, question: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header and the tensors of a checkpoint.

    Args:
        path: where it was written.
        question: what its header must say: which training it is part of.

    Raises:
        DamagedInput: it is cut short, or no checkpoint.
        InvalidSetting: it is of another version, or part of another training.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            arrays: dict[str, NDArray[Any]] = {name: stored[name] for name in stored.files}
        header: dict[str, Any] = json.loads(arrays.pop(_HEADER).tobytes())
        version = header["format"]
    except (OSError, KeyError, *UNREADABLE) as error:
        raise DamagedInput(
            f"{path} is no readable checkpoint ({error}): remove it to train from the start"
        ) from None
    if version != FORMAT:
        raise InvalidSetting(
            f"{path} is a checkpoint of format {version}, and this version reads {FORMAT}: remove "
            "it to train from the start"
        )
    for key, asked in question.items():
        if header.get(key) != asked:
            raise InvalidSetting(
                f"{path} is a checkpoint of {key.replace('_', ' ')} {header.get(key)}, and "
                f"{asked} is asked for: name another file, or remove it to train from the start"
            )
    return header, {name: torch.from_numpy(array) for name, array in arrays.items()}
