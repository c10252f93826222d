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


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("http://h/", 80), ("https://h/", 443), ("ws://h/", 80), ("wss://h/", 443), ("ftp://h/", 21), ("foo://h/", 0),
        ("http://h:443/", 443), ("https://h:1/", 1), ("foo://h:65535/", 65535),
    ],
)  # fmt: skip
def test_a_url_says_which_port_to_connect_to(text: str, port: int) -> None:
    assert Url.parse(text).port == port


def test_every_part_of_a_url_is_taken_apart() -> None:
    url = Url.parse(" \t\r\n\fhttps://[::1]:8443/~a?q=1#f~ \t\r\n\f")
    assert url == Url("https://[::1]:8443/~a?q=1", "f~", "https", "::1", 8443, "[::1]:8443", "/~a?q=1")
    assert (Url.parse("https://h/a#").fragment, Url.parse("https://h/a").fragment) == ("", None)
    assert (Url.parse("https://h/a?").target, Url.parse("https://h/a").target) == ("/a?", "/a")


@pytest.mark.parametrize("before", ["name", ":secret", "name:secret"])
def test_a_name_or_a_password_before_the_host_is_asked_about_and_never_followed(before: str) -> None:
    with pytest.raises(FormatError, match="user name and password"):
        Url.parse(f"https://{before}@h/a")
    assert join(PAGE, f"https://{before}@h/a").href == "https://h/a"


WHOLE = "https://h/" + "a" * (MAX_URL - len("https://h/"))
ACCENTS = "https://h/#" + "\u00e9" * ((MAX_URL - len("https://h/#")) // 2) + "a"


@pytest.mark.parametrize("text", [WHOLE, ACCENTS], ids=["letters", "accents"])
def test_a_url_of_65536_octets_is_read_and_a_longer_one_is_not(text: str) -> None:
    assert MAX_URL == 65536 == len(text.encode())
    for read in (Url.parse, lambda reference: join(PAGE, reference)):
        assert read(text).scheme == "https"
        with pytest.raises(FormatError, match=f"expected at most 65536 octets, found {len(text) + 1} characters$"):
            read(text + "a")


def test_a_long_way_to_a_short_url_is_not_gone() -> None:
    with pytest.raises(FormatError, match="at most 65536 octets"):
        Url.parse("https://h/" + "a/../" * MAX_URL)


def test_half_a_character_in_a_page_is_read_as_a_browser_reads_it() -> None:
    assert join(PAGE, "a\udcffb").href == "https://news.example/2024/a%EF%BF%BDb"


REFUSED = {
    "": ("a URL such as https://example.org/", "nothing"),
    "example.org": ("a URL that begins with its scheme, such as https://", "no scheme"),
    "https://": ("a host after the scheme, such as https://example.org/", "none"),
    "https://\u00a0": ("a well-formed URL", "a host that no browser accepts: '\\xa0'"),
    "https://a b/": ("a well-formed URL", "a host that no browser accepts: 'a b'"),
    "https://name@a b:40000/": ("a well-formed URL", "a host that no browser accepts: 'a b:40000'"),
    "https://[::1/": ("a host name or address that exists", "an IPv6 address that is malformed"),
    "https://a]/": ("a host name or address that exists", "an IPv6 address that is malformed"),
    "https://h:65536/": ("a port from 0 to 65535", "'65536'"),
    "https://h:100000/": ("a port from 0 to 65535", "'100000'"),
    "https://h:x/": ("a port from 0 to 65535", "'x'"),
    "https://h:" + "9" * 5000: ("a port from 0 to 65535", f"'{'9' * 20}'"),
    "https://" + "a b" * 40: ("a well-formed URL", f"a host that no browser accepts: {('a b' * 40)[:80]!r}"),
    "foo://[": ("a well-formed URL", "a malformed one"),
    "https://h.xn--a/": ("a host name that can exist", "the malformed label 'xn--a'"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_the_likeliest_reason_is_told_in_words(text: str) -> None:
    for reference in (text, f"\t {text}") if text.startswith(("https://[", "https://a", "https://h:")) else ():
        with pytest.raises(FormatError) as refused:
            join(PAGE, reference)
        assert (refused.value.expected, refused.value.found) == REFUSED[text]
    with pytest.raises(FormatError) as refused:
        Url.parse(text)
    assert (refused.value.expected, refused.value.found) == REFUSED[text]
    shown = text if len(text) <= 200 else text[:200] + "\u2026"
    assert refused.value.where == f"the URL {shown!r}"


def test_a_reference_that_means_nothing_but_blanks_for_a_host_has_none() -> None:
    with pytest.raises(
        FormatError, match=r"expected a host after the scheme, such as https://example\.org/, found none$"
    ):
        join(PAGE, "https:// \t")


def test_a_host_is_spoken_with_the_scripts_of_all_its_labels() -> None:
    assert spoken("\u0430\u0431.\u03b1.example") == (
        "<U+0430><U+0431>.<U+03B1>.example [written \u0430\u0431.\u03b1.example, in Cyrillic, Greek letters]"
    )
    assert spoken("\u2603.example") == "<U+2603>.example [written \u2603.example, in no letters]"
    assert spoken("a\u202eb") == "a<U+202E>b [written a<U+202E>b, in Latin letters]"
    # A Tangut ideograph, which some versions of Python know as a letter without a name; newer ones name it.
    assert spoken("\U00017000.example").endswith(("in Unnamed letters]", "in Tangut letters]"))
