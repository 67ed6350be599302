"""Opening, migrating, and every way the database can fail (design decisions 5 and 7, REL-1)."""

from __future__ import annotations

import pickle
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_makers import known, records, send, spoken

from passerelle.ledger import errors
from passerelle.ledger.database import VERSION_TABLE, newest_version
from passerelle.ledger.errors import (
    DamagedError,
    LedgerError,
    LockedError,
    NewerLedgerError,
    NoLedgerError,
    NoSpaceError,
    NotALedgerError,
    UnreachableError,
    WrongUrlError,
)
from passerelle.ledger.ledger import Ledger
from passerelle.ledger.schema import metadata


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "passerelle.ledger:migrations")
    return ScriptDirectory.from_config(config)


def migrate(url, revision):
    config = Config()
    config.set_main_option("script_location", "passerelle.ledger:migrations")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def declared(path) -> set[tuple[str, str]]:
    """What SQLite has been told of tables and indexes; the order of a table's constraints does not matter."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    # A column added later stands on the line of the one before it.
    parts = {name: re.split(r"\n|(?<=NULL), (?=\S)", sql) for name, sql in found}
    lines = {name: sorted(filter(None, (line.strip().rstrip(", ") for line in parts[name]))) for name in parts}
    return {(name, "\n".join(lines[name])) for name in lines if name != VERSION_TABLE}


def test_design_5_the_migrated_schema_is_the_declared_one(migrated, tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert declared(migrated) == declared(tmp_path / "declared.db")


def test_design_5_alembic_finds_no_difference(ledger):
    with ledger._database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
        )
        assert compare_metadata(context, metadata) == []


def test_the_newest_version_is_the_only_head_and_each_has_one_parent():
    heads = scripts().get_heads()
    assert heads == [newest_version()]
    revisions = [script.revision for script in scripts().walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)


@pytest.mark.parametrize("revision", [script.revision for script in scripts().walk_revisions()])
def test_design_5_a_ledger_of_every_version_is_brought_to_the_newest(tmp_path, migrated, revision):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    migrate(url, revision)
    with Ledger.open(url) as ledger:
        send(ledger, "d1", records("shop/1"))
    assert declared(tmp_path / "old.db") == declared(migrated)


def test_design_5_opening_again_changes_nothing(url, path):
    with Ledger.open(url) as ledger:
        send(ledger, "d1", records("shop/1"))
    with Ledger.open(url) as ledger:
        assert known(ledger) == {"shop/1": "v1 of shop/1"}


def test_design_5_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path, monkeypatch):
    """A later version stops half way; the schema stays at the version before, whole."""
    database = tmp_path / "ledger.db"
    real = sa.Connection.execute

    def stop_at_marks(connection, statement, *arguments, **options):
        if isinstance(statement, sa.schema.CreateTable) and statement.element.name == "marks":
            raise RuntimeError("stopped")
        return real(connection, statement, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(sa.Connection, "execute", stop_at_marks)
        with pytest.raises(RuntimeError, match="stopped"):
            Ledger.open(f"sqlite:///{database}")
    assert declared(database) == set()
    Ledger.open(f"sqlite:///{database}").close()


def test_rel_1_processes_that_open_a_new_ledger_at_once_all_can(tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
    script = (
        "import sys; from passerelle.ledger.ledger import Ledger; sys.stdin.readline();"
        "ledger = Ledger.open(sys.argv[1]); ledger.set_mark('demo', sys.argv[2], 'x'); print('done')"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, url, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(2)
    ]
    threads = []
    answers = []
    for process in started:
        threads.append(threading.Thread(target=lambda each=process: answers.append(each.communicate("\n")[0].strip())))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert answers == ["done"] * 2
    with Ledger.open(url) as ledger:
        assert [ledger.mark("demo", str(number)) for number in range(2)] == ["x"] * 2


def test_rel_1_a_ledger_opened_twice_in_a_process_keeps_its_locks_from_others(tmp_path):
    """Closing any descriptor of a file drops a process's POSIX locks: others would take the log for left behind."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    other = (
        "from passerelle.ledger.ledger import Ledger\n"
        f"with Ledger.open({url!r}) as one: one.start_run('p', 'orders'); print(len(one.runs('p')))"
    )
    with Ledger.open(url) as ledger:
        seen = []
        for _ in range(2):
            ledger.start_run("p", "orders")
            Ledger.open(url).close()
            seen.append(int(subprocess.run([sys.executable, "-c", other], check=True, stdout=subprocess.PIPE).stdout))
        assert seen == [2, 4]
        with Ledger.open(url) as again:
            assert len(again.runs("p")) == len(ledger.runs("p")) == 4


def test_sqlite_is_set_to_lose_nothing(path):
    with Ledger.open(f"sqlite:///{path}") as ledger, ledger._database.reading() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_sec_5_only_its_owner_may_read_the_ledger(tmp_path):
    database = tmp_path / "new" / "ledger.db"
    with Ledger.open(f"sqlite:///{database}") as ledger:
        ledger.set_mark("demo", "m", "x")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database.parent.iterdir()}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), 0o600)
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


def test_a_path_may_have_any_characters(tmp_path):
    database = tmp_path / "dossier à l'été, 100% & #1" / "é+b.db"
    with Ledger.open(f"sqlite:///{database}") as ledger:
        ledger.set_mark("demo", "m", "x")
        assert database.exists()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ledger.db", "not a URL"),
        ("sqlite://", "file"),
        ("sqlite:///:memory:", "file"),
        ("nosuch:///ledger.db", "nosuch"),
        ("postgresql+nosuch://u:hidden@localhost/x", "nosuch"),
        ("sqlite:///%(tmp)s/x.db?timeout=soon", "soon"),
    ],
)
def test_a_wrong_address_is_told_without_secrets(url, reason, tmp_path):
    with pytest.raises(WrongUrlError, match=reason) as caught:
        Ledger.open(url.replace("%(tmp)s", str(tmp_path)))
    assert spoken(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_ledger_that_is_not_there_is_not_made_unless_wanted(tmp_path):
    with pytest.raises(NoLedgerError, match="nowhere") as caught:
        Ledger.open(f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}", create=False)
    assert spoken(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_rel_1_a_file_that_is_no_database_is_told_and_left_alone(tmp_path):
    wrong = tmp_path / "orders.csv"
    wrong.write_bytes(b"id;total\r\n" * 500)
    with pytest.raises(NotALedgerError, match=r"orders\.csv") as caught:
        Ledger.open(f"sqlite:///{wrong}")
    assert spoken(caught.value)
    assert wrong.read_bytes() == b"id;total\r\n" * 500


def test_rel_1_another_programs_database_is_told_and_left_alone(tmp_path):
    wrong = tmp_path / "prefect.db"
    with sqlite3.connect(wrong) as connection:
        connection.executescript("CREATE TABLE alembic_version (version_num); CREATE TABLE flow_run (id);")
    with pytest.raises(NotALedgerError, match=r"prefect\.db") as caught:
        Ledger.open(f"sqlite:///{wrong}")
    assert spoken(caught.value)
    assert len(declared(wrong)) == 2


def test_a_newer_ledger_is_told_and_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ledger_version SET version_num = '9999'")
    with pytest.raises(NewerLedgerError, match=f"9999.*{newest_version()}") as caught:
        Ledger.open(f"sqlite:///{path}")
    assert spoken(caught.value)


def test_rel_1_a_locked_ledger_is_told_and_works_again_when_free(path):
    other = sqlite3.connect(path, isolation_level=None)
    with Ledger.open(f"sqlite:///{path}?timeout=0.05") as ledger:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError) as caught:
            ledger.set_mark("demo", "m", "x")
        assert spoken(caught.value)
        assert ledger.mark("demo", "m") is None  # reading goes on meanwhile
        other.execute("COMMIT")
        ledger.set_mark("demo", "m", "x")
        assert ledger.mark("demo", "m") == "x"
    other.close()


def test_rel_1_a_full_disk_is_told_and_leaves_the_ledger_as_it_was(path):
    with Ledger.open(f"sqlite:///{path}") as ledger:
        send(ledger, "d1", records("shop/1"))
        pages = []

        def full(connection, _record):
            pages.append(connection.execute("PRAGMA max_page_count = 1").fetchone()[0])

        engine = ledger._database._writing
        engine.dispose()
        sa.event.listen(engine, "connect", full)
        many = records(*(f"shop/more-{number}" for number in range(5000)))
        with pytest.raises(NoSpaceError, match=r"ledger\.db") as caught:
            send(ledger, "d2", many)
        assert spoken(caught.value)
        assert pages
        assert known(ledger) == {"shop/1": "v1 of shop/1"}
        sa.event.remove(engine, "connect", full)
        engine.dispose()
        send(ledger, "d3", many)
        assert len(known(ledger)) == 5001


@pytest.mark.parametrize("replaced", [False, True])
def test_rel_1_a_ledger_that_is_gone_is_never_silently_a_new_one(path, tmp_path, replaced):
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.set_mark("demo", "m", "before")
        shutil.copy(path, tmp_path / "backup.db")
        for each in tmp_path.glob("ledger.db*"):
            each.unlink()
        if replaced:
            (tmp_path / "backup.db").rename(path)
            ledger.set_mark("demo", "n", "after")
            assert sqlite3.connect(path).execute("SELECT count(*) FROM marks WHERE name = 'n'").fetchone() == (1,)
        else:
            for attempt in (lambda: ledger.set_mark("demo", "m", "x"), lambda: ledger.mark("demo", "m")):
                with pytest.raises(UnreachableError) as caught:
                    attempt()
                assert spoken(caught.value)
            assert not Path(path).exists()


def test_rel_1_a_damaged_ledger_is_told(path):
    with Ledger.open(f"sqlite:///{path}") as ledger:
        send(ledger, "d1", records(*(f"shop/{number}" for number in range(2000))))
    size = Path(path).stat().st_size
    with Path(path).open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xa5" * (size // 2))
    with pytest.raises(DamagedError) as caught, Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.exchanged("demo", "order")
    assert spoken(caught.value)


def test_rel_1_a_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(UnreachableError) as caught:
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert spoken(caught.value)


def test_rel_1_a_server_that_is_not_there_is_told_without_password():
    pytest.importorskip("psycopg")
    with pytest.raises(UnreachableError) as caught:
        Ledger.open("postgresql+psycopg://user:hidden@localhost:1/ledger?connect_timeout=1")
    assert spoken(caught.value)
    assert "hidden" not in str(caught.value) + caught.value.text("fr")


def test_sec_3_errors_of_the_database_carry_no_data(path):
    """A programming error keeps its traceback, without the parameters: they hold buyers' data."""
    with (
        Ledger.open(f"sqlite:///{path}") as ledger,
        pytest.raises(sa.exc.IntegrityError) as caught,
        ledger._database.writing() as connection,
    ):
        connection.execute(sa.text("INSERT INTO marks (profile, name) VALUES (:who, 'm')"), {"who": "Jeanne Durand"})
    assert "Durand" not in str(caught.value)


def every_error() -> list[type[LedgerError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LedgerError)][1:]


@pytest.mark.parametrize("error", every_error())
def test_every_error_is_declared_and_survives_its_way_through_prefect(error):
    raised = error(url="u", name="n")
    assert raised.text("fr")
    assert raised.todo("fr")
    back = pickle.loads(pickle.dumps(raised))  # noqa: S301
    assert (type(back), str(back), back.parameters) == (error, str(raised), raised.parameters)


def test_every_code_belongs_to_one_error():
    codes = [error.code for error in every_error()]
    assert len(codes) == len(set(codes)) > 10
