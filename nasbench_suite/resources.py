"""Where data lie. Nothing else in the suite knows.

Three places are looked at, in this order, and the first that has a name wins:

1. `$NASBENCH_DATA`, a folder that holds `datasets_tabular/`, `surrogates/` or `leaderboards/`;
2. the checkout, where those folders lie beside the package;
3. the installed package, where the wheel has put them under `_data/`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, TypeAlias

from nasbench_suite.core import DataNotFound

Kind: TypeAlias = Literal["datasets_tabular", "surrogates", "leaderboards"]

_PACKAGE: Final = Path(__file__).resolve().parent
_VARIABLE: Final = "NASBENCH_DATA"


def roots() -> list[Path]:
    """Return the folders to look in, the first to be preferred.

    Raises:
        DataNotFound: `$NASBENCH_DATA` is set to something that is not a folder.
    """
    found = []
    own = os.environ.get(_VARIABLE)
    if own:
        if not Path(own).is_dir():
            raise DataNotFound(
                f"${_VARIABLE} is {own!r}, which is not a folder: correct or unset it"
            )
        found.append(Path(own))
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        found.append(checkout)
    found.append(_PACKAGE / "_data")
    return found


def find(kind: Kind, name: str, file: str) -> Path | None:
    """Return the folder `kind/name` that holds `file`, or None; one look a root, no listing."""
    for root in roots():
        folder = root / kind / name
        if (folder / file).is_file():
            return folder
    return None


def folders(kind: Kind, file: str) -> dict[str, Path]:
    """Return every folder of a kind that holds `file`, by name.

    What begins with a dot is not finished, and stays behind where its making was killed.

    Raises:
        DataNotFound: none of the roots has such a folder.
    """
    found: dict[str, Path] = {}
    looked = [root / kind for root in roots()]
    for place in looked:
        if place.is_dir():
            for folder in sorted(place.iterdir()):
                if not folder.name.startswith(".") and (folder / file).is_file():
                    found.setdefault(folder.name, folder)
    if not found:
        raise DataNotFound(
            f"no data found: none of {', '.join(map(str, looked))} holds a folder with {file}; "
            f"reinstall the package, or set ${_VARIABLE} to a folder that holds {kind}/"
        )
    return found


def home(kind: Kind) -> Path:
    """Return the folder where new data of a kind are written: the first root that is the user's.

    That is `$NASBENCH_DATA` if it is set, else the checkout.

    Raises:
        DataNotFound: neither is there (an installed package is not written to).
    """
    first = roots()[0]
    if first == _PACKAGE / "_data":
        raise DataNotFound(
            f"nowhere to write: name a folder, or set ${_VARIABLE} to one; "
            "the installed package is not written to"
        )
    return first / kind
