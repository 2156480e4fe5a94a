"""Contrast of the page's texts, from the colours that the browser computes for them."""

from __future__ import annotations

from .chromium import Chromium

_FAINT = """
const [scope, least, leastLarge] = arguments;
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const rgba = text => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => a * c + (1 - a) * below[i]);
const dark = matchMedia("(prefers-color-scheme: dark)").matches
  && getComputedStyle(document.documentElement).colorScheme.includes("dark");
const behind = element => {
  if (!element) return dark ? [18, 18, 18] : [255, 255, 255];
  return over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
};
const light = colour => {
  const [r, g, b] = colour.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const faint = [];
const seen = new Set();
for (const element of document.querySelectorAll(scope + ", " + scope + " *")) {
  const field = ["INPUT", "SELECT", "TEXTAREA"].includes(element.tagName);
  const own = field || [...element.childNodes]
    .some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!own || element.closest("svg.logo, script, style, noscript, option, :disabled")) continue;
  if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
  for (const part of field && element.placeholder ? [null, "::placeholder"] : [null]) {
    const style = getComputedStyle(element, part);
    const below = behind(element);
    let [r, g, b, alpha] = rgba(element instanceof SVGElement ? style.fill : style.color);
    for (let e = element; e; e = e.parentElement) alpha *= Number(getComputedStyle(e).opacity);
    const pair = [light(over([r, g, b, alpha], below)), light(below)].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast >= (large ? leastLarge : least)) continue;
    const where = element.tagName.toLowerCase() + [...element.classList].map(c => "." + c).join("");
    if (seen.has(where)) continue;
    seen.add(where);
    faint.push(`${contrast.toFixed(2)} ${where}: ${element.textContent.trim().slice(0, 40)}`);
  }
}
return faint;
"""


def faint_texts(browser: Chromium, scope: str = "body", least: float = 4.5) -> list[str]:
    """Return the visible texts whose contrast is below WCAG 2.2's level AA.

    Parameters
    ----------
    browser : Chromium
        With the page open.
    scope : str
        Selector of what to look at.
    least : float
        Contrast that is asked of a text; 3 where it is large (24 px, or 18.66 px bold).

    Returns
    -------
    list of str
        Contrast, element and beginning of the text, one entry for each kind of element.
    """
    return browser.run(_FAINT, scope, least, 3.0)
