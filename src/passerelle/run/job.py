"""How every task is run, whatever it exchanges: what both commands and flows call.

    finish what earlier runs prepared → make: pick up, read, exchange, write → prepare (one transaction) →
    publish → record delivered → put the exports away

A crash between any two steps leaves a state from which the next run, or a retry of the same one, goes on: prepared
deliveries are finished with their very bytes before anything new is read.

Source: design.md decisions 5 and 6; spec STO-4, STO-5, STO-6, REL-1, RUN-1, RUN-4.
"""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date
from functools import cached_property
from operator import attrgetter
from pathlib import Path, PurePath
from typing import Protocol, Self

import pandas as pd

from passerelle.exchange.selection import Window
from passerelle.formats.descriptor import Descriptor
from passerelle.formats.registry import Formats, formats
from passerelle.ledger import outbox
from passerelle.ledger.entries import Delivery, Parcel, Prepared
from passerelle.ledger.ledger import Ledger
from passerelle.profile.loader import LoadedProfile, load
from passerelle.profile.settings import Profile
from passerelle.profile.shop_settings import Delivery as Destination
from passerelle.profile.shop_settings import Shop
from passerelle.run import audit, debug, faults, folder, inputs, log, plans, quotas
from passerelle.run.errors import RunError
from passerelle.run.exports import ORDERS, Kind, Read, sources
from passerelle.run.inbox import Inbox
from passerelle.run.inputs import Inputs
from passerelle.run.installation import Installation
from passerelle.run.intake import Intake
from passerelle.run.mail import telling
from passerelle.run.request import Request
from passerelle.run.spread import Spread
from passerelle.run.summary import State, Summary
from passerelle.storage.places import open_place
from passerelle.storage.progress import Progress
from passerelle.storage.publish import OutFile, publish

_log = logging.getLogger(__name__)
_NAMED = 20
"""Files of a delivery that the log names."""
LEASE = "to-erp"
"""What a process holds while it works for a profile's ERP: its tasks number accounts and documents, one at a time."""


def to_shop(shop: str) -> str:
    """Name what a process holds while it works for a shop."""
    return f"to-shop {shop}"


@dataclass(frozen=True)
class Desk:
    """All that a task has before it while it works.

    Attributes:
        request: what is asked.
        installation: where.
        loaded: the profile.
        ledger: open.
        run_id: the run; empty: a plan, which claims and records nothing.
        today: the day of the run in the profile's time zone.
        workshop: folder for files that the task fetches and makes, gone when the job is over.
        spread: others who do parts of the work; ``None``: this process does all of it.
    """

    request: Request
    installation: Installation
    loaded: LoadedProfile
    ledger: Ledger
    run_id: str
    today: date
    workshop: Path
    spread: Spread | None = None

    @property
    def profile(self) -> Profile:
        """The profile's settings."""
        return self.loaded.profile

    @cached_property
    def formats(self) -> Formats:
        """The built-in and the profile's own descriptors, each read once."""
        return formats(self.profile.erp.formats_folder)

    @cached_property
    def inputs(self) -> Inputs:
        """The exports of shops that the run has read."""
        return Inputs(self.workshop / "exports")

    @property
    def shop(self) -> Shop:
        """The shop that something goes to.

        Raises:
            RunError: the profile has no such shop.
        """
        return _shop(self.profile, self.request.shop)

    def shop_format(self, kind: str, name: str = "", settings: Mapping[str, object] | None = None) -> Descriptor:
        """Give the format of a file that the shop is sent.

        Args:
            kind: what is sent: ``stock``, ``products`` …, in the format of the shop's platform; or a format that is no
                platform's, such as ``shop/groups``.
            name: another format, of the profile.
            settings: the profile's values of its settings.

        Raises:
            UnknownFormatError, DescriptorError: it cannot be used.
            RunError: the platform has none, or nobody has said yet what the shop calls its columns.
        """
        usual = kind if "/" in kind else f"{self.shop.platform}/{kind}"
        if not name and usual not in self.formats.names():
            raise RunError("run-platform-without-format", is_usage=True, format=usual, platform=self.shop.platform)
        found = self.formats.get(name or usual, settings)
        if found.assumed:
            raise RunError("run-format-assumed", is_usage=True, format=found.name)
        return found

    @property
    def claims(self) -> bool:
        """Whether the run claims files, which are put away afterwards (STO-6)."""
        return not self.request.shop and any(source.after != "keep" for _, source in sources(self.profile))

    def intake(self, kind: Kind[Read], *, looks: bool = False) -> Intake[Read]:
        """Give the files of the profile's shops that hold one kind of records, for this run.

        Args:
            kind: which kind.
            looks: the run looks at them only; they are another task's.
        """
        inbox = Inbox(self.installation.inbox(self.profile.name))
        return Intake(kind, self.loaded, inbox, self.ledger, "" if looks else self.run_id, self.inputs)


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that a package refers to, such as an image; it is delivered before it.

    Attributes:
        name: path where it is delivered; it tells one content from any other.
        local: where it lies, in ``Desk.workshop``.
        sha256: of its bytes, in hexadecimal.
    """

    name: str
    local: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """A file to deliver.

    Attributes:
        name: its name among the run's files, such as ``erpFiles.zip``.
        data: its bytes.
        record_count: records it carries.
        compared: what a plan compares instead of its bytes, where these are never the same twice: random passwords.
        attached: what it refers to.
        local: where its bytes lie in ``Desk.workshop``, when there may be too many for memory.
    """

    name: str
    data: bytes
    record_count: int
    compared: bytes = b""
    attached: tuple[Attached, ...] = ()
    local: Path | None = None

    @property
    def content(self) -> bytes | Path:
        """Its bytes, or where they lie."""
        return self.local or self.data


class Made(Protocol):
    """What a task made of what it read: everything before the first effect."""

    @property
    def outcomes(self) -> pd.DataFrame:
        """What was said of the records (``passerelle.outcome``)."""

    @property
    def packages(self) -> Sequence[Package]:
        """What is delivered, as one delivery; none: nothing is to be sent."""

    @property
    def days(self) -> Window:
        """The days that were exchanged; both ends open where the task knows no days."""

    @property
    def plan(self) -> pd.DataFrame:
        """What would be done, record by record (``model.plan.PLAN``, made of the parts of ``exchange.plan``)."""

    @property
    def reports(self) -> Mapping[str, pd.DataFrame]:
        """Further tables for the run's folder by file name, amounts as text."""

    def summary(self, run_id: str, state: State) -> Summary:
        """Count what became of what was read."""

    def keep(self, home: Path) -> Self:
        """Write what else is kept: files in the run's folder, new values in the mappings; add what is said of that."""

    def entries(self) -> Prepared:
        """Give what the ledger records, but for the parcel."""

    @property
    def marks(self) -> Mapping[str, str]:
        """The ledger's marks that this run moves, and their new values."""


class Task(Protocol):
    """What differs from task to task."""

    @property
    def name(self) -> str:
        """Name of the task, its command and its flow."""

    def make(self, desk: Desk) -> Made:
        """Pick up, read, exchange, write.

        Raises:
            StorageError: something could not be picked up.
            RunError: an extract is missing, or a record was lost on the way.
            ProfileError: the mappings cannot be used.
        """


def run_task(task: Task, request: Request, installation: Installation, progress: Progress | None = None) -> Summary:
    """Do the whole job, as the command does.

    Args:
        task: which task.
        request: what is asked.
        installation: where.
        progress: told how far the delivery is.

    Raises:
        ProfileError, RunError, StorageError, LedgerError, FormatError: the run failed; it can be run again.
    """
    with telling(task.name, request, installation) as told, open_job(task, request, installation, progress) as job:
        earlier = job.deliver_earlier()
        return told.of(with_earlier(job.deliver(job.prepare()), earlier))


@contextmanager
def open_job(
    task: Task,
    request: Request,
    installation: Installation,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> Iterator[Job]:
    """Load the profile, open the ledger, and hold the profile for this process.

    Args:
        task: which task.
        request: what is asked.
        installation: where.
        progress: told how far the delivery is.
        spread: see ``Desk``.

    Raises:
        ProfileError: the profile cannot be used.
        BusyError: another process works on it.
        RunError: the plan to apply is unknown, of another profile or task, or applied already.
    """
    loaded = load(request.profile, profiles_folder=installation.profiles)
    with log.kept() as logged, Ledger.open(installation.ledger_url, clock=installation.clock) as ledger:
        profile = loaded.profile
        works = not (request.plan or profile.paused)
        holder = request.run_id or f"passerelle run {task.name}"
        lease = to_shop(request.shop) if request.shop else LEASE
        with ledger.lease(profile.name, lease, holder) if works else nullcontext():
            said = plans.read(installation, request.apply) if request.apply else None
            if said:
                request = plans.to_apply(request, said, profile.name, task.name, ledger)
            if works:
                audit.write_days(installation, profile, ledger)
            wanted = works and (request.debug or profile.debug.on)
            about = {"task": task.name, "asked": request.parameters}
            with (
                installation.workshop() as workshop,
                debug.dumping(installation, loaded, about) if wanted else nullcontext() as dump,
            ):
                yield Job(task, request, installation, loaded, ledger, logged, workshop, progress, said, spread, dump)


def with_earlier(summary: Summary, earlier: list[str]) -> Summary:
    """Say in the summary which earlier deliveries this run finished."""
    return replace(summary, earlier=tuple(earlier))


class Job:
    """One run of a task; its steps in their order. Use ``open_job``."""

    def __init__(
        self,
        task: Task,
        request: Request,
        installation: Installation,
        loaded: LoadedProfile,
        ledger: Ledger,
        logged: log.RunLog,
        workshop: Path,
        progress: Progress | None = None,
        said: plans.SavedPlan | None = None,
        spread: Spread | None = None,
        dump: debug.Dump | None = None,
    ) -> None:
        self._task = task
        self._said = said
        """The plan that is applied."""
        self._dump = dump
        self._request = request
        self._progress = progress
        self._installation = installation
        self._loaded = loaded
        self._profile = loaded.profile
        self._ledger = ledger
        self._logged = logged
        self._workshop = workshop
        self._spread = spread

    @property
    def works(self) -> bool:
        """Whether the run may change anything: no plan, and the profile is not paused (PRO-4)."""
        return not (self._request.plan or self._profile.paused)

    def deliver_earlier(self) -> list[str]:
        """Finish what earlier runs prepared, with the very same bytes, before anything new is read.

        What they read and did not put away is put away then.

        Returns:
            Names of the deliveries finished.

        Raises:
            StorageError: the place does not take them; they stay prepared.
        """
        if not self.works:
            return []
        waiting = [delivery for delivery in self._unfinished() if delivery.run_id != self._request.run_id]
        for delivery in waiting:
            self._publish(delivery)
        self._put_away()
        return [delivery.delivery_id for delivery in waiting]

    def prepare(self) -> Summary:
        """Make the task's files and put them in the outbox.

        All that the run found out and is about to send is written in one transaction of the ledger. A run that
        prepared before (a retry) reads nothing again: it goes on with what it prepared.

        Raises:
            StorageError, RunError, ProfileError: see ``Task.make``, ``quotas.check``, and ``plans.check_same`` when a
                plan is applied; nothing is sent.
            RunError: the run prepared on another machine, whose folders this one does not have.
        """
        if self._profile.paused:
            named = (self._request.run_id, self._profile.name, self._profile.language)
            return Summary(*named, "paused", shop=self._request.shop)
        if self._request.plan:
            made = self._task.make(self._desk(""))
            plan = made.plan
            return plans.save(self._installation, self._saved(made, plan), plan, made.summary("", "planned"))
        asked = self._request.run_id or None
        run_id = self._ledger.start_run(self._profile.name, self._task.name, self._request.parameters, run_id=asked)
        if self._dump:
            self._dump.run_id = run_id
        self._log_of(run_id)
        asked_for = " ".join(f"{name}={value}" for name, value in self._request.parameters.items())
        log.note("log-begins", run=run_id, task=self._task.name, asked=asked_for)
        if self._ledger.run(run_id).state != "running":
            return self._summary(run_id)
        try:
            desk = self._desk(run_id)
            quotas.check(self._profile, self._ledger, desk.today, self._task.name, self._request.shop)
            with self._dump.reading() if self._dump else nullcontext():
                return self._prepared(desk)
        except Exception as error:
            _empty(self._workshop)  # it may have filled the disk that the ledger has to write to
            self._ledger.fail_run(run_id, self._failed(error))
            raise

    def _summary(self, run_id: str) -> Summary:
        """Give the summary of a run that prepared before."""
        home = self._installation.run_folder(run_id)
        try:
            return folder.read_summary(home)
        except FileNotFoundError as error:
            raise RunError("run-elsewhere", run=run_id, host=socket.gethostname(), where=home) from error

    def deliver(self, summary: Summary) -> Summary:
        """Publish what the run prepared, record that it arrived, and put away what was read.

        Raises:
            StorageError: the place does not take it; it stays prepared and the next run, or a retry, finishes it.
        """
        for delivery in self._unfinished():
            if delivery.run_id == summary.run_id:
                self._publish(delivery)
        if self.works:
            self._put_away()
            self._log_of(summary.run_id)
            log.note("log-ends", run=summary.run_id, state=summary.state)
        return self._with_quotas(summary) if summary.delivery else summary

    def _with_quotas(self, summary: Summary) -> Summary:
        """Say in the summary which quotas have little or nothing left."""
        today = self._installation.today(self._profile.time_zone)
        used = tuple(use.text(self._profile.language) for use in quotas.told(self._profile, self._ledger, today))
        if used != summary.quotas:
            summary = replace(summary, quotas=used)
            folder.write_summary(self._installation.run_folder(summary.run_id), summary)
        return summary

    def _unfinished(self) -> list[Delivery]:
        """Give what still has to arrive where this run sends to: others may be sending elsewhere meanwhile."""
        waiting = self._ledger.unfinished(self._profile.name)
        return [delivery for delivery in waiting if delivery.shop == self._request.shop]

    def _log_of(self, run_id: str) -> None:
        """Log into a run's file from now on."""
        self._logged.begin(self._installation.run_folder(run_id), self._profile.language, self._profile.time_zone)

    def _failed(self, error: Exception) -> str:
        """Log what stopped a run, and say it; with where it happened, if only we can mend it."""
        is_ours = faults.told(error, self._profile.language) is None
        said = faults.said(error, self._profile.language)
        _log.error(type(error).__name__ if is_ours else said, exc_info=error if is_ours else None)
        return said

    def _put_away(self) -> None:
        """Put the exports away that were read for the ERP."""
        if not self._request.shop:
            self._desk("").intake(ORDERS).put_away()

    def _desk(self, run_id: str) -> Desk:
        today = self._installation.today(self._profile.time_zone)
        at = (self._request, self._installation, self._loaded, self._ledger)
        return Desk(*at, run_id, today, self._workshop, self._spread)

    def _prepared(self, desk: Desk) -> Summary:
        """Put the files and reports on disk, then write the ledger."""
        if self._said and desk.claims:
            self._check_same(self._said, self._task.make(self._desk("")))  # a plan that moved leaves the files there
        made = self._task.make(desk)
        if self._said:
            self._check_same(self._said, made)
        home = self._installation.run_folder(desk.run_id)
        with ThreadPoolExecutor(1) as pool:  # compressing leaves Python's lock to others
            packed = pool.submit(attrgetter("packages"), made)
            exports = pool.submit(self._exports, desk, made, packed, home)
            made = made.keep(home)
            reports = folder.write_reports(home, made.outcomes, made.reports)
            entries = made.entries()
            packages = packed.result()
        parcel = self._parcel(desk, packages)
        summary = made.summary(desk.run_id, "delivered" if parcel else "nothing-to-do")
        paths = {name: str(path) for name, path in reports.items()}
        if kept := exports.result():
            paths[inputs.NAME] = str(kept)
        if parcel:
            summary = replace(summary, delivery=parcel.files[0].name, place=parcel.place)
            stored = zip(packages, parcel.files, strict=False)  # what is attached comes after them
            paths |= {package.name: str(file.path) for package, file in stored}
        if self._request.apply:
            paths |= plans.files(self._installation, self._request.apply)
        summary = replace(summary, plan=self._request.apply, files=paths)
        folder.write_summary(home, summary)
        log.note("log-counts", **summary.counts)
        for reason in summary.reasons:
            log.note("log-reason", state=reason.state, reason=reason.code, count=reason.count)
        entries = replace(entries, outcomes=made.outcomes, parcel=parcel, counts=summary.counts)
        self._ledger.prepare(desk.run_id, entries)
        for mark in made.marks.items():
            self._ledger.set_mark(self._profile.name, *mark)
        return summary

    def _exports(self, desk: Desk, made: Made, packed: Future[tuple[Package, ...]], home: Path) -> Path | None:
        """Keep what the run read of shops, if anything became of it: most runs of a poller find nothing to do."""
        if not (packed.result() or (made.outcomes["state"] == "failed").any()):
            return None
        return desk.inputs.keep(self._installation.exports, home)

    def _check_same(self, said: plans.SavedPlan, made: Made) -> None:
        """See that the task would do what the plan that is applied says."""
        plans.check_same(self._request.apply, said, self._saved(made, made.plan))

    def _saved(self, made: Made, plan: pd.DataFrame) -> plans.SavedPlan:
        """Give what the task would do as it is kept."""
        return plans.SavedPlan(
            profile=self._profile.name,
            task=self._task.name,
            days=made.days,
            only_rejects=self._request.only_rejects,
            files={one.name: outbox.sha256_of(one.compared or one.content) for one in made.packages},
            rows=plans.as_text(plan),
            shop=self._request.shop,
            full=self._request.full,
        )

    def _parcel(self, desk: Desk, packages: Sequence[Package]) -> Parcel | None:
        """Put the files in the outbox."""
        if not packages:
            return None
        # The names there come from profile, day and content: publishing twice is harmless. A reset may send the same
        # content again, so that the delivery itself is named after its run.
        names = [self._name_there(package, desk) for package in packages]
        contents = {name: package.content for name, package in zip(names, packages, strict=True)}
        delivery_id = outbox.delivery_id(desk.run_id, contents)
        stored = tuple(
            outbox.store(self._installation.outbox, delivery_id, name, one.content, record_count=one.record_count)
            for name, one in zip(names, packages, strict=True)
        )
        taken = tuple(
            outbox.take(self._installation.outbox, delivery_id, one.name, one.local, one.sha256)
            for package in packages
            for one in package.attached
        )
        outbox.bring_to_disk(taken)
        manifest = f"{PurePath(names[0]).stem}.manifest.json"
        shop = self._request.shop
        place = self._destination(shop).place.name
        return Parcel(delivery_id, place, manifest_name=manifest, files=stored + taken, shop=shop)

    def _name_there(self, package: Package, desk: Desk) -> str:
        """Name a file where it is delivered.

        A shop may be told the same twice a day, with something else between: its files are named after their run too,
        and in the order of time.
        """
        kind, shop = PurePath(package.name), self._request.shop
        when = f"{self._installation.clock().astimezone(UTC):%Y%m%dT%H%M%S}" if shop else f"{desk.today:%Y%m%d}"
        digest = outbox.sha256_of(package.content, before=desk.run_id.encode() if shop else b"")[:8]
        return "-".join(filter(None, (kind.stem, self._profile.name, shop, when, digest))) + kind.suffix

    def _destination(self, shop: str) -> Destination:
        """Give where files are delivered: the ERP's place, or a shop's.

        Raises:
            RunError: the profile has no place for the shop any more.
        """
        found = _shop(self._profile, shop).delivery if shop else self._profile.delivery
        if found is None:
            raise RunError("run-no-shop-place", is_usage=True, shop=shop)
        return found

    def _publish(self, delivery: Delivery) -> None:
        """Publish a prepared delivery; publishing twice is harmless, its names and bytes are the same."""
        if self._dump and not self._dump.run_id:
            self._dump.run_id = delivery.run_id  # this run may end before it has an id
        self._log_of(delivery.run_id)
        log.note("log-sends", delivery=delivery.delivery_id, place=delivery.place, attempt=delivery.attempts + 1)
        for file in delivery.files[:_NAMED]:
            log.note("log-sends-file", file=file.name, bytes=file.size, sha256=file.sha256)
        stored = outbox.lying(self._installation.outbox, delivery.files)
        try:
            for file in stored:
                outbox.check(file)
            files = [OutFile(file.name, file.path, file.size, file.sha256) for file in stored]
            destination = self._destination(delivery.shop)
            with open_place(destination.place, base_folder=self._loaded.folder) as storage:
                publish(
                    storage,
                    files,
                    delivery.manifest_name,
                    folder=delivery.folder,
                    collision=destination.collision,
                    read_back=destination.read_back,
                    done_suffix=destination.done_suffix,
                    progress=self._progress,
                )
        except Exception as error:
            said = self._failed(error)
            self._ledger.delivery_failed(delivery.delivery_id, said)
            self._ledger.fail_run(delivery.run_id, said)
            raise
        self._ledger.delivered(delivery.delivery_id)
        log.note("log-arrived", delivery=delivery.delivery_id, files=len(delivery.files))
        for file in stored:
            if "/" in file.name:  # what others refer to can be fetched again; it would fill the disk
                file.path.unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _shop(profile: Profile, name: str) -> Shop:
    for shop in profile.shops:
        if shop.name == name:
            return shop
    known = ", ".join(shop.name for shop in profile.shops)
    raise RunError("run-unknown-shop", is_usage=True, value=name, known=known)
