"""Pages in headless Chromium, driven by the DevTools protocol over two pipes: no port, no driver program, no library.

    with Browser() as browser:
        page = browser.open(file.as_uri(), width=400, dark=True)
        assert page.complaints == [] and page.foreign() == [] and page.overflow() == []
        page.screenshot(directory / "name.png")

`why_not()` says why there is no such browser here. Source: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

LIMIT = 120.0
"""Seconds that a single answer may take: the machine may be slow and busy."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars", "--mute-audio"),
    "about:blank",
)
_LOCAL = ("file", "data", "blob", "about", "chrome")


def why_not() -> str | None:
    """What is missing; None where there is a browser."""
    return None if _program() else f"no headless browser: none of {', '.join(_NAMES)} is installed (apt: chromium)"


def _program() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


class BrowserError(Exception):
    """The browser ended, was too slow, or refused a command."""


class Browser:
    """One headless Chromium with an empty profile. Use as a context manager."""

    def __enter__(self) -> Browser:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        theirs_in, self._commands = _high_pipe()
        self._answers, theirs_out = _high_pipe()
        program = _program()
        if program is None:
            raise BrowserError(why_not())
        words = [program, f"--user-data-dir={self._profile}", *_SWITCHES]
        self._process = subprocess.Popen(  # the protocol wants descriptors 3 and 4
            ["bash", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', *words],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": self._profile},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._rest = 0, b""
        self.pages: dict[str, Page] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._commands)  # it ends when nobody commands it any more
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._answers)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url: str, width: int = 1400, height: int = 1000, dark: bool = False) -> Page:
        """A page of its own at `url`, loaded, in a window of that size (CSS pixels)."""
        target = self.command("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        page.show(url, width, height, dark)
        return page

    def command(self, method: str, parameters: dict[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """The result of one command; events that come first go to their pages."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters or {}}
        message |= {"sessionId": session} if session else {}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        deadline = time.monotonic() + LIMIT
        while True:
            answer = self.next_message(deadline)
            if answer.get("id") != number:
                continue
            if "error" in answer:
                raise BrowserError(f"{method}: {answer['error']['message']}")
            return dict(answer["result"])

    def next_message(self, deadline: float) -> dict[str, Any]:
        """One message of the browser; an event is taken down by its page too."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError(f"no answer within {LIMIT:.0f} seconds")
            data = os.read(self._answers, 1 << 20)
            if not data:
                raise BrowserError("the browser ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        page = self.pages.get(message.get("sessionId", ""))
        if page and "method" in message:
            page.take(message["method"], message["params"])
        return message


def _high_pipe() -> tuple[int, int]:
    """A pipe whose descriptors are not those that are about to be overwritten."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


class Page:
    """A page: `complaints` are errors and warnings of its console, exceptions, failed loads; `requests` all URLs."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._do(f"{domain}.enable")

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.command(method, parameters, self._session)

    def take(self, method: str, event: dict[str, Any]) -> None:
        """Take an event down."""
        if method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method == "Network.loadingFailed" and not event.get("canceled"):
            self.complaints.append(f"not loaded: {event.get('errorText')}")
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            shown = [str(each.get("value", each.get("description"))) for each in event["args"]]
            self.complaints.append(f"console.{event['type']}: {' '.join(shown)}")
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Page.loadEventFired":
            self._loaded = True

    # What is shown

    def show(self, url: str, width: int, height: int = 1000, dark: bool = False) -> None:
        """Go to `url` in a window of that size; returns when it is loaded."""
        self._do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme])
        self._browser.command("Target.activateTarget", {"targetId": self._target})
        self._loaded = False
        if error := self._do("Page.navigate", url=url).get("errorText"):
            raise BrowserError(f"{url}: {error}")
        self._until(lambda: self._loaded, f"{url} is not loaded")
        self.evaluate("document.fonts.ready.then(() => true)")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > deadline:
                raise BrowserError(f"{what} after {LIMIT:.0f} seconds")
            self._browser.next_message(deadline)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression (of a promise: what it comes to), as JSON would have it."""
        result = self._do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def foreign(self, *own: str) -> list[str]:
        """Requests that left this machine's files, but for those to hosts (`host:port`) that are called own."""
        parts = [(url, urlsplit(url)) for url in self.requests]
        return [url for url, split in parts if split.scheme not in _LOCAL and split.netloc not in own]

    def overflow(self) -> list[str]:
        """What sticks out to the right of a page that scrolls sideways, the innermost elements; empty: it does not."""
        found: list[str] = self.evaluate(_OVERFLOW)
        return found

    def screenshot(self, path: Path, whole: bool = True) -> Path:
        """A PNG of the whole page (up to 16,000 pixels of height), or of the window."""
        size = self._do("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}
        more = {"captureBeyondViewport": True, "clip": clip} if whole else {}
        data = self._do("Page.captureScreenshot", format="png", **more)["data"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        return path

    # The keyboard

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key, by its DOM name: Tab, Enter, Escape, ArrowDown… or one character."""
        code, text = _KEYS.get(key, (ord(key[0].upper()), key))
        event = {"key": text if key == "Space" else key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        typed = {"text": text} if text else {}
        self._do("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **event, **typed)
        self._do("Input.dispatchKeyEvent", type="keyUp", **event)

    def focused(self) -> str:
        """The element that has the focus: its name, id and label; empty: none has it."""
        found: str = self.evaluate(_FOCUSED)
        return found

    def tab_stops(self, limit: int = 500) -> list[str]:
        """What Tab leads to from the page's beginning on, in order, up to the page's end or `limit`."""
        self.evaluate("document.activeElement?.blur()")
        stops: list[str] = []
        while len(stops) < limit:
            self.press("Tab")
            stop = self.focused()
            if not stop or self.evaluate(_SEEN_BEFORE):
                break
            stops.append(stop)
        self.evaluate("document.querySelectorAll('[data-tab-stop]').forEach(e => delete e.dataset.tabStop)")
        return stops

    def unreachable(self) -> list[str]:
        """Links, buttons and fields that are visible and that Tab never leads to."""
        self.evaluate("document.activeElement?.blur()")
        for _ in range(self.evaluate(f"{_INTERACTIVE}.length + {_SCROLLING}.length") + 1):
            self.press("Tab")
            self.evaluate("if (document.activeElement) document.activeElement.dataset.reached = '1'; 0")
        found: list[str] = self.evaluate(
            f"{_INTERACTIVE}.filter(e => !e.dataset.reached).map(e => e.outerHTML.slice(0, 120))"
        )
        self.evaluate("document.querySelectorAll('[data-reached]').forEach(e => delete e.dataset.reached)")
        return found


_KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Space": (32, " "),
    "Home": (36, ""),
    "End": (35, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}
_FOCUSED = """(() => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return '';
  const label = e.getAttribute('aria-label') || e.innerText || e.value || e.title || '';
  return (e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + ' ' + label.trim().slice(0, 80)).trim();
})()"""
_SEEN_BEFORE = """(() => {
  const e = document.activeElement, seen = e.dataset.tabStop === '1';
  e.dataset.tabStop = '1';
  return seen;
})()"""
_INTERACTIVE = """[...document.querySelectorAll(
  'a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex="-1"])')].filter(
  e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true}) && !(e.type === 'radio'))"""
_SCROLLING = """[...document.querySelectorAll('*')].filter(e => /auto|scroll/.test(getComputedStyle(e).overflow) &&
  (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight))"""
"""What scrolls is a stop of Tab as well, where nothing in it is one."""
_OVERFLOW = """(() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const out = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > wide + 0.5);
  return out.filter(e => !out.some(o => o !== e && e.contains(o))).slice(0, 10).map(e => e.outerHTML.slice(0, 120))
    .concat(out.length ? [] : ['the page is ' + document.documentElement.scrollWidth + ' pixels wide']);
})()"""
