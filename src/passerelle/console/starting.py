"""How the console starts and stops runs.

Where Prefect's server runs, which has a deployment of each task and profile, it is asked to: schedules, retries and its
own log then go for these runs too. Else, and for plans, which leave no run, the command itself is started as a process
of its own, which outlives the console. Two runs never work at once: who starts one is told which one works, and should
two start in the same instant, the ledger's lease lets one of them in.

A start has an id. It is the id of the run, or begins those of the runs of the shops.

Source: spec RUN-3, RUN-4, CON-1, SEC-2; design.md decision 6.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from tenacity import retry, retry_if_result, stop_after_delay, wait_exponential

from passerelle.console.tasks import Tasks
from passerelle.ledger.entries import Run
from passerelle.ledger.errors import UnknownError
from passerelle.ledger.journal import Holder
from passerelle.ledger.ledger import Ledger, new_run_id
from passerelle.messages import Language, code
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation

_log = logging.getLogger(__name__)
_STOP_SECONDS = 10.0
_BUSY_SECONDS = 15.0
_ID = re.compile(r"[A-Za-z0-9-]{1,80}")
_LIVING = {"SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"}
"""Prefect's types of states of runs that are not over."""

Options = Mapping[str, str | bool]


@dataclass(frozen=True, slots=True)
class Start:
    """What the console started.

    Attributes:
        id: begins the ids of its runs.
        profile: the profile.
        task: the task.
        options: what was asked.
        by: who asked.
        is_prefect: Prefect runs it.
        output: what the command printed; the summary as JSON once it is over.
        errors: what it said went wrong.
        exit_code: how it ended; ``None``: it has not, or nobody was there to see.
    """

    id: str
    profile: str
    task: str
    options: Mapping[str, Any]
    by: str
    is_prefect: bool
    output: str = ""
    errors: str = ""
    exit_code: int | None = None

    @property
    def is_plan(self) -> bool:
        """Whether nothing is done but said."""
        return bool(self.options.get("plan"))


class Prefect:
    """The little of Prefect's API that the console needs; importing Prefect itself takes more than a second."""

    def __init__(self, api: str) -> None:
        self.api = api.rstrip("/")
        """Its address; empty: there is no server."""
        name, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        self._login = (name, password) if name else None

    @property
    def pages(self) -> str:
        """Address of its pages."""
        return self.api.removesuffix("/api")

    def deployment(self, task: str, profile: str) -> str | None:
        """Give the id of the deployment of a task and a profile; none: no server, or it has none."""
        if not self.api:
            return None
        try:
            answer = self._ask("GET", f"deployments/name/{task}/{profile}")
        except httpx.HTTPError:
            return None
        return str(answer.json()["id"]) if answer.is_success else None

    def run(self, deployment: str, parameters: Mapping[str, Any]) -> str:
        """Let a deployment run; give the run's id.

        Raises:
            RunError: it cannot.
        """
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, "idempotency_key": str(uuid4())}
        return str(self._post(f"deployments/{deployment}/create_flow_run", body)["id"])

    def cancel(self, run_id: str) -> None:
        """Stop a run.

        Raises:
            RunError: it cannot.
        """
        self._post(f"flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})

    def is_living(self, run_id: str) -> bool:
        """Tell whether a run is not over."""
        try:
            answer = self._ask("GET", f"flow_runs/{run_id}")
        except httpx.HTTPError:
            return False
        return answer.is_success and answer.json().get("state_type") in _LIVING

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._ask("POST", path, body)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            reason = f"HTTP {error.response.status_code}"
            raise RunError("console-prefect-failed", reason=reason, url=self.api) from error
        except httpx.HTTPError as error:
            raise RunError("console-prefect-failed", reason=type(error).__name__, url=self.api) from error
        told: dict[str, Any] = answer.json()
        return told

    @retry(
        retry=retry_if_result(lambda answer: answer.status_code == httpx.codes.SERVICE_UNAVAILABLE),
        stop=stop_after_delay(_BUSY_SECONDS),
        wait=wait_exponential(0.2, max=2),
        retry_error_callback=lambda last: last.outcome.result() if last.outcome else None,
    )
    def _ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Ask, and again while Prefect's database is busy, as when it has just started: it says 503 then."""
        return httpx.request(verb, f"{self.api}/{path}", json=body, timeout=10, auth=self._login)


class Starter:
    """Starts and stops runs of an installation."""

    def __init__(self, installation: Installation, ledger: Ledger, tasks: Tasks, prefect: Prefect) -> None:
        self._installation, self._ledger, self._tasks, self._prefect = installation, ledger, tasks, prefect
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._latest: dict[tuple[str, str], str] = {}

    def start(self, task: str, profile: str, options: Options, *, by: str, language: Language = "fr") -> Start:
        """Start a task of a profile.

        Args:
            task: name of the task.
            profile: name of the profile.
            options: of the task's command, by their names as parameters of its flow.
            by: who asks, for the audit.
            language: what the command says is in.

        Raises:
            RunError: the profile is at work already (``console-busy``, its parameter ``run`` is the run), or Prefect
                cannot.
        """
        with self._lock:
            if not options.get("plan"):
                self._check_free(task, profile, str(options.get("shop", "")))
            started = self._started(task, profile, options, by, language)
            if not started.is_plan:
                self._latest[profile, task] = started.id
        self._ledger.access.note(by, "start", "run", started.id, profile, task)
        return started

    def started(self, start_id: str) -> Start | None:
        """Give what was started under an id; none: nothing was."""
        if not _ID.fullmatch(start_id):
            return None
        home = self._home(start_id)
        try:
            asked = json.loads((home / "asked.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        ended = _read(home / "exit")
        exit_code = int(ended) if ended else None
        return Start(**asked, output=_read(home / "output"), errors=_read(home / "errors"), exit_code=exit_code)

    def is_over(self, start: Start) -> bool:
        """Tell whether a start has come to its end, whatever that is."""
        if start.exit_code is not None:
            return True
        if start.is_prefect:
            return not self._prefect.is_living(start.id)
        names = (start.id, f"{start.id}-")
        works = any(one.holder == names[0] or one.holder.startswith(names[1]) for one in self._ledger.journal.holders())
        return start.id not in self._processes and not works

    def can_stop(self, run: Run) -> bool:
        """Tell whether a run could be stopped from here."""
        if run.state != "running":
            return False
        if self._prefect.api and flow_run(run.run_id):
            return True
        holder = self._holder(run.run_id)
        return holder is not None and holder.host == socket.gethostname()

    def stop(self, run_id: str, *, by: str) -> None:
        """Stop a run: its process ends where it is, which the next run makes good.

        Raises:
            UnknownError: no such run.
            RunError: it does not run, or is not to be stopped from here.
        """
        run = self._ledger.run(run_id)
        if run.state != "running":
            raise RunError("console-not-running", is_usage=True, run=run_id)
        flow = flow_run(run_id)
        if flow and self._prefect.api:
            self._prefect.cancel(flow)
        else:
            holder = self._holder(run_id)
            if holder is None or holder.host != socket.gethostname():
                raise RunError("console-not-here", is_usage=True, run=run_id, host=holder.host if holder else "?")
            self._end(holder)
            if self._ledger.run(run_id).state == "running":
                self._ledger.fail_run(run_id, code("console-stopped").text("fr", by=by))
        self._ledger.access.note(by, "stop", "run", run_id, run.profile, run.task)

    def wait(self) -> None:
        """Wait until all processes started here have ended."""
        for process in list(self._processes.values()):
            process.wait()

    def _check_free(self, task: str, profile: str, shop: str) -> None:
        """See that nothing keeps the task out: for the ERP any other task for it, for a shop another one for that."""
        for holder in self._ledger.journal.holders(profile):
            to_shop = holder.task.removeprefix("to-shop ") if holder.task.startswith("to-shop ") else ""
            if bool(to_shop) == self._tasks[task].goes_to_shops and shop in {"", to_shop}:
                raise RunError("console-busy", profile=profile, holder=holder.holder, run=self._run_of(holder))
        latest = self._latest.get((profile, task))
        start = self.started(latest) if latest else None
        if start and not start.is_plan and not self.is_over(start):
            raise RunError("console-busy", profile=profile, holder=start.id, run=start.id)

    def _run_of(self, holder: Holder) -> str:
        """Give the run that a holder names; one started by hand names none."""
        try:
            return self._ledger.run(holder.holder).run_id
        except UnknownError:
            return ""

    def _started(self, task: str, profile: str, options: Options, by: str, language: Language) -> Start:
        deployment = None if options.get("plan") else self._prefect.deployment(task, profile)
        if deployment:
            start_id = self._prefect.run(deployment, {"profile": profile, **options})
        else:
            start_id = new_run_id(self._installation.clock())
        start = Start(start_id, profile, task, dict(options), by, is_prefect=bool(deployment))
        home = self._home(start_id)
        home.mkdir(mode=0o700, parents=True)
        asked = {name: getattr(start, name) for name in ("id", "profile", "task", "options", "by", "is_prefect")}
        (home / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        if not deployment:
            self._spawn(start, home, language)
        return start

    def _spawn(self, start: Start, home: Path, language: Language) -> None:
        """Start the command; a thread waits for it, so that it leaves no zombie and its end is known."""
        given = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in start.options.items()
        ]
        command = ["run", f"--run-id={start.id}", start.task, f"--profile={start.profile}", *given, "--json"]
        with (home / "output").open("wb") as output, (home / "errors").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "passerelle", *command],
                env={**os.environ, **self._installation.variables, "PASSERELLE_LANG": language},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        self._processes[start.id] = process
        threading.Thread(target=self._see_end, args=(start.id, process, home), daemon=True).start()

    def _see_end(self, start_id: str, process: subprocess.Popen[bytes], home: Path) -> None:
        exit_code = process.wait()
        (home / "exit").write_text(str(exit_code), encoding="ascii")
        del self._processes[start_id]

    def _home(self, start_id: str) -> Path:
        return self._installation.started_folder(start_id)

    def _holder(self, run_id: str) -> Holder | None:
        return next((one for one in self._ledger.journal.holders() if one.holder == run_id), None)

    def _end(self, holder: Holder) -> None:
        """End a process of this machine: it is asked to, and after a while made to."""
        deadline = time.monotonic() + _STOP_SECONDS
        try:
            os.kill(holder.pid, signal.SIGTERM)
            while self._holder(holder.holder):
                if time.monotonic() > deadline:
                    os.kill(holder.pid, signal.SIGKILL)
                    deadline += _STOP_SECONDS
                time.sleep(0.1)
        except ProcessLookupError:
            _log.info("the process of %s had ended", holder.holder)


def flow_run(run_id: str) -> str:
    """Give the id of the Prefect flow run that a run is of, or of one of its shops; empty: none."""
    try:
        return str(UUID(run_id[:36])) if len(run_id) >= len("00000000-0000-0000-0000-000000000000") else ""
    except ValueError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
