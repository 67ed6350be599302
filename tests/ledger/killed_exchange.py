"""A small exchange from start to end, killed for real at each of its steps in turn.

    python killed_exchange.py FOLDER

makes, for every step n, a copy of FOLDER/ledger.db in FOLDER/n and a process that exchanges there and kills itself
before its n-th step; it prints how many steps there are. A step is a statement that changes the ledger, a commit, or a
file written to the place.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from ledger_makers import accounts, effects, records

from passerelle import outcome
from passerelle.ledger import outbox
from passerelle.ledger.entries import Parcel, Prepared
from passerelle.ledger.ledger import Ledger

CHANGES = ("INSERT", "UPDATE", "DELETE")
ORDERS = ("shop/1", "shop/2", "shop/3")


def exchange(home: Path, step: Callable[[], None] = lambda: None) -> None:
    """Do what a nightly run does: finish what is unfinished, then read and send what is new, then tell the shop."""
    with Ledger.open(f"sqlite:///{home / 'ledger.db'}") as ledger:
        engine = ledger._database._writing
        sa.event.listen(engine, "commit", lambda _: step())
        sa.event.listen(engine, "before_cursor_execute", lambda *told: told[2].startswith(CHANGES) and step())
        with ledger.lease("demo", "orders", "night"):
            _finish(ledger, home, step)
            run = ledger.start_run("demo", "orders")
            known = set(ledger.exchanged("demo", "order")["record_key"])
            new = [order for order in ORDERS if order not in known]
            if new:
                ledger.prepare(run, _prepared(home, run, new, step))
                _finish(ledger, home, step)
            else:
                ledger.finish_run(run, "nothing_to_do")


def _prepared(home: Path, run: str, new: list[str], step: Callable[[], None]) -> Prepared:
    data = "\n".join(new).encode()
    delivery = outbox.delivery_id(run, {"orders.txt": data})
    step()
    stored = outbox.store(home / "outbox", delivery, "orders.txt", data)
    return Prepared(
        outcomes=outcome.said("delivery-abandoned", ["shop/9"], record_type="order", stage="map"),
        parcel=Parcel(delivery, "file:place", files=(stored,)),
        records=records(*new),
        accounts=accounts(**{f"c{order[-1]}": f"P{order[-1]}" for order in new}),
        effects=effects(**{f"o{order[-1]}": "sent" for order in new}),
    )


def _finish(ledger: Ledger, home: Path, step: Callable[[], None]) -> None:
    for delivery in ledger.unfinished("demo"):
        for file in delivery.files:
            step()
            (home / "place" / f"{delivery.delivery_id}-{file.name}").write_bytes(outbox.read(file))
        step()
        ledger.delivered(delivery.delivery_id)
    for effect in ledger.pending_effects("demo").itertuples():
        step()
        (home / "shop" / effect.record_key.replace("/", "-")).write_text(effect.value)
        ledger.effects_done([effect.effect])


def _kill_at(step: int) -> Callable[[], None]:
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def made(folder: Path, template: Path) -> Path:
    for name in ("place", "shop"):
        (folder / name).mkdir(parents=True)
    shutil.copy(template, folder / "ledger.db")
    return folder


def main(folder: Path) -> None:
    exchange(made(folder / "0", folder / "ledger.db"))  # what is imported and compiled now, the children have
    step = 0
    killed = True
    while killed:
        step += 1
        home = made(folder / str(step), folder / "ledger.db")
        child = os.fork()
        if not child:
            exchange(home, _kill_at(step))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        if not killed and status:
            sys.exit("the exchange failed by itself")
    print(step - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
