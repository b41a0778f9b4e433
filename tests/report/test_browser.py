"""The page in a real browser: its plots are drawn and fit wide and narrow, hovering tells the log's line, nothing is fetched."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from analysis.report_page import page
from tests.browser import needs_browser, opened
from tests.report.made import Log, many, reported

PROBE = """<script>setTimeout(function(){
var boxes=[].map.call(document.querySelectorAll('svg'),function(s){var b=s.getBoundingClientRect();return [b.width,b.height,
s.querySelectorAll('[data-tip]').length]}).filter(function(b){return b[0]>0});
var mark=[].filter.call(document.querySelectorAll('.buy[data-tip]'),function(m){return m.getBoundingClientRect().width>0})[0];
var b=mark.getBoundingClientRect();mark.dispatchEvent(new PointerEvent('pointermove',{bubbles:true,clientX:b.x+1,clientY:b.y+1}));
var tip=document.getElementById('tip');
var wide=[].filter.call(document.querySelectorAll('main *'),function(e){return !e.closest('.wide-table')&&!e.closest('svg')&&
e.getBoundingClientRect().right>innerWidth+1}).map(function(e){return e.outerHTML.slice(0,80)});
parent.postMessage(JSON.stringify({boxes:boxes,tip:tip.hidden?'':tip.textContent,inner:innerWidth,scroll:document.documentElement.scrollWidth,
wide:wide,background:getComputedStyle(document.body).backgroundColor,blocked:window.blocked||0,fetched:performance.getEntriesByType('resource').length}),'*')},300);</script>"""
FRAME = """<!doctype html><title></title><script>addEventListener('message',function(e){document.title=e.data})</script>
<iframe src="page.html" style="width:WIDTHpx;height:1900px;border:0"></iframe>"""
# A frame, because a browser's window is never as narrow as a phone.
GUARD = "<script>document.addEventListener('securitypolicyviolation',function(){window.blocked=(window.blocked||0)+1})</script>"

pytestmark = needs_browser


def looked_at(
    directory: Path, *, width: int, dark: bool = False, beside: str = "", log: Log | None = None
) -> tuple[dict[str, Any], set[str]]:
    """Open the page and return what the probe saw, and every address the page asked for."""
    report = reported(many(30) if log is None else log, directory / "lake", by=[("venue", "symbol")])
    shown = page(report).replace("<body>", f"<body>{GUARD}{beside}").replace("</body>", f"{PROBE}</body>")
    frame = directory / "frame.html"
    (directory / "page.html").write_text(shown)
    frame.write_text(FRAME.replace("WIDTH", str(width)))
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    document, asked = opened(frame, directory, "--window-size=1600,2000", scheme, "--virtual-time-budget=5000")
    title = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert title is not None
    return json.loads(html.unescape(title[1])), asked


@pytest.mark.parametrize("width", [1440, 390], ids=["wide", "narrow"])
def test_the_plots_are_drawn_and_fit_the_screen(width: int, tmp_path: Path) -> None:
    seen, asked = looked_at(tmp_path, width=width)
    assert seen["inner"] == width
    assert len(seen["boxes"]) >= 9
    assert all(box[0] > 250 and box[1] > 20 for box in seen["boxes"])
    assert sum(box[2] for box in seen["boxes"]) > 50
    assert (seen["wide"], seen["scroll"]) == ([], width)
    assert "log line" in seen["tip"]
    assert (asked, seen["fetched"], seen["blocked"]) == (set(), 0, 0)


def test_a_page_that_fetches_would_be_caught(tmp_path: Path) -> None:
    seen, _ = looked_at(tmp_path, width=1000, beside="<img src='http://127.0.0.1:9/x.png'>")
    assert seen["blocked"] > 0


def test_a_dark_screen_gets_a_dark_page(tmp_path: Path) -> None:
    (tmp_path / "light").mkdir()
    (tmp_path / "dark").mkdir()
    light, _ = looked_at(tmp_path / "light", width=1000)
    dark, _ = looked_at(tmp_path / "dark", width=1000, dark=True)
    assert (light["background"], dark["background"]) == ("rgb(253, 253, 251)", "rgb(21, 24, 27)")
