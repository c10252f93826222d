"""Pages that are none, captured by the static engine: kept, listed with their evidence, and never called fetched."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import hostile
from conftest import make_archive, make_desk
from hostile import answer
from muniment import catalogue
from muniment.capture import commit
from muniment.message.url import Url
from muniment.rules import Limits, Rules
from muniment.verify import Trust, verify
from walls import CHALLENGE, FORM, LEAD, LONG, ld, obstacles

HTML = "Content-Type: text/html; charset=utf-8"
SEED = "/2024/05/the-long-report"
SHELL = "<!doctype html><title>News</title><div id=root></div><script src=/app.js></script>"


@dataclass(frozen=True, slots=True)
class Told:
    """A capture as its account tells it, and the metadata records of obstacles in it."""

    account: dict[str, Any]
    signs: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        return str(self.account["verdict"])

    def missing(self) -> dict[str, str]:
        """Return reason and detail of what stood before pages."""
        return {each["reason"]: each["detail"] for each in self.account["missing"] if each["reason"] != "http-4xx"}


def page(body: str, status: str = "200 OK", *fields: str) -> bytes:
    return answer(f"<!doctype html><title>The long report</title>{body}".encode(), status, HTML, *fields)


def captured(where: Path, route: Mapping[str, bytes | Callable[[], bytes]], **changed: object) -> Told:
    """Capture SEED of a site that answers as *route* says, and anything else with 404."""

    def found(target: str) -> bytes:
        known = route.get(target, answer(b"no", "404 Not Found"))
        return known if isinstance(known, bytes) else known()

    archive = make_archive(where)
    with hostile.Served(hostile.routing(found)) as served:
        url = Url.parse(served.url(SEED))
        rules = Rules(
            limits=Limits(delay=0),
            allow_net=("127.0.0.0/8",),
            resolve=(f"{url.host}=127.0.0.1:{url.port}",),
            dns=False,
            **changed,  # type: ignore[arg-type]
        )
        done = commit.capture(url, make_desk(archive, rules), stop=threading.Event(), said=lambda *_: None)
    assert [each for each in verify(archive.root, Trust.nobody()).findings if each.verdict == "fail"] == []
    return Told(catalogue.account(archive.root, done.id), obstacles(archive.root))


@pytest.mark.parametrize(
    ("body", "status", "verdict", "reason"),
    [
        (CHALLENGE, "200 OK", "blocked", "challenge"),
        (CHALLENGE, "403 Forbidden", "blocked", "challenge"),
        (f"<main>{FORM}</main>", "200 OK", "blocked", "login"),
        ("<h1>Page not found</h1>", "200 OK", "wrong-page", "soft-404"),
        (f"{ld(isAccessibleForFree=False)}{LEAD}", "200 OK", "partial", "paywall"),
        (SHELL, "200 OK", "partial", "empty"),
        (f"{LONG}<video class=player></video>", "200 OK", "partial", "empty"),
    ],
    ids=["challenge", "challenge-403", "login", "soft-404", "paywall", "shell", "player"],
)
def test_a_page_that_is_none_is_kept_and_listed_and_decides_the_verdict(
    tmp_path: Path, body: str, status: str, verdict: str, reason: str
) -> None:
    told = captured(
        tmp_path, {SEED: page(body, status), "/app.js": answer(b"", "200 OK", "Content-Type: text/javascript")}
    )
    assert told.verdict == verdict
    assert reason in told.missing()
    assert told.account["article"]["record_id"]  # what came is a record all the same
    [record] = told.signs
    assert record["signs"] or record["players"]


def test_an_article_with_a_login_in_its_header_and_a_guarded_form_for_comments_is_fetched(tmp_path: Path) -> None:
    told = captured(tmp_path, {SEED: page(f"<header>{FORM}</header>{LONG}<form><div class=h-captcha></div></form>")})
    assert (told.verdict, told.missing(), told.signs) == ("fetched", {}, [])


def test_a_redirect_to_a_login_or_to_the_front_page_is_not_the_page(tmp_path: Path) -> None:
    for name, target, verdict in (("a", "/login?next=1", "blocked"), ("b", "/", "wrong-page")):
        (tmp_path / name).mkdir()
        body = f"{FORM}<p>Welcome</p>" if name == "a" else LONG
        told = captured(tmp_path / name, {SEED: hostile.redirect(target), target: page(body)})
        assert told.verdict == verdict
        [detail] = told.missing().values()
        assert "(address)" in detail


def test_of_several_tries_the_last_one_says_what_the_page_is(tmp_path: Path) -> None:
    tries = iter([page(CHALLENGE, "503 Later", "Retry-After: 0"), page(LONG)])
    told = captured(tmp_path, {SEED: lambda: next(tries)})
    assert (told.verdict, told.missing()) == ("fetched", {})
    [record] = told.signs  # and the first is kept as evidence
    assert {each["reason"] for each in record["signs"]} == {"challenge"}


def test_a_player_whose_film_was_got_elsewhere_in_the_capture_lacks_nothing(tmp_path: Path) -> None:
    film = answer(b"\0\0\0\x18ftypmp42", "200 OK", "Content-Type: video/mp4")
    told = captured(
        tmp_path, {SEED: page(f"{LONG}<video></video><link rel=preload as=video href=/film.mp4>"), "/film.mp4": film}
    )
    assert (told.verdict, told.missing()) == ("fetched", {})


@pytest.mark.parametrize(
    ("body", "verdict", "reason"),
    [(CHALLENGE, "partial", "challenge"), ("<h1>Page not found</h1>", "fetched", "soft-404")],
)
def test_what_stands_before_a_cited_page_is_listed_and_weighs_as_its_status_would(
    tmp_path: Path, body: str, verdict: str, reason: str
) -> None:
    article = page(f"<article>{LONG}<p>As <a href=/cited>the register</a> has it.</p></article>")
    told = captured(tmp_path, {SEED: article, "/cited": page(body)}, cited=1)
    assert told.verdict == verdict
    assert list(told.missing()) == [reason]
    [listed] = [each for each in told.account["missing"] if each["reason"] == reason]
    assert listed["url"].endswith("/cited")
