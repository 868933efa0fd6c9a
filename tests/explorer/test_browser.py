"""The explorer in a real browser: it loads, a slider moves numbers and pictures.

Skipped where there is no Chromium or no Playwright; `.ci/run` brings Playwright where
it finds a Chromium.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: no browser is driven"
)
pytest.importorskip("nicegui", reason="the extra `explorer` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is found on PATH"),
]
ROOT = Path(__file__).parents[2]
START = "from accelsim.cli import main; main()"
FIRST = "?model=llama3-8b&system=dgx-h100&chips=8"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the explorer on a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("explore", "--no-browser", "--port", str(port))
    server = subprocess.Popen(
        [sys.executable, "-c", START, *words],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if "PYTEST" not in k},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(240):
            try:
                urlopen(url).close()
                break
            except OSError:
                time.sleep(0.25)
        yield url
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a page that must end without an error, and without a foreign request."""
    made = browser.new_page(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on(
        "console",
        lambda line: wrong.append(line.text) if line.type == "error" else None,
    )
    made.on(
        "request",
        lambda asked: (
            wrong.append(asked.url)
            if asked.url.startswith("http") and "//127.0.0.1" not in asked.url
            else None
        ),
    )
    yield made
    made.close()
    assert not wrong


def settled(page: Any) -> dict[str, str]:
    page.wait_for_selector("#figures svg")
    page.wait_for_timeout(500)
    return {
        name: page.inner_html(f"#{name}")
        for name in ("tiles", "time", "table", "figures")
    }


def test_a_slider_moves_numbers_and_pictures(page: Any, address: str) -> None:
    page.goto(address + FIRST)
    before = settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.focus("#knob-hbm [tabindex]")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('hbm=1.3')")
    after = settled(page)
    assert all(before[name] != after[name] for name in before)
    assert "×" in after["tiles"]
    assert "as it is" in after["table"]
    kept = page.url
    page.goto("about:blank")
    page.goto(kept)
    assert settled(page)["tiles"] == after["tiles"]


def test_another_system_begins_untouched(page: Any, address: str) -> None:
    page.goto(address + FIRST + "&hbm=1.5")
    settled(page)
    page.get_by_label("system", exact=True).click()
    page.keyboard.type("trn2-ultra")
    page.get_by_role("option", name="trn2-ultraserver").click()
    page.wait_for_function("location.search.includes('trn2-ultraserver')")
    assert "hbm" not in page.url
    page.get_by_label("chips", exact=True).fill("16")
    page.wait_for_function("location.search.includes('chips=16')")
    assert "trainium2" in settled(page)["table"]


def test_designs_are_pinned_and_exported(page: Any, address: str) -> None:
    page.goto(address + FIRST)
    settled(page)
    page.click("#do-pin")
    page.wait_for_function("location.search.includes('pin=')")
    for kind, begins in (("toml", "# accelsim"), ("csv", "design,"), ("html", "<!DOC")):
        with page.expect_download() as waiting:
            page.click(f"#do-{kind}")
        text = Path(waiting.value.path()).read_text("utf-8")
        assert text.startswith(begins)
        assert "llama3-8b" in text


def test_a_wrong_address_is_told(page: Any, address: str) -> None:
    page.goto(address + "?system=dgx-h10")
    page.wait_for_selector(".message")
    assert "did you mean 'dgx-h100'" in page.inner_text(".message")
    page.goto(address + "?hbm=<b>1</b>")
    page.wait_for_selector(".message")
    assert "must be a number from 0.25 to 4" in page.inner_text(".message")


def test_a_question_without_an_answer_is_told(page: Any, address: str) -> None:
    page.goto(address + "?model=llama3-405b&system=dgx-h100&chips=8")
    page.wait_for_selector("#tiles .message")
    assert "no plan fits in memory" in page.inner_text("#tiles")
