"""The checkout itself: its guards and its pages."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import passerelle

TOOLS = Path(sys.executable).parent
# Joined here, so that this file does not name what it looks for.
NOT_OURS = [
    "/" + "work" + "/",
    "/" + "root" + "/",
    "py" + "pi.org",
    "python" + "hosted.org",
    "--index" + "-url",
    "deb." + "debian.org",
]


class TestGuards:
    @pytest.mark.parametrize("name", ["formats", "storage", "flows"])
    @pytest.mark.parametrize("line", ["import {}", "import {}.ftp", "from {} import ftp", "from {}.ftp import x"])
    def test_ruff_refuses_the_bare_names(self, root, name, line):
        assert "TID251" in self.ruff(root, line.format(name))

    @pytest.mark.parametrize("line", ["import passerelle.storage", "from passerelle.formats import registry"])
    def test_ruff_takes_the_whole_names(self, root, line):
        assert self.ruff(root, line) == ""

    @staticmethod
    def ruff(root: Path, source: str) -> str:
        command = [str(TOOLS / "ruff"), "check", "--no-cache", "--select", "TID", "--output-format", "concise",
                   "--quiet", "--stdin-filename", "src/passerelle/planted.py", "-"]  # fmt: skip
        return subprocess.run(
            command, cwd=root, input=source + "\n", capture_output=True, text=True, check=False
        ).stdout

    def test_the_prefect_server_can_be_imported(self):
        """It cannot with a newer FastAPI, though Prefect's own bounds allow it (docs/decisions/0003)."""
        command = [sys.executable, "-c", "import prefect.server.api.server"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr

    def test_everything_that_gets_installed_is_pinned(self, root):
        """A dependency without a pin would be another version on the next machine."""
        pins = re.findall(r"^([\w.-]+)==", (root / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(installed("passerelle", "dev") - {"passerelle"} - {canonicalize_name(pin) for pin in pins}) == []


def linked(page: Path) -> set[Path]:
    """Give the files that a Markdown page links to."""
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets}


def installed(name: str, extra: str) -> set[str]:
    """Give the distributions that one and its extra ask for on this machine, all the way down."""
    found: set[tuple[str, str]] = set()
    waiting = {(name, ""), (name, extra)}
    while waiting:
        one, wanted = waiting.pop()
        found.add((one, wanted))
        for line in requires(one) or []:
            asked = Requirement(line)
            if asked.marker is None or asked.marker.evaluate({"extra": wanted}):
                waiting |= {(canonicalize_name(asked.name), also) for also in ("", *asked.extras)} - found
    return {one for one, _ in found}


class TestPages:
    def test_the_newest_change_is_this_version(self, root):
        first = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
        assert first[1] == passerelle.__version__
        assert f'version = "{passerelle.__version__}"' in (root / "pyproject.toml").read_text(encoding="utf-8")

    @pytest.mark.parametrize("script", ["coverage", "outcomes", "format_pages"])
    def test_generated_pages_are_current(self, root, script):
        command = [sys.executable, str(root / "docs" / f"{script}.py"), "--check"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr

    @pytest.fixture
    def coverage(self, root, monkeypatch):
        monkeypatch.syspath_prepend(str(root / "docs"))
        spec = importlib.util.spec_from_file_location("coverage_page", root / "docs/coverage.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_every_requirement_that_a_test_names_exists(self, coverage):
        known = {one for section in coverage.requirements().values() for one in section}
        assert {one: tests for one, tests in coverage.shown_by().items() if one not in known} == {}

    def test_every_complaint_about_orders_names_tests_that_exist(self, root, coverage):
        known = {one for section in coverage.requirements().values() for one in section}
        tests = {f"{file}::{name}" for file, name in coverage.tests()}
        page = (root / "docs/pains.md").read_text(encoding="utf-8")
        rows = [re.split(r"\s*\|\s*", line)[1:-1] for line in page.splitlines() if re.match(r"\| \d", line)]
        assert [int(number) for number, *_ in rows] == list(range(1, 26))
        for number, _, answer, ids, shown in rows:
            named = re.findall(r"`([^`]+)`", shown)
            assert named or answer == "with the catalogue", f"{number} names no test"
            assert set(named) <= tests, f"{number}: {set(named) - tests}"
            assert set(re.findall(r"[A-Z]+-\d+", ids)) <= known, number

    def test_rel_1_every_fault_names_tests_that_exist(self, root, coverage):
        tests = {f"{file}::{name}" for file, name in coverage.tests()}
        page = (root / "docs/reliability.md").read_text(encoding="utf-8")
        rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
        for row in rows:
            named = re.findall(r"`(tests/[^`]+)`", row)
            assert named, row
            assert set(named) <= tests, f"{set(named) - tests}"

    @pytest.mark.parametrize(
        ("name", "ids"),
        [
            ("test_ord_26_spreads", ["ORD-26"]),
            ("TestOrd26Spreads::test_it", ["ORD-26"]),
            ("test_ord_10_and_11_dates", ["ORD-10", "ORD-11"]),
            ("test_ord_15_to_20", ["ORD-15", "ORD-16", "ORD-20"]),
            ("test_cus_1_and_the_ord_20_rule", ["CUS-1", "ORD-20"]),
            ("test_ord_26_of_10_00_and_5_00", ["ORD-26"]),
            ("test_ord_99", ["ORD-99"]),
            ("test_a_word_10_long", []),
        ],
    )
    def test_ids_are_read_from_names(self, coverage, name, ids):
        known = [one for section in coverage.requirements().values() for one in section]
        assert coverage.ids(name, known) == ids

    def test_links_between_pages_lead_somewhere(self, root, project_files):
        pages = [root / page for page in project_files if page.suffix == ".md"]
        assert [f"{page}: {target}" for page in pages for target in linked(page) if not target.exists()] == []

    def test_the_index_leads_to_every_page(self, root, project_files):
        met, waiting = set(), {root / "docs/README.md"}
        while waiting:
            page = waiting.pop()
            met.add(page)
            waiting |= {target for target in linked(page) if target.suffix == ".md" and target.is_file()} - met
        pages = {root / page for page in project_files if page.suffix == ".md" and page.parts[0] == "docs"}
        assert sorted(pages - met) == []

    def test_nothing_names_the_machine_it_was_written_on(self, root, project_files):
        found = [
            f"{file}: {word}"
            for file in project_files
            for word in NOT_OURS
            if word.encode() in (root / file).read_bytes()
        ]
        assert found == []
