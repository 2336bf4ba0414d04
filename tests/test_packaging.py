"""The wheel holds the package alone, and works in an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has the wheel and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip(python, "install", str(wheel))
    return python


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "pytest_echoleak",
        "pytest_echoleak-0.1.0.dist-info",
    }
    assert "pytest_echoleak/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_wheel_holds_every_module_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "pytest_echoleak").rglob("*.py")}
    assert modules <= names
    sources = ROOT / "pytest_echoleak" / "heap" / "analyser"
    assert {str(path.relative_to(ROOT)) for path in sources.iterdir()} <= names
    assert any(name.endswith("LICENSE") for name in names)


def test_plugin_works_in_a_clean_environment(clean_python: str, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "from pytest_echoleak import GoSource, Tolerance, assert_no_leak\n\n"
        "@pytest.mark.echoleak(detect=0.1, tolerance=Tolerance(bytes=1))\n"
        "def test_plain():\n    assert GoSource('.').package == '.'\n"
    )
    assert "--echoleak-report" in run(clean_python, tmp_path, "--help")
    assert "@pytest.mark.echoleak(" in run(clean_python, tmp_path, "--markers")
    assert "1 passed" in run(clean_python, tmp_path, "-W", "error", "--strict-markers")


def run(python: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-m", "pytest", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(python: str, *arguments: str) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
