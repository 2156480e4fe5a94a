"""What a reader does with the report: search, choose, open a neuron, copy, tab along."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from .chromium import Chromium

_ROWS = """
return [...document.querySelectorAll("table#gallery tr[data-neuron]")]
  .filter(row => row.checkVisibility())
  .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
  .map(row => [Number(row.dataset.layer), Number(row.dataset.neuron)]);
"""
_SETTLED = "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));"

_CAN_TAKE_FOCUS = """
const kinds = "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])";
const wanted = [...document.querySelectorAll(kinds)].filter(
  e => !e.disabled && e.checkVisibility({visibilityProperty: true, opacityProperty: true}));
"""
_LOOKS = """
const looks = element => [element, ...element.querySelectorAll("*")].map(part => {
  const style = getComputedStyle(part);
  return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.stroke].join();
}).join(";");
"""
_BEFORE = (
    _CAN_TAKE_FOCUS
    + _LOOKS
    + "window.tabbed = new Set(); window.before = new Map(wanted.map(e => [e, looks(e)]));"
)
_TAKE_NOTE = (
    _LOOKS
    + """
const e = document.activeElement;
if (!e || e === document.body || e === document.documentElement) return "outside";
if (tabbed.has(e)) return "again";
tabbed.add(e);
return before.get(e) === looks(e) ? "unmarked: " + e.outerHTML.slice(0, 120) : "new";
"""
)
_LEFT_OUT = (
    _CAN_TAKE_FOCUS
    + """
return wanted.filter(e => !tabbed.has(e)).map(e => e.outerHTML.slice(0, 120));
"""
)

# What a form control or a link needs a name for; of a picture it is the text in its stead.
_NAMED_ROLES = frozenset(
    (
        *("button", "checkbox", "combobox", "image", "img", "link", "listbox", "meter", "radio"),
        *("searchbox", "slider", "spinbutton", "switch", "tab", "table", "textbox"),
    )
)

_PASTE = """
document.querySelector("#pasted")?.remove();
const field = document.createElement("textarea");
field.id = "pasted";
field.style.position = "fixed";
document.body.append(field);
window.pasted = null;
field.addEventListener("paste", event => {
  const file = [...event.clipboardData.files][0];
  if (!file) { window.pasted = event.clipboardData.getData("text/plain"); return; }
  createImageBitmap(file).then(image => {
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const {data} = context.getImageData(0, 0, image.width, image.height);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 200) colours.add(data.slice(i, i + 3).join());
    }
    window.pasted = {type: file.type, width: image.width, height: image.height,
                     colours: colours.size};
  });
});
field.focus();
"""


class ReportPage:
    """An open report.

    Parameters
    ----------
    browser : Chromium
        Where it is shown.
    path : Path
        The file.
    route : str
        Where to begin, for example ``"#/layer/2"``.
    **view
        As :meth:`Chromium.open` takes it: width, dark, …
    """

    def __init__(self, browser: Chromium, path: Path, route: str = "", **view: Any) -> None:
        self.browser = browser
        browser.open(path, route, **view)

    @property
    def verdict(self) -> str:
        """The heading, "" where it cannot be seen."""
        return self.one("h1#verdict").text

    @property
    def route(self) -> str:
        """The location's hash."""
        return self.browser.run("return location.hash")

    @property
    def rows(self) -> list[tuple[int, int]]:
        """The gallery's rows on and near the screen: layer and neuron, from top to bottom."""
        self.see_gallery()
        return self.rows_now

    @property
    def rows_now(self) -> list[tuple[int, int]]:
        """The gallery's rows that exist, wherever the page is scrolled to."""
        return [(layer, neuron) for layer, neuron in self.browser.run(_ROWS)]

    @property
    def count(self) -> str:
        """How many neurons the gallery says it shows."""
        return self.one("output#count").text

    @property
    def scroll(self) -> float:
        """How far the page is scrolled, px."""
        return self.browser.run("return document.scrollingElement.scrollTop")

    @scroll.setter
    def scroll(self, top: float) -> None:
        self.browser.run("document.scrollingElement.scrollTop = arguments[0]", top)
        self.settle()

    def see_gallery(self) -> None:
        """Scroll to the gallery: only rows near the screen exist."""
        self.browser.run("document.querySelector('#gallery').scrollIntoView()")
        self.settle()

    def one(self, selector: str) -> WebElement:
        """Return the element; an error where there is none."""
        return self.browser.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Return all elements that there are."""
        return self.browser.driver.find_elements(By.CSS_SELECTOR, selector)

    def settle(self) -> None:
        """Wait until what was begun is drawn."""
        self.browser.run_until_done(_SETTLED)

    def search(self, text: str) -> None:
        """Type into the search field, in place of what stood there."""
        field = self.one("input#search")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)
        self.settle()

    def options(self, name: str) -> dict[str, str]:
        """Return the labels of a choice (``layer``, ``show``, ``sort``), by their values."""
        found = self.all(f"select#{name} option")
        return {option.get_attribute("value") or "": option.text for option in found}

    def choose(self, name: str, value: str) -> None:
        """Choose by value, as a click in the list does."""
        self.one(f"select#{name} option[value='{value}']").click()
        self.settle()

    def open_neuron(self, layer: int, neuron: int) -> None:
        """Click the link of a row in the gallery, and wait for the neuron's page."""
        self.link_of(layer, neuron).click()
        self.shows_neuron()

    def link_of(self, layer: int, neuron: int) -> WebElement:
        """Return the link of a row near the gallery's top, brought to the screen's middle."""
        self.see_gallery()
        link = self.one(f"#gallery tr[data-neuron] a[href='#/neuron/{layer}/{neuron}']")
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", link)
        self.settle()
        return link

    def go(self, route: str) -> None:
        """Change the location's hash, as a link within the page does."""
        self.browser.run_until_done(
            "if (location.hash === arguments[0]) return done();"
            "addEventListener('hashchange', () => requestAnimationFrame(() => done()),"
            " {once: true}); location.hash = arguments[0];",
            route,
        )
        self.settle()

    def shows_neuron(self) -> WebElement:
        """Return the page of a neuron, once it is there."""
        article = self.one("article#neuron")
        self.browser.wait(article.is_displayed, "no neuron is shown")
        self.settle()
        return article

    def inside(self, place: WebElement, selector: str) -> WebElement:
        """Return the element within another; an error where there is none."""
        return place.find_element(By.CSS_SELECTOR, selector)

    def show_all_parts(self) -> None:
        """Press the button of a neuron that draws the parts beyond the first."""
        for button in self.all("#neuron button.plain"):
            button.click()
            self.settle()

    def open_details(self) -> None:
        """Unfold all that is folded."""
        self.browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        self.settle()

    def printed(self) -> bytes:
        """Print it, as a PDF file."""
        return base64.b64decode(self.browser.devtools("Page.printToPDF")["data"])

    def tab_along(self, most: int = 400) -> tuple[list[str], list[str]]:
        """Press Tab until the focus has gone round the page.

        Returns
        -------
        list of str
            What can be clicked or chosen and was not reached.
        list of str
            What was reached and looks as before: no outline, shadow or stroke tells.
        """
        self.browser.run(_BEFORE)
        unmarked = []
        for _ in range(most):
            self.browser.keys(Keys.TAB)
            note = self.browser.run(_TAKE_NOTE)
            if note == "again":
                break
            # A neuron's page begins at its heading: from the end the focus goes on at the top.
            if note not in ("new", "outside"):
                unmarked.append(note)
        return self.browser.run(_LEFT_OUT), unmarked

    def nameless(self) -> list[str]:
        """Return what a screen reader would announce without a name: role and place."""
        tree = self.browser.devtools("Accessibility.getFullAXTree")["nodes"]
        return [
            f"{node['role']['value']}: {self._markup(node['backendDOMNodeId'])}"
            for node in tree
            if not node.get("ignored")
            and node["role"]["value"] in _NAMED_ROLES
            and not str(node.get("name", {}).get("value", "")).strip()
        ]

    def _markup(self, node: int) -> str:
        found = self.browser.devtools("DOM.getOuterHTML", backendNodeId=node)
        return found["outerHTML"][:120]

    def copy(self, figure: WebElement, kind: str) -> Any:
        """Press a figure's button that copies ``meme``, ``svg`` or ``png``, and paste it.

        Parameters
        ----------
        figure : WebElement
            The logo's.
        kind : str
            Which button.

        Returns
        -------
        str or dict
            The text, or of a picture its ``type``, ``width``, ``height`` and number of
            ``colours``, as a field of our own received it.
        """
        said = self.one("#spoken").get_attribute("textContent")
        figure.find_element(By.CSS_SELECTOR, f"button[data-copy='{kind}']").click()
        self.browser.wait(
            lambda: self.one("#spoken").get_attribute("textContent") != said,
            f"nothing says that {kind} was copied",
        )
        self.browser.run(_PASTE)
        # A key press of WebDriver's carries no editing command; DevTools' does.
        self.browser.devtools("Input.dispatchKeyEvent", type="keyDown", commands=["paste"])
        return self.browser.wait(lambda: self.browser.run("return window.pasted"), "empty paste")
