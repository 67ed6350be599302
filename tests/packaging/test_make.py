"""The README's two commands on machines of all kinds, played by a folder of commands that stands for the PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

OLDER_PYTHON = "exit 1"  # to the question whether it is new enough
PYTHON_WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1;; esac'


class Machine:
    """A machine that has the tools named, and the commands given as scripts."""

    def __init__(self, folder: Path, *tools: str) -> None:
        self.folder = folder
        folder.mkdir()
        for tool in ("sh", "env", *tools):
            (folder / tool).symlink_to(shutil.which(tool))

    def command(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f"#!{shutil.which('sh')}\n{script}\n")
        (self.folder / name).chmod(0o755)

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.folder)}
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[str]:
        """What the machine's apt-get was asked."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []


class TestMake:
    def test_has_the_commands_that_the_readme_names(self, root):
        named = set(re.findall(r"\bmake ([a-z][a-z-]*)", (root / "README.md").read_text(encoding="utf-8")))
        targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        assert {"run", "test"} <= named <= targets

    def test_ci_runs_what_the_readme_names(self, root):
        assert (root / ".ci/run").read_text(encoding="utf-8").splitlines()[-1] == "make test"
        assert all(os.access(file, os.X_OK) for file in (root / ".ci").iterdir())

    @pytest.mark.parametrize(
        ("python", "said"),
        [
            (OLDER_PYTHON, ["needs Python 3.11", "apt-get install", "brew install"]),
            (PYTHON_WITHOUT_VENV, ["install python3-venv"]),
        ],
    )
    def test_without_a_python_that_will_do_it_says_what_to_install(self, clone, tmp_path, python, said):
        machine = Machine(tmp_path / "bin", "basename", "id", "grep")
        machine.command("python3", python)
        ended = machine.run(shutil.which("make"), "run", cwd=clone)
        assert ended.returncode != 0
        assert [words for words in said if words not in ended.stderr] == []
        assert not (clone / ".venv").exists()


class TestAptInstall:
    @pytest.fixture
    def debian(self, tmp_path):
        machine = Machine(tmp_path / "bin", "cat", "grep", "sed", "true")
        machine.command("id", "echo 1000")
        machine.command("dpkg-query", 'case "$3" in there) echo "install ok installed";; *) exit 1;; esac')
        machine.command("apt-get", f'echo "$*" >>{machine.folder}/calls; case "$*" in *absent*) exit 100;; esac')
        # It takes its own -n away, and keeps this machine's policy file out of it.
        machine.command("sudo", 'shift; case "$1" in tee) cat >/dev/null;; rm|chmod) ;; *) exec "$@";; esac')
        return machine

    def test_asks_for_nothing_that_is_there(self, root, debian):
        ended = debian.run(root / ".ci/apt-install", "there")
        assert (ended.returncode, ended.stderr, debian.calls) == (0, "", [])

    def test_installs_only_what_is_missing(self, root, debian):
        ended = debian.run(root / ".ci/apt-install", "there", "wanted")
        assert (ended.returncode, ended.stderr) == (0, "")
        (call,) = debian.calls
        assert call.endswith(" wanted")
        assert "there" not in call

    def test_fetches_the_lists_when_it_must_and_says_what_cannot_be_had(self, root, debian):
        ended = debian.run(root / ".ci/apt-install", "absent")
        assert (ended.returncode, ended.stderr) == (1, "apt-get could not install: absent\n")
        assert ["update" if "update" in call else "install" for call in debian.calls] == [
            "install",
            "update",
            "install",
        ]

    def test_without_permission_it_says_so_and_does_nothing(self, root, debian):
        debian.command("sudo", "exit 1")
        ended = debian.run(root / ".ci/apt-install", "wanted")
        assert (ended.returncode, debian.calls) == (1, [])
        assert "wanted" in ended.stderr

    def test_where_there_is_no_apt_it_says_so(self, root, debian):
        (debian.folder / "apt-get").unlink()
        ended = debian.run(root / ".ci/apt-install", "wanted")
        assert ended.returncode == 1
        assert "wanted" in ended.stderr


class TestFtpServers:
    """Packages ``made-up…`` with a server that tells its arguments and where it looks for libraries."""

    @pytest.fixture
    def debian(self, tmp_path):
        machine = Machine(
            tmp_path / "bin", "mkdir", "rm", "find", "sort", "tr", "basename", "dirname", "chmod", "touch"
        )
        machine.command(
            "apt-get",
            f'echo "$*" >>{machine.folder}/calls\n'
            'case "$*" in *absent*) exit 100;; *update*) exit 0;; esac\n'
            'for word; do case "$word" in Dir::Cache::archives=*) touch "${word#*=}/a.deb";; esac; done',
        )
        machine.command(
            "dpkg-deb",
            'mkdir -p "$3/usr/sbin" "$3/usr/lib/x"\ntouch "$3/usr/lib/x/liba.so.1" "$3/usr/sbin/inetd"\n'
            'printf \'#!/bin/sh\\necho "$LD_LIBRARY_PATH" "$@"\\n\' >"$3/usr/sbin/made-up"\n'
            'chmod 755 "$3/usr/sbin/made-up"',
        )
        return machine

    def test_unpacks_a_server_and_starts_it_with_its_own_libraries(self, root, debian, tmp_path):
        folder = tmp_path / "some servers"
        ended = debian.run(root / ".ci/ftp-servers", folder, "made-up-core")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert [command.name for command in (folder / "bin").iterdir()] == ["made-up"]
        started = debian.run(folder / "bin/made-up", "-c", "a file")
        assert started.stdout == f"{folder}/made-up/usr/lib/x -c a file\n"

    def test_is_done_once(self, root, debian, tmp_path):
        for _ in range(2):
            assert debian.run(root / ".ci/ftp-servers", tmp_path / "servers", "made-up").returncode == 0
        assert len(debian.calls) == 1

    def test_names_what_cannot_be_had_and_unpacks_the_others(self, root, debian, tmp_path):
        ended = debian.run(root / ".ci/ftp-servers", tmp_path / "servers", "absent", "made-up")
        assert ended.returncode == 1
        assert "absent" in ended.stderr
        assert "made-up" not in ended.stderr
        assert (tmp_path / "servers/bin/made-up").exists()
