"""One headless Chromium that notes what a page logs and what it requests."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Selenium shows its classes through a lazy module; these are their homes.
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.action_chains import ActionChains

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Scrollbars of a phone lie over the page; those of a desktop would take 15 px from 390.
    "--hide-scrollbars",
    # A small /dev/shm, as containers have, ends a large page's process.
    "--disable-dev-shm-usage",
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 10.0
"""Seconds that anything but the timed pages may take to show."""

_WATCH_READY = """
(() => {
  const look = () => {
    if (document.documentElement?.dataset.ready !== "yes") return false;
    window.readyAt = performance.now();
    // The frame after that in which it was set is the first that shows it.
    requestAnimationFrame(() => setTimeout(() => { window.shownAt = performance.now(); }));
    return true;
  };
  new MutationObserver((changes, watcher) => { if (look()) watcher.disconnect(); })
    .observe(document, {attributes: true, subtree: true, attributeFilter: ["data-ready"]});
})();
"""


def missing_browser() -> str:
    """Say what is missing on this machine, or "" where browser tests can run."""
    if not _browser():
        return "no Chromium here: install Debian's chromium and chromium-driver, as .ci/run does"
    if not _driver():
        return "no ChromeDriver here: install Debian's chromium-driver, as .ci/run does"
    return ""


def _browser() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, _BROWSERS)), None)


def _driver() -> str | None:
    return os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")


class Chromium:
    """A running browser, with one page at a time.

    Parameters
    ----------
    driver : WebDriver
        The connection to it.
    """

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source=_WATCH_READY)

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Chromium]:
        """Start the browser with a new empty profile; end it and remove the profile after."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            options = Options()
            options.binary_location = _browser() or ""
            for flag in (*_FLAGS, f"--user-data-dir={profile}"):
                options.add_argument(flag)
            options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
            # With the path given, Selenium does not look for a driver outside.
            driver = WebDriver(options=options, service=Service(executable_path=_driver()))
            try:
                yield cls(driver)
            finally:
                driver.quit()

    def open(
        self,
        path: Path,
        route: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        reduced_motion: bool = False,
        medium: str = "",
        scripts: bool = True,
    ) -> None:
        """Load a file anew and wait until its script has drawn it.

        Parameters
        ----------
        path : Path
            A report.
        route : str
            The location's hash, for example ``"#/layer/2"``.
        width, height : int
            Of the viewport, CSS px; a width under 600 is a phone's.
        dark, reduced_motion : bool
            What the user prefers.
        medium : str
            "print" for the paper's style.
        scripts : bool
            Whether the page may run scripts.
        """
        self.driver.get("about:blank")
        self._forget()
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        preferences = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if reduced_motion else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in preferences.items()]
        self.devtools("Emulation.setEmulatedMedia", media=medium, features=features)
        self.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.driver.get(path.resolve().as_uri() + route)
        if scripts:
            self.wait(lambda: self.run("return window.shownAt"), "the page is never ready")
        else:
            # Scripts that were not run at loading are not run by allowing the test's own.
            self.devtools("Emulation.setScriptExecutionDisabled", value=False)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def run_until_done(self, script: str, *arguments: Any, seconds: float = 60.0) -> Any:
        """Run a body that calls its last argument, ``done``, with what it found."""
        self.driver.set_script_timeout(seconds)
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];" + script, *arguments
        )

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools Protocol and return its answer."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def wait(self, look: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
        """Look again and again until something true is seen, and return it."""
        end = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > end:
                raise AssertionError(f"{what} ({seconds:.0f} s)")
            time.sleep(0.02)
        return seen

    def messages(self) -> list[str]:
        """Return what the page wrote to the console since it was opened, errors included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for since it was opened, blocked or not."""
        events = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _forget(self) -> None:
        self.messages()
        self.requests()
