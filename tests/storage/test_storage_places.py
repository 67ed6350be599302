"""Places as people configure them, and their secrets (STO-2, SEC-3)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from storage_servers import PASSWORD, USER, Server, SftpServer, new_folder

from passerelle.storage import secrets
from passerelle.storage.errors import BadPlace
from passerelle.storage.local import LocalStorage
from passerelle.storage.place import Place
from passerelle.storage.places import BACKENDS, as_place, kind_of, open_place

FINGERPRINT = "SHA256:" + "aB3/+" * 8 + "xyz"


def made(url: str, **options: object) -> Place:
    return as_place({"url": url, **options})


URLS = [
    ("out/erp", "out/erp", None),
    ("/srv/été", "/srv/été", None),
    ("file:///srv/a%20b", "/srv/a b", None),
    ("file:out", "out", None),
    ("FILE://localhost/x", "/x", None),
    ("C:\\Echange\\EBP", "C:\\Echange\\EBP", None),
    ("ftp://host", "ftp://anonymous@host:21/", ("host", 21)),
    ("ftp://me@host/in/", "ftp://me@host:21/in", ("host", 21)),
    ("ftp://me@host:2121//srv/in", "ftp://me@host:2121//srv/in", ("host", 2121)),
    ("ftp://me@host//", "ftp://me@host:21//", ("host", 21)),
    ("ftp://host:21/in/a@b", "ftp://anonymous@host:21/in/a@b", ("host", 21)),
    ("ftp://me%40shop.fr@host/d%C3%A9p%C3%B4t", "ftp://me@shop.fr@host:21/dépôt", ("host", 21)),
    ("ftpes://me@host/in", "ftpes://me@host:21/in", ("host", 21)),
    ("ftps://me@host/in", "ftps://me@host:990/in", ("host", 990)),
    ("sftp://me@[::1]:22/in", "sftp://me@[::1]:22/in", ("::1", 22)),
    ("SFTP://me@Host/In", "sftp://me@host:22/In", ("host", 22)),
]


@pytest.mark.parametrize(("url", "name", "server"), URLS)
def test_sto_2_one_url_form_for_all(url: str, name: str, server: tuple[str, int] | None) -> None:
    place = as_place(url)
    assert (place.name, place.server) == (name, server)


CLOUDS = [
    {"url": "dropbox:/Photos/été", "app_key": "k", "refresh_token": "DROPBOX_TOKEN"},
    {"url": "dropbox:/", "app_key": "k", "refresh_token": "DROPBOX_TOKEN"},
    {"url": "pcloud:/Photos", "region": "eu", "access_token": "PCLOUD_TOKEN"},
    {"url": "cloudinary://demo/shop", "api_key": "1", "api_secret": "CLOUDINARY_SECRET"},
    {"url": "s3://bucket/in", "access_key_id": "A", "secret_access_key": "S3_SECRET"},
]


@pytest.mark.parametrize("table", CLOUDS, ids=lambda table: table["url"])
def test_sto_2_clouds_have_the_same_form(table: dict[str, str]) -> None:
    place = as_place(table)
    assert place.url == table["url"]
    assert place.name.startswith(table["url"])
    assert list(place.secret_names.values()) == [value for value in table.values() if value.isupper() and "_" in value]
    assert place.form.partition(":")[0] == table["url"].partition(":")[0]


def test_sto_2_every_scheme_has_its_kind() -> None:
    for scheme in BACKENDS:
        kind = kind_of(scheme)
        assert issubclass(kind, Place)
        assert kind.__doc__
        for option, field in kind.model_fields.items():
            assert field.description or option == "url", f"{kind.__name__}.{option} is not explained"


BAD_URLS = [
    "",
    "ftp://",
    "ftp:///in",
    "sftp://host/in",
    "ftp://me@host:port/in",
    "ftp://me@host:99999/in",
    "ftp://me@host/in?passive=pasv",
    "ftp://me@host/in#x",
    "ftp://me@host/../in",
    "ftp://me@host/in%0d%0aDELE x",
    "ftp://me%0d%0aPASS@host/in",
    "ftp://me@host/in\n",
    "ftp://[::1/in",
    "ftpes://me@host/../in",
    "ftps:///in",
    "http://host/in",
    "dropbox://host/in",
    "dropbox:/in/../out",
    "pcloud:/in?x",
    "s3:///in",
    "cloudinary:/in",
    "file://server/share",
    "file:///in?x",
    "file://",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_sto_2_a_wrong_url_is_refused_with_the_forms_that_are_right(url: str) -> None:
    with pytest.raises(BadPlace) as found:
        as_place(url)
    assert found.value.code == "storage-bad-url"
    assert "sftp://" in found.value.todo("fr")


WITH_PASSWORD = [
    "ftp://me:s3cret@host/in",
    "ftp://me:1234@host/in",
    "sftp://me:s3cr/et@host/in",
    "ftp://me:s3c#ret@host",
    "ftp://me:s3c?ret@host",
    "ftp://me:@host",
    "ftp://:s3cret@host",
    "ftp://me:s3c:ret@host:21/in",
    "ftp:me:s3cret@host",
    "ftp:/me:s3cret@host",
    "FTP://me:s3cret@host/in",
    "ftps://me:s3cret@host/in",
    "me:s3cret@host",
    "ftp://me:s3cret",
    "ftp://me@host:s3cret/in",
]


@pytest.mark.parametrize("url", WITH_PASSWORD)
def test_sto_2_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadPlace) as found:
        as_place(url)
    for text in (str(found.value), repr(found.value), found.value.text("fr"), found.value.todo("fr")):
        assert "s3c" not in text
        assert "1234" not in text
    if url.partition("://")[2].count("@") == 1 and not url.endswith("s3cret/in"):
        assert found.value.code == "storage-password-in-url"
        assert 'password = "' in found.value.todo("en")


@given(st.text().map(lambda text: f"§{text}§"))
def test_sto_2_no_password_whatever_is_in_it_gets_through(password: str) -> None:
    with pytest.raises(BadPlace) as found:
        as_place(f"ftp://me:{password}@host/in")
    assert password not in str(found.value)
    assert "§" not in repr(found.value) + found.value.text("fr") + found.value.todo("fr")


def test_sto_2_options_have_types_and_belong_to_their_kind() -> None:
    place = made("sftp://me@host", host_key_fingerprint=FINGERPRINT + "=", key_file="key", password="SFTP_PASSWORD")
    assert place.host_key_fingerprint == (FINGERPRINT,)
    assert made("sftp://me@host", host_key_fingerprint=[FINGERPRINT, FINGERPRINT]).host_key_fingerprint[1]
    for wrong in (
        {"attempts": 0},
        {"timeout_seconds": 0},
        {"data_connections": "loud"},
        {"colour": "red"},
        {"attempts": "x"},
    ):
        with pytest.raises(ValidationError):
            made("ftp://host", **wrong)
    for url, option in (
        ("ftp://host", {"key_file": "key"}),
        ("sftp://me@host", {"data_connections": "pasv"}),
        ("out", {"password": "FTP_PASSWORD"}),
        ("out", {"known_hosts": "known"}),
    ):
        with pytest.raises(BadPlace) as found:
            made(url, **option)
        assert found.value.code == "storage-option-of-other-kind"
        assert next(iter(option)) in found.value.text("fr")
    with pytest.raises(ValidationError):
        place.url = "other"
    for other in (place, made("out"), made("ftps://me@host/in")):
        assert as_place(json.loads(other.model_dump_json())) == other


@pytest.mark.parametrize("wrong", ["MD5:aa:bb", "SHA256:short", "aa:bb:cc", FINGERPRINT[7:]])
def test_sto_9_a_wrong_fingerprint_is_said(wrong: str) -> None:
    with pytest.raises(BadPlace) as found:
        made("sftp://me@host", host_key_fingerprint=wrong)
    assert found.value.code == "storage-bad-fingerprint"


@pytest.mark.parametrize("option", ["password", "key_passphrase"])
@pytest.mark.parametrize("wrong", ["s3cret!", "hunter2", "two words", "Pass_Word"])
def test_sto_2_a_secret_in_place_of_its_name_is_refused_and_not_repeated(option: str, wrong: str) -> None:
    with pytest.raises(BadPlace) as found:
        made("sftp://me@host", **{option: wrong})
    assert found.value.code == "storage-secret-name"
    assert wrong not in repr(found.value) + str(found.value)


def test_sto_2_a_relative_folder_is_the_profiles(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with open_place(made("out"), base_folder=tmp_path) as storage:
        storage.put("a.txt", b"a")
    with open_place(made("file:out"), base_folder=tmp_path) as storage:
        assert storage.read("a.txt") == b"a"
    with open_place(made((tmp_path / "out").as_uri()), base_folder=Path("/nowhere")) as storage:
        assert storage.read("a.txt") == b"a"
    assert (tmp_path / "out" / "a.txt").exists()


def test_sto_2_a_relative_folder_without_a_profile_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for url in (".", "~"):
        with open_place(made(url)) as storage:
            assert storage.list() == []
            assert isinstance(storage._inner, LocalStorage)


@pytest.fixture
def secrets_file(tmp_path: Path) -> Path:
    file = tmp_path / "secrets.toml"
    file.touch(mode=0o600)
    file.write_text(f'FTP_PASSWORD = "{PASSWORD}"\nNUMBER = 5\nEMPTY = ""\nTWO_LINES = "a\\nb"\n', encoding="utf-8")
    return file


def test_sto_2_an_ftp_place_is_opened(pyftpdlib: Server, secrets_file: Path) -> None:
    url = f"ftp://{USER}@127.0.0.1:{pyftpdlib.port}/{new_folder(pyftpdlib.folder)}"
    with open_place(made(url, password="FTP_PASSWORD"), secrets_file=secrets_file) as storage:
        assert storage.name == url
        assert storage.put("a", b"a").size == 1
    assert PASSWORD not in repr(storage) + repr(vars(storage._inner)) + repr(made(url, password="FTP_PASSWORD"))


def test_sto_2_an_sftp_place_is_opened(
    paramiko_server: SftpServer, secrets_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = paramiko_server
    url = f"sftp://{USER}@127.0.0.1:{server.port}/{new_folder(server.folder)}"
    (secrets_file.parent / "known").write_text(
        f"[127.0.0.1]:{server.port} {server.host_key.get_name()} {server.host_key.get_base64()}\n"
    )
    monkeypatch.setenv("FTP_PASSWORD", PASSWORD)
    for trusted in ({"known_hosts": "known"}, {"host_key_fingerprint": server.host_key.fingerprint}):
        place = made(url, password="FTP_PASSWORD", **trusted)
        with open_place(place, base_folder=secrets_file.parent, secrets_file=Path("/nowhere")) as storage:
            assert storage.put("a", b"a").size == 1


def test_sto_9_without_an_option_the_users_known_hosts_is_read(
    paramiko_server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = paramiko_server
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(
        f"[127.0.0.1]:{server.port} {server.host_key.get_name()} {server.host_key.get_base64()}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FTP_PASSWORD", PASSWORD)
    with open_place(made(f"sftp://{USER}@127.0.0.1:{server.port}", password="FTP_PASSWORD")):
        pass


def test_sec_3_the_environment_comes_before_the_file(secrets_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets.resolve("FTP_PASSWORD", file=secrets_file).get_secret_value() == PASSWORD
    monkeypatch.setenv("FTP_PASSWORD", "from the environment")
    value = secrets.resolve("FTP_PASSWORD", file=secrets_file)
    assert value.get_secret_value() == "from the environment"
    assert "environment" not in f"{value} {value!r}"


def test_sec_3_the_file_is_found(secrets_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSERELLE_SECRETS", str(secrets_file))
    assert secrets.resolve("FTP_PASSWORD").get_secret_value() == PASSWORD
    monkeypatch.delenv("PASSERELLE_SECRETS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert secrets.secrets_file() == tmp_path / "config" / "passerelle" / "secrets.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert secrets.secrets_file() == tmp_path / ".config" / "passerelle" / "secrets.toml"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_sec_3_a_file_that_others_may_read_or_write_is_not_used(secrets_file: Path, mode: int) -> None:
    secrets_file.chmod(mode)
    with pytest.raises(BadPlace) as found:
        secrets.resolve("FTP_PASSWORD", file=secrets_file)
    assert found.value.code == "storage-secrets-exposed"
    assert f"chmod 600 {secrets_file}" in found.value.todo("fr")


def test_sto_2_a_secret_may_come_from_elsewhere_last_of_all(secrets_file: Path) -> None:
    elsewhere = {"FTP_PASSWORD": "from elsewhere", "OTHER": "other"}
    with secrets.also_from(elsewhere.get):
        assert secrets.resolve("FTP_PASSWORD", file=secrets_file).get_secret_value() == PASSWORD
        assert secrets.resolve("OTHER", file=secrets_file).get_secret_value() == "other"
        with pytest.raises(BadPlace):
            secrets.resolve("MISSING", file=secrets_file)
    with pytest.raises(BadPlace):
        secrets.resolve("OTHER", file=secrets_file)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("MISSING", "storage-secret-missing"),
        ("NUMBER", "storage-secret-missing"),
        ("EMPTY", "storage-secret-broken"),
        ("TWO_LINES", "storage-secret-broken"),
        ("lower", "storage-secret-name"),
    ],
)
def test_sec_3_what_is_no_secret_is_said(secrets_file: Path, name: str, code: str) -> None:
    with pytest.raises(BadPlace) as found:
        secrets.resolve(name, file=secrets_file)
    assert found.value.code == code
    assert PASSWORD not in str(found.value)
    if code == "storage-secret-missing":
        assert str(secrets_file) in found.value.todo("fr")


@pytest.mark.parametrize("content", ['FTP_PASSWORD = "s3cret', "s3cret", "FTP_PASSWORD = s3cret", b"\xff\xfes3cret"])
def test_sec_3_a_broken_file_is_said_without_what_it_holds(secrets_file: Path, content: str | bytes) -> None:
    secrets_file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadPlace) as found:
        secrets.resolve("FTP_PASSWORD", file=secrets_file)
    assert found.value.code == "storage-secrets-unreadable"
    assert "s3cret" not in str(found.value) + repr(found.value) + repr(found.value.__cause__)


def test_sec_3_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadPlace) as found:
        secrets.resolve("FTP_PASSWORD", file=tmp_path / "none")
    assert found.value.code == "storage-secret-missing"
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(BadPlace) as found:
        secrets.resolve("FTP_PASSWORD", file=tmp_path / "folder")
    assert found.value.code == "storage-secrets-unreadable"


def test_sec_3_a_value_that_stands_in_every_text_is_no_secret_to_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "qzj")
    monkeypatch.setenv("LONG", "qzj-s3cret")
    for name in ("SHORT", "LONG"):
        secrets.resolve(name)
    assert {"qzj", "qzj-s3cret"} & secrets.resolved() == {"qzj-s3cret"}
    assert secrets.masked("qzj qzj-s3cret") == "qzj ***"
