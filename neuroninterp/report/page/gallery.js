/* The gallery: a table of all neurons, of which only the rows near the screen exist. */
const gallery = document.getElementById("gallery"),
  body = gallery.tBodies[0];
const controls = Object.fromEntries(
  ["search", "layer", "show", "sort"].map((id) => [id, document.getElementById(id)]),
);
const count = document.getElementById("count"),
  toolbar = document.querySelector(".toolbar");
const SHOWN_PARTS = 3,
  BESIDE = 4,
  REST = 80,
  PRINTED = 200,
  LOGO_HEIGHT = 52,
  GAP = 34;

const KINDS = {
  all: () => true,
  whole: (neuron) => neuron.whole,
  partial: (neuron) => neuron.best && !neuron.whole,
  relevant: (neuron) => neuron.relevant,
  unmatched: (neuron) => !neuron.dead && !neuron.best,
  several: (neuron) => neuron.count > 1,
  unconverged: (neuron) => !neuron.dead && !neuron.converged,
  dead: (neuron) => neuron.dead,
};
/* Smallest first; what is missing comes last, equal ones in order of layer and neuron. */
const RANKS = {
  e: (neuron) => (neuron.best ? neuron.best[1] : null),
  ratio: (neuron) => (neuron.ratio === null ? null : -neuron.ratio),
  maximum: (neuron) => (neuron.maximum === null ? null : -neuron.maximum),
  rarity: (neuron) => (neuron.rarity === null ? null : -neuron.rarity),
  parts: (neuron) => -neuron.count,
  name: (neuron) => (neuron.best ? page.targets[neuron.best[0]][1].toLowerCase() : null),
  number: () => 0,
};

let listed = [],
  rowHeight = 0,
  drawn = new Map(),
  printing = false;

const fits = (neuron, query) => {
  if (!query) return true;
  const number = /^(?:neuron\s*)?(?:(\d+)\s*[:/])?\s*(\d+)$/.exec(query);
  if (number)
    return neuron.k === Number(number[2]) && (!number[1] || neuron.layer === Number(number[1]));
  return neuron.words.includes(query);
};
const list = () => {
  const query = controls.search.value.trim().toLowerCase();
  const layer = Number(controls.layer.value),
    kind = KINDS[controls.show.value],
    rank = RANKS[controls.sort.value];
  const found = neurons.filter(
    (neuron) => (!layer || neuron.layer === layer) && kind(neuron) && fits(neuron, query),
  );
  const keys = new Map(
    found.map((neuron) => [neuron, neuron.dead && rank !== RANKS.number ? null : rank(neuron)]),
  );
  const below = (a, b) => a.layer - b.layer || a.k - b.k;
  found.sort((a, b) => {
    const [i, j] = [keys.get(a), keys.get(b)];
    if (i === j) return below(a, b);
    if (i === null || j === null) return i === null ? 1 : -1;
    return i < j ? -1 : 1;
  });
  listed = found;
  const all = neurons.length === 1 ? "1 neuron" : `${grouped(neurons.length)} neurons`;
  count.textContent =
    found.length === neurons.length
      ? all
      : found.length
        ? `${grouped(found.length)} of ${all}`
        : `none of ${all}: nothing fits`;
  document.dispatchEvent(new CustomEvent("listed", { detail: { layer } }));
  restart();
  // A shorter list would leave whoever had scrolled far down behind its end.
  if (body.getBoundingClientRect().top < 0) document.getElementById("neurons").scrollIntoView();
};

const matchCell = (neuron) => {
  if (neuron.dead) return [element("span", { class: "muted" }, "never active")];
  if (!neuron.best) return [element("span", { class: "muted" }, "no known motif")];
  const match = asMatch(neuron.best);
  return [
    element("b", {}, match.name),
    " ",
    element("span", { class: "muted" }, match.id),
    element("br"),
    element("span", { class: "muted" }, `E ${scientific(match.e)}`),
    " ",
    wholeness(match),
    " ",
    match.relevant ? chip("relevant", "relevant") : "",
    neuron.whole && !match.whole ? chip("another whole", "whole") : "",
  ];
};
/* As many of the best parts as can be read side by side; of a long one its best stretch. */
const logosCell = (neuron, width) => {
  if (neuron.dead) return [];
  const parts = neuron.parts.slice(0, SHOWN_PARTS).map(asPart);
  const longest = Math.max(
    ...parts.map((part) => decode(part.matrix).end - decode(part.matrix).begin),
  );
  const shown = parts.slice(0, Math.max(1, Math.floor(width / (NARROWEST * longest + GAP))));
  const logos = shown.map((part) =>
    thumbnail(
      part,
      width / shown.length - GAP,
      LOGO_HEIGHT,
      `${titleOf(neuron)}, part ${part.index}`,
    ),
  );
  return neuron.count > shown.length
    ? [...logos, element("span", { class: "more muted" }, `+${neuron.count - shown.length}`)]
    : logos;
};
const value = (text, label) =>
  element("td", { class: "number", role: "cell", "data-label": label }, text);
const cells = (neuron, width) => [
  element("td", { role: "cell", class: "logos" }, ...logosCell(neuron, width)),
  element("td", { role: "cell", class: "match" }, ...matchCell(neuron)),
  value(neuron.dead ? MISSING : fixed(neuron.ratio), "ratio"),
  value(neuron.dead ? MISSING : fixed(neuron.maximum), "max"),
  value(neuron.dead ? MISSING : fixed(neuron.rarity, 1), "rarity"),
  value(neuron.dead ? MISSING : String(neuron.count), "parts"),
];
/* A bare row has only its number: enough for what flies past. */
const makeRow = (index, width, bare = false) => {
  const neuron = listed[index];
  const link = element(
    "a",
    { href: routeOf(neuron.layer, neuron.k), "aria-label": titleOf(neuron) },
    element("span", { class: "muted" }, `${neuron.layer}:`),
    String(neuron.k),
  );
  return element(
    "tr",
    {
      role: "row",
      "aria-rowindex": index + 2,
      "data-layer": neuron.layer,
      "data-neuron": neuron.k,
      class: `${neuron.dead ? "dead" : ""}${bare ? " bare" : ""}`,
      style: printing ? null : `transform:translateY(${index * rowHeight}px)`,
    },
    element("th", { scope: "row", role: "rowheader" }, link),
    ...(bare ? [] : cells(neuron, width)),
  );
};

const narrow = matchMedia("(max-width: 980px)");
const logosWidth = () =>
  (narrow.matches ? body.clientWidth : gallery.querySelector("th.logos").clientWidth) - 24;
const restart = () => {
  const style = getComputedStyle(gallery);
  rowHeight = parseFloat(style.getPropertyValue("--row"));
  gallery.style.setProperty("--toolbar", `${toolbar.offsetHeight}px`);
  gallery.setAttribute("aria-rowcount", listed.length + 1);
  body.style.height = `${listed.length * rowHeight}px`;
  body.replaceChildren();
  drawn = new Map();
  update();
};
const update = () => {
  if (printing || !gallery.offsetParent) return;
  const top = body.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(-top / rowHeight) - BESIDE);
  const last = Math.min(listed.length, Math.ceil((innerHeight - top) / rowHeight) + BESIDE);
  // Where nothing of the last frame is seen again, somebody drags the scrollbar: logos can wait.
  const bare = drawn.size > 0 && ![...drawn.keys()].some((index) => index >= first && index < last);
  for (const [index, row] of drawn) {
    // A row that holds the focus stays, so that the next Tab goes on from there.
    if ((index < first || index >= last) && !row.contains(document.activeElement)) {
      row.remove();
      drawn.delete(index);
    }
  }
  const width = logosWidth();
  clearTimeout(filling);
  filling = setTimeout(fill, REST);
  const kept = [...drawn.keys()].filter((index) => index >= last).sort((a, b) => a - b);
  let before = kept.length ? drawn.get(kept[0]) : null;
  for (let index = last - 1; index >= first; index--) {
    if (!drawn.has(index)) {
      const row = makeRow(index, width, bare);
      drawn.set(index, row);
      body.insertBefore(row, before);
    }
    before = drawn.get(index);
  }
};
let filling;
const fill = () => {
  const width = logosWidth();
  for (const [index, row] of drawn) {
    if (!row.classList.contains("bare")) continue;
    const whole = makeRow(index, width),
      focused = row.contains(document.activeElement);
    row.replaceWith(whole);
    if (focused) whole.querySelector("a").focus({ preventScroll: true });
    drawn.set(index, whole);
  }
};
let scheduled = false;
const schedule = () => {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    update();
  });
};
addEventListener("scroll", schedule, { passive: true });
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(restart, 120);
});
controls.search.addEventListener("input", list);
for (const id of ["show", "sort"]) controls[id].addEventListener("change", list);
controls.layer.addEventListener("change", () => {
  location.hash = Number(controls.layer.value) ? `#/layer/${controls.layer.value}` : "#/";
});

/* On paper the rows stand one below the other: the first of those that are listed. */
addEventListener("beforeprint", () => {
  printing = true;
  const shown = Math.min(PRINTED, listed.length);
  body.style.height = "auto";
  body.replaceChildren(...Array.from({ length: shown }, (_, index) => makeRow(index, 240)));
  document.getElementById("printed").textContent =
    shown < listed.length
      ? `The first ${shown} of ${grouped(listed.length)} listed neurons are printed; neurons.tsv has all.`
      : "";
});
addEventListener("afterprint", () => {
  printing = false;
  restart();
});
