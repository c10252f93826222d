"""The write path: from a seed to a committed capture, in the order that survives a crash at any step."""

import io
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from secrets import token_bytes
from typing import Any, BinaryIO, Final

from muniment import __version__, durable, layout, manifest
from muniment.capture import context, sealing, stamping
from muniment.capture.archive import Archive
from muniment.capture.browse import Browse, Means
from muniment.capture.clocks import Clocks, compared
from muniment.capture.crawl import Crawl
from muniment.capture.footage import Footage
from muniment.capture.frontier import Want
from muniment.capture.recorder import Recorder
from muniment.capture.sealing import TOOL, Clock, Desk, Signers, signers
from muniment.capture.space import Space
from muniment.capture.stamping import Stamped
from muniment.capture.verdict import Sight, verdict
from muniment.catalogue.credentials import Credentials
from muniment.digest import Digest
from muniment.durable import Appending
from muniment.errors import DigestMismatch, StoreError
from muniment.extract import EXTRACTOR, article, media_facts, obstacle
from muniment.fetch.browser.find import Candidate
from muniment.fetch.dial import Surroundings
from muniment.fetch.http import StaticEngine
from muniment.fetch.media.download import Terms
from muniment.fetch.passage import Route
from muniment.fetch.spool import Spool
from muniment.log.leaf import Leaf, LeafType
from muniment.message import entity
from muniment.message.url import Url
from muniment.model import Exchange, Kind, Record, Role
from muniment.seal import dsse
from muniment.warc import reader
from muniment.warc.fields import Head
from muniment.warc.writer import Entry, Writer

__all__ = ["Clock", "Committed", "Desk", "Draft", "Ending", "Signers", "capture", "commit", "draft", "signers"]

_GRACE: Final = 5.0
_POLL: Final = 0.2
_OF_THE_TIME: Final = 0.8
"""How much of max-time a browser may take."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A capture that was opened and is being written; ``stamped`` is what authorities said of its opening."""

    id: str
    seed: str
    opened: datetime
    began: float
    desk: Desk
    place: manifest.LogPlace
    recorder: Recorder
    writer: Writer
    lines: Appending
    stamped: tuple[Stamped, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a capture ended: URLs wanted and answered, whether it was interrupted, against which roots TLS was held.

    ``browser`` says which one ran and how; it is empty where none did. ``sight`` is what it saw of the page,
    ``endless`` are the ids of answers that have no end, and ``clocks`` are what servers said of the time.
    """

    asked: int = 0
    recorded: int = 0
    interrupted: bool = False
    root_store: str = ""
    browser: Mapping[str, Any] = field(default_factory=dict)
    sight: Sight = Sight.NOTHING
    endless: frozenset[str] = frozenset()
    clocks: Sequence[Mapping[str, Any]] = ()

    def plus(self, asked: int, recorded: int) -> "Ending":
        """Return this with what was asked for, and answered, besides."""
        return replace(self, asked=self.asked + asked, recorded=self.recorded + recorded)


@dataclass(frozen=True, slots=True)
class Committed:
    """A capture that is in the log for good: its closing leaf, and the size of the log that first held it.

    ``stamped`` is what authorities said of the newest checkpoint after that.
    """

    id: str
    origin: str
    index: int
    size: int
    stamped: tuple[Stamped, ...] = ()


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is told of exchanges, and who may interrupt."""

    said: Callable[[Exchange, Role], None]
    stop: threading.Event


#  1. Create the capture's folders exclusively, take its own flock, seal open.dsse.json (salt, seed, effective rules),
#     append its leaf: before the first packet, so that a capture opened and never closed stays visible for ever.
#     Where authorities are configured, wait ten seconds at most for tokens over that checkpoint, to be quoted in 4.
#  2. Append records to <name>.warc.gz.open and their draft lines to manifest.jsonl.open, synced together.
#  3. fsync; rename; fsync the folder; chmod 0444.  Read the WARC back; complete manifest.jsonl, context.json,
#     SHA256SUMS.
#  4. Create the sealed statement.
#  5. Append its leaf: a) entries and tiles, b) create checkpoints/<size>   <- commit point,  c) replace `checkpoint`.
#     After a) a recovery finishes this same leaf and never another; after b) it rolls forward.
#  6. Time-stamp the newest checkpoint, where authorities are configured.  A failed stamp is pending, with its reason;
#     it never blocks, and `muniment stamp` asks again.
#  7. Catalogue into the index.  A failure there is reported and repaired by `muniment index rebuild`; the caller does
#     it, because the index is derived and this module writes evidence.
def capture(
    seed: Url,
    desk: Desk,
    *,
    stop: threading.Event,
    said: Callable[[Exchange, Role], None],
    told: Callable[[str], None] = lambda _: None,
) -> Committed:
    """Capture *seed* with everything it rests on and return when it is committed.

    *said* is told of every exchange, *told* in a sentence when the capture pauses for lack of room on the disk. When
    *stop* is set, what is on its way has five seconds, and what there is is sealed as interrupted. Raises StoreError
    when the disk refuses: then nothing is sealed, and what was written stays for recovery. Where the desk has a browser
    the seed is visited in it first; what the page rests on and the browser did not get is asked for after that.
    """
    clock, spools = desk.clock, desk.archive.path(layout.WORK)
    space = Space(desk.archive.root, desk.rules.limits.min_free, clock.monotonic, told)
    space.demand()
    # Made first, because it refuses rules that cannot be followed, and sends nothing until it is asked to.
    around = Surroundings(lambda: durable.spool(spools), clock.now, clock.monotonic, space.wait)
    engine, clocks = StaticEngine(desk.rules, around), Clocks()
    said = clocks.hearing(said)
    with closing(engine), draft(desk, seed.href) as begun:  # 1
        ends = begun.began + desk.rules.limits.max_time
        crawl = Crawl(engine, begun.recorder, desk.rules, ends, clock.now, clock.monotonic, said, space)
        judges = [crawl.judge]
        wanted, ending = [Want(seed.href, Role.ARTICLE, "", "", page=True)], Ending(root_store=engine.root_store)
        if desk.browser is not None:  # 2
            visit = _browse(begun, desk.browser, engine, around, _Watch(said, stop))
            judges.append(visit.judge)
            crawl.frontier.know(visit.known)
            wanted = visit.wanted if visit.facts else wanted
            ending = replace(ending, browser=visit.facts, sight=visit.sight, endless=frozenset(visit.endless))
            ending = ending.plus(visit.asked, visit.recorded)
        if stop.is_set():
            crawl.interrupt(0)
        crawl.start(wanted)
        while not crawl.wait(_POLL):
            if stop.is_set() and not crawl.interrupted:
                crawl.interrupt(_GRACE)
        crawl.finish()
        ending = replace(ending.plus(crawl.frontier.asked(), crawl.recorded), interrupted=crawl.interrupted)
        if desk.rules.video == "best":
            footage = _footage(begun, engine, around, _Watch(said, stop))
            interrupted = ending.interrupted or footage.interrupted
            ending = replace(ending.plus(footage.asked, footage.recorded), interrupted=interrupted)
        for each in judges:
            each.unplayed(begun.recorder.written())
        done = commit(begun, replace(ending, clocks=clocks.document()))  # 3, 4, 5
    stamped = stamping.of_desk(desk, stamping.newest(desk.archive))  # 6
    return replace(done, stamped=stamped)


def _browse(
    begun: Draft,
    program: Candidate,
    engine: StaticEngine,
    around: Surroundings,
    watch: "_Watch",
) -> Browse:
    """Visit the seed of *begun* in a browser, and leave some of the time for what the browser did not get."""
    route = _route(begun, engine, around, watch, _OF_THE_TIME)
    browse = Browse(
        Means(program, route, _roots(engine, begun), engine.cookies, begun.desk.hand), begun.recorder, watch.said
    )
    browse.run(begun.seed)
    return browse


def _footage(begun: Draft, engine: StaticEngine, around: Surroundings, watch: "_Watch") -> Footage:
    """Get the films that what was recorded of *begun* leads to."""
    route = _route(begun, engine, around, watch, 1)
    height = begun.desk.rules.max_height
    # What opens an account is shown to sites that prove who they are, and yt-dlp asks no others then.
    cookies = engine.cookies.file() if begun.desk.rules.entrusted else b""
    footage = Footage(route, Terms(_roots(engine, begun), height, cookies), begun.recorder, watch.said)
    footage.run(begun.recorder.written())
    return footage


def _route(begun: Draft, engine: StaticEngine, around: Surroundings, watch: "_Watch", of_the_time: float) -> Route:
    rules = begun.desk.rules
    return Route(
        folder=begun.desk.archive.path(layout.browsing(begun.id)),
        rules=rules,
        around=around,
        ends=begun.began + rules.limits.max_time * of_the_time,
        stopped=watch.stop.is_set,
        allowance=engine.allowance,
    )


def _roots(engine: StaticEngine, begun: Draft) -> tuple[str, ...]:
    return (engine.root_store, *begun.desk.rules.ca_files)


@contextmanager
def draft(desk: Desk, seed: str) -> Iterator[Draft]:
    """Open a capture (step 1) and hold its lock; leaving without :func:`commit` leaves it open, for ever visible."""
    opened, began = desk.clock.now(), desk.clock.monotonic()
    capture_id = layout.capture_id(opened, token_bytes(4))
    archive = desk.archive
    with ExitStack() as stack:
        stack.enter_context(durable.locked(archive.path(layout.lock(capture_id)), wait=False))
        place = _begin(desk, capture_id, opened, seed)
        stamped = stamping.of_desk(desk, place.size)
        place = replace(place, tokens=tuple(each.digest for each in stamped if each.digest))
        lines = stack.enter_context(Appending(archive.path(layout.manifest(capture_id)), layout.OPEN_SUFFIX))
        writer = Writer(
            lambda number: Appending(archive.path(layout.warc(capture_id, number)), layout.OPEN_SUFFIX),
            lambda name: _warcinfo(capture_id, name, desk.clock.now()),
        )
        stack.callback(writer.close)
        recorder = Recorder(writer, lines, salt=lambda: token_bytes(16), decodable=desk.rules.limits.max_resource_bytes)
        stack.callback(recorder.abandon)
        yield Draft(capture_id, seed, opened, began, desk, place, recorder, writer, lines, stamped)
    durable.remove(archive.path(layout.lock(capture_id)))


def _begin(desk: Desk, capture_id: str, opened: datetime, seed: str) -> manifest.LogPlace:
    """Make the folders and open the capture; a disk that refuses before anything was sealed is left as it was."""
    archive = desk.archive
    folders = [archive.path(layout.claims(capture_id)), archive.path(layout.evidence(capture_id))]
    own = [each for each in folders if not each.exists()]
    try:
        for each in folders:
            durable.folder(each, exclusive=True)
        return _open(desk, capture_id, opened, seed)
    except StoreError:
        with suppress(StoreError):
            for each in reversed(own):
                durable.remove_folder(each)
            if not folders[0].exists():
                durable.remove(archive.path(layout.lock(capture_id)))
        raise


def _open(desk: Desk, capture_id: str, opened: datetime, seed: str) -> manifest.LogPlace:
    """Seal what is about to be captured under which rules, and append it to the log."""
    rules = context.rules_document(desk.rules)
    said = manifest.Opening(capture_id, opened, token_bytes(16), seed, rules, TOOL, __version__)
    sealed = dsse.seal(manifest.encode_opening(said), manifest.PAYLOAD_TYPE, [desk.signers.operator])
    archive = desk.archive
    durable.create(archive.path(layout.opening(capture_id)), sealed)
    digest = Digest.of_bytes(sealed)
    added = sealing.append(archive, desk.signers, Leaf(LeafType.OPEN, capture_id, digest))
    checkpoint = sealing.digest_of(archive.path(layout.checkpoint_at(archive.origin, added.size)))
    return manifest.LogPlace(archive.origin, added.index, added.size, digest, checkpoint)


def commit(begun: Draft, ending: Ending) -> Committed:
    """Finish *begun* (steps 3 to 5) and return when its closing leaf is committed."""
    archive, records = begun.desk.archive, begun.recorder.lines
    begun.recorder.close()
    begun.writer.finish()  # 3
    carriers = _read_back(archive, begun.id, records, begun.desk.rules.limits.max_resource_bytes)
    # The wall clock may have been set back meanwhile; a closing before its opening would be a claim that is false.
    lasted = begun.desk.clock.monotonic() - begun.began
    closed = max(begun.desk.clock.now(), begun.opened)
    around = context.Circumstances(
        begun.id,
        archive.settings.archive.operator,
        begun.opened,
        closed,
        round(lasted * 1e6),
        ending.root_store,
        ending.browser,
        carriers,
        [*compared(begun.stamped), *ending.clocks],
    )
    account = sealing.Account(
        description=manifest.Description(
            salt=token_bytes(16),
            capture=begun.id,
            seed=begun.seed,
            engine=begun.desk.rules.engine,
            verdict=verdict(records, interrupted=ending.interrupted, sight=ending.sight, endless=ending.endless),
            asked=ending.asked,
            recorded=ending.recorded,
            extractors={
                "article": article.EXTRACTOR,
                "links": EXTRACTOR,
                "media": media_facts.EXTRACTOR,
                "obstacle": obstacle.EXTRACTOR,
            },
        ),
        records=records,
        files=[layout.evidence(begun.id) / path.name for path in begun.writer.files],
        context=context.encode(around, context.rules_document(begun.desk.rules)),
        opened=begun.opened,
        closed=closed,
        place=begun.place,
    )
    added = sealing.seal(archive, begun.desk.signers, account)  # 4, 5
    return Committed(begun.id, archive.origin, added.index, added.size)


def _warcinfo(capture_id: str, name: str, now: datetime) -> Entry:
    # Nobody's name: this record travels with every copy of the file.
    text = (
        f"software: muniment/{__version__}\r\n"
        "format: WARC File Format 1.1\r\n"
        "conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
        f"isPartOf: {capture_id}\r\n"
    ).encode()
    return Entry(
        kind=Kind.WARCINFO,
        record_id=f"urn:uuid:{uuid.uuid4()}",
        date=now,
        block=io.BytesIO(text),
        size=len(text),
        digest=Digest.of_bytes(text),
        content_type="application/warc-fields",
        fields=(("WARC-Filename", name),),
    )


def _read_back(archive: Archive, capture_id: str, records: list[Record], cap: int) -> Sequence[str]:
    """Read every record from the disk again and hold it against its line; DigestMismatch stops the capture.

    Returns the ids of the records that hold credentials.
    """
    found = Credentials()
    streams: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for line in records:
            file = line.position.file
            if file not in streams:
                path = archive.path(layout.evidence(capture_id) / file)
                streams[file] = stack.enter_context(durable.uncached(path))
            with closing(Spool(lambda: durable.spool(archive.path(layout.WORK)))) as spool:
                _read_back_one(streams[file], line, spool, cap, found.show(line))
    return found.carriers()


def _read_back_one(stream: BinaryIO, line: Record, spool: Spool, cap: int, look: Callable[[bytes], object]) -> None:
    where = f"{line.position.file} at {line.position.offset} ({line.url})"

    def into(_: Head) -> Callable[[bytes], object]:
        return both if line.kind is Kind.RESPONSE else look

    def both(octets: bytes) -> None:
        spool.write(octets)
        look(octets)

    found = reader.record_at(stream, line.position.offset, line.position.length, file=where, into=into)
    wrote: list[tuple[str, object, object]] = [
        ("member", line.position.member, found.position.member),
        ("record", line.record, found.record),
    ]
    if line.kind is Kind.RESPONSE:
        # What was not decoded then is not decoded now.
        again = entity.measure(spool.finish(), cap=0 if line.content is None else cap)
        wrote += [("payload", line.payload, again.payload), ("content", line.content, again.content)]
    for name, expected, got in wrote:
        if expected != got:
            raise DigestMismatch(f"{where}, {name}, read back from the disk", expected=str(expected), found=str(got))
