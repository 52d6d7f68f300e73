"""The rules that hold the packages apart, read from the source."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("lightning_modules", "datamodules", "callbacks", "experiments")
FILES = sorted(path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
MAY_IMPORT = {
    "datamodules": ("datamodules",),
    "lightning_modules": (
        "lightning_modules",
        "datamodules.batches",
        "datamodules.data_info",
        "datamodules.errors",
        "datamodules.landmark_info",
        "datamodules.schema",
    ),
    "callbacks": ("callbacks", "lightning_modules", "datamodules"),
    "experiments": PACKAGES,
}
SLOW_TO_IMPORT = {
    *("torch", "torchvision", "monai", "pytorch_lightning", "torchmetrics", "timm", "wandb"),
    *("pandas", "scipy", "sklearn", "matplotlib", "cv2"),
}
LOADED_BY_HELP = (
    "datamodules/configs",
    "datamodules/readers",
    "datamodules/cases.py",
    "datamodules/errors.py",
    "datamodules/schema.py",
    "lightning_modules/configs",
    "experiments/catalog",
    "experiments/experiment.py",
    "experiments/command_line.py",
)
HARMLESS = {"pickle.UnpicklingError"}  # what torch.load raises for a file that it refuses
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "__import__", "os.system", "os.popen"}
UNSAFE_CALLS |= {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}
UNSAFE_ARGUMENTS = {("allow_pickle", True), ("weights_only", False), ("shell", True)}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def faults(check, source):
    """Run a check on one source text."""
    return list(check(ast.parse(source)))


def faults_by_file(check, files=FILES):
    found = {str(path): faults(check, (ROOT / path).read_text("utf-8")) for path in files}
    return {path: what for path, what in found.items() if what}


def imported(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_module_level(tree):
    """Nodes that run on import: all but those in functions and under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not deferred and not typing_only:
            yield node
            yield from at_module_level(node)


def is_within(name, package):
    return name == package or name.startswith(f"{package}.")


def beyond(allowed):
    def check(tree):
        for name in imported(ast.walk(tree)):
            ours = name.split(".")[0] in (*PACKAGES, "tests")
            if ours and not any(is_within(name, package) for package in allowed):
                yield name

    return check


def slow_imports(tree):
    return (
        name for name in imported(at_module_level(tree)) if name.split(".")[0] in SLOW_TO_IMPORT
    )


def unsafe_code(tree):
    for name in imported(ast.walk(tree)):
        if name.split(".")[0] in UNSAFE_MODULES and name not in HARMLESS:
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if (called := ast.unparse(node.func)) in UNSAFE_CALLS:
                yield called
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if (keyword.arg, value) in UNSAFE_ARGUMENTS:
                    yield f"{keyword.arg}={value}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package):
    files = [path for path in FILES if path.parts[0] == package]
    assert faults_by_file(beyond(MAY_IMPORT[package]), files) == {}


def test_what_help_loads_imports_nothing_slow():
    files = [path for path in FILES if str(path).startswith(LOADED_BY_HELP)]
    assert len(files) > 10
    assert faults_by_file(slow_imports, files) == {}


def test_nothing_unpickles_or_runs_text_as_code():
    assert faults_by_file(unsafe_code) == {}


def test_package_files_are_empty():
    full = [str(path) for path in FILES if path.name == "__init__.py" and (ROOT / path).read_text()]
    assert full == []


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in FILES}
    assert [
        str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()
    ] == []


def test_no_file_is_named_after_nothing():
    assert [str(path) for path in FILES if VAGUE_NAMES & set(path.stem.split("_"))] == []


def test_no_module_hides_one_of_the_standard_library_or_another_of_ours():
    assert not set(PACKAGES) & set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (beyond(MAY_IMPORT["datamodules"]), "def f():\n    from experiments import run"),
        (beyond(MAY_IMPORT["datamodules"]), "import lightning_modules.base"),
        (beyond(MAY_IMPORT["lightning_modules"]), "from datamodules.cases import Case"),
        (beyond(MAY_IMPORT["lightning_modules"]), "from datamodules import cases"),
        (beyond(MAY_IMPORT["experiments"]), "import tests.fakes"),
        (slow_imports, "import torch"),
        (slow_imports, "try:\n    from pandas import DataFrame\nexcept ImportError: pass"),
        (slow_imports, "class A:\n    import cv2"),
        (unsafe_code, "def f():\n    import pickle"),
        (unsafe_code, "from pickle import UnpicklingError, loads"),
        (unsafe_code, "torch.load(file, weights_only=False)"),
        (unsafe_code, "np.load(file, allow_pickle=True)"),
        (unsafe_code, "subprocess.run(text, shell=True)"),
        (unsafe_code, "eval('1')"),
        (unsafe_code, "yaml.load(text, Loader=yaml.Loader)"),
    ],
)
def test_each_check_finds_a_planted_fault(check, source):
    assert faults(check, source)


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (beyond(MAY_IMPORT["lightning_modules"]), "from datamodules.data_info import DataInfo"),
        (beyond(MAY_IMPORT["lightning_modules"]), "from datamodules import errors"),
        (slow_imports, "def f():\n    import torch"),
        (slow_imports, "if TYPE_CHECKING:\n    import torch"),
        (unsafe_code, "network.eval()"),
        (unsafe_code, "from pickle import UnpicklingError"),
        (unsafe_code, "torch.load(file, weights_only=True)"),
    ],
)
def test_no_check_objects_to_what_is_allowed(check, source):
    assert faults(check, source) == []
