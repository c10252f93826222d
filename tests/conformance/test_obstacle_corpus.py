"""80 real pages of news sites and blogs: the one that is a paywall is found, and no article is taken for a wall."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.extract.obstacle import Judgement, Received, judged
from muniment.model import Reason

# Read by hand: the page of the Volksstimme ends after three sentences, in "Möchten Sie weiterlesen?". The others were
# judged by what is found in them and by how long their text is.
WALLS = {"Volksstimme.ch-loehne.html": {Reason.PAYWALL}}
# These say that they are paid for, and their text is all there; or name another address, which is theirs.
NOTED = {
    "die-tagespost.de.Demut.html": {"schema.org:hasPart"},
    "losandes.com-mendoza.html": {"schema.org:hasPart"},
    "sciencesetavenir.fr.rumeur.html": {"schema.org:hasPart"},
    "Osthessen-news.de-Buergermeisterwahl.html": {"og:url"},
    "duengebehoerde-niedersachsen.de-Sperrfristen.html": {"og:url"},
    "dw.com.colonial.html": {"canonical", "og:url"},
    "ihrwebprofi.at.publikumsvoting.html": {"og:url"},
    "iwr.de.IWRpressedienst.Nordex.html": {"canonical"},
    "nationnews.com-tridents.html": {"canonical", "og:url"},
}
PLAYERS = {"gala.fr.surnom.html": 1}


@pytest.fixture(scope="module")
def pages(corpus: Path) -> Callable[..., dict[str, Judgement]]:
    """Give a function that judges all pages, as if each had been answered so."""
    expected = json.loads((corpus / "articles" / "expected.json").read_text(encoding="utf-8"))
    bodies = {
        known["file"]: (corpus / "articles" / "pages" / known["file"]).read_bytes() for known in expected.values()
    }
    urls = {
        known["file"]: url if "://" in url else f"https://pages.example/{known['file']}"
        for url, known in expected.items()
    }

    def all_of_them(*, status: int = 200, shown: str | None = None) -> dict[str, Judgement]:
        return {
            name: judged(body, Received(urls[name], urls[name], status, (), shown), charset=None)
            for name, body in bodies.items()
        }

    return all_of_them


@pytest.mark.timeout(120)
def test_the_walls_among_real_pages_are_found_and_no_article_is_taken_for_one(
    pages: Callable[..., dict[str, Judgement]],
) -> None:
    found = pages()
    assert len(found) == 80
    assert {name: set(told) for name, each in found.items() if (told := each.decisive())} == WALLS
    noted = {name: {one.signal for one in each.obstacles} for name, each in found.items() if each.obstacles}
    assert {name: signals for name, signals in noted.items() if name not in WALLS} == NOTED
    assert {name: len(each.players) for name, each in found.items() if each.players} == PLAYERS


@pytest.mark.timeout(120)
def test_a_veil_over_each_real_page_is_seen_where_a_browser_shows_nothing_but_it(
    pages: Callable[..., dict[str, Judgement]],
) -> None:
    veiled = pages(shown="Press & Hold to confirm you are a human")
    assert {name for name, each in veiled.items() if Reason.CHALLENGE not in each.decisive()} == set()
    hidden = pages(shown="Continue")
    assert {name for name, each in hidden.items() if not each.decisive()} == set()
