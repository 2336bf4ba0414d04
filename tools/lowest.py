"""Run a few tests with the oldest versions that pyproject.toml names: `make test-lowest`.

They get an environment of their own, in .venv/lowest, and this package as a wheel would install it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv" / "lowest"
PYTHON = VENV / "bin" / "python"
TESTS = (
    "tests/test_options.py",
    "tests/test_settings.py",
    "tests/test_plugin.py",
    "tests/test_fixtures.py",
    "tests/pprof",
    "tests/reports",
)
TEST_TOOLS = ("hypothesis", "pytest-xdist")
_DEPENDENCIES = re.compile(r"^dependencies = \[(.*?)^\]", re.MULTILINE | re.DOTALL)
_AT_LEAST = re.compile(r'"([\w-]+)>=([\w.]+)"')


def main() -> int:
    """Set the environment up, run the tests there, and return pytest's exit code."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pins = oldest_versions((ROOT / "pyproject.toml").read_text())
    print(f"==> oldest versions: {' '.join(pins)}", flush=True)
    pip_install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*map(str, pip_install), *pins, *TEST_TOOLS, "--editable", ROOT], check=True)
    tests = [test for test in TESTS if (ROOT / test).exists()]
    done = subprocess.run([PYTHON, "-m", "pytest", "-q", *tests], cwd=ROOT, check=False)
    return done.returncode


def oldest_versions(pyproject: str) -> list[str]:
    """Return a pin for each dependency, at the lowest version that it may have."""
    found = _DEPENDENCIES.search(pyproject)
    assert found, "pyproject.toml lists no dependencies"
    return [f"{name}=={version}" for name, version in _AT_LEAST.findall(found[1])]


if __name__ == "__main__":
    sys.exit(main())
