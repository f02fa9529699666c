"""A rendered page in headless Chromium: loads nothing, says nothing, fits its window."""

import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from functools import partial

import pytest

from tests.helpers.hostile_inputs import hostile_page
from tests.helpers.report_inputs import make_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((found for found in map(shutil.which, NAMES) if found), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=f"none of {', '.join(NAMES)} is on the path"),
]

# The page itself may run no script, so an outer page of the same origin looks into its frame.
OUTER = """<!DOCTYPE html><link rel=icon href=data:,>
<iframe id=f src=index.html style="width:%dpx;height:900px;border:0"></iframe>
<pre id=found></pre><script>onload = async () => {
const frame = document.getElementById('f').contentWindow, d = frame.document;
const e = d.documentElement;
const over = () => e.scrollWidth - e.clientWidth;
const closed = over();
d.querySelectorAll('details').forEach(part => part.open = true);
await new Promise(done => setTimeout(done, 200));
document.getElementById('found').textContent = JSON.stringify({
  width: e.clientWidth, closed: closed, open: over(), title: d.title,
  images: [...d.images].map(i => i.complete && i.naturalWidth > 0),
  narrow: [...d.images].filter(i => i.currentSrc !== i.src).length,
  asked: frame.performance.getEntriesByType('resource').map(r => r.name)
    .filter(n => !n.startsWith('data:'))});
}</script>"""


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


def look(page, folder, width):
    """Open a page in a frame of some width; return what was found, asked and said."""
    site = folder / "site"
    site.mkdir()
    (site / "index.html").write_text(page, encoding="utf-8")
    (site / "outer.html").write_text(OUTER % width, encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                             partial(Handler, directory=str(site)))
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr",
             f"--window-size={width + 60},1000", "--virtual-time-budget=20000", "--dump-dom",
             f"http://127.0.0.1:{server.server_port}/outer.html"],
            capture_output=True, text=True, check=False, timeout=180)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout)
    assert found, f"the page did not load:\n{done.stderr[-2000:]}"
    result = json.loads(found[1])
    result["served"] = sorted(server.asked)
    result["console"] = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return result


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_loads_nothing_says_nothing_and_fits(tmp_path, width):
    found = look(make_page(), tmp_path, width)
    assert found["title"].startswith("Made-up numbers")
    assert found["width"] == pytest.approx(width, abs=20)
    assert found["console"] == []
    assert found["asked"] == []
    assert found["served"] == ["/index.html", "/outer.html"]
    assert found["images"] == [True] * 13
    assert found["narrow"] == (13 if width == 400 else 0)
    assert found["closed"] <= 0
    assert found["open"] <= 0


def test_a_bad_page_would_be_noticed(tmp_path):
    bad = make_page().replace("<main", '<img src="x.png" alt=""><img src="https://example.org/y"'
                              ' alt=""><div style="width:2000px">wide</div>'
                              "<script>1</script><main")
    open_page = bad.replace("default-src 'none'; img-src data:;", "default-src 'none'; "
                            "img-src data: 'self';")
    found = look(open_page, tmp_path, 400)
    assert any("Content Security Policy" in line for line in found["console"])
    assert "/x.png" in found["served"]
    assert False in found["images"]
    assert found["closed"] > 0


def test_a_page_of_hostile_text_runs_nothing_and_asks_for_nothing(tmp_path):
    """Scripts, handlers, forms, styles, frames and addresses stand there as the text they are."""
    found = look(hostile_page(), tmp_path, 1200)
    title = html.unescape(found["title"])
    assert title.startswith("<script>document.title='broken into'</script> <img src=x")
    assert found["console"] == []
    assert found["asked"] == []
    assert found["served"] == ["/index.html", "/outer.html"]
