"""The journal as the commands show it: runs, their summaries, files and refusals.

Source: spec JOU-1, JOU-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from passerelle import outcome
from passerelle.ledger.errors import LedgerError
from passerelle.ledger.journal import Wanted
from passerelle.ledger.ledger import Ledger
from passerelle.messages import Language
from passerelle.run import debug, folder, log
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.summary import markdown


def latest_runs(installation: Installation, wanted: Wanted, limit: int) -> list[str]:
    """Give one line per run wanted, newest first: id, profile, task, state, start, counts, message."""
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        return [
            "  ".join(
                [
                    run.run_id,
                    f"{run.profile}/{run.task}",
                    run.state,
                    f"{run.started_at:%Y-%m-%d %H:%M:%S}",
                    " ".join(f"{name}={count}" for name, count in run.counts.items()),
                    run.message,
                ]
            ).rstrip()
            for run in ledger.journal.page(wanted, limit=limit).runs
        ]


def is_known(installation: Installation, run_id: str) -> bool:
    """Tell whether the journal has a run; it has no plans, and no runs that others kept from beginning."""
    try:
        with Ledger.open(installation.ledger_url, clock=installation.clock, create=False) as ledger:
            ledger.run(run_id)
    except LedgerError:
        return False
    return True


def summary_text(installation: Installation, run_id: str) -> str:
    """Give a run's summary as Markdown; of a run that left none, what the ledger knows.

    Raises:
        UnknownError: no such run.
    """
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        run = ledger.run(run_id)
    try:
        return markdown(folder.read_summary(installation.run_folder(run.run_id)))
    except FileNotFoundError:
        return f"# {run.profile} — {run.state}\n\n{run.message}\n"


def log_lines(installation: Installation, run_id: str) -> list[str]:
    """Give the newest lines of a run's technical log.

    Raises:
        UnknownError: no such run.
    """
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        found = log.read(installation.run_folder(ledger.run(run_id).run_id))
    return [f"{line.at} {line.level:<7} {line.text}" if line.at else line.text for line in found]


def run_file(installation: Installation, run_id: str, name: str) -> Path:
    """Give the path of a file of a run: ``erpFiles.zip``, ``rejects.xlsx`` … (JOU-2).

    Raises:
        UnknownError: no such run.
        RunError: the run has no such file.
    """
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        run = ledger.run(run_id)
    files = kept_files(installation, run.run_id)
    if name not in files:
        raise RunError("run-file-not-kept", run=run_id, name=name, known=", ".join(files) or "—")
    return files[name]


def kept_files(installation: Installation, run_id: str) -> dict[str, Path]:
    """Give the files of a run that are still there, by name, its debug dump and its technical log last."""
    home = installation.run_folder(run_id)
    try:
        named = folder.read_summary(home).files
    except FileNotFoundError:
        named = {}
    return within(installation, {**named, **{name: str(home / name) for name in (debug.NAME, log.NAME)}})


def within(installation: Installation, named: Mapping[str, str]) -> dict[str, Path]:
    """Give the files that are there; none that lies outside of the installation's state (SEC-4)."""
    state = installation.state.resolve()
    paths = {name: Path(path).resolve() for name, path in named.items()}
    return {name: path for name, path in paths.items() if path.is_relative_to(state) and path.is_file()}


def reject_lines(installation: Installation, run_id: str, language: Language) -> list[str]:
    """Say what a run refused: record, code, reason, what to do; one line each.

    Raises:
        UnknownError: no such run.
    """
    with Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        said = ledger.run_outcomes(run_id)
    failed = said[said["state"] == "failed"].to_dict("records")
    return [
        f"{row['record']}  {row['code']}  {outcome.message(row, language)} {outcome.todo(row, language)}".rstrip()
        for row in failed
    ]
