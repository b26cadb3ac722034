"""The page of a comparison in headless Chromium: it is drawn, without complaints, and fits a phone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest
from compare_fixtures import huge, made
from matplotlib.image import imread
from page_fixtures import documents as of_sections
from report_fixtures import make_fit

from specaudit.report.compare.page import render as render_page
from specaudit.report.formats import render
from specaudit.report.page import render as render_fit_page

CHROMIUM = shutil.which("chromium")
# A browser is no Python package, and the tests need nothing but Python: where there is none, this says so.
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, a system package, which .ci/run installs")

PHONE, DESKTOP = 390, 1280
MEASURE = """<script>
addEventListener("load", () => {
  const widths = [...document.querySelectorAll("iframe")].map(frame => {
    const root = frame.contentDocument.documentElement;
    return [frame.title, root.clientWidth, root.scrollWidth, frame.contentDocument.querySelectorAll("svg").length];
  });
  document.body.replaceChildren(JSON.stringify(widths));
});
</script>"""


def chromium(folder: Path, *arguments: str) -> tuple[str, str]:
    """Run Chromium with a profile of its own; return what it wrote to stdout and to stderr."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    flags = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr"]
    done = subprocess.run(
        [str(CHROMIUM), *flags, *sandbox, f"--user-data-dir={folder / 'profile'}", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=240,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_is_drawn_and_the_console_stays_empty(tmp_path, width):
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(render_page(made("fail")), encoding="utf-8")
    _, log = chromium(tmp_path, f"--window-size={width},1600", f"--screenshot={picture}", page.as_uri())
    assert "CONSOLE" not in log
    pixels = imread(picture)[..., :3]
    assert pixels.shape[1] == width
    assert len({tuple(pixel) for pixel in pixels[::7, ::7].reshape(-1, 3).tolist()}) > 20


def test_no_page_is_wider_than_its_screen(tmp_path):
    documents = {name: made(name) for name in ("pass", "fail", "inconclusive", "unmeasured", "hostile")}
    pages = {name: render_page(document) for name, document in {**documents, "huge": huge()}.items()}
    pages |= {f"fit {source}": render_fit_page(make_fit(source=source)) for source in ("a.npy", "|" * 300)}
    pages |= {f"sections {name}": render(document, "html", 80, False) for name, document in of_sections().items()}
    frames = "".join(
        f'<iframe title="{escape(name)}" width="{width}" height="800" srcdoc="{escape(page)}"></iframe>'
        for name, page in pages.items()
        for width in (PHONE, DESKTOP)
    )
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{frames}{MEASURE}", encoding="utf-8")
    dom, _ = chromium(tmp_path, "--dump-dom", wrapper.as_uri())
    widths = json.loads(re.search(r"<body>(\[.*?\])</body>", dom, re.DOTALL)[1])
    assert len(widths) == 2 * len(pages)
    for name, client, scroll, figures in widths:
        assert client in (PHONE, DESKTOP)
        assert scroll <= client, name
        assert (figures > 0) == (name != "unmeasured")
