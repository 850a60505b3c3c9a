"""How many bytes tensors take together, on whatever device."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return how many bytes hold some tensors; what several share counts once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    sizes: dict[int, int] = {storage.data_ptr(): storage.nbytes() for storage in storages}
    return sum(sizes.values())


def peak(run: Callable[[], object]) -> int:
    """Return the most bytes of tensors that are there at the same time, of those that a call makes.

    Tensors count from the operation that returns them until nobody holds them; what an operation
    needs only within itself does not count. The call takes longer than it would otherwise.
    """
    with _Counter() as counter:
        run()
    most: int = counter.most
    return most


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Is shown the result of every operation, and notes when its memory is given back."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._now = 0
        self._held: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        # A result may be an argument, or lie in its memory, as a slice or a sum in place does.
        known = {_key(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and _key(leaf) not in known | self._held:
                self._hold(leaf.untyped_storage())
        return result

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._held.add(key)
        self._now += size
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._held.discard(key)
        self._now -= size


def _key(tensor: Tensor) -> int:
    """Return what tells a tensor's memory from that of others while it is held."""
    key: int = tensor.untyped_storage()._cdata
    return key
