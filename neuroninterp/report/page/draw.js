/* Elements, and sequence logos: every letter is as high as its bits. */
const SVG = "http://www.w3.org/2000/svg";
const BASES = ["A", "C", "G", "T"];
const LEFT = 22,
  TOP = 5,
  AXIS = 17,
  RIGHT = 2;
const settings = { corrected: false };

/* Text always becomes text: nothing that a file calls itself is ever read as markup. */
const element = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const shape = (name, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

const section = (heading, ...children) =>
  element("section", {}, element("h3", {}, heading), ...children);

/* Every letter of the positions from..to, lowest first in each; none beyond the motif. */
const letters = (motif, from, to, column, height, left, bottom, sequences, act) => {
  const wide = column * (1 - 2 * page.margin);
  for (
    let position = Math.max(from, motif.start);
    position < Math.min(to, motif.stop);
    position++
  ) {
    const probabilities = motif.columns[position - motif.start];
    const bits = information(probabilities, settings.corrected ? sequences : 0);
    if (bits < page.lowest) continue;
    const x = left + column * (position - from + page.margin);
    let y = bottom;
    for (const index of [0, 1, 2, 3].sort((i, j) => probabilities[i] - probabilities[j])) {
      const high = probabilities[index] * bits,
        tall = (height * high) / 2;
      y -= tall;
      if (high >= page.lowest) act(BASES[index], position, high, x, y, wide, tall);
    }
  }
};
/* The same as markup of numbers and the four letters alone. */
const letterMarkup = (...where) => {
  let markup = "";
  letters(...where, (base, position, bits, x, y, w, h) => {
    markup += `<path class="base-${base}" data-base="${base}" data-position="${position}" data-bits="${bits.toFixed(4)}" d="${page.glyphs[base]}" transform="matrix(${w.toFixed(2)} 0 0 ${h.toFixed(3)} ${x.toFixed(2)} ${y.toFixed(3)})"/>`;
  });
  return markup;
};

const consensus = (motif, from, to) =>
  motif.columns
    .slice(Math.max(0, from - motif.start), Math.max(0, to - motif.start))
    .map((column) => BASES[column.indexOf(Math.max(...column))])
    .join("");

/* A letter's outline as path data of its own place and size. */
const PIECES = Object.fromEntries(
  BASES.map((base) => [
    base,
    [...page.glyphs[base].matchAll(/([MLAZ])([^MLAZ]*)/g)].map(([, command, numbers]) => [
      command,
      numbers.trim().split(" ").map(Number),
    ]),
  ]),
);
const placed = (base, x, y, w, h) => {
  const at = (u, v) => `${(x + w * u).toFixed(2)} ${(y + h * v).toFixed(2)}`;
  let data = "";
  for (const [command, n] of PIECES[base]) {
    if (command === "Z") data += "Z";
    else if (command === "A")
      data += `A${(w * n[0]).toFixed(2)} ${(h * n[1]).toFixed(2)} 0 ${n[3]} ${n[4]} ${at(n[5], n[6])}`;
    else data += command + at(n[0], n[1]);
  }
  return data;
};
/* A logo without axes, for the gallery; of one that is too long, the stretch that matched.
   One path a base, because thousands of letters that are shapes of their own do not scroll. */
const NARROWEST = 6,
  WIDEST = 12,
  LOWEST_PIXELS = 0.5;
const thumbnail = (part, width, height, name) => {
  const motif = decode(part.matrix),
    room = Math.floor(width / NARROWEST),
    best = part.matches[0];
  let [begin, end] = [motif.begin, motif.end];
  if (end - begin > room) {
    const middle = best ? (best.start + best.end) / 2 : heaviest(motif, room);
    begin = Math.round(Math.max(begin, Math.min(end - room, middle - room / 2)));
    end = begin + room;
  }
  const column = Math.min(WIDEST, width / (end - begin)),
    outlines = { A: "", C: "", G: "", T: "" };
  letters(
    motif,
    begin,
    end,
    column,
    height - 5,
    0,
    height - 4,
    part.sequences,
    (base, position, bits, x, y, w, h) => {
      if (h >= LOWEST_PIXELS) outlines[base] += placed(base, x, y, w, h);
    },
  );
  const svg = shape(
    "svg",
    {
      class: `thumbnail${begin > motif.begin ? " cut-left" : ""}${end < motif.end ? " cut-right" : ""}`,
      width: (column * (end - begin)).toFixed(1),
      height,
      role: "img",
      "aria-label": `${name}, consensus ${consensus(motif, begin, end)}`,
    },
    ...BASES.filter((base) => outlines[base]).map((base) =>
      shape("path", { class: `base-${base}`, d: outlines[base] }),
    ),
  );
  if (best && best.start < end && best.end > begin) {
    const [x1, x2] = [Math.max(begin, best.start), Math.min(end, best.end)].map(
      (at) => column * (at - begin),
    );
    svg.append(shape("line", { class: "hit", x1, x2, y1: height - 1.5, y2: height - 1.5 }));
  }
  return svg;
};
/* The middle of the stretch of that many positions that carries most information. */
const heaviest = (motif, room) => {
  const bits = motif.columns.map((column) => information(column, 0));
  let sum = bits.slice(0, room).reduce((a, b) => a + b, 0),
    best = sum,
    at = 0;
  for (let i = room; i < bits.length; i++) {
    sum += bits[i] - bits[i - room];
    if (sum > best) {
      best = sum;
      at = i - room + 1;
    }
  }
  return motif.start + at + room / 2;
};

/* A logo with axes. Options: numbers (positions on the axis), hit (the matched stretch),
   band (a shaded stretch), height of 2 bits in px. */
const drawLogo = (motif, from, to, column, name, options = {}) => {
  const { height = 66, sequences = 0, hit = null, band = null, numbers = true } = options;
  const width = LEFT + column * (to - from) + RIGHT,
    bottom = TOP + height;
  const total = bottom + (numbers ? AXIS : 3);
  const svg = shape("svg", {
    class: "logo",
    width: width.toFixed(1),
    height: total,
    viewBox: `0 0 ${width.toFixed(1)} ${total}`,
    role: "img",
    "data-height": height,
    "aria-label": `${name}, sequence logo, positions ${Math.max(from, motif.start) + 1} to ${Math.min(to, motif.stop)}, consensus ${consensus(motif, from, to)}`,
  });
  const place = (position) => LEFT + column * (position - from);
  let markup = "";
  if (band)
    markup += `<rect class="band" x="${place(Math.max(from, band[0])).toFixed(1)}" y="${TOP}" width="${(column * (Math.min(to, band[1]) - Math.max(from, band[0]))).toFixed(1)}" height="${height}"/>`;
  for (const bits of [0, 1, 2]) {
    const y = bottom - (height * bits) / 2;
    markup += `<line class="axis" x1="${LEFT - 3}" x2="${bits ? LEFT : width.toFixed(1)}" y1="${y}" y2="${y}"/>`;
    markup += `<text x="${LEFT - 6}" y="${y + (bits ? 3.5 : 1.5)}" text-anchor="end">${bits}</text>`;
  }
  markup += `<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP}" y2="${bottom}"/>`;
  markup += letterMarkup(motif, from, to, column, height, LEFT, bottom, sequences);
  if (numbers) {
    const step = [1, 5, 10, 20, 50, 100, 500].find((bp) => bp * column >= 24) ?? 1000;
    for (let position = Math.max(0, from); position < Math.min(to, motif.length); position++) {
      if ((position + 1) % step) continue;
      markup += `<text x="${(place(position) + column / 2).toFixed(1)}" y="${bottom + 12}" text-anchor="middle">${position + 1}</text>`;
    }
  }
  if (hit && Math.min(hit[1], to) > Math.max(hit[0], from)) {
    markup += `<line class="hit" y1="${bottom + 2}" y2="${bottom + 2}" x1="${(place(Math.max(hit[0], from)) + 2).toFixed(1)}" x2="${(place(Math.min(hit[1], to)) - 2).toFixed(1)}"/>`;
  }
  svg.innerHTML = markup;
  return svg;
};

const chip = (text, kind = "") => element("span", { class: `chip ${kind}` }, text);
const wholeness = (match) =>
  chip(match.whole ? "whole" : "partial", match.whole ? "whole" : "partial");
