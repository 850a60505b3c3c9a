"""Where data are looked for, and in which order."""

from pathlib import Path

import pytest

from nasbench_suite import benchmarks, resources
from nasbench_suite.core import DataNotFound, UnknownName
from nasbench_suite.tables.store import Table

KIND = "datasets_tabular"


def put(root, name, content="{}"):
    folder = root / KIND / name
    folder.mkdir(parents=True)
    (folder / "index.json").write_text(content)
    return folder


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """The user's own folder, a checkout and an installed package, all empty."""
    own, checkout = tmp_path / "own", tmp_path / "checkout"
    package = checkout / "nasbench_suite"
    own.mkdir()
    (package / "_data").mkdir(parents=True)
    (checkout / "pyproject.toml").write_text("")
    monkeypatch.setattr(resources, "_PACKAGE", package)
    monkeypatch.setenv("NASBENCH_DATA", str(own))
    return own, checkout, package / "_data"


def test_order_of_roots(roots, monkeypatch):
    own, checkout, installed = roots
    assert resources.roots() == [own, checkout, installed]
    monkeypatch.delenv("NASBENCH_DATA")
    assert resources.roots() == [checkout, installed]
    monkeypatch.setenv("NASBENCH_DATA", "")
    assert resources.roots() == [checkout, installed]
    (checkout / "pyproject.toml").unlink()
    assert resources.roots() == [installed]


def test_the_first_root_wins(roots):
    own, checkout, installed = roots
    last = put(installed, "table")
    assert resources.find(KIND, "table", "index.json") == last
    middle = put(checkout, "table")
    assert resources.find(KIND, "table", "index.json") == middle
    first = put(own, "table")
    assert resources.find(KIND, "table", "index.json") == first
    other = put(installed, "other")
    assert resources.folders(KIND, "index.json") == {"table": first, "other": other}


def test_folders_without_the_file_are_none(roots):
    own, _, installed = roots
    (own / KIND / "table").mkdir(parents=True)
    (own / KIND / "readme.md").write_text("")
    last = put(installed, "table")
    assert resources.find(KIND, "table", "index.json") == last
    assert resources.find(KIND, "nothing", "index.json") is None
    assert resources.folders(KIND, "index.json") == {"table": last}


def test_what_a_killed_pack_left_is_no_table(roots):
    own, _, installed = roots
    put(own, ".table-x1y2z3")
    last = put(installed, "table")
    assert resources.folders(KIND, "index.json") == {"table": last}


def test_no_data_at_all(roots):
    with pytest.raises(DataNotFound, match="no data found") as caught:
        resources.folders(KIND, "index.json")
    for root in roots:
        assert str(root / KIND) in str(caught.value)
    assert "NASBENCH_DATA" in str(caught.value)


def test_a_root_that_is_no_folder(roots, monkeypatch, tmp_path):
    for wrong in (tmp_path / "nothing", Path(resources.__file__)):
        monkeypatch.setenv("NASBENCH_DATA", str(wrong))
        with pytest.raises(DataNotFound, match=r"\$NASBENCH_DATA is .*correct or unset it"):
            resources.roots()


def test_home_is_the_users(roots, monkeypatch):
    own, checkout, _ = roots
    assert resources.home(KIND) == own / KIND
    monkeypatch.delenv("NASBENCH_DATA")
    assert resources.home(KIND) == checkout / KIND
    (checkout / "pyproject.toml").unlink()
    with pytest.raises(DataNotFound, match="not written to"):
        resources.home(KIND)


def test_own_data_are_preferred(cifar10, monkeypatch, tmp_path):
    folder = tmp_path / KIND / "nasbench201"
    folder.mkdir(parents=True)
    for file in ("index.json", "table.h5", "card.toml"):
        (folder / file).symlink_to(cifar10.folder / file)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    table = benchmarks.load("nasbench201/cifar10")
    assert table.folder == folder
    assert table.query(6111) == cifar10.query(6111)


def test_a_table_of_another_name_serves_its_benchmark(cifar10, monkeypatch, tmp_path):
    folder = tmp_path / KIND / "nasbench201_digits"
    folder.mkdir(parents=True)
    text = (cifar10.folder / "index.json").read_text()
    renamed = text.replace('"name":"nasbench201"', '"name":"nasbench201_digits"')
    renamed = renamed.replace('"cifar10":{', '"digits":{')
    (folder / "index.json").write_text(renamed)
    (folder / "table.h5").symlink_to(cifar10.folder / "table.h5")
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path))
    assert [name for name in benchmarks.names() if name.startswith("nasbench201/")] == [
        "nasbench201/cifar10",
        "nasbench201/cifar100",
        "nasbench201/digits",
        "nasbench201/imagenet16-120",
    ]
    table = benchmarks.load("nasbench201/digits")
    assert (table.benchmark, table.folder) == ("nasbench201/digits", folder)
    assert benchmarks.load("nasbench201/cifar10").folder == cifar10.folder


def test_tables_by_name(cifar10):
    assert Table.open("nasbench201").benchmark == "nasbench201/cifar10"
    assert Table.open("nasbench201", "cifar100").benchmark == "nasbench201/cifar100"
    assert Table.open(cifar10.folder, "cifar100").benchmark == "nasbench201/cifar100"
    with pytest.raises(UnknownName, match="did you mean nasbench201"):
        Table.open("nasbench20l")
    with pytest.raises(UnknownName, match="did you mean cifar100"):
        Table.open("nasbench201", "cifar1000")
    with pytest.raises(DataNotFound, match=r"has no index\.json"):
        Table.open(cifar10.folder.parent)
