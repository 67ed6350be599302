"""Logging in to a cloud by the browser: a real HTTP client plays it, a server plays Dropbox."""

from __future__ import annotations

import os
import socket
import stat
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr
from standins.dropbox_api import APP_KEY, APP_SECRET, DropboxApi, limit_rate, refuse

from passerelle.storage import login, secrets
from passerelle.storage.dropbox import DropboxLogin, DropboxStorage
from passerelle.storage.errors import BadPlace, Denied, StorageError, Unreachable
from passerelle.storage.login import Grant, authorise


@pytest.fixture
def api() -> Iterator[DropboxApi]:
    with DropboxApi() as api:
        yield api


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "secrets.toml"


class Browser:
    """Follows an address as a user's browser does, beside the program."""

    def __init__(self, session: requests.Session, change: Callable[[str], str] = str) -> None:
        self._session = session
        self._change = change
        self.pages: list[requests.Response] = []

    def __call__(self, address: str) -> None:
        self._thread = threading.Thread(target=self._follow, args=(address,), daemon=True)
        self._thread.start()

    def _follow(self, address: str) -> None:
        first = self._session.get(address, allow_redirects=False)
        first.raise_for_status()
        self.pages.append(requests.get(self._change(first.headers["Location"]), timeout=10))

    def wait(self) -> None:
        self._thread.join(10)


def dropbox_login(api: DropboxApi, app_secret: str = "") -> DropboxLogin:
    secret = SecretStr(app_secret) if app_secret else None
    return DropboxLogin("dropbox:/Photos", "BOX_TOKEN", APP_KEY, secret, sessions=api.session)


def log_in(api: DropboxApi, file: Path, change: Callable[[str], str] = str) -> list[str]:
    shown: list[str] = []
    browser = Browser(api.session(), change)
    try:
        authorise(
            dropbox_login(api),
            show=shown.append,
            open_browser=browser,
            port=0,
            timeout_seconds=10,
            secrets_file=file,
        )
    finally:
        browser.wait()
    return shown


def test_sto_13_logging_in_stores_a_token_that_works(
    api: DropboxApi, file: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        [address] = log_in(api, file)
    asked = parse_qs(urlsplit(address).query)
    assert asked["token_access_type"] == ["offline"]
    assert asked["code_challenge_method"] == ["S256"]
    token = secrets.resolve("BOX_TOKEN", file=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = capfd.readouterr()
    for secret in (token.get_secret_value(), *api.access_tokens):
        assert secret not in written.out + written.err + caplog.text
    with DropboxStorage("dropbox:/", "", app_key=APP_KEY, refresh_token=token, sessions=api.session) as storage:
        assert storage.put("a.txt", b"a").size == 1


def test_sto_13_an_app_secret_may_be_given(api: DropboxApi, file: Path) -> None:
    browser = Browser(api.session())
    options = authorise(dropbox_login(api, APP_SECRET), show=str, open_browser=browser, port=0, secrets_file=file)
    browser.wait()
    assert options == {}
    assert APP_SECRET not in repr(dropbox_login(api, APP_SECRET))
    [page] = browser.pages
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "revenez à Passerelle" in page.content.decode()
    assert "go back to Passerelle" in page.text


def _refused(api: DropboxApi, file: Path, code: str, change: Callable[[str], str] = str) -> StorageError:
    with pytest.raises(StorageError) as found:
        log_in(api, file, change)
    assert (found.value.code, found.value.storage) == (code, "dropbox:/Photos")
    assert not file.exists()
    return found.value


def test_sto_13_a_user_who_refuses(api: DropboxApi, file: Path) -> None:
    api.consent = False
    error = _refused(api, file, "storage-login-cancelled")
    assert isinstance(error, Denied)
    assert error.detail == "The user chose not to give your app access"


@pytest.mark.parametrize(
    "state", ["state=x", "other=", "state=é", "state=&x="], ids=["wrong", "absent", "not ASCII", "empty"]
)
def test_sto_13_an_answer_to_another_question_is_refused(api: DropboxApi, file: Path, state: str) -> None:
    _refused(api, file, "storage-login-state", lambda url: url.replace("state=", state))
    assert "/oauth2/token" not in api.asked


def test_sto_13_a_code_that_is_not_taken(api: DropboxApi, file: Path) -> None:
    error = _refused(api, file, "storage-login-code", lambda url: url.replace("code=", "code=x"))
    assert error.detail == "code doesn't exist or has expired"


def test_sto_13_a_cloud_that_does_not_answer(api: DropboxApi, file: Path) -> None:
    for happen in (refuse(503, "oops"), limit_rate(3), lambda handler: handler.cut() or False):
        api.fail("/oauth2/token", happen)
        assert isinstance(_refused(api, file, "storage-unreachable"), Unreachable)
    api.fail("/oauth2/token", refuse(200, "<html>a proxy's page"))
    _refused(api, file, "storage-unexpected")


def test_sto_13_a_user_who_does_nothing(file: Path, api: DropboxApi) -> None:
    with pytest.raises(Denied) as found:
        authorise(dropbox_login(api), show=str, open_browser=str, port=0, timeout_seconds=0.01, secrets_file=file)
    assert found.value.code == "storage-login-timeout"


def test_sto_13_a_port_in_use_is_said(file: Path, api: DropboxApi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadPlace) as found:
            authorise(dropbox_login(api), show=str, open_browser=str, port=port, secrets_file=file)
    assert (found.value.code, found.value.detail) == ("storage-login-port", str(port))


def test_sto_13_only_the_answer_counts_and_nobody_blocks_it(api: DropboxApi, file: Path) -> None:
    seen: list[int] = []

    def noise(url: str) -> str:
        parts = urlsplit(url)
        silent = socket.create_connection(("127.0.0.1", parts.port or 0))  # as browsers open in advance
        base = f"http://127.0.0.1:{parts.port}"
        seen.extend(requests.get(f"{base}{path}", timeout=5).status_code for path in ("/favicon.ico?code=1", "/"))
        seen.append(requests.post(f"{base}/?code=1", timeout=5).status_code)
        silent.close()
        return url

    log_in(api, file, noise)
    assert seen == [404, 404, 501]
    assert secrets.resolve("BOX_TOKEN", file=file)


def test_sec_3_nobody_else_on_the_network_is_listened_to(file: Path, api: DropboxApi) -> None:
    with login._listening("x", 0) as (redirect, _):
        port = urlsplit(redirect).port or 0
        assert redirect == f"http://127.0.0.1:{port}/"
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass


@dataclass(frozen=True)
class Forgetful:
    """A cloud as pCloud: its answer may lack the state, and names the host that the token is good with."""

    name: str = "pcloud:/"
    secret_name: str = "CLOUD_TOKEN"
    returns_state: bool = False

    def authorize_url(self, redirect: str, state: str, challenge: str) -> str:
        return f"{redirect}?code=c&hostname=eapi.example.org&locationid=2"

    def grant(self, answer: Mapping[str, str], redirect: str, verifier: str) -> Grant:
        return Grant(SecretStr(f'"{answer["code"]}\\é'), {"host": answer["hostname"]})


def test_sto_13_a_cloud_may_drop_the_state_but_not_change_it(file: Path) -> None:
    def browse(address: str) -> None:
        requests.get(address, timeout=5)

    options = authorise(Forgetful(), show=str, open_browser=browse, port=0, secrets_file=file)
    assert options == {"host": "eapi.example.org"}
    assert secrets.resolve("CLOUD_TOKEN", file=file).get_secret_value() == '"c\\é'
    with pytest.raises(Denied) as found:
        authorise(
            Forgetful(),
            show=str,
            open_browser=lambda address: browse(f"{address}&state=other"),
            port=0,
            secrets_file=file,
        )
    assert found.value.code == "storage-login-state"


# Storing


def test_sec_3_other_lines_of_the_secrets_file_stay(file: Path) -> None:
    file.parent.mkdir()
    before = '# mine\r\nFTP_PASSWORD = "é#1"\r\nBOX_TOKEN = "old"  # Dropbox\r\nZ = "z"\n[table]\nx = 1'
    file.write_bytes(before.encode())
    file.chmod(0o600)
    secrets.store("BOX_TOKEN", SecretStr("new"), file=file)
    assert file.read_bytes().decode() == before.replace('BOX_TOKEN = "old"  # Dropbox\r\n', 'BOX_TOKEN = "new"\n')
    secrets.store("ANOTHER", SecretStr("more"), file=file)
    assert secrets.resolve("ANOTHER", file=file).get_secret_value() == "more"
    assert file.read_bytes().decode().endswith('Z = "z"\n[table]\nx = 1')
    assert [path.name for path in file.parent.iterdir()] == ["secrets.toml"]


@pytest.mark.parametrize("value", ['q"uo\\te', "é日😀", "'", "#x", "a = b"])
def test_sec_3_any_value_comes_back(file: Path, value: str) -> None:
    for _ in range(2):
        secrets.store("A_B1", SecretStr(value), file=file)
        assert secrets.resolve("A_B1", file=file).get_secret_value() == value
    assert len(tomllib.loads(file.read_text("utf-8"))) == 1


def test_sec_3_a_new_file_is_the_owners_alone(file: Path) -> None:
    old = os.umask(0)
    try:
        secrets.store("A", SecretStr("x"), file=file)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_sec_3_a_file_that_others_read_gets_no_secret(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("")
    file.chmod(0o644)
    with pytest.raises(BadPlace) as found:
        secrets.store("A", SecretStr("s3cr3t"), file=file)
    assert found.value.code == "storage-secrets-exposed"
    assert file.read_text() == ""


@pytest.mark.parametrize("text", ['A = """\nx\n"""\n', '[table]\nA = "x"\n', "A = \n"])
def test_sec_3_a_file_that_cannot_be_changed_for_sure_is_left_alone(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(BadPlace) as found:
        secrets.store("A", SecretStr("s3cr3t"), file=file)
    assert found.value.code == "storage-secrets-unreadable"
    assert "s3cr3t" not in str(found.value)
    assert file.read_text() == text


def test_sec_3_a_link_to_the_secrets_file_stays_one(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    secrets.store("A", SecretStr("x"), file=link)
    assert link.is_symlink()
    assert secrets.resolve("A", file=file).get_secret_value() == "x"


def test_sec_3_a_folder_that_cannot_be_written_is_said() -> None:
    with pytest.raises(BadPlace) as found:
        secrets.store("A", SecretStr("x"), file=Path("/proc/no such folder/secrets.toml"))  # not even by root
    assert found.value.code == "storage-secrets-unwritable"


@pytest.mark.parametrize("value", ["", "two\nlines"])
def test_sec_3_what_could_not_be_read_is_not_stored(file: Path, value: str) -> None:
    with pytest.raises(BadPlace) as found:
        secrets.store("A", SecretStr(value), file=file)
    assert found.value.code == "storage-secret-broken"


def test_sec_3_a_variable_that_goes_before_it_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", "older")
    secrets.store("TOKEN_OF_TEST", SecretStr("newer"), file=file)
    assert "TOKEN_OF_TEST" in caplog.text
    assert "newer" not in caplog.text
