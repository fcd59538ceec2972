"""The one comment: made once, updated after, of the own account only, and never in the way of a fork."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner.errors import FetchError, MisuseError
from planner.gate import forge
from planner.gate.words import marker
from tests.gate.forges import TOKEN, World, serving

MARK = marker("cost")


def environ(world: World, folder: Path, *, fork: bool = False, token: str = TOKEN) -> dict[str, str]:
    """Return the variables that the forge's CI sets for a request."""
    if world.kind == "gitlab":
        named = {"CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7", "CI_API_V4_URL": world.url, "GITLAB_CI": "true"}
        return {**named, "GITLAB_TOKEN": token, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"}
    pull = {
        "number": 7,
        "base": {"sha": "abc"},
        "head": {"repo": {"full_name": "stranger/shop" if fork else "o/shop"}},
    }
    event = folder / "event.json"
    event.write_text(json.dumps({"pull_request": pull}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": world.url,
        "GITHUB_REPOSITORY": "o/shop",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_TOKEN": token,
    }


def write(at: forge.Forge, text: str) -> str:
    return forge.comment(at, f"{MARK}\n{text}\n", MARK, lambda seconds: None)


@pytest.mark.parametrize(
    ("kind", "account", "change"), [("github", None, "PATCH"), ("github", 5, "PATCH"), ("gitlab", 5, "PUT")]
)
def test_it_is_made_once_and_updated_after(kind: str, account: int | None, change: str, tmp_path: Path) -> None:
    who = "user" if kind == "github" else "author"
    others = [{"id": n, "body": f"{MARK}\nnot ours", who: {"id": 99, "type": "User"}} for n in range(120)]
    with serving(World(kind, account=account, comments=others)) as world:
        at = forge.forge_of(kind, environ(world, tmp_path))
        assert [write(at, text) for text in ("one", "one", "two", "two")] == [
            "created",
            "unchanged",
            "updated",
            "unchanged",
        ]
        assert world.writes == ["POST", change]
        assert [c["body"] for c in world.comments[120:]] == [f"{MARK}\ntwo\n"]
        assert all(c["body"].endswith("not ours") for c in world.comments[:120])
        assert forge.base_of(environ(world, tmp_path)) == "abc"


def test_a_wrong_token_and_a_job_without_rights_are_told_apart(tmp_path: Path) -> None:
    with serving(World("github", refuse=403)) as world:
        with pytest.raises(forge.Refused, match="pull-requests: write"):
            write(forge.forge_of("github", environ(world, tmp_path)), "x")
        with pytest.raises(FetchError, match="401") as caught:
            write(forge.forge_of("github", environ(world, tmp_path, token="another")), "x")
        assert not isinstance(caught.value, forge.Refused) and "another" not in str(caught.value)
    with pytest.raises(FetchError, match="no connection"):
        write(forge.forge_of("github", environ(world, tmp_path)), "x")


def test_a_busy_forge_is_asked_again_but_no_comment_is_made_twice(tmp_path: Path) -> None:
    with serving(World("gitlab", account=5, refuse=502)) as world:
        with pytest.raises(FetchError, match="HTTP 502"):
            write(forge.forge_of("gitlab", environ(world, tmp_path)), "x")
        assert world.writes == ["POST"]


def test_the_token_goes_nowhere_else(tmp_path: Path) -> None:
    for url in (
        "http://api.example.com",
        "https://u:p@api.example.com",
        "ftp://x",
        "https://api.example.com/?a=b",
        "https://[x",
    ):
        with pytest.raises(MisuseError, match="CI_API_V4_URL"):
            forge.forge_of("gitlab", {"CI_PROJECT_ID": "1", "CI_API_V4_URL": url})
    for kind, name in (("github", "GITHUB_REPOSITORY"), ("gitlab", "CI_PROJECT_ID")):
        with pytest.raises(MisuseError, match=name):
            forge.forge_of(kind, {})
