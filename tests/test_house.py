"""The house as a whole: rooms have floors, methods stand alone, the first import is cheap, weights are no programs."""

from __future__ import annotations

import ast
import sys

import grimp
import pytest
from packages import children
from processes import CHECKOUT, PYTHON, finished

from models import METHODS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGES = ("bench", "models", "metrics", "segmenters")


def layers_of(container: str) -> tuple[set[str], set[str]]:
    """The children of a package that have a floor, and those that need none."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    contract = next(contract for contract in contracts if contract.get("containers") == [container])
    floors = {name.strip() for floor in contract["layers"] for name in floor.replace(":", "|").split("|")}
    return floors, set(contract.get("exhaustive_ignores", ()))


@pytest.mark.parametrize("container", ["bench", "bench.results"])
def test_every_room_has_its_floor(container):
    floors, without = layers_of(container)
    assert children(CHECKOUT / container.replace(".", "/")) - without == floors


def test_a_method_imports_no_other_method():
    homes = {target.split(":")[0].split(".")[1] for target, *_ in METHODS.values()}
    graph = grimp.build_graph("models", cache_dir=None)
    imports = {
        f"{module} imports {imported}"
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if (home := _home(module)) in homes and _home(imported) in homes - {home}
    }
    assert not imports


def _home(module: str) -> str:
    """The part of a dotted name that says which method's file or folder it is."""
    return f"{module}.".split(".")[1]


def test_the_first_import_is_quick_and_loads_no_numbers():
    program = "import sys, time; start = time.process_time(); import bench; print(time.process_time() - start)"
    program += "; assert not {'torch', 'numpy', 'pandas'} & sys.modules.keys()"
    seconds = []
    for _ in range(3):  # a busy machine slows some
        code, output, errors = finished(*PYTHON, program)
        assert (code, errors) == (0, "")
        seconds.append(float(output))
    assert min(seconds) < 0.05


@pytest.mark.parametrize("package", PACKAGES)
def test_files_of_torch_are_read_as_weights_alone(package):
    """What else such a file may hold is a program."""
    for path in (CHECKOUT / package).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        safe = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and _weights_only(node)}
        for node in ast.walk(tree):
            assert node in safe or not _is_torch_load(node), f"{path}, line {node.lineno}: no weights_only=True"


def _is_torch_load(node: ast.AST) -> bool:
    named = isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.serialization.load")
    imported = isinstance(node, ast.ImportFrom) and str(node.module).startswith("torch")
    return named or (imported and any(name.name == "load" for name in node.names))


def _weights_only(call: ast.Call) -> bool:
    return any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in call.keywords)
