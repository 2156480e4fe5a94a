"""The report in a real browser: Chromium, driven through WebDriver and its DevTools."""

from .chromium import Chromium, missing_browser

__all__ = ["Chromium", "missing_browser"]
