"""The user study: blind, nothing lost, for browsers of this machine alone."""

import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from vision_shared.inputs import InputError
from voxel_flow.study import main
from voxel_flow.user_study.pairs import Pairs, find_pairs, next_pair
from voxel_flow.user_study.server import Study, serve
from voxel_flow.user_study.votes import Vote, append_vote, preference, read_votes, sign_test

CLIPS = [f"clip{i}" for i in range(6)]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    for method in ("first", "second"):
        (tmp_path / method).mkdir()
        for clip in CLIPS:
            (tmp_path / method / f"{clip}.mp4").write_text(f"{method} {clip} <b>" * 100)
    return find_pairs(tmp_path / "first", tmp_path / "second")


@pytest.fixture
def port(pairs: Pairs, tmp_path: Path) -> Iterator[int]:
    with serve(Study(pairs, tmp_path / "votes.jsonl"), 0) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def request(port: int, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port)
    how = {
        "Content-Type": "application/json",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    content = None if body is None else json.dumps(body).encode()
    connection.request("GET" if body is None else "POST", path, content, how)
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


def ask(port: int, viewer: str = "viewer-1") -> dict:
    return json.loads(request(port, f"/next?viewer={viewer}")[1])


def vote(clip: str, side: str) -> dict[str, object]:
    return {"viewer": "viewer-1", "clip": clip, "side": side, "seconds": 1.5}


def test_a_viewer_is_asked_each_pair_once_and_every_vote_is_a_line(
    port: int, tmp_path: Path
) -> None:
    seen = []
    while asked := ask(port):
        left = request(port, asked["left"]["url"])[1].decode()
        seen.append(left.split()[1])
        method = "A" if left.startswith("first") else "B"
        assert request(port, "/vote", vote(asked["clip"], "left"))[0] == 200
        last = read_votes(tmp_path / "votes.jsonl")[-1]
        assert (last.clip, last.choice, last.left) == (seen[-1], method, method)
    assert sorted(seen) == CLIPS


def test_what_a_viewer_can_see_tells_no_method_and_no_name(port: int) -> None:
    text = json.dumps(ask(port))
    assert not any(word in text for word in ("first", "second", *CLIPS, "A", "B"))


def test_sides_and_order_differ_between_viewers(pairs: Pairs) -> None:
    asked = [next_pair(pairs, f"viewer {i}", set()) for i in range(100)]
    assert {pair[0] for pair in asked if pair} == set(CLIPS)
    assert 30 < sum(pair[1] == "A" for pair in asked if pair) < 70
    assert asked == [next_pair(pairs, f"viewer {i}", set()) for i in range(100)]


def test_a_study_goes_on_after_a_kill_that_cut_a_line(pairs: Pairs, tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    append_vote(path, Vote("v", "clip0", "A", "A", 1.0))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    append_vote(path, Vote("v", "clip1", "B", "same", 1.0))
    assert [v.clip for v in read_votes(path)] == ["clip0", "clip1"]
    assert Study(pairs, path).ask("v")["left_over"] == 4


@pytest.mark.parametrize(
    ("path", "body", "headers", "code"),
    [
        ("/", None, {"Host": "evil.example:80"}, 403),
        ("/vote", {}, {"Content_Type": "text/plain"}, 403),
        ("/vote", {"viewer": "v"}, {}, 400),
        ("/vote", [], {}, 400),
        ("/vote", {"clip": "x" * 20_000}, {}, 413),
        ("/clip/../votes.jsonl", None, {}, 404),
        ("/next?viewer=../x", None, {}, 404),
    ],
)
def test_nothing_else_is_answered(
    port: int, path: str, body: object, headers: dict[str, str], code: int
) -> None:
    assert request(port, path, body, **headers)[0] == code
    assert ask(port)  # it goes on


def test_a_vote_counts_only_for_what_was_asked(port: int, tmp_path: Path) -> None:
    asked = ask(port)
    assert request(port, "/vote", vote(asked["clip"], "right"))[0] == 200
    assert request(port, "/vote", vote(asked["clip"], "left"))[0] == 400
    assert len(read_votes(tmp_path / "votes.jsonl")) == 1


def test_players_get_the_part_that_they_ask_for(port: int) -> None:
    url = ask(port)["left"]["url"]
    whole = request(port, url)[1]
    assert request(port, url, Range="bytes=5-9") == (206, whole[5:10])
    assert request(port, url, Range="bytes=900-") == (206, whole[900:])
    assert request(port, url, Range="bytes=999999-")[0] == 416


def test_intervals_and_chance() -> None:
    votes = [Vote("v", str(i), "A", choice, 1.0) for i, choice in enumerate("AAAAAAAABB")]
    votes += [Vote("v", "x", "A", "same", 1.0)] * 5
    assert preference(votes) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)  # R, binom.confint
    assert sign_test(votes) == pytest.approx(0.109375)  # R, binom.test
    assert preference([]) == (0.5, 0.0, 1.0) and sign_test([]) == 1.0


def test_result_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append_vote(tmp_path / "v.jsonl", Vote("v", "boat", "B", "B", 1.0))
    assert main(["-o", str(tmp_path / "v.jsonl")]) == 0
    told = capsys.readouterr().out
    assert "boat" in told and "1 votes of 1 viewers" in told and "1 of 1" in told


@pytest.mark.parametrize("line", ['{"viewer": "v"}', '{"a": 1}', "[]", "3"])
def test_a_line_that_is_no_vote_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "v.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=r"v\.jsonl:1: expected a vote"):
        read_votes(tmp_path / "v.jsonl")


def test_folders_that_do_not_match_are_one_line(pairs: Pairs, tmp_path: Path) -> None:
    os.rename(tmp_path / "first/clip0.mp4", tmp_path / "first/other.mp4")
    with pytest.raises(InputError, match=r"only in one of .*: clip0, other"):
        find_pairs(tmp_path / "first", tmp_path / "second")
    with pytest.raises(InputError, match="expected a folder"):
        find_pairs(tmp_path / "first", tmp_path / "third")
