"""Debian's Chromium without a window, and what a person does with one page in it."""

import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.devtools import DevTools
from tests.integration.waiting import wait_until

PATIENCE_S = 10
DESKTOP, PHONE = (1400, 900), (390, 844)
_PROGRAM = "chromium"
_PIPES = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2'
"""The browser reads commands from descriptor 3 and answers on 4."""
_ARGUMENTS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # as root there is none
    "--disable-dev-shm-usage",  # containers have 64 MB there
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
_STOP_TIMEOUT_S = 30


class Page:
    """A tab, its size, and what went wrong in it."""

    def __init__(self, tools: DevTools, login: tuple[str, str] | None) -> None:
        """Open an empty one; ``login`` is typed where the server asks for it."""
        self._tools, self._login = tools, login
        self.complaints: list[str] = []
        """Errors of scripts, and what the policy of the page forbade; not that the API refused something."""
        self.questions: list[str] = []
        """What the page asked in a window of its own; each was agreed to."""
        self._context = tools.call("Target.createBrowserContext")["browserContextId"]
        place = {"url": "about:blank", "browserContextId": self._context}
        target = tools.call("Target.createTarget", **place)["targetId"]
        attached = tools.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(attached["sessionId"])
        tools.hear(self._session, self._hear)
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setFocusEmulationEnabled", enabled=True)
        if login:
            self._call("Fetch.enable", handleAuthRequests=True)

    def show(self, size: tuple[int, int] = DESKTOP, *, is_dark: bool = False) -> None:
        """Give the window a size, and the person's wish for light or dark."""
        width, height = size
        metrics = {"width": width, "height": height, "mobile": size == PHONE}
        self._call("Emulation.setDeviceMetricsOverride", deviceScaleFactor=1, **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url: str) -> None:
        """Go to an address, and wait until its scripts have begun."""
        self._call("Page.navigate", url=url)
        self.wait("location.protocol === 'http:' && document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """Return what an expression of JavaScript is in the page, as JSON has it."""
        reply = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, (expression, reply)
        return reply["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""

        def holds() -> bool:
            with contextlib.suppress(AssertionError):  # the page is being changed for another
                return bool(self.ask(expression))
            return False

        try:
            wait_until(holds, PATIENCE_S, expression)
        except AssertionError as error:
            error.add_note(f"the page shows: {self.ask('document.body.innerText')!r:.3000}")
            raise

    def wait_text(self, selector: str, *parts: str) -> None:
        """Wait until an element's visible text has all of these parts."""
        text = f"document.querySelector({json.dumps(selector)}).innerText"
        self.wait(f"{json.dumps(parts)}.every((part) => {text}.includes(part))")

    def text(self, selector: str = "body") -> str:
        """Return the visible text of an element."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str) -> None:
        """Click in the middle of an element, with the mouse."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        left, top, width, height = self.ask(
            f"(() => {{ const b = {box}; return [b.left, b.top, b.width, b.height]; }})()"
        )
        assert width > 0, f"{selector} is not to be seen"
        place = {"x": left + width / 2, "y": top + height / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            # not waited for: a click that makes the page ask something is answered when that is
            self._tools.post("Input.dispatchMouseEvent", self._session, type=kind, **place)

    def type(self, text: str) -> None:
        """Press the keys of these letters; a carriage return is Enter."""
        for letter in text:
            key = "Enter" if letter == "\r" else letter
            code = 13 if letter == "\r" else ord(letter.upper())
            event = {"key": key, "text": letter, "windowsVirtualKeyCode": code}
            if letter.isalpha():
                event["code"] = f"Key{letter.upper()}"
            self._call("Input.dispatchKeyEvent", type="keyDown", **event)
            self._call("Input.dispatchKeyEvent", type="keyUp", **event)

    def picture(self, path: Path) -> None:
        """Store what is seen, as a PNG."""
        shot = self._call("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Leave, without a farewell."""
        self._tools.call("Target.disposeBrowserContext", browserContextId=self._context)

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        return self._tools.call(method, self._session, **parameters)

    def _hear(self, event: str, told: dict[str, Any]) -> None:
        """Take an event, in the thread that reads."""
        post, session = self._tools.post, self._session
        if event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and told["type"] in {"error", "assert"}:
            self.complaints.append(str(told["args"]))
        elif event == "Log.entryAdded":
            entry = told["entry"]
            if entry["level"] == "error" and entry["source"] != "network":
                self.complaints.append(entry["text"])
        elif event == "Page.javascriptDialogOpening":
            self.questions.append(told["message"])
            post("Page.handleJavaScriptDialog", session, accept=True)
        elif event == "Fetch.requestPaused":
            post("Fetch.continueRequest", session, requestId=told["requestId"])
        elif event == "Fetch.authRequired" and self._login:
            user, password = self._login
            answer = {"response": "ProvideCredentials", "username": user, "password": password}
            post(
                "Fetch.continueWithAuth",
                session,
                requestId=told["requestId"],
                authChallengeResponse=answer,
            )


class Chromium:
    """A browser that runs; its pages know nothing of each other."""

    def __init__(self, tools: DevTools) -> None:
        self._tools = tools

    @contextmanager
    def page(self, login: tuple[str, str] | None = None) -> Iterator[Page]:
        """Give a page as another person would have it, with a login of its own; at the end nothing may have gone wrong in it."""
        page = Page(self._tools, login)
        page.show()
        try:
            yield page
        finally:
            page.close()
        assert page.complaints == []


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Run a browser in the network of this thread, with its files in ``folder``; skip the test where none is installed."""
    if shutil.which(_PROGRAM) is None:
        pytest.skip("needs Debian's chromium: make test-browser installs it (300 MB)")
    words = ["sh", "-c", _PIPES, _PROGRAM, *_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        assert process.stdin is not None
        assert process.stdout is not None
        tools = DevTools(process.stdin, process.stdout)
        try:
            yield Chromium(tools)
        finally:
            tools.post("Browser.close")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
            process.kill()
            process.wait()
            tools.close()
