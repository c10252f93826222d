"""Names to paths and back: where everything lies in an archive (docs/formats.md, "On disk")."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import PurePosixPath

import pytest

from muniment import layout
from muniment.errors import FormatError

ID = "20241210T093012Z-k7f3qa"
OPENED = datetime(2024, 12, 10, 9, 30, 12, tzinfo=UTC)
CLAIMS = f"manifests/2024/12/10/{ID}"
EVIDENCE = f"archive/2024/12/10/{ID}"

PATHS = {
    "muniment.toml": layout.SETTINGS,
    "index.db": layout.INDEX,
    "work": layout.WORK,
    EVIDENCE: layout.evidence(ID),
    f"{EVIDENCE}/{ID}-00000.warc.gz": layout.warc(ID, 0),
    f"{EVIDENCE}/{ID}-12345.warc.gz": layout.warc(ID, 12345),
    CLAIMS: layout.claims(ID),
    f"{CLAIMS}/open.dsse.json": layout.opening(ID),
    f"{CLAIMS}/manifest.jsonl": layout.manifest(ID),
    f"{CLAIMS}/context.json": layout.context(ID),
    f"{CLAIMS}/statement.dsse.json": layout.statement(ID),
    f"{CLAIMS}/SHA256SUMS": layout.sums(ID),
    f"{CLAIMS}/manifest.jsonl.torn-70": layout.torn(layout.manifest(ID), 70),
    f"work/captures/{ID}.lock": layout.lock(ID),
    f"work/browsers/{ID}": layout.browsing(ID),
    "work/lock": layout.archive_lock(),
    "work/events.lock": layout.events_lock(),
    "work/pending-stamps.json": layout.pending_stamps(),
    "manifests/events": layout.events(),
    f"manifests/events/2024/12/event-{ID}.dsse.json": layout.event(f"event-{ID}"),
    f"manifests/events/2024/12/event-{ID}.dsse.json.open": layout.unlogged(f"event-{ID}"),
    f"manifests/events/2024/12/event-{ID}.sha512": layout.event_list(f"event-{ID}", "sha512"),
    "manifests/logs/case.abcdef/checkpoints/17.cosig": layout.cosignatures("case.abcdef", 17),
    "manifests/logs/case.abcdef/stamps/17": layout.stamps("case.abcdef", 17),
    f"manifests/logs/case.abcdef/stamps/17/alpha-{'0' * 64}.tsr": layout.token("case.abcdef", 17, "alpha", "0" * 64),
    "manifests/logs": layout.logs(),
    "manifests/keys": layout.public_keys(),
    "manifests/logs/case.abcdef": layout.log("case.abcdef"),
    "manifests/logs/case.abcdef/checkpoint": layout.checkpoint("case.abcdef"),
    "manifests/logs/case.abcdef/checkpoints/17": layout.checkpoint_at("case.abcdef", 17),
    # C2SP tlog-tiles, "Merkle Tree": tile 1234067 is x001/x234/067.
    "tile/0/x001/x234/067": layout.tile(0, 1234067),
    "tile/0/000": layout.tile(0, 0),
    "tile/1/999": layout.tile(1, 999),
    "tile/entries/x001/000": layout.tile("entries", 1000),
    "tile/0/x001/x000/000": layout.tile(0, 1_000_000),
    "tile/0/x999/999.p/1": layout.tile(0, 999_999, 1),
    "tile/2/000.p/255": layout.tile(2, 0, 255),
}


@pytest.mark.parametrize("path", PATHS)
def test_everything_lies_where_the_format_page_says(path: str) -> None:
    assert PATHS[path] == PurePosixPath(path)
    assert str(PATHS[path]) == path


def test_a_file_that_is_being_written_ends_in_open() -> None:
    assert layout.OPEN_SUFFIX == ".open"


@pytest.mark.parametrize(
    ("chance", "letters"),
    [
        (bytes(4), "aaaaaa"),
        (b"\0\0\0\x01", "baaaaa"),
        (b"\0\0\0\x20", "abaaaa"),
        (b"\0\0\0\x1f", "7aaaaa"),
        (b"\x3f\xff\xff\xff", "777777"),
        (b"\xff\xff\xff\xff" + b"more", "777777"),
        (b"\x02\0\0\0", "aaaaab"),
        (b"\xc2\0\0\0", "aaaaab"),
        (b"\x39\x8a\x41\x88", "imquy4"),
    ],
)
def test_an_id_holds_thirty_bits_of_chance_in_six_letters(chance: bytes, letters: str) -> None:
    assert layout.capture_id(OPENED, chance) == f"20241210T093012Z-{letters}"


def test_an_id_says_its_second_in_utc_whatever_the_zone_of_the_clock() -> None:
    elsewhere = OPENED.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert layout.capture_id(elsewhere, bytes(4)) == "20241210T093012Z-aaaaaa"
    assert layout.opened_at("20241210T093012Z-aaaaaa") == OPENED
    assert layout.opened_at(ID).tzinfo is UTC


@pytest.mark.parametrize(
    "name",
    [
        "", ID[:-1], ID + "a", ID.upper(), ID.replace("Z", ""), "x" + ID, ID + "\n", "20241310T093012Z-k7f3qa",
        "20240230T093012Z-k7f3qa", "20241210T243012Z-k7f3qa", "20241210T093060Z-k7f3qa", "00000101T000000Z-aaaaaa",
        "20241210T093012Z-k7f3q1", "20241210T093012Z-k7f3qA", f"../{ID}", "2024121\u0660T093012Z-k7f3qa",
    ],
)  # fmt: skip
def test_another_name_is_no_capture_and_gives_no_path(name: str) -> None:
    assert layout.is_capture(name) is False
    for path in (layout.evidence, layout.claims, layout.statement, layout.opened_at):
        with pytest.raises(
            FormatError, match=r"^capture id: expected one like 20241210T093012Z-k7f3qa, found "
        ) as refused:
            path(name)
        assert refused.value.found == repr(name[:60])


def test_an_id_is_a_capture() -> None:
    assert layout.is_capture(ID) is True


@pytest.mark.parametrize("origin", ["a", "9", "case.abcdef", "a-b.c", "a" * 63])
def test_an_origin_that_can_be_a_folder_is_one(origin: str) -> None:
    assert layout.log(origin) == PurePosixPath("manifests/logs", origin)


@pytest.mark.parametrize(
    "origin", ["", ".", "..", "a/b", "-a", "a-", "a.", ".a", "A", "a b", "a\n", "a" * 64, "\u00e4"]
)
def test_any_other_origin_gives_no_path(origin: str) -> None:
    for path in (layout.log, layout.checkpoint, lambda each: layout.checkpoint_at(each, 1)):
        with pytest.raises(FormatError, match=r"^log origin: expected 1 to 63 of "):
            path(origin)


WARC = layout.warc(ID, 0)
MANIFEST = layout.manifest(ID)


@pytest.mark.parametrize("offset", [0, 1, 70, 10**17, 10**18 - 1])
def test_the_tail_of_a_warc_and_of_a_manifest_is_known_again(offset: int) -> None:
    for path in (WARC, MANIFEST):
        assert layout.is_torn(layout.torn(path, offset), ID) is True


@pytest.mark.parametrize(
    "path",
    [
        WARC, MANIFEST,
        layout.torn(layout.context(ID), 7),
        layout.torn(layout.claims(ID) / WARC.name, 7),
        layout.torn(layout.evidence(ID) / MANIFEST.name, 7),
        layout.torn(layout.evidence(ID) / "x" / WARC.name, 7),
        WARC.with_name(f"{WARC.name}.torn-"), WARC.with_name(f"{WARC.name}.torn-07"),
        WARC.with_name(f"{WARC.name}.torn--7"), WARC.with_name(f"{WARC.name}.torn-7x"),
        WARC.with_name(f"{WARC.name}.torn-{10**18}"), WARC.with_name(f"{WARC.name}.torn-7\n"),
        WARC.with_name(f"{WARC.name}.open.torn-7"), WARC.with_name(f"{ID}-0000.warc.gz.torn-7"),
        WARC.with_name(f"{ID}-00000xwarc.gz.torn-7"), WARC.with_name(f"x{WARC.name}.torn-7"),
        WARC.with_name("20241210T093012Z-aaaaaa-00000.warc.gz.torn-7"), WARC.with_name(".torn-7"),
    ],
    ids=str,
)  # fmt: skip
def test_nothing_else_counts_as_such_a_tail(path: PurePosixPath) -> None:
    assert layout.is_torn(path, ID) is False


def test_an_event_is_named_by_its_second_and_its_chance() -> None:
    assert layout.event_id(OPENED, bytes(4)) == "event-20241210T093012Z-aaaaaa"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [(f"event-{ID}", True), (ID, False), ("event-", False), (f"event-{ID}x", False), (f"event-event-{ID}", False)],
)
def test_only_an_id_of_an_event_is_one(name: str, is_one: bool) -> None:  # noqa: FBT001
    assert layout.is_event(name) == is_one
    if not is_one:
        with pytest.raises(FormatError, match="event-20241210T093012Z-k7f3qa"):
            layout.event(name)


FOLDER = PurePosixPath("manifests/events/2024/12")
EVENT = f"event-{ID}"


@pytest.mark.parametrize(
    ("path", "name", "unfinished"),
    [
        (FOLDER / f"{EVENT}.dsse.json", EVENT, None),
        (FOLDER / f"{EVENT}.dsse.json.open", None, EVENT),
        (FOLDER / f".{EVENT}.dsse.json.open.0123abcd.tmp", None, EVENT),
        (FOLDER / f".{EVENT}.dsse.json.0123abcd.tmp", None, None),
        (FOLDER / EVENT, None, None),
        (FOLDER / f"{EVENT}.open", None, None),
        (FOLDER / f"{ID}.dsse.json", None, None),
        (FOLDER.parent / f"{EVENT}.dsse.json", None, None),
        (FOLDER.parent / f"{EVENT}.dsse.json.open", None, None),
    ],
)
def test_a_file_of_an_event_is_known_in_its_place_alone(
    path: PurePosixPath, name: str | None, unfinished: str | None
) -> None:
    assert layout.event_named(path) == name
    assert layout.event_unfinished(path) == unfinished


@pytest.mark.parametrize(
    ("path", "is_beside"),
    [
        ("stamps/17/alpha.tsr", True),
        ("stamps", True),
        ("checkpoints/17.cosig/a.cosig", True),
        ("checkpoints/17.cosig", False),
        ("checkpoints/17.cosig/a/b", False),
        ("checkpoints/17/a.cosig", False),
        ("checkpoints.cosig/17.cosig/a", False),
        ("tile/17.cosig/a", False),
        ("checkpoint", False),
        ("tile/stamps/a", False),
        (".", False),
    ],
)
def test_what_others_said_lies_beside_the_log(path: str, is_beside: bool) -> None:  # noqa: FBT001
    assert layout.is_beside_log(PurePosixPath(path)) == is_beside


def test_a_file_of_a_stamp_carries_the_digest_of_its_token() -> None:
    digest = "0123456789abcdef" * 4
    for ending in ("tsr", "tsq", "pem"):
        assert layout.token_digest(f"alpha-{digest}.{ending}") == digest
    for name in (f"alpha-{digest}.txt", f"alpha-{digest}", f"{digest}.tsr", f"alpha-{digest[1:]}.tsr", "", "alpha.tsr"):
        assert layout.token_digest(name) == ""


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Alpha", "alpha"), ("Big Time, Inc.", "big-time-inc"), ("\u4e2d", "tsa"), ("-a-", "a"), ("", "tsa"),
        ("b" * 50, "b" * 40), ("-" + "e" * 45, "e" * 40), (f"{'c' * 39} d", "c" * 39),
    ],
)  # fmt: skip
def test_an_authority_is_called_in_files_by_letters_digits_and_hyphens(name: str, stem: str) -> None:
    assert layout.stem(name) == stem
