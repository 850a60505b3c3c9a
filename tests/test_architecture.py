"""What the package promises about itself: what it imports, and what it never does."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import nasbench_suite

PACKAGE = Path(nasbench_suite.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("torch", "torchvision", "sklearn", "xgboost", "plotly", "jinja2", "matplotlib")
RANDOM = ("np.random", "numpy.random")
MAKES_GENERATORS = {"default_rng", "Generator", "SeedSequence", "PCG64"}
SLOW = ("pandas", "h5py", "scipy")
BLOCK = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {HEAVY + SLOW!r}:
            raise ImportError('blocked: ' + name)

sys.meta_path.insert(0, Blocked())
"""


def python(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )


def test_import_and_query_load_nothing_heavy():
    done = python(
        "import sys, nasbench_suite\n"
        "from nasbench_suite import load, registry\n"
        "table = load('nasbench201/cifar10')\n"
        "assert round(table.query(6111), 2) == 94.37\n"
        "table.record(0, 'params'), table.query(0, seed='all'), table.query_many([0, 1])\n"
        "registry.load('spaces', 'nats_sss')\n"
        "from nasbench_suite import cli\n"
        "assert cli.main(['query', 'nasbench201/cifar10', '6111', '--json']) == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert loaded & {*HEAVY, *SLOW} == set()
    assert "numpy" in loaded


def test_import_alone_loads_no_numpy():
    done = python("import sys, nasbench_suite; print('numpy' in sys.modules)")
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "nasbench201/cifar10", "6111"],
        ["query", "nasbench201/cifar10", "3,3,3,1,3,2", "--metric", "test_accuracy", "--json"],
        ["list"],
        ["list", "--json"],
        ["info", "nasbench201/cifar100"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_looking_up_needs_numpy_alone(arguments):
    done = python(
        BLOCK + "from nasbench_suite import cli\nsys.exit(cli.main(sys.argv[1:]))", *arguments
    )
    assert done.returncode == 0, done.stderr
    assert "nasbench201" in done.stdout or "94.37" in done.stdout


def test_searching_needs_no_extra(tmp_path):
    script = BLOCK.replace(repr(HEAVY + SLOW), repr(HEAVY))
    done = python(
        script + "from nasbench_suite import Budget, run\n"
        "made = run('random_search', 'nasbench201/cifar10', budget=Budget(evaluations=5), seed=0)\n"
        "print(len(made.trials))"
    )
    assert done.stdout == "5\n", done.stderr


def test_the_module_is_a_command():
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "nasbench_suite.cli",
            "query",
            "nasbench201/cifar10",
            "0",
            "--metric",
            "params",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["value"] == 129_306


def calls(tree):
    """Yield every call as its dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rules_of_a_source_file(path):
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    own = path.relative_to(PACKAGE).as_posix()
    imported = set(imports(tree))
    if own != "unpickle/__init__.py":
        pickling = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
        assert not {name.partition(".")[0] for name in imported} & pickling
        assert "allow_pickle" not in text
    # Random numbers come from a generator that is passed in. The conformance kit moves the global
    # state, to see that nobody depends on it.
    kit = own.startswith("testing/")
    for called, line in calls(tree):
        where = f"{own}:{line}: {called}"
        assert kit or not called.startswith("random."), where
        assert called not in {"eval", "exec", "compile", "os.system", "__import__"}, where
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in RANDOM:
            assert kit or node.attr in MAKES_GENERATORS, f"{own}:{node.lineno}: {node.attr}"
    if not own.startswith(("reports/", "testing/", "training/")):
        # Families are fitted by these, and import them when they are.
        fitting = {"sklearn", "xgboost"} if own.startswith("surrogates/") else set()
        if own == "surrogates/_graph_training.py":
            fitting = {"torch"}
        assert not {name.partition(".")[0] for name in imported} & ({*HEAVY} - fitting)


def test_only_importers_read_pickles():
    reading = {
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        if any("unpickle" in name for name in imports(ast.parse(path.read_text("utf-8"))))
    }
    homes = ("tables/importers/", "training/data/", "unpickle/")
    assert all(name.startswith(homes) for name in reading), reading


def test_no_generator_without_a_seed():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
                assert node.args, f"{path}:{node.lineno} draws a seed from the machine"


def test_data_folders_hold_no_code():
    root = PACKAGE.parent
    for folder in ("datasets_tabular", "surrogates", "leaderboards"):
        for path in (root / folder).rglob("*"):
            assert path.suffix not in {".py", ".pkl", ".pickle", ".pt", ".pth", ".npy"}, path


def test_every_public_name_is_there():
    for name in nasbench_suite.__all__:
        assert getattr(nasbench_suite, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_sort"):
        _ = nasbench_suite.nothing_of_the_sort
