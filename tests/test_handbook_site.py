"""The handbook as a site: that nobody can get lost on it, what it takes from the code, and that it needs no network."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from fastapi.routing import APIRoute

from handbook.build import build
from rag_flywheel.access.roles import EVERYBODY, ROLES
from rag_flywheel.api import openai
from rag_flywheel.api.app import OURS
from rag_flywheel.cli import app
from rag_flywheel.config import known_keys
from tests.paths import ROOT

DOCS = ROOT / "docs"
PICTURES = DOCS / "pictures"
TEXTS = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
KILOBYTE = 1000


def _ground(folder: Path) -> Path:
    shutil.copy(ROOT / "mkdocs.yml", folder)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ground = _ground(tmp_path_factory.mktemp("handbook"))
    sound, said = build(ground)
    assert sound, said
    return ground / "build"


def _places(navigation: Any) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
    else:
        for below in navigation.values() if isinstance(navigation, dict) else navigation:
            yield from _places(below)


def test_every_page_has_one_place_in_the_navigation() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(_places(settings["nav"])) == sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("wrong", ["[a](nowhere.md)", "[a](gate.md#nowhere)", "[a](#nowhere)"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    ground = _ground(tmp_path)
    (ground / "docs").mkdir()
    for page in DOCS.glob("*.md"):
        (ground / "docs" / page.name).write_text("# A page\n\n## Part\n", encoding="utf-8")
    with (ground / "docs" / "concepts.md").open("a", encoding="utf-8") as page:
        page.write(wrong)
    shutil.copy(ROOT / "config.yaml", ground)
    monkeypatch.setattr("handbook.build.ROOT", ground)
    sound, said = build(ground)
    assert not sound
    assert "concepts.md:4" in re.sub(r"\x1b\[[\d;]*m", "", said)


def test_nothing_on_the_site_comes_from_another_host(site: Path) -> None:
    loads = r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href|srcset)=[\"']?(?:https?:)?//[^\s\"'>]+"
    for page in (site / "site").rglob("*.html"):
        canonical = re.sub(r"<link rel=\"?canonical\"?[^>]*>", "", page.read_text(encoding="utf-8"))
        assert re.findall(loads, canonical) == [], page.name
    for style in (site / "site").rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")) == [], (
            style.name
        )


def test_the_site_tells_of_every_setting_what_it_takes(site: Path) -> None:
    text = (site / "pages" / "configuration.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    takes = {row[0].strip().strip("`"): row[2] for row in rows if len(row) == 4}
    sections = {key for key in known_keys() if any(other.startswith(f"{key}.") for other in known_keys())}
    assert takes.keys() == set(known_keys()) - sections
    assert takes["retrieval.passages"] == "integer, at least 1"
    assert takes["canary.strategy"] == "`direct`, `shadow`, `canary`, `auto`"


def test_the_site_has_every_command_with_its_options(site: Path) -> None:
    root: Any = typer.main.get_command(app.app)
    every = {
        f"### `rag-flywheel {name}" + (f" {below}`" if below else "`")
        for name, command in root.commands.items()
        for below in getattr(command, "commands", {"": None})
    }
    text = (site / "pages" / "commands.md").read_text(encoding="utf-8")
    assert every - set(text.splitlines()) == set()
    assert "* `--verdict" in text


def test_the_site_has_every_route_with_who_may_call_it(site: Path) -> None:
    text = (site / "pages" / "api.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^### ([A-Z]+ /\S*)\n(?:(?!^###).*\n)*?For: (.+)\.$", text, re.MULTILINE))
    routes = [route for door in (*OURS, openai) for route in door.routes.routes if isinstance(route, APIRoute)]
    served = [
        f"{method} {route.path.replace(':path', '')}"
        for route in routes
        if route.include_in_schema
        for method in route.methods
    ]
    assert told == {
        route: "everybody" if route in EVERYBODY else ", ".join(sorted(f"`{role}`" for role in ROLES[route]))
        for route in served
    }
    assert "| `evidence` (may be left out) | a list of [EvidenceBody](#evidencebody), 50 at most |" in text


def test_the_readme_fits_three_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_pictures_are_small_and_each_is_shown_somewhere() -> None:
    sizes = {picture.name: picture.stat().st_size for picture in PICTURES.iterdir()}
    assert {name: size for name, size in sizes.items() if not 0 < size <= 80 * KILOBYTE} == {}
    assert sum(sizes.values()) <= 500 * KILOBYTE
    shown = "".join(path.read_text(encoding="utf-8") for path in [*TEXTS, ROOT / "mkdocs.yml"])
    assert {name for name in sizes if f"pictures/{name}" not in shown} == set()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_who_cannot_see_a_picture_is_told_what_it_shows(path: Path) -> None:
    text = re.sub(r"`[^`\n]+`", "", path.read_text(encoding="utf-8"))
    told = re.findall(r"!\[([^]]*)\]\(", text) + re.findall(r"<img\b[^>]*\balt=\"([^\"]*)\"", text)
    assert len(told) == len(re.findall(r"!\[|<img\b", text))
    assert [alt for alt in told if len(alt.split()) < 4] == []
