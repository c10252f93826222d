"""What the browser tells of its requests, against the account of the server that got them."""

import dataclasses
from collections import Counter
from pathlib import Path

from browsing import HTML, SCRIPT, Look, Reply, look, pages
from muniment.fetch.browser.ledger import Source

PAGE = """<!doctype html><title>all of it</title>
<link rel=stylesheet href=/style.css><link rel=prefetch href=/prefetched>
<link rel=preload as=fetch href=/preloaded crossorigin>
<img src=/image.png><img src=data:image/gif;base64,R0lGODlhAQABAAAAACw=>
<iframe src="http://other.example:PORT/frame"></iframe>
<iframe src=/same-site></iframe>
<script>
new Worker('/worker.js'); new Worker('/module-worker.js', {type: 'module'}); new SharedWorker('/shared.js');
navigator.serviceWorker.register('/service.js').then(() => navigator.serviceWorker.ready).then(async () => {
  if (!navigator.serviceWorker.controller)
    await new Promise(done => navigator.serviceWorker.addEventListener('controllerchange', done, {once: true}));
  await (await fetch('/through-service')).text();
  document.title = 'done';
});
fetch('http://other.example:PORT/preflighted', {headers: {'X-Asks': '1'}});
fetch('http://third.example:PORT/forbidden', {method: 'PUT'}).catch(() => 0);
fetch('/hop-1'); fetch('/posted', {method: 'POST', body: 'x'}); navigator.sendBeacon('/beacon', 'x');
new WebSocket('ws://other.example:PORT/socket'); new EventSource('/stream'); CSS.paintWorklet.addModule('/paint.js');
</script>
<script type=speculationrules>
{"prefetch": [{"source": "list", "urls": ["/speculated"], "eagerness": "immediate"}]}</script>
"""
ANY = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "x-asks"}
SITE: dict[str, str | Reply] = (
    {
        "/": Reply(
            PAGE.encode(),
            {
                **HTML,
                "Link": "</early.css>; rel=preload; as=style",
                "Content-Security-Policy-Report-Only": "img-src 'none'; report-uri /report",
            },
        ),
        "other.example/frame": "<script>fetch('/of-frame').then(a => a.text());"
        "new Worker(URL.createObjectURL(new Blob(['fetch(\"http://other.example:PORT/of-blob-worker\")'])))</script>",
        "/same-site": "<script>fetch('/of-same-site')</script>",
        "/worker.js": Reply(b"importScripts('/imported.js'); fetch('/of-worker'); new Worker('/nested.js')", SCRIPT),
        "/nested.js": Reply(b"fetch('/of-nested')", SCRIPT),
        "/module-worker.js": Reply(b"import '/imported-module.js'; fetch('/of-module-worker')", SCRIPT),
        "/shared.js": Reply(b"fetch('/of-shared')", SCRIPT),
        "/service.js": Reply(
            b"importScripts('/imported-by-service.js');"
            b"oninstall = e => e.waitUntil(Promise.all([skipWaiting(), "
            b"caches.open('a').then(c => c.addAll(['/cached-1', '/cached-2']))]));"
            b"onactivate = e => e.waitUntil(clients.claim());"
            b"onfetch = e => { if (e.request.url.endsWith('/through-service')) e.respondWith(fetch('/by-service')) }",
            SCRIPT,
        ),
        "/hop-1": Reply(b"", {"Location": "/hop-2"}, 302),
        "/hop-2": Reply(b"", {"Location": "/landed"}, 307),
        "other.example/preflighted": Reply(b"{}", ANY),
        "/stream": Reply(b"data: 1\n\n", {"Content-Type": "text/event-stream"}, hold=True),
    }
    | {
        path: Reply(b"1", SCRIPT)
        for path in ("/imported.js", "/imported-module.js", "/imported-by-service.js", "/paint.js")
    }
    | {
        path: Reply(b"ok", ANY)
        for path in (
            "/style.css",
            "/early.css",
            "/prefetched",
            "/preloaded",
            "/speculated",
            "/of-frame",
            "/of-blob-worker",
            "/of-same-site",
            "/of-worker",
            "/of-nested",
            "/of-module-worker",
            "/of-shared",
            "/cached-1",
            "/cached-2",
            "/by-service",
            "/landed",
            "/posted",
            "/beacon",
            "/report",
            "/image.png",
        )
    }
)


def asked(looked: Look) -> Counter[tuple[str, str]]:
    return Counter((each.method, each.url.replace("ws:", "http:")) for each in looked.page.ledger.all() if each.sent)


def served(looked: Look) -> Counter[tuple[str, str]]:
    return Counter((method, looked.site.url(path, host)) for method, host, path in looked.site.asked)


def test_every_request_that_the_server_got_is_told_and_none_that_it_did_not_get(tmp_path: Path) -> None:
    with look(tmp_path, pages(SITE)) as looked:
        assert looked.page.open(looked.site.url()).loaded
        done = looked.page.devtools.until(lambda: asked(looked) == served(looked) and len(served(looked)) > 35, 15)
        assert (served(looked) - asked(looked), asked(looked) - served(looked)) == (Counter(), Counter())
        assert done
        found = {(each.method, each.url.partition(str(looked.site.port))[2]): each for each in looked.page.ledger.all()}
    assert found["GET", "/through-service"].source is Source.SERVICE_WORKER
    assert found["GET", "/through-service"].asker == "page"
    for target, asker in (
        ("/by-service", "service_worker"),
        ("/imported-by-service.js", "service_worker"),
        ("/of-shared", "shared_worker"),
        ("/of-nested", "worker"),
        ("/of-blob-worker", "worker"),
        ("/of-frame", "iframe"),
        ("/of-same-site", "page"),
        ("/worker.js", "page"),
    ):
        assert found["GET", target].asker == asker, target
        assert found["GET", target].status == 200, target
    assert found["OPTIONS", "/preflighted"].kind == "Preflight"
    assert found["POST", "/report"].kind == "CSPViolationReport" or found["POST", "/report"].status == 200
    first, second, third = (found["GET", path] for path in ("/hop-1", "/hop-2", "/landed"))
    assert (first.status, second.status, third.status) == (302, 307, 200)
    assert (first.after, second.after, third.after) == (None, first.n, second.n)
    assert found["PUT", "/forbidden"].failure
    assert found["PUT", "/forbidden"].blocked
    assert found["GET", "/socket"].kind == "WebSocket"
    assert "404" in found["GET", "/socket"].failure
    assert found["GET", "/image.png"].initiator_url == looked.site.url()
    assert found["GET", "/of-worker"].initiator_url.endswith("/worker.js")
    assert not found["GET", "/stream"].ended
    assert not any(each.url.startswith("data:") for each in looked.page.ledger.all())
    assert all(dataclasses.asdict(each)["at"].tzinfo for each in looked.page.ledger.all())


def test_an_answer_from_a_cache_is_told_from_one_over_the_wire(tmp_path: Path) -> None:
    kept = Reply(b"kept", {"Cache-Control": "max-age=600", "Content-Type": "text/plain"})
    script = "fetch('/kept').then(a => a.text()).then(() => fetch('/kept')).then(a => a.text())"
    with look(tmp_path, pages({"/": f"<script>{script}</script>", "/kept": kept})) as looked:
        looked.page.open(looked.site.url())
        lines = [each for each in looked.page.ledger.all() if each.url.endswith("/kept")]
        assert [each.source for each in lines] == [Source.NETWORK, Source.DISK_CACHE]
        assert [path for _, _, path in looked.site.asked].count("/kept") == 1
