"""An archivist's first hour, by the command line alone: the book of examples."""

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from commands import Ran, command, muniment, of_site
from muniment import sample
from muniment.cli import demo, trial


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Make an archive by the command line."""
    done = muniment("init", "case-017", "--operator", "Desk 1", cwd=tmp_path)
    assert done.status == 0, done.err
    return tmp_path / "case-017"


@pytest.fixture
def captured(archive: Path, site: sample.Site) -> tuple[Path, dict[str, object]]:
    """Capture the sample into it."""
    done = muniment("capture", *of_site(site), "--json", cwd=archive)
    assert done.status == 3, done.err
    return archive, done.json


def no_traceback(done: Ran) -> None:
    assert "Traceback" not in done.out + done.err
    assert "bug in muniment" not in done.err


def test_the_keys_lie_outside_of_the_archive_for_their_owner_alone(archive: Path, own_home: Path) -> None:
    keys = list(own_home.rglob("*.pem"))
    assert {path.name for path in keys} == {"operator.pem", "log.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in archive.rglob("*") if path.is_file())


def test_a_capture_is_listed_shown_verified_and_taken_out_again(
    captured: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    archive, account = captured
    capture_id = str(account["id"])
    assert account["schema"] == "muniment.capture/1"
    assert account["verdict"] == "fetched"
    assert muniment("list", "--json", cwd=archive).json["captures"][0]["id"] == capture_id
    assert muniment("show", capture_id[:12], "--json", cwd=archive).json == account
    verified = muniment("verify", "--json", cwd=archive)
    assert (verified.status, verified.json["verdict"]) == (0, "pass"), verified.out
    out = tmp_path / "videos"
    assert muniment("extract", capture_id, "--role", "video", "--out", out, cwd=archive).status == 0
    films = sorted(out.glob("*.mp4"))
    assert len(films) == 2
    originals = {path.read_bytes() for path in (Path(sample.__file__).parent / "assets").rglob("*.mp4")}
    assert {film.read_bytes() for film in films} == originals


def test_the_account_names_exactly_what_was_planted(
    captured: tuple[Path, dict[str, object]], site: sample.Site
) -> None:
    _, account = captured
    missing = {(each["url"], each["reason"]) for each in account["missing"]}  # type: ignore[attr-defined]
    flagged = {
        (each["url"], each["tls"])
        for each in account["resources"]  # type: ignore[attr-defined]
        if each["tls"] not in {"", "none", "ok"}
    }
    assert missing | flagged == {(planted.url, planted.reason) for planted in site.planted}
    assert account["anchored"] == "absent"


def test_a_stranger_verifies_the_folder_with_the_lines_of_trust(
    captured: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    archive, _ = captured
    lines = muniment("trust", "show", cwd=archive)
    handed = tmp_path / "handed-over"
    for top in ("archive", "manifests"):
        shutil.copytree(archive / top, handed / top)
    (tmp_path / "trust.toml").write_text(lines.out)
    stranger = {"MUNIMENT_HOME": str(tmp_path / "stranger")}
    assert muniment("verify", handed, "--trust", tmp_path / "trust.toml", cwd=tmp_path, **stranger).status == 0
    without = muniment("verify", handed, "--json", cwd=tmp_path, **stranger)
    assert (without.status, without.json["verdict"]) == (4, "unverifiable")


def test_a_flipped_bit_is_named_with_file_record_and_url(captured: tuple[Path, dict[str, object]]) -> None:
    archive, account = captured
    video = next(each for each in account["resources"] if each["role"] == "video")  # type: ignore[attr-defined]
    warc = next((archive / "archive").rglob("*.warc.gz"))
    content = bytearray(warc.read_bytes())
    content[int(video["offset"]) + int(video["size"]) // 2] ^= 1
    warc.chmod(0o644)
    warc.write_bytes(content)
    done = muniment("verify", "--json", cwd=archive)
    failed = [each for each in done.json["findings"] if each["verdict"] == "fail"]
    assert done.status == 1
    assert any(warc.name in each["subject"] and ".mp4" in each["subject"] for each in failed)
    shown = muniment("verify", cwd=archive)
    assert "FAIL" in shown.out.splitlines()[0]
    assert str(video["url"]).rsplit("/", 1)[0] in shown.out


def test_a_deleted_index_comes_back_the_same(captured: tuple[Path, dict[str, object]]) -> None:
    archive, _ = captured
    before = muniment("list", "--json", cwd=archive).out
    for path in archive.glob("index.db*"):
        path.unlink()
    assert muniment("index", "rebuild", cwd=archive).status == 0
    assert muniment("list", "--json", cwd=archive).out == before


def test_a_second_capture_of_the_same_url_is_another_capture(
    captured: tuple[Path, dict[str, object]], site: sample.Site
) -> None:
    archive, account = captured
    again = muniment("capture", *of_site(site), "--json", cwd=archive)
    assert again.json["id"] != account["id"]
    assert muniment("verify", cwd=archive).status == 0
    assert muniment("log", "checkpoint", "--json", cwd=archive).json["size"] == 4


def test_the_report_is_one_page_without_script_or_requests(
    captured: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    archive, _ = captured
    assert muniment("verify", "--html", tmp_path / "report.html", cwd=archive).status == 0
    page = (tmp_path / "report.html").read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']?https?:", page)


def test_keys_are_listed_exported_and_backed_up(archive: Path, tmp_path: Path) -> None:
    listed = muniment("keys", "list", "--json", cwd=archive).json["keys"]
    assert [each["role"] for each in listed] == ["operator", "log"]
    assert muniment("keys", "export", cwd=archive).out.count("BEGIN PUBLIC KEY") == 2
    (tmp_path / "secret").write_text("correct horse\n")
    copy = tmp_path / "keys.backup"
    done = muniment("keys", "backup", copy, "--backup-passphrase-file", tmp_path / "secret", cwd=archive)
    assert done.status == 0, done.err
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.read_text().count("ENCRYPTED PRIVATE KEY") == 4


def test_encrypted_keys_need_their_passphrase(tmp_path: Path, site: sample.Site) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse")
    made = muniment("init", "a", "--operator", "x", "--encrypt-keys", "--passphrase-file", secret, cwd=tmp_path)
    assert made.status == 0, made.err
    archive = tmp_path / "a"
    without = muniment("capture", *of_site(site), cwd=archive)
    assert without.status == 2
    assert "passphrase" in without.err
    (tmp_path / "wrong").write_text("battery staple")
    wrong = muniment("capture", *of_site(site), "--passphrase-file", tmp_path / "wrong", cwd=archive)
    assert wrong.status == 2
    assert "wrong" in wrong.err
    assert not list((archive / "archive").iterdir())
    right = muniment("capture", *of_site(site, cited=0), "--passphrase-file", secret, "--json", cwd=archive)
    assert right.status == 3, right.err


def test_ctrl_c_once_seals_what_there_is(archive: Path, site: sample.Site) -> None:
    arguments = [each for each in of_site(site) if each not in ("--delay", "0s")]
    running = subprocess.Popen(
        command("capture", *arguments, "--delay", "0.5s"),
        cwd=archive,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert running.stderr is not None
    while "article" not in running.stderr.readline():
        pass
    running.send_signal(signal.SIGINT)
    said = running.stderr.read()
    assert running.wait(timeout=30) == 130, said
    account = muniment("list", "--json", cwd=archive).json["captures"][0]
    assert account["verdict"] == "interrupted"
    assert muniment("verify", cwd=archive).status == 0


def test_ctrl_c_twice_stops_at_once_and_the_open_capture_stays_visible(archive: Path, site: sample.Site) -> None:
    arguments = [each for each in of_site(site) if each not in ("--delay", "0s")]
    running = subprocess.Popen(
        command("capture", *arguments, "--delay", "2s"), cwd=archive, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert running.stderr is not None
    while "article" not in running.stderr.readline():
        pass
    running.send_signal(signal.SIGINT)
    while "Interrupted" not in running.stderr.readline():
        pass
    running.send_signal(signal.SIGINT)
    running.stderr.read()
    assert running.wait(timeout=30) == 130
    verified = muniment("verify", "--json", cwd=archive)
    assert verified.status == 4
    assert any("never closed" in each["detail"] for each in verified.json["findings"])


BAD = {
    "no URL at all": (["capture", "not a url"], 2, "URL"),
    "an unknown scheme": (["capture", "ftp://outlets.example/a"], 2, "only http and https"),
    "a file": (["capture", "file:///etc/passwd"], 2, "only http and https"),
    "a password in it": (["capture", "https://user:secret@outlets.example/"], 2, "password"),
    "a line break in it": (["capture", "http://outlets.example/\r\nHost: x"], 2, "URL"),
    "a bad limit": (["capture", "http://outlets.example/", "--max-time", "soon"], 2, "duration"),
    "a bad range": (["capture", "http://outlets.example/", "--allow-net", "everything"], 2, "everything"),
    "a missing authority": (["capture", "http://outlets.example/", "--ca-file", "nowhere.pem"], 2, "nowhere.pem"),
    "an unknown command": (["caputre"], 2, "caputre"),
    "an unknown capture": (["show", "20200101T000000Z-aaaaaa"], 2, "20200101T000000Z-aaaaaa"),
    "a folder that is not there": (["verify", "nowhere"], 2, "nowhere"),
    "a trust file that is not there": (["verify", "--trust", "nowhere.toml"], 2, "nowhere.toml"),
}


def written(archive: Path) -> list[Path]:
    """Return everything that lies in *archive* but the index, which is derived whenever it is asked for."""
    return sorted(path for path in archive.rglob("*") if not path.name.startswith("index.db") and path.name != "lock")


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_sentence_and_nothing_is_written(name: str, archive: Path) -> None:
    arguments, status, words = BAD[name]
    before = written(archive)
    done = muniment(*arguments, cwd=archive)
    no_traceback(done)
    assert (done.status, words in done.err) == (status, True), done.err
    assert written(archive) == before


def test_without_an_archive_every_command_says_how_to_make_one(tmp_path: Path) -> None:
    for arguments in (
        ["capture", "http://outlets.example/"],
        ["list"],
        ["verify"],
        ["log", "checkpoint"],
        ["keys", "list"],
    ):
        done = muniment(*arguments, cwd=tmp_path)
        no_traceback(done)
        assert done.status == 2
        assert "muniment init" in done.err


def test_a_misspelt_setting_is_named_with_its_line(archive: Path) -> None:
    settings = archive / "muniment.toml"
    settings.write_text(settings.read_text() + "\n[limits]\nmax-tiem = '5m'\n")
    done = muniment("capture", "http://outlets.example/", cwd=archive)
    assert done.status == 2
    assert "did you mean 'max-time'" in done.err


def test_a_missing_key_is_named_with_what_to_do(archive: Path, own_home: Path) -> None:
    next(own_home.rglob("operator.pem")).unlink()
    done = muniment("capture", "http://outlets.example/", "--no-dns", cwd=archive)
    no_traceback(done)
    assert done.status == 2
    assert "operator.pem" in done.err
    assert not list((archive / "archive").iterdir())


def test_a_key_that_others_can_read_is_refused(archive: Path, own_home: Path) -> None:
    next(own_home.rglob("log.pem")).chmod(0o640)
    done = muniment("capture", "http://outlets.example/", "--no-dns", cwd=archive)
    assert done.status == 2
    assert "chmod 600" in done.err


def test_an_archive_is_never_made_over_another(archive: Path) -> None:
    done = muniment("init", ".", "--operator", "x", cwd=archive)
    assert done.status == 2
    assert "already" in done.err


def test_a_seed_that_cannot_be_got_ends_with_one_and_is_kept_as_a_failure(archive: Path) -> None:
    done = muniment("capture", "http://gone.example/", "--no-dns", "--json", cwd=archive)
    assert done.status == 1
    assert done.json["verdict"] == "failed"
    assert done.json["missing"][0]["reason"] == "dns"
    assert muniment("verify", cwd=archive).status == 0


def evidence(archive: Path) -> list[Path]:
    return sorted(path for top in ("archive", "manifests") for path in (archive / top).rglob("*"))


def test_the_doctor_tries_what_real_sites_give_and_keeps_nothing_of_it(
    archive: Path, site: sample.Site, tmp_path: Path
) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_text("# two pages\n" + shlex.join(of_site(site, cited=0)) + "\nhttp://gone.example/ --no-dns\n")
    before = evidence(archive)
    done = muniment("doctor", "--live", listed, cwd=archive)
    assert done.status == 0, done.err
    assert re.search(r"grain-market\n  fetched +200 .*; [0-9.]+ s\n .*Orvesk grain market", done.out), done.out
    assert re.search(r"gone\.example/\n  failed +- .* missing 1 dns", done.out)
    assert evidence(archive) == before
    listed.write_text("# nothing\n")
    empty = muniment("doctor", "--live", listed, cwd=archive)
    assert (empty.status, str(listed) in empty.err) == (2, True)


def test_the_doctor_says_what_there_is_and_whether_the_sample_comes_whole_and_verifies(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = muniment("doctor", "--json", cwd=archive)
    assert done.status == 0, done.out
    assert {"archive", "keys", "locks", "root store"} <= {each["what"] for each in done.json["findings"]}
    [tried] = [each for each in done.json["findings"] if each["what"] == "self-test on loopback"]
    assert (tried["fit"], "verifies" in tried["found"]) == (True, True)
    monkeypatch.setattr(demo, "differences", lambda *_: ["https://courier.example/: was not asked for"])
    assert trial.self_test() == (
        False,
        "the sample article did not come as it is: https://courier.example/: was not asked for",
    )


def test_the_environment_offers_no_proxy_and_no_netrc(archive: Path, site: sample.Site, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine courier.example login spy password secret\n")
    canary = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NETRC": str(netrc)}
    done = muniment("capture", *of_site(site, cited=0), "--json", cwd=archive, HOME=str(tmp_path), **canary)
    assert done.json["verdict"] == "fetched"
    assert not [served for served in site.served() if b"authorization" in served.request.lower()]


def test_a_report_never_overwrites_anything(captured: tuple[Path, dict[str, object]]) -> None:
    archive, _ = captured
    warc = next((archive / "archive").rglob("*.warc.gz"))
    before = warc.read_bytes()
    done = muniment("verify", "--html", warc, cwd=archive)
    assert (done.status, warc.read_bytes() == before) == (2, True)
    assert "never overwritten" in done.err


def test_lost_keys_come_back_from_their_backup(archive: Path, own_home: Path, tmp_path: Path) -> None:
    secret, copy = tmp_path / "secret", tmp_path / "keys.backup"
    secret.write_text("correct horse")
    before = muniment("keys", "export", cwd=archive).out
    assert muniment("keys", "backup", copy, "--backup-passphrase-file", secret, cwd=archive).status == 0
    for path in own_home.rglob("*.pem"):
        path.unlink()
    lost = muniment("keys", "list", cwd=archive)
    assert (lost.status, "keys restore" in lost.err) == (2, True)
    assert muniment("keys", "restore", copy, "--backup-passphrase-file", secret, cwd=archive).status == 0
    assert muniment("keys", "export", cwd=archive).out == before


def test_a_reader_that_leaves_early_is_no_finding(captured: tuple[Path, dict[str, object]]) -> None:
    archive, _ = captured
    running = subprocess.Popen(command("verify"), cwd=archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.close()
    _, told = running.communicate(timeout=30)
    assert running.returncode not in {0, 1}
    assert b"Traceback" not in told


def test_a_folder_that_was_handed_over_can_be_listed_shown_and_read(
    captured: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    archive, account = captured
    handed = tmp_path / "handed-over"
    for top in ("archive", "manifests"):
        shutil.copytree(archive / top, handed / top)
    stranger = {"MUNIMENT_HOME": str(tmp_path / "stranger")}
    capture_id = str(account["id"])
    assert muniment("show", capture_id, "--json", cwd=handed, **stranger).json == account
    assert muniment("list", "--json", cwd=handed, **stranger).json["captures"][0]["id"] == capture_id
    out = tmp_path / "out"
    assert muniment("extract", capture_id, "--role", "video", "--out", out, cwd=handed, **stranger).status == 0
    assert muniment("verify", capture_id, cwd=handed, **stranger).status == 4
    refused = muniment("capture", "http://outlets.example/", "--no-dns", cwd=handed, **stranger)
    assert (refused.status, "muniment init" in refused.err) == (2, True)


def test_a_capture_goes_on_though_nobody_reads_its_progress_any_more(archive: Path, site: sample.Site) -> None:
    running = subprocess.Popen(
        command("capture", *of_site(site), "--json"), cwd=archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stderr is not None
    assert running.stdout is not None
    running.stderr.close()
    account = json.loads(running.stdout.read())
    assert (running.wait(timeout=60), account["verdict"]) == (3, "fetched")
