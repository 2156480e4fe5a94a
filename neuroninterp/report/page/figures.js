/* Figures of a neuron's page: how active it is, and its motif under a known one. */
const article = document.getElementById("neuron");
const widthOf = (host, most) => Math.max(240, Math.min(most, host.clientWidth || most));

/* How often a window reaches each level: random ones as a line, the user's as bars, log scale. */
const histogram = (profile, width) => {
  const [low, high, shares, counts, windows] = profile;
  const levels = shares.length,
    height = 170,
    left = 46,
    right = 10,
    top = 10,
    bottom = height - 34;
  const random = shares.map((share) => (share > 0 ? Math.log10(share) : null));
  const data = counts
    ? counts.map((number) => (number > 0 ? Math.log10(number / windows) : null))
    : [];
  const known = [...random, ...data].filter((value) => value !== null);
  if (!known.length) return null;
  const floor = Math.floor(Math.min(...known) - 0.3),
    ceiling = Math.max(floor + 1, Math.ceil(Math.max(...known)));
  const x = (level) => left + ((width - left - right) * level) / levels;
  const y = (log) => top + ((bottom - top) * (ceiling - log)) / (ceiling - floor);
  const svg = shape("svg", {
    class: "histogram",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `Share of windows by value z, from ${fixed(low)} to ${fixed(high)}: random sequences${counts ? " and your sequences" : ""}`,
  });
  const step = Math.max(1, Math.ceil((ceiling - floor) / 5));
  for (let log = ceiling; log >= floor; log -= step) {
    svg.append(
      shape("line", { class: "axis", x1: left, x2: width - right, y1: y(log), y2: y(log) }),
      shape(
        "text",
        { x: left - 6, y: y(log) + 3.5, "text-anchor": "end" },
        log === 0
          ? "1"
          : log > -3
            ? String(10 ** log)
            : scientific(10 ** log).replace(/^1\.0\u2009\u00d7\u2009/, ""),
      ),
    );
  }
  data.forEach((value, i) => {
    if (value === null) return;
    const bar = shape("rect", {
      class: "bar",
      x: x(i) + 1,
      width: x(1) - x(0) - 2,
      y: y(value),
      height: bottom - y(value),
    });
    bar.append(
      shape("title", {}, `${grouped(counts[i])} of ${grouped(windows)} windows of your sequences`),
    );
    svg.append(bar);
  });
  let path = "",
    open = false;
  random.forEach((value, i) => {
    if (value === null) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}L${x(i + 1).toFixed(1)} ${y(value).toFixed(1)}`;
    open = true;
  });
  svg.append(shape("path", { class: "random", d: path }));
  for (const level of [0, levels / 2, levels]) {
    svg.append(
      shape(
        "text",
        {
          x: x(level),
          y: bottom + 14,
          "text-anchor": level === levels ? "end" : level ? "middle" : "start",
        },
        fixed(low + ((high - low) * level) / levels),
      ),
    );
  }
  svg.append(
    shape("text", { x: x(levels / 2), y: height - 4, "text-anchor": "middle" }, "value z"),
  );
  return svg;
};

/* A part under the known motif that it matches, column upon column, with some bp beside it. */
const BESIDE_TARGET = 10;
const alignment = (part, match, width, name) => {
  if (!match.matrix || match.targetStart === null) return null;
  const motif = decode(part.matrix),
    known = decode(match.matrix);
  const target = match.reverse ? reversed(known) : known,
    at = match.targetStart;
  const from = Math.max(Math.min(motif.start, at), at - BESIDE_TARGET);
  const to = Math.min(Math.max(motif.stop, at + target.length), at + target.length + BESIDE_TARGET);
  const column = Math.min(22, (width - LEFT - RIGHT) / (to - from));
  const band = [match.start, match.end];
  // Its own positions on the known motif's axis: the query's stand below.
  const moved = { ...target, start: target.start + at, stop: target.stop + at };
  const figure = (kind, drawing, attributes = {}) =>
    element(
      "figure",
      { class: "logo", "data-kind": kind, ...attributes },
      element("div", { class: "canvas" }, drawing),
    );
  return element(
    "figure",
    { class: "alignment" },
    element(
      "p",
      { class: "label" },
      element("b", {}, match.name),
      " ",
      element(
        "span",
        { class: "muted" },
        `${match.id}, ${match.reverse ? "reverse" : "forward"} strand`,
      ),
    ),
    figure(
      "target",
      drawLogo(moved, from, to, column, `${match.name} ${match.id}`, { band, numbers: false }),
      { "data-target": match.id },
    ),
    figure("aligned", drawLogo(motif, from, to, column, name, { band, sequences: part.sequences })),
    element(
      "figcaption",
      {},
      `${name}. Shaded: the ${match.end - match.start} aligned columns; they cover ${percent(match.covered)} of ${match.name}’s information, E ${scientific(match.e)}. `,
      wholeness(match),
    ),
  );
};
