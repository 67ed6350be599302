"""What is shipped, built as a release is: a source distribution, and the wheel from it; used without the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import passerelle

FOLDERS = {
    "src/passerelle": "passerelle",
    "formats": "passerelle/formats",
    "storage": "passerelle/storage",
    "flows": "passerelle/flows",
    "sample_files": "passerelle/sample_files",
}
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import passerelle

for module in pkgutil.walk_packages(passerelle.__path__, "passerelle."):
    # To import __main__ is to run it, and env.py is run by alembic, within a migration.
    if not module.name.endswith((".__main__", ".migrations.env")):
        importlib.import_module(module.name)
print(passerelle.__file__)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def run(command: list[str], check: bool = True, **options) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert ended.returncode == 0 or not check, ended.stdout + ended.stderr
    return ended


def run_installed(installed: Path, *arguments: str) -> str:
    """Run Python with the installed wheel and the dependencies, but not the checkout (``-S``: no editable install)."""
    path = os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    command = [sys.executable, "-S", "-P", "-W", "ignore", *arguments]
    return run(command, cwd=installed.parent, env=os.environ | {"PYTHONPATH": path}).stdout


class TestWheel:
    def test_has_one_top_level_name(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            names = {name.partition("/")[0] for name in archive.namelist()}
        assert names == {"passerelle", f"passerelle-{passerelle.__version__}.dist-info"}

    def test_has_every_module_and_data_file_of_its_folders(self, wheel, project_files):
        expected = {
            f"{package}/{file.relative_to(folder).as_posix()}"
            for folder, package in FOLDERS.items()
            for file in project_files
            if file.is_relative_to(folder)
        }
        with zipfile.ZipFile(wheel) as archive:
            shipped = {name for name in archive.namelist() if name.startswith("passerelle/")}
        assert len(expected) > 20
        assert expected - shipped == set()
        assert shipped - expected == set()

    def test_imports_every_module_and_makes_no_second_copy_under_a_bare_name(self, installed):
        where, names = run_installed(installed, "-c", IMPORT_EVERYTHING).splitlines()[-2:]
        assert Path(where).is_relative_to(installed)
        assert "passerelle" in names.split()
        assert not {"formats", "storage", "flows", "src", "tests"} & set(names.split())

    def test_its_command_shows_its_help(self, installed):
        assert "passerelle" in run_installed(installed, "-m", "passerelle", "--help").lower()

    def test_the_source_distribution_has_what_it_takes_to_test_it(self, distributions, project_files):
        (source,) = distributions.glob("*.tar.gz")
        with tarfile.open(source) as archive:
            shipped = {name.partition("/")[2] for name in archive.getnames()}
        wanted = {
            file.as_posix()
            for file in project_files
            if file.parts[0] in {"src", "formats", "storage", "flows", "tests", "docs", "sample_files", "benchmarks"}
        }
        wanted |= {"Makefile", "constraints.txt", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".ci/run"}
        assert wanted - shipped == set()


class TestImportLinter:
    """The contracts of pyproject.toml, on the wheel's package; each is seen to break when something breaks it."""

    CONTRACTS = ("Dependencies point one way", "The core is pure", "Prefect is the shell only")

    @pytest.fixture
    def lint(self, installed, tmp_path, root):
        shutil.copytree(installed / "passerelle", tmp_path / "passerelle")

        def lint() -> str:
            command = [
                str(Path(sys.executable).with_name("lint-imports")),
                "--no-cache",
                "--config",
                str(root / "pyproject.toml"),
            ]
            return run(command, check=False, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}).stdout

        return lint

    def test_every_contract_holds(self, lint):
        report = lint()
        assert "BROKEN" not in report, report
        for contract in self.CONTRACTS:
            assert contract in report

    @pytest.mark.parametrize(
        ("module", "line", "contract"),
        [
            ("model/planted.py", "import passerelle.exchange", "Dependencies point one way"),
            ("exchange/planted.py", "from passerelle import ledger", "Dependencies point one way"),
            ("formats/planted.py", "import passerelle.storage", "Dependencies point one way"),
            ("run/planted.py", "import passerelle.flows", "Dependencies point one way"),
            ("exchange/planted.py", "import sqlalchemy", "The core is pure"),
            ("outcome.py", "import prefect", "The core is pure"),
            ("ledger/planted.py", "import prefect", "Prefect is the shell only"),
        ],
    )
    def test_a_wrong_import_breaks_its_contract(self, lint, tmp_path, module, line, contract):
        planted = tmp_path / "passerelle" / module
        planted.write_text((planted.read_text() if planted.is_file() else "") + f"\n{line}\n")
        assert any(contract in one and one.endswith("BROKEN") for one in lint().splitlines())
