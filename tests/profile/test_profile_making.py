"""Making, copying and deleting profiles."""

from __future__ import annotations

import re
import tomllib

import pytest
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.profile.loader import ProfileError, load, names
from passerelle.profile.making import ASKED, NewProfile, NewShop, duplicate, make, pause, text_of
from passerelle.profile.settings import Profile
from passerelle.profile.workbook import read_mappings

BOTH = NewProfile(
    "new",
    "fr",
    (NewShop("fr", "prestashop", "exports/fr", "to-fr", ASKED), NewShop("de", "woocommerce", "exports/de")),
    "sftp://erp@erp.example/in",
    label="Une « boutique »",
)


def test_pro_2_a_new_profile_loads_and_says_what_was_asked(tmp_path):
    path = make(BOTH, tmp_path)
    profile = load("new", profiles_folder=tmp_path).profile
    assert (profile.label, profile.language, profile.delivery.place.url) == (BOTH.label, "fr", BOTH.delivery)
    assert [(shop.name, shop.platform) for shop in profile.shops] == [("fr", "prestashop"), ("de", "woocommerce")]
    first, second = profile.shops
    assert all([first.articles, first.stock, first.prices, first.images, first.accounts, first.statuses])
    assert (second.stock, second.delivery) == (None, None)
    assert profile.erp.extracts.prices == path.parent / "extracts" / "Tarifs.txt"
    assert read_mappings(profile.mappings)[0]["statuses"].empty


def test_pro_2_every_setting_that_was_not_asked_stands_there_with_its_default_and_can_be_switched_on(tmp_path):
    """Without their marks the comments that are settings make the same profile, but for those that have no default."""
    text = text_of(BOTH)
    switched = re.sub(r'(?m)^# (\w+ = (?!"").+)$', r"\1", text)
    plain, all_of_it = (Profile.model_validate(tomllib.loads(one)) for one in (text, switched))
    assert all_of_it == plain
    assert text.count("\n# ") > 300
    assert '\n# orders = ""\n' in text


def test_pro_2_a_name_that_is_taken_or_wrong_leaves_nothing_behind(tmp_path):
    make(BOTH, tmp_path)
    for wrong, code in (("new", "profile-exists"), ("a b", "profile-bad-name")):
        with pytest.raises(ProfileError) as error:
            make(NewProfile(wrong, "fr", BOTH.shops, "out"), tmp_path)
        assert set(error.value.problems["code"]) == {code}
    assert names(tmp_path) == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("line", ["", "paused = false  # until the stocktaking", '  "paused"=false', "paused = true"])
def test_pro_4_pausing_changes_one_line_of_what_was_typed(tmp_path, line, end):
    path = make(BOTH, tmp_path)
    text = path.read_text(encoding="utf-8").replace('label = "', f'{line}\nlabel = "', 1).replace("\n", end)
    path.write_text(text, encoding="utf-8", newline="")
    for paused in (True, True, False):
        assert pause("new", tmp_path, paused=paused) == path
        written = path.read_bytes().decode()
        assert tomllib.loads(written) == {**tomllib.loads(text), "paused": paused}
        assert load(path).profile.paused is paused
        before, after = text.splitlines(keepends=True), written.splitlines(keepends=True)
        assert len([one for one in after if one not in before]) <= 1
        assert len(after) == len(before) + (not line)
        assert "# until" not in line or "# until the stocktaking" in written
    assert [one.name for one in path.parent.iterdir() if one.name.endswith(".part")] == []


def test_pro_2_a_copy_has_its_own_name_and_mappings(tmp_path):
    make(BOTH, tmp_path)
    path = duplicate("new", "other", tmp_path)
    copy, first = load("other", profiles_folder=tmp_path).profile, load("new", profiles_folder=tmp_path).profile
    assert copy.name == "other"
    assert path.read_text().replace('name = "other"', 'name = "new"') == text_of(BOTH)
    assert copy.mappings.read_bytes() == first.mappings.read_bytes()
    with pytest.raises(ProfileError):
        duplicate("new", "other", tmp_path)


def test_pro_2_the_commands_ask_make_copy_and_delete_what_is_the_profiles_alone(tmp_path):
    def command(*arguments: str, given: str = "", code: int = 0) -> str:
        folders = ["--profiles", str(tmp_path), "--state", str(tmp_path / "var")]
        ended = CliRunner(env={"PASSERELLE_LANG": "en"}).invoke(app, [*folders, "profile", *arguments], input=given)
        assert ended.exit_code == code, ended.output
        return ended.output

    said = command("new", given="mine\nin\nout\nArticles.txt\nClients.txt\nECART\nMy shop\nfr=shopify\nstocks\n")
    assert "Profile mine: " in said
    profile = load("mine", profiles_folder=tmp_path).profile
    assert (profile.label, profile.shops[0].platform, profile.shops[0].stock is None) == ("My shop", "shopify", False)
    assert (profile.erp.extracts.customers.name, profile.orders.special_articles.rounding) == ("Clients.txt", "ECART")
    assert {path.name for path in (tmp_path / "mine").iterdir() if path.is_dir()} == {"in", "out", "extracts", "to-fr"}
    assert "known: prestashop" in command("new", "x", "--shop", "fr=amazon", "--yes", code=2)
    assert "is there already" in command("new", "mine", "--yes", code=2)
    command("duplicate", "mine", "yours")
    (tmp_path / "mine" / "Articles.txt").write_text("the ERP's")
    command("delete", "mine", given="n\n", code=1)
    assert "profile.toml" in command("delete", "mine", "--yes")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["Articles.txt"]
    command("delete", "yours", "--yes")
    assert names(tmp_path) == []
    assert not (tmp_path / "yours").exists()
