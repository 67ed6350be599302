"""Who may come in, and what an answer says to browsers (SEC-1, SEC-2)."""

from __future__ import annotations

import re
from ipaddress import ip_network

import httpx
import pytest
from consoles import NAME, PASSWORD, command, shop_installation
from starlette.responses import PlainTextResponse

from passerelle.console.app import PARTS
from passerelle.console.guard import Guard
from passerelle.console.limits import FailureLimit


def routes() -> list[tuple[str, str]]:
    found = [(route.path, method) for part in PARTS for route in part.router.routes for method in route.methods]
    assert len(found) > 30
    return found


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", "1", path)


def test_sec_1_every_page_but_the_door_asks_who_you_are(served):
    browser = served.browser()
    browser.page("/login")
    open_to_all = {"/login", "/health", "/run/{profile}/{task}", "/language"}
    for path, method in routes():
        if path in open_to_all:
            continue
        answer = browser.get(filled(path)) if method == "GET" else browser.submit(filled(path))
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/login"), (method, path)


def test_sec_1_no_form_is_taken_without_the_token_of_its_page(served):
    member = served.member()
    posts = [path for path, method in routes() if method == "POST" and not path.startswith("/run/")]
    assert len(posts) > 10
    for path in posts:
        for form in ({}, {"csrf": "0" * 64}, {"csrf": "é"}):
            assert member.post(filled(path), data=form).status_code == 403, path
    other = served.member()
    other.page("/access")
    assert member.post("/access/tokens", data={"csrf": other.csrf, "label": "x"}).status_code == 403
    assert served.ledger().access.tokens() == []


def test_sec_1_answers_say_what_browsers_must_not_do(served):
    member = served.member()
    for path in ("/", "/login", "/runs", "/nothing", "/static/style.css"):
        said = member.get(path).headers
        assert "default-src 'none'" in said["content-security-policy"]
        assert "frame-ancestors 'none'" in said["content-security-policy"]
        assert "unsafe" not in said["content-security-policy"]
        assert said["x-content-type-options"] == "nosniff"
        assert said["referrer-policy"] == "same-origin"
        assert "server" not in said
    assert member.get("/").headers["cache-control"] == "no-store"


def test_sec_1_pages_hold_no_script_or_style_of_their_own(served):
    for path in ("/", "/runs", "/start/test/orders", "/profiles/test", "/profiles/test/mappings/taxes", "/access"):
        text = served.member().page(path)
        assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)|javascript:|https?://", text) == [], (
            path
        )


def test_sec_1_the_session_is_not_for_scripts_and_ends(served):
    browser = served.browser()
    browser.page("/login")
    before = browser.cookies["passerelle_session"]
    cookie = browser.log_in(NAME, PASSWORD).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert browser.cookies["passerelle_session"] != before
    browser.page("/")
    token = browser.cookies["passerelle_session"]
    assert browser.submit("/logout").headers["location"] == "/login"
    assert served.browser(cookie=f"passerelle_session={token}").get("/").status_code == 303


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil.example", "/\n/evil.example"])
def test_sec_1_the_login_leads_nowhere_else(served, after):
    assert served.browser().log_in(NAME, PASSWORD, after).headers["location"] == "/"


def test_sec_1_after_the_login_one_is_where_one_wanted_to_be(served):
    answer = served.browser().get("/runs?state=failed")
    assert answer.headers["location"] == "/login?after=%2Fruns%3Fstate%3Dfailed"
    assert served.browser().log_in(NAME, PASSWORD, "/runs?state=failed").headers["location"] == "/runs?state=failed"


def test_sec_1_who_fails_too_often_waits_even_with_the_right_password(own, caplog):
    browser = own.browser()
    assert [browser.log_in(NAME, f"wrong password {n}").status_code for n in range(5)] == [401] * 5
    answer = browser.log_in(NAME, PASSWORD)
    assert answer.status_code == 429
    assert "attendez 15 minute(s)" in answer.text
    assert caplog.messages == ["a login from 127.0.0.1 was refused"] * 5


def test_sec_1_a_failure_counts_for_its_time_only():
    clock = [0.0]
    limit = FailureLimit(2, 10, lambda: clock[0])
    limit.failed("a")
    assert limit.wait("a") == 0
    clock[0] = 4
    limit.failed("a")
    assert (limit.wait("a"), limit.wait("b")) == (7, 0)
    clock[0] = 10
    assert limit.wait("a") == 0
    limit.failed("a")
    limit.succeeded("a")
    assert limit.wait("a") == 0


class TestSec1Guard:
    """Answers with who asked, by what, so that the guard's word can be read."""

    @staticmethod
    async def asked(headers=None, *, peer="192.0.2.1", hosts=(), addresses=(), proxies=(), **request):
        async def echo(scope, receive, send):
            body = b""
            while (message := await receive())["type"] == "http.request":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            text = f"{scope['client'][0]} {scope['scheme']} {len(body)} {message['type']}"
            await PlainTextResponse(text)(scope, receive, send)

        networks = [tuple(ip_network(one) for one in given) for given in (addresses, proxies)]
        transport = httpx.ASGITransport(Guard(echo, hosts, *networks), client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://console.example") as client:
            return await client.post("/", headers=headers or {}, **request)

    def ask(self, *given, **options):
        import asyncio

        return asyncio.run(self.asked(*given, **options))

    @pytest.mark.parametrize(
        ("peer", "headers", "told"),
        [
            ("192.0.2.1", {"x-forwarded-for": "10.9.9.9", "x-forwarded-proto": "https"}, "192.0.2.1 http"),
            ("10.0.0.1", {"x-forwarded-for": "203.0.113.5", "x-forwarded-proto": "https"}, "203.0.113.5 https"),
            ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 203.0.113.5, 10.0.0.2"}, "203.0.113.5 http"),
            ("10.0.0.1", {"x-forwarded-for": "not an address"}, "not an address http"),
            ("10.0.0.1", {"x-forwarded-proto": "gopher"}, "10.0.0.1 http"),
            ("10.0.0.1", {}, "10.0.0.1 http"),
        ],
    )
    def test_only_trusted_proxies_say_who_asks(self, peer, headers, told):
        assert self.ask(headers, peer=peer, proxies=["10.0.0.0/8"]).text.startswith(told)

    @pytest.mark.parametrize(
        ("peer", "headers", "status"),
        [
            ("192.0.2.1", {}, 200),
            ("::ffff:192.0.2.1", {}, 200),
            ("198.51.100.1", {}, 403),
            ("198.51.100.1", {"x-forwarded-for": "192.0.2.1"}, 403),
            ("10.0.0.1", {"x-forwarded-for": "192.0.2.1"}, 200),
            ("10.0.0.1", {"x-forwarded-for": "nonsense"}, 403),
        ],
    )
    def test_only_addresses_of_the_list_are_answered(self, peer, headers, status):
        answer = self.ask(headers, peer=peer, addresses=["192.0.2.0/24"], proxies=["10.0.0.0/8"])
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        ("host", "status"),
        [("console.example", 200), ("CONSOLE.example:4280", 200), ("evil.example", 421), ("", 421), ("[::1]:1", 421)],
    )
    def test_only_names_of_the_list_are_answered(self, host, status):
        assert self.ask({"host": host}, hosts=["console.example"]).status_code == status

    def test_a_body_has_a_limit_said_or_not(self):
        large = b"x" * (1024 * 1024 + 1)
        assert self.ask(content=large).status_code == 413
        assert self.ask(content=large[:-1]).text.endswith("1048576 http.request")

        async def parts():
            for _ in range(3):
                yield large[: 512 * 1024]

        assert self.ask(content=parts()).text.endswith("1048576 http.disconnect")

    def test_tls_is_kept(self):
        answer = self.ask({"x-forwarded-proto": "https"}, peer="10.0.0.1", proxies=["10.0.0.0/8"])
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_sec_1_behind_a_proxy_the_cookie_is_for_tls_only(tmp_path, request):
    made = shop_installation(tmp_path, request.config.rootpath)
    options = ("--trusted-proxy=127.0.0.1", "--allow-host=shop.example", "--allow-ip=192.0.2.0/24")
    with command(made, *options) as served:
        by_proxy = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "host": "shop.example"}
        assert "; Secure" in served.browser(**by_proxy).get("/login").headers["set-cookie"]
        assert served.browser().get("/login").status_code == 403
        assert served.browser(**by_proxy | {"host": "evil.example"}).get("/login").status_code == 421


def test_sec_1_users_are_managed_by_command_and_page_alike(own):
    member = own.member()
    member.page("/access")
    assert member.submit("/access/users", name="bob", password="short").status_code == 400
    assert member.submit("/access/users", name="Bob!", password="long enough for all").status_code == 400
    assert member.submit("/access/users", name="bob", password="long enough for all").status_code == 303
    assert "existe déjà" in member.submit("/access/users", name="bob", password="long enough for all").text
    bob = own.browser()
    assert bob.log_in("bob", "long enough for all").status_code == 303
    assert member.submit("/access/users/bob/remove").status_code == 303
    assert bob.get("/").status_code == 303
    assert bob.log_in("bob", "long enough for all").status_code == 401
    assert [(one.action, one.record) for one in own.ledger().audit()][-2:] == [("add", "bob"), ("remove", "bob")]


def test_sec_1_a_new_password_logs_everybody_out(own):
    member, other = own.member(), own.member()
    member.page("/access")
    assert member.submit("/access/password", old="not this one!", new="another long password").status_code == 401
    assert member.submit("/access/password", old=PASSWORD, new="short").status_code == 400
    assert member.submit("/access/password", old=PASSWORD, new="another long password").status_code == 303
    assert other.get("/").status_code == member.get("/").status_code == 303
    assert own.browser().log_in(NAME, PASSWORD).status_code == 401
    assert own.browser().log_in(NAME, "another long password").status_code == 303


def test_sec_1_and_3_tokens_are_shown_once_and_kept_hashed(own):
    member = own.member()
    member.page("/access")
    shown = member.submit("/access/tokens", label="cron", profile="test").text
    token = re.search(r'<pre id="token">([^<]+)</pre>', shown)[1]
    assert len(token) == 43
    assert token not in member.page("/access")
    files = b"".join(file.read_bytes() for file in own.installation.state.glob("ledger.sqlite*"))
    assert token.encode() not in files
    assert PASSWORD.encode() not in files
    assert own.ledger().access.token_of(token, "test").label == "cron"
    assert own.ledger().access.token_of(token, "other") is None
    assert member.submit(f"/access/tokens/{own.ledger().access.tokens()[0].number}/remove").status_code == 303
    assert own.ledger().access.token_of(token, "test") is None
