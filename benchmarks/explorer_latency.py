"""From a move of an explorer's slider to new numbers on the screen, in a Chromium.

    python benchmarks/explorer_latency.py [MOVES]

Serves the page, presses arrow keys on knobs of three designs, and prints the median and
the 90th percentile of the time from the key to the frame that shows another number,
with what of it passes before the browser hears from the server.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import closing
from urllib.request import urlopen

PORT = 8719
URL = f"http://127.0.0.1:{PORT}/"
START = "from accelsim.cli import main; main()"
DESIGNS = (
    "model=llama3-70b&system=trn2-ultraserver&chips=512",
    "model=llama3-70b&system=dgx-h100&chips=512",
    "model=deepseek-v3&system=gb200-nvl72&chips=576&precision=fp8",
)
KNOBS = ("hbm", "rate", "power", "price")
PAUSE = 400  # ms between moves
WATCH = """() => {
  window.start = 0; window.rows = [];
  document.addEventListener('keydown', () => { start = performance.now(); }, true);
  new MutationObserver(() => {
    if (!start) return;
    const began = start, changed = performance.now(); start = 0;
    requestAnimationFrame(
      () => rows.push([performance.now() - began, changed - began]));
  }).observe(document.querySelector('#tiles'), {childList: true, subtree: true});
}"""


def measure(moves: int) -> dict[str, list[tuple[float, float]]]:
    """Return (to the frame, to the change) of every move, by design [ms]."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[tuple[float, float]]] = {}
    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        with closing(browser):
            for design in DESIGNS:
                page = browser.new_page(viewport={"width": 1440, "height": 1000})
                page.goto(f"{URL}?{design}")
                page.wait_for_selector("#figures svg")
                page.wait_for_timeout(1500)
                page.evaluate(WATCH)
                for knob in KNOBS:
                    page.focus(f"#knob-{knob} [tabindex]")
                    for _ in range(moves):
                        page.keyboard.press("ArrowRight")
                        page.wait_for_timeout(PAUSE)
                found[design] = page.evaluate("rows")
                page.close()
    return found


def main() -> None:
    moves = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    words = [
        sys.executable,
        "-c",
        START,
        "explore",
        "--no-browser",
        "--port",
        str(PORT),
    ]
    server = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(240):
            try:
                urlopen(URL).close()
                break
            except OSError:
                time.sleep(0.25)
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        print(f"load {load:.1f} a core")  # noqa: T201
        for design, rows in measure(moves).items():
            frames = [frame for frame, _ in rows]
            ninth = statistics.quantiles(frames, n=10)[-1]
            heard = statistics.median(change for _, change in rows)
            middle = statistics.median(frames)
            more = f"{ninth:.0f} in nine of ten, {heard:.0f} to the change"
            print(f"{middle:5.0f} ms median, {more}: {design}")  # noqa: T201
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
