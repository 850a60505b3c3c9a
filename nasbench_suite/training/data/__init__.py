"""Data sets by name: a file here is one, and offers `load`; so are folders and files of users.

`digits` comes with scikit-learn, `cifar10` and `cifar100` through torchvision, and
`imagenet16_120` from its official batches. A folder of images by class and an `.npz` file of arrays
are loaded by their path. Nothing is downloaded unless that is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nasbench_suite.core import DataNotFound, InvalidSetting, MissingExtra, UnknownName

if TYPE_CHECKING:
    from nasbench_suite.training.data.images import Images

_SHARED: Final = frozenset({"images", "splits"})
_BY_PATH: Final = frozenset({"arrays", "folder"})


def names() -> list[str]:
    """Return the names of the data sets that the suite knows, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)} - _SHARED - _BY_PATH
    return sorted(name for name in found if not name.startswith("_"))


def load(
    name: str | Path,
    *,
    folder: Path | None = None,
    download: bool = False,
    splits: str | Path | None = None,
) -> Images:
    """Return a data set.

    Args:
        name: one of `names`, or the path of a folder of images by class, or of an `.npz` file.
        folder: where the files of a named data set lie, or are to be downloaded to.
        download: whether they may be downloaded.
        splits: how CIFAR and ImageNet16-120 are split: by a fixed seed (None), by the file of
            indices that NAS-Bench-201 published (its path), or, for CIFAR-10, `whole`: all
            training images are trained on and nothing validates.

    Raises:
        UnknownName: there is no such data set or split.
        InvalidSetting: the data set is not split in so many ways.
        DataNotFound: files are missing; the message says how to get them.
        DamagedInput: files are not what they should be.
        MissingExtra: a package is not installed.
    """
    path = Path(name).expanduser()
    if name in names():
        source = str(name)
    elif path.suffix == ".npz":
        source = "arrays"
    elif path.is_dir():
        source = "folder"
    elif isinstance(name, Path) or len(path.parts) > 1:
        raise DataNotFound(f"there is no folder or .npz file {name}")
    else:
        raise UnknownName("data set", str(name), names())
    try:
        module: Any = importlib.import_module(f"{__name__}.{source}")
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision", "PIL", "sklearn"):
            raise
        raise MissingExtra(f"data set {name}", "train") from error
    if source in _BY_PATH and splits is not None:
        raise InvalidSetting(f"{name} says itself how it is split, and is not split by {splits}")
    given = {"folder": folder, "download": download, "splits": splits}
    found: Images = module.load(path) if source in _BY_PATH else module.load(**given)
    return found
