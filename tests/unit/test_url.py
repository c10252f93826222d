"""What a URL means: judged by the cases of the WHATWG standard, and by what an archivist pastes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from muniment.errors import FormatError
from muniment.message.url import MAX_URL, Url, join, spoken

CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
CASES = CORPUS / "url" / "urltestdata.json"
PAGE = "https://news.example/2024/story.html"


def whole(url: Url) -> str:
    return url.href + ("" if url.fragment is None else "#" + url.fragment)


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    if not CASES.is_file():
        pytest.skip(f"the WHATWG cases are not here: {CASES}")
    return [case for case in json.loads(CASES.read_bytes()) if isinstance(case, dict)]


def test_every_whatwg_case_joins_to_the_standards_url_or_is_refused_by_name(cases: list[dict[str, Any]]) -> None:
    for case in (case for case in cases if case["base"]):
        try:
            url = join(case["base"], case["input"])
        except FormatError:
            assert case.get("failure"), case
            continue
        assert not case.get("failure"), (case, url)
        credentials = case["username"] or case["password"]
        assert credentials or whole(url) == case["href"], case
        # Where nothing stands before the @, host and port are as the standard has them.
        assert url.authority == case["host"]
        assert url.target.removesuffix("?") == (case["pathname"] + case["search"]).removesuffix("?")


def test_every_absolute_whatwg_case_parses_to_the_standards_url_unless_a_person_should_be_asked(
    cases: list[dict[str, Any]],
) -> None:
    asked = 0
    for case in (case for case in cases if case["base"] is None):
        try:
            url = Url.parse(case["input"])
        except FormatError:
            secret = case.get("username") or case.get("password")
            control = any(ord(c) < 32 or c == "\x7f" for c in case["input"].strip(" \t\r\n\f"))
            assert case.get("failure") or secret or control, case
            asked += 1
        else:
            assert not case.get("failure"), case
            assert whole(url) == case["href"]
    assert asked > 100


def test_no_joined_url_holds_a_user_name_or_a_password() -> None:
    url = join(PAGE, "//desk:secret@files.example:8443/a?b#c")
    assert url == Url(
        "https://files.example:8443/a?b", "c", "https", "files.example", 8443, "files.example:8443", "/a?b"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://EXAMPLE.org", Url("http://example.org/", None, "http", "example.org", 80, "example.org", "/")),
        ("  https://h/a b\n", Url("https://h/a%20b", None, "https", "h", 443, "h", "/a%20b")),
        ("http://[::1]:8080?", Url("http://[::1]:8080/?", None, "http", "::1", 8080, "[::1]:8080", "/?")),
        ("https://h:443/#", Url("https://h/", "", "https", "h", 443, "h", "/")),
        ("http://2130706433/", Url("http://127.0.0.1/", None, "http", "127.0.0.1", 80, "127.0.0.1", "/")),
        ("http://münchen.example/", Url("http://xn--mnchen-3ya.example/", None, "http", *["xn--mnchen-3ya.example"], 80,
                                        "xn--mnchen-3ya.example", "/")),
        ("gopher://h/x", Url("gopher://h/x", None, "gopher", "h", 0, "h", "/x")),
        ("mailto:desk@h", Url("mailto:desk@h", None, "mailto", "", 0, "", "desk@h")),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart_as_a_browser_does_it(text: str, expected: Url) -> None:
    assert Url.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("example.org/story", "no scheme"),
        ("", "nothing"),
        ("https://", "expected a host"),
        ("https://h:99999/", "a port from 0 to 65535"),
        ("https://[::1/", "IPv6"),
        ("https://a b/", "'a b'"),
        ("https://xn--pokxncvks/", "label"),
        ("https://h/\r\nHost: other", "U+000D at character 11"),
        ("https://h/a\tb", "U+0009"),
        ("https://h/\x00", "U+0000"),
        ("https://h/\udcff", "half of a character"),
        ("https://desk:secret@h/", "user name and password"),
        ("https://h/" + "a" * MAX_URL, "at most 65536 octets"),
        ("https://h/" + "é" * (MAX_URL // 4), "octets in its normal form"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(FormatError) as refused:
        Url.parse(text)
    assert words in str(refused.value)
    assert str(refused.value).isprintable()
    assert "secret" not in str(refused.value)


def test_a_reference_in_a_page_loses_its_line_ends_where_a_person_would_be_asked() -> None:
    assert join(PAGE, "/a\r\nb\t.png").href == "https://news.example/ab.png"


def test_a_host_is_spoken_with_a_warning_only_when_it_is_not_plain_ascii() -> None:
    assert spoken("example.org") == "example.org"
    assert spoken("xn--pple-43d.com") == "xn--pple-43d.com [written \u0430pple.com, mixes Cyrillic and Latin letters]"
    assert "in Cyrillic letters" in spoken("xn--80ak6aa92e.com")
    assert "\u202e" not in spoken("a\u202egpj.example")
    assert (
        spoken("xn--b\u00fccher.\udceb")
        == "xn--b<U+00FC>cher.<U+DCEB> [written xn--b\u00fccher.<U+DCEB>, in Latin letters]"
    )
