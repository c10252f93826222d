"""The table of sites, on local stand-ins with their markup: what is hidden comes out, and nothing else is pressed."""

from dataclasses import replace
from pathlib import Path

import pytest

from browsing import look, pages
from muniment.fetch.browser import sites
from muniment.fetch.browser.behaviours import behave
from muniment.model import Reason

# As https://x.com shows a post to whoever is not logged in.
X = """<!doctype html><title>X</title>
<div data-testid=sheetDialog><div data-testid=app-bar-close role=button
 onclick="this.parentNode.remove();fetch('/closed')">x</div></div>
<article data-testid=tweet><div data-testid=tweetText>A long text
 <button data-testid=tweet-text-show-more-link onclick="fetch('/whole-text')">Show more</button>
 <a data-testid=tweet-text-show-more-link href="/leads-away">Show more</a></div>
 <div><span>The following media includes potentially sensitive content.</span>
  <button onclick="fetch('/sensitive.mp4')"><span>View</span></button></div>
 <button data-testid=like onclick="fetch('/liked')">Like</button>
 <div role=button aria-label=Share onclick="fetch('/shared')"></div></article>
<div data-testid=cellInnerDiv><button onclick="fetch('/answers')"><span>Show more replies</span></button></div>
<div data-testid=cellInnerDiv><button onclick="fetch('/followed')"><span>Follow</span></button></div>"""
# As https://t.me/s/... shows a channel, and ?embed=1 a post.
TELEGRAM = """<!doctype html><title>T</title><div class=tgme_widget_message>
<div class=tgme_widget_message_text>Seen at <tg-spoiler onclick="fetch('/uncovered')">the market hall</tg-spoiler></div>
<a class=tgme_widget_message_video_player href="#"><i class="tgme_widget_message_video_play js-message_video_play"
 onclick="event.preventDefault();fetch('/video.mp4')">play</i></a>
<a class="message_media_view_in_telegram" href="https://t.me/leads/1"
 onclick="fetch('/left')">VIEW IN TELEGRAM</a></div>
<a class="tme_messages_more js-messages_more" href="#before" onclick="fetch('/earlier')">Load more</a>"""
# As https://www.youtube.com/embed/... and the page of a video have it.
YOUTUBE = """<!doctype html><title>Y</title><div id=movie_player><button class="ytp-large-play-button ytp-button"
 aria-label=Play onclick="fetch('/stream')">play</button></div>
<ytd-text-inline-expander id=description-inline-expander>
<span id=expand role=button onclick="fetch('/description')">...more</span>
</ytd-text-inline-expander><ytd-subscribe-button-renderer><button onclick="fetch('/subscribed')">Subscribe</button>
</ytd-subscribe-button-renderer>"""


CASES = {
    "X": (
        X,
        {"/closed", "/whole-text", "/sensitive.mp4", "/answers"},
        {"/liked", "/shared", "/followed", "/leads-away"},
    ),
    "Telegram": (TELEGRAM, {"/uncovered", "/video.mp4", "/earlier"}, {"/left"}),
    "YouTube": (YOUTUBE, {"/stream", "/description"}, {"/subscribed"}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_site_hides_comes_out_also_where_its_post_is_embedded_and_nothing_is_sent_or_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    page, wanted, never = CASES[name]
    table = tuple(replace(each, hosts=("third.example",)) if each.name == name else each for each in sites.TABLE)
    monkeypatch.setattr(sites, "TABLE", table)
    route = {
        "localhost/": "<!doctype html><h1>Article</h1><iframe src=http://post.third.example:PORT/ width=600 height=600>"
        "</iframe>",
        "post.third.example/": page,
        "other.example/": page,
    }
    with look(tmp_path, pages(route)) as seen:
        assert seen.page.open(seen.site.url()).reason is Reason.OK
        deeds = [each for each in behave(seen.page) if each.behaviour.startswith("site: ")]
        asked = {path for _, host, path in seen.site.asked if host == "post.third.example"}
        assert wanted - asked == set()
        assert asked & never == set()
        assert {each.behaviour for each in deeds} == {f"site: {name}"}
        assert all("1 pressed" in each.outcome for each in deeds)
        # The same markup on another host is none of the table's business.
        assert seen.page.open(seen.site.url(host="other.example")).reason is Reason.OK
        assert [each for each in behave(seen.page) if each.behaviour.startswith("site: ")] == []
