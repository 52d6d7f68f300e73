"""What pyproject.toml and constraints.txt say, against what is in the repository."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
PACKAGES = SETUPTOOLS["packages"]
TOP_LEVEL = [name for name in PACKAGES if "." not in name]
CONSTRAINTS = [
    line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] != "#"
]
PINS = dict(line.split("==") for line in CONSTRAINTS)
EXTRAS = PROJECT["optional-dependencies"]
RANGES = [
    text
    for texts in (PROJECT["dependencies"], EXTRAS["trackers"], EXTRAS["test"], EXTRAS["lint"])
    for text in texts
    if not text.startswith("lightbox[")
]


def test_every_folder_with_code_is_a_listed_package() -> None:
    folders = {path.parent for name in TOP_LEVEL for path in (ROOT / name).rglob("*.py")}
    assert {".".join(folder.relative_to(ROOT).parts) for folder in folders} == set(PACKAGES)


def test_no_package_is_listed_twice() -> None:
    assert len(PACKAGES) == len(set(PACKAGES))


def test_top_level_packages_are_the_four_of_the_layout() -> None:
    assert set(TOP_LEVEL) == {"lightning_modules", "datamodules", "callbacks", "experiments"}


def test_no_other_folder_at_the_top_is_a_package() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(TOP_LEVEL)


@pytest.mark.parametrize("name", PACKAGES)
def test_init_file_is_there_and_empty(name: str) -> None:
    assert (ROOT / name.replace(".", "/") / "__init__.py").read_bytes() == b""


def test_files_besides_code_are_package_data() -> None:
    files = [path for name in PACKAGES for path in (ROOT / name.replace(".", "/")).glob("*.*")]
    others = [path for path in files if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert [path for path in others if not _is_package_data(path)] == []


def test_package_data_patterns_match_something() -> None:
    for package, patterns in SETUPTOOLS["package-data"].items():
        for pattern in patterns:
            assert list((ROOT / package.replace(".", "/")).glob(pattern)), (package, pattern)


def test_constraints_are_exact_public_versions() -> None:
    pattern = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==\d+(\.\d+)*((a|b|rc|\.post)\d+)?")
    assert [line for line in CONSTRAINTS if not pattern.fullmatch(line)] == []


def test_each_distribution_is_pinned_once() -> None:
    assert len(PINS) == len(CONSTRAINTS)


@pytest.mark.parametrize("text", RANGES)
def test_pinned_version_is_inside_its_range(text: str) -> None:
    requirement = Requirement(text)
    pin = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin)


def test_every_imported_distribution_is_declared() -> None:
    texts = [*PROJECT["dependencies"], *EXTRAS["trackers"], *EXTRAS["dicom-seg"], *EXTRAS["bench"]]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    declared |= {"pydantic-core"}  # pydantic asks for one exact version of it
    sources = packages_distributions()
    for path, module in _imports():
        if module not in sys.stdlib_module_names and module not in TOP_LEVEL:
            found = {canonicalize_name(name) for name in sources.get(module, [module])}
            assert found & declared, f"{path} imports {module}"


def test_console_script_leads_to_a_function() -> None:
    module, _, function = PROJECT["scripts"]["lightbox"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_changelog_has_a_section_for_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[{re.escape(PROJECT['version'])}\]", changelog, re.MULTILINE)


def _imports() -> Iterator[tuple[Path, str]]:
    for path in (path for name in TOP_LEVEL for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module.partition(".")[0]


def _is_package_data(path: Path) -> bool:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    patterns = SETUPTOOLS["package-data"].get(package, [])
    return any(fnmatch(path.name, pattern) for pattern in patterns)
