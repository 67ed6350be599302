"""Images to a shop: night after night only what is new; a bad one does not stop the others."""

from __future__ import annotations

import os
import signal
import time

import pytest
from image_shops import codes, photo, put, put_at, rows, run, sent, shop, told
from killed import IMAGE_STEPS as STEPS
from killed import run_killed
from stock_shops import home, leave

from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.images import DOCUMENTS, IMAGES
from passerelle.storage.errors import StorageError
from passerelle.storage.local import LocalStorage


@pytest.fixture
def fetched(monkeypatch) -> list[str]:
    """Note which files are fetched from the place where images are collected."""
    noted: list[str] = []
    real = LocalStorage.get_files

    def get_files(self, files, **options):
        if self.name.endswith("photos"):
            noted.extend(sorted(file.path for file in files))
        return real(self, files, **options)

    monkeypatch.setattr(LocalStorage, "get_files", get_files)
    return noted


def test_img_3_night_two_fetches_and_sends_only_what_has_changed(tmp_path, fetched):
    at = shop(tmp_path, "A", "B", "C")
    put(at, A__2=photo(2), A__10=photo(10), A__1=photo(1), B__1=photo(3))
    first = run(at)
    assert (first.state, first.read, first.written, first.ignored) == ("delivered", 3, 2, 1)
    assert codes(first) == {"article-file-none": 1}
    assert told(at) == {"A": [photo(1), photo(2), photo(10)], "B": [photo(3)]}
    assert fetched == ["A/1.jpg", "A/10.jpg", "A/2.jpg", "B/1.jpg"]

    fetched.clear()
    assert run(at).state == "nothing-to-do"
    assert fetched == []

    before = sent(at)
    put(at, A__2=photo(22), C__1=photo(5))
    second = run(at)
    assert (second.written, codes(second)) == (2, {"article-file-unchanged": 1})
    assert fetched == ["A/2.jpg", "C/1.jpg"]
    assert len(sent(at) - before) == 2
    assert before <= sent(at), "what the shop may still be fetching stays"
    assert told(at) == {"A": [photo(1), photo(22), photo(10)], "C": [photo(5)]}

    # Another order is told without sending any image again.
    for old, new in (("10", "0"), ("1", "10")):
        (home(at) / "photos" / "A" / f"{old}.jpg").rename(home(at) / "photos" / "A" / f"{new}.jpg")
    before = sent(at)
    assert run(at).written == 1
    assert sent(at) == before
    assert told(at) == {"A": [photo(10), photo(22), photo(1)]}


def test_img_3_a_touched_file_is_fetched_once_and_told_to_nobody(tmp_path, fetched):
    at = shop(tmp_path, "A")
    put(at, A__1=photo(1))
    run(at)
    put(at, A__1=photo(1))  # the same content at another time
    fetched.clear()
    assert [run(at).state for _ in range(2)] == ["nothing-to-do"] * 2
    assert fetched == ["A/1.jpg"]


NIGHTS = ({"A": [1, 2], "B": [3]}, {"A": [1, 4], "B": [3]}, {"A": [1, 4], "B": [3, 5]})


def lay(at, night: dict[str, list[int]]) -> None:
    for article, shades in night.items():
        for number, shade in enumerate(shades, 1):
            put_at(at, f"{article}/{number}.jpg", photo(shade))


@pytest.mark.parametrize(("lost", "full", "sent"), [(None, False, [2, 1, 1]), (1, False, [2, 2]), (1, True, [2, 2])])
def test_img_3_a_lost_night_is_caught_up_and_a_full_run_ends_in_the_same_state(tmp_path, lost, full, sent):
    at = shop(tmp_path, "A", "B")
    counts, seen = [], {}
    for night, laid in enumerate(NIGHTS):
        if night != lost:
            lay(at, laid)
            counts.append(run(at, full=full and night == 2).written)
            seen |= told(at)
    assert counts == sent
    assert seen == {"A": [photo(1), photo(4)], "B": [photo(3), photo(5)]}
    assert run(at).written == 0
    # A place that was emptied is filled again.
    for image in (home(at) / "out-a" / "images").iterdir():
        image.unlink()
    assert run(at, full=True).written == 2
    assert told(at) == seen


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(":")[2])
def test_img_3_rel_1_killed_anywhere_and_run_again_tells_each_article_once(tmp_path, step, moment):
    at = shop(tmp_path, "A", "B")
    lay(at, NIGHTS[0])
    run(at)
    seen = told(at)
    lay(at, NIGHTS[1])
    assert run_killed(at, step, moment, IMAGES, "a") == -signal.SIGKILL
    lay(at, NIGHTS[2])
    run(at)
    assert seen | told(at) == {"A": [photo(1), photo(4)], "B": [photo(3), photo(5)]}
    assert run(at).state == "nothing-to-do"
    assert len(sent(at)) == 5
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.unfinished("test") == []


def test_rel_1_what_a_killed_run_was_making_is_gone_a_day_later(tmp_path):
    at = shop(tmp_path, "A")
    put(at, A__1=photo(1))
    for name, age in (("fresh", 3600), ("old", 25 * 3600)):
        left = at.state / f"workshop-{name}"
        left.mkdir(parents=True)
        (left / "000001.jpg").write_bytes(b"half")
        os.utime(left, (time.time() - age,) * 2)
    run(at)
    assert [left.name for left in at.state.glob("workshop*")] == ["workshop-fresh"]
    assert [file.suffix for file in (at.state / "outbox").rglob("*") if file.is_file()] == [".csv"]


def test_img_3_the_table_is_not_there_before_all_its_images(tmp_path):
    """The shop's place takes nothing any more after one image: no table; the next run sends the same and goes on."""
    at = shop(tmp_path, "A")
    put(at, A__1=photo(1), A__2=photo(2))
    blocked = home(at) / "out-a" / "images"
    blocked.write_bytes(b"no folder")
    with pytest.raises(StorageError):
        run(at)
    assert rows(at) == []
    blocked.unlink()
    summary = run(at)
    assert (summary.state, len(summary.earlier)) == ("nothing-to-do", 1)
    assert told(at) == {"A": [photo(1), photo(2)]}


def test_img_4_a_bad_image_is_said_and_the_article_goes_on_with_the_others(tmp_path, fetched):
    at = shop(tmp_path, "A", "B", "C", options="max_side = 20\nmax_source_bytes = 5000")
    put(at, A__1=b"", A__2=photo(2)[:-200], A__3=photo(3), B__1=b"<svg/>", C__1=bytes(6000))
    put_at(at, "A/4.webp", photo(4, "WEBP"))
    put_at(at, "C/2.bmp", b"hello")
    put_at(at, "C/3.gif", photo(6, "GIF", save_all=True, append_images=[]))
    first = run(at)
    assert (first.written, first.failed, first.exit_code) == (2, 1, 3)
    assert codes(first) == {
        "article-file-empty": 1,
        "image-damaged": 1,
        "image-svg": 1,
        "article-file-none-good": 1,
        "article-file-too-large": 1,
        "image-unreadable": 1,
    }
    images = told(at)
    assert [len(images[article]) for article in "AC"] == [2, 1]
    assert all(image[:3] in {b"\xff\xd8\xff", b"GIF"} for image in [*images["A"], *images["C"]])
    assert "C/1.jpg" not in fetched
    assert "A/1.jpg" not in fetched
    # What is known to be bad is said again, but not fetched again.
    fetched.clear()
    second = run(at)
    assert (second.state, second.exit_code, fetched) == ("nothing-to-do", 3, [])
    assert codes(second) == codes(first) | {"article-file-unchanged": 2}
    put(at, B__1=photo(8))
    assert run(at).written == 1


def test_img_4_an_article_keeps_what_the_shop_has_when_its_images_are_gone(tmp_path):
    at = shop(tmp_path, "A", "B")
    put(at, A__1=photo(1), A__2=photo(2), B__1=photo(3))
    run(at)
    told(at)
    for path in ("A/2.jpg", "B/1.jpg"):
        (home(at) / "photos" / path).unlink()
    summary = run(at)
    assert (summary.written, codes(summary)) == (1, {"article-file-none": 1})
    assert told(at) == {"A": [photo(1)]}
    (home(at) / "photos" / "A" / "1.jpg").unlink()
    with pytest.raises(RunError) as error:  # an emptied place is more likely a wrong one
        run(at)
    assert error.value.code == "run-no-files"


def test_img_2_reports_say_what_has_no_image_and_what_is_nobodys(tmp_path):
    at = shop(tmp_path, "A", "B", "ÉTÉ 01", "x" * 300)
    put_at(at, "été 01/1.jpg", photo(1))
    put_at(at, "D/1.jpg", photo(2))
    put_at(at, "A/notes.txt", b"-")
    put(at, A__1=photo(3))
    summary = run(at)
    assert codes(summary) == {
        "article-file-near-miss": 1,
        "cell-too-long": 1,
        "article-file-none": 1,
        "article-file-without-article": 1,
    }
    home_of_run = at.run_folder(summary.run_id)
    without = (home_of_run / "without-files.csv").read_text("utf-8-sig").splitlines()
    assert without[:3] == ["article;label", "B;Article B", "ÉTÉ 01;Article ÉTÉ 01"]
    assert (home_of_run / "unused-files.csv").read_text("utf-8-sig").splitlines()[1:] == [
        "A/notes.txt;article-file-other-kind",
        "D/1.jpg;article-file-without-article",
        "été 01/1.jpg;article-file-without-article",
    ]
    [near] = [line for line in (home_of_run / "rejects.csv").read_text("utf-8-sig").splitlines() if "near-miss" in line]
    assert "« été 01 » existe" in near
    assert "“ÉTÉ 01”" in near


@pytest.mark.parametrize("reference", ["../../etc/x", "CON", "a/b", "ÉTÉ 01 ", "=a", "{0}%s"])
def test_img_2_a_hostile_reference_does_no_harm(tmp_path, reference):
    from passerelle.exchange.file_names import escaped

    at = shop(tmp_path, reference)
    put_at(at, f"{escaped(reference)}/1.jpg", photo(1))
    assert run(at).written == 1
    assert told(at) == {reference: [photo(1)]}
    everything = {path.name for path in tmp_path.rglob("*")}
    assert not everything & {"etc", "CON", "b"}


def test_img_1_images_are_named_in_the_extract_too(tmp_path):
    at = shop(tmp_path, "A", options='column = "Photos"\nby_folder = false\nfolder = "web"')
    header = "Code article;Libellé;Publié sur le web;Photos"
    leave(at, "articles.csv", f'{header}\r\nA;Bol;1;"vues\\dos.jpg;absent.jpg"\r\nB;Pot;1;\r\n'.encode("cp1252"))
    for path, shade in {"web/A.jpg": 1, "web/A_2.jpg": 2, "web/vues/dos.jpg": 3, "B.jpg": 4}.items():
        put_at(at, path, photo(shade))
    summary = run(at)
    assert told(at) == {"A": [photo(3), photo(1), photo(2)]}
    assert codes(summary) == {"article-file-named-not-there": 1, "article-file-none": 1}


def test_img_2_files_of_a_refused_article_are_not_taken_for_anothers_numbered_ones(tmp_path):
    at = shop(tmp_path, "TH", "TH-012", "TH-012", options="by_folder = false")
    put(at, TH=photo(1), **{"TH-012": photo(2), "TH-2": photo(3)})
    summary = run(at)
    assert codes(summary) == {"article-twice": 1}
    assert told(at) == {"TH": [photo(1), photo(3)]}


def test_pre_1_a_plan_says_old_and_new_and_is_applied_if_nothing_moves(tmp_path):
    at = shop(tmp_path, "A", "B")
    put(at, A__1=photo(1), A__2=photo(2))
    run(at)
    told(at)
    put(at, A__2=photo(3), B__1=photo(4))
    planned = run(at, plan=True)
    assert rows(at) == []
    shown = [(row.record, row.field, row.old[:2], row.new[:2]) for row in planned.plan_rows]
    assert shown == [("B", "", "", ""), ("A", "2", "a-", "a-")]
    assert run(at, apply=planned.plan).written == 2
    assert told(at) == {"A": [photo(1), photo(3)], "B": [photo(4)]}
    put(at, A__1=photo(5))
    planned = run(at, plan=True)
    put(at, A__1=photo(6))
    with pytest.raises(RunError) as error:
        run(at, apply=planned.plan)
    assert error.value.code == "run-plan-moved"


def test_doc_1_documents_go_as_images_do(tmp_path):
    pdf = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    at = shop(tmp_path, "A", "B", table="documents", options="max_bytes = 100")
    for path, data in {
        "A/notice 2.pdf": pdf + b"2",
        "A/notice 10.PDF": pdf + b"10",
        "A/photo.jpg": photo(1),
        "A/cut.pdf": pdf[:20],
        "A/not.pdf": b"GIF89a",
        "B/large.pdf": pdf + bytes(200),
    }.items():
        put_at(at, path, data)
    summary = run(at, DOCUMENTS)
    assert (summary.written, summary.failed) == (1, 1)
    assert codes(summary) == {"document-not-pdf": 2, "article-file-too-large": 1, "article-file-none-good": 1}
    found = rows(at, "documents")
    assert [(row["reference"], row["position"]) for row in found] == [("A", "1"), ("A", "2")]
    files = [home(at) / "out-a" / row["url"].partition("/import/")[2] for row in found]
    assert [file.read_bytes() for file in files] == [pdf + b"2", pdf + b"10"]
    assert run(at, DOCUMENTS).state == "nothing-to-do"
