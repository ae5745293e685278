"""The handbook as a site: `python -m handbook.build`. Pages come from docs/, and what the code knows is added."""

import shutil
import subprocess
import sys
from pathlib import Path

from handbook.reference import with_commands, with_routes, with_settings

ROOT = Path(__file__).parent.parent


def build(ground: Path) -> tuple[bool, str]:
    """Make `build/site` beside the mkdocs.yml of a folder: whether Zensical found nothing wrong, and what it said."""
    write_pages(ground / "build" / "pages")
    shutil.rmtree(ground / "build" / "site", ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    done = subprocess.run(command, cwd=ground, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout.partition("Traceback")[0]


def write_pages(folder: Path) -> None:
    """Every page of docs/, with what the code knows."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    settings = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for name, more in (
        ("configuration.md", lambda page: with_settings(page, settings)),
        ("commands.md", with_commands),
        ("api.md", with_routes),
    ):
        page = folder / name
        page.write_text(more(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sound, said = build(ROOT)
    sys.stdout.write(
        said if not sound else f"{said}build/site: python -m http.server --directory build/site shows it\n"
    )
    sys.exit(0 if sound else 1)
