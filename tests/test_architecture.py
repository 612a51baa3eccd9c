"""What may import what: from heavy to light, and a device needs nothing of what trains or exports."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"train", "export", "edge", "tests"}
HEAVY = {"keras", "tensorflow", "jax", "torch", "onnx", "tf2onnx", "sklearn", "matplotlib", "pandas"}
DEMO_EXTRA = {"rich", "iotcore"}
GATE_EXTRA = {"gpiozero", "pymodbus"}
DEVICE = {"numpy", "cv2", "paho", "msgspec", "typer", "cryptography", "onnxruntime"}
SLOW = {"numpy", "cv2", "paho", "cryptography", "onnxruntime", "rich"}
DEMO_MODULES = {"edge.demo"}
"""They are imported only by the command that the extra `demo` is for."""

IMPORT_WITHOUT = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed on a device")

sys.meta_path.insert(0, Absent())
for name in {modules!r}:
    importlib.import_module(name)
"""


def files_of(package: str) -> list[Path]:
    """The package's source files."""
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The packages that a file imports anywhere, also inside of functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module if node.module and not node.level else path.relative_to(ROOT).parts[0])
    return {name.partition(".")[0] for name in names}


def module_name(path: Path) -> str:
    """The name by which a source file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("package", ["train", "export", "edge"])
def test_a_package_imports_itself_and_edge_alone_of_ours(package: str) -> None:
    """Train and export never import each other, edge imports neither, nobody imports tests."""
    allowed = {package, "edge"}

    strange = {module_name(path): imported(path) & OURS - allowed for path in files_of(package)}

    assert len(strange) > 3
    assert not {name: ours for name, ours in strange.items() if ours}


def test_edge_names_no_package_of_training_or_export() -> None:
    """No file of edge imports keras, tensorflow, onnx, scikit-learn or their like, not even inside of a function."""
    files = files_of("edge")

    heavy = {module_name(path): imported(path) & HEAVY for path in files}

    assert not {name: packages for name, packages in heavy.items() if packages}


def test_edge_imports_only_what_pyproject_installs_on_a_device() -> None:
    """Beside the standard library: base dependencies, onnxruntime of the extra cpu or gpu, those of gate and demo."""
    allowed = DEVICE | DEMO_EXTRA | GATE_EXTRA | {"edge"} | set(sys.stdlib_module_names)

    strange = {module_name(path): imported(path) - allowed for path in files_of("edge")}

    assert not {name: packages for name, packages in strange.items() if packages}


def test_every_module_of_edge_is_imported_where_tensorflow_is_absent() -> None:
    """All of edge but the demo's view loads where nothing of train, export, gate and demo can be imported."""
    modules = [module_name(path) for path in files_of("edge") if module_name(path) not in DEMO_MODULES]

    run_python(IMPORT_WITHOUT.format(absent=HEAVY | DEMO_EXTRA | GATE_EXTRA | {"train", "export"}, modules=modules))


def test_the_demo_needs_only_its_own_extra() -> None:
    """The demo's view loads where nothing of train and export can be imported."""
    run_python(IMPORT_WITHOUT.format(absent=HEAVY | {"train", "export"}, modules=sorted(DEMO_MODULES)))


def test_the_command_line_loads_nothing_slow() -> None:
    """`sortline-edge --help` waits for no picture, network or inference library."""
    told = run_python("import edge.__main__, json, sys; print(json.dumps(sorted(sys.modules)))")

    assert not SLOW & set(json.loads(told))


def run_python(program: str) -> str:
    """What a program prints that must succeed."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
