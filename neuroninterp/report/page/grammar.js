/* The motif dictionary of a layer, and how a neuron arranges its motifs. */
const gapText = ([minimum, maximum]) =>
  (minimum === maximum ? `${minimum} bp` : `${minimum} to ${maximum} bp`).replace(/-/g, "\u2212");
const motifName = (layer, name) => {
  const match = layer.dictionary[name]?.[3],
    number = name
      .replace(/^layer\d+_/, "")
      .replace(/_/g, " ")
      .replace("motif", "motif ");
  return match ? page.targets[match[0]][1] : number;
};

/* An arrangement to scale: each motif where it mostly stands, its range below, gaps between. */
const ARROW = 7;
const syntaxDrawing = (found, layer, width, names) => {
  const [share, , , motifs, strands, starts, spacings] = found,
    field = layer.field;
  const entries = motifs.map((name) => layer.dictionary[name]);
  const widths = entries.map((entry) => (entry ? entry[5] : 6));
  let at = (starts[0][0] + starts[0][1]) / 2;
  const places = motifs.map((_, i) => {
    if (i) at += widths[i - 1] + spacings[i - 1][2];
    return at;
  });
  const low = Math.min(0, ...starts.map((start) => start[0])),
    high = Math.max(field, ...places.map((place, i) => place + widths[i]));
  const moves = starts.some(([first, last]) => last > first);
  const scale = (width - 16) / (high - low),
    middle = 34,
    height = spacings.length ? 74 : moves ? 56 : 48;
  const x = (position) => 8 + scale * (position - low);
  const words = motifs.map(
    (_, i) =>
      `${motifName(layer, motifs[i])} ${strands[i] === "+" ? "forward" : "reverse"}${i < spacings.length ? `, ${gapText(spacings[i])}` : ""}`,
  );
  const svg = shape("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `${percent(share)}: ${words.join(", ")}`,
  });
  svg.append(shape("line", { class: "axis", x1: x(0), x2: x(field), y1: middle, y2: middle }));
  motifs.forEach((name, i) => {
    const [a, b] = [x(places[i]), x(places[i] + widths[i])],
      tip = Math.min(ARROW, (b - a) / 2);
    const both = entries[i]?.[4];
    const outline = both
      ? `M${a} ${middle - 9}H${b}V${middle + 9}H${a}Z`
      : strands[i] === "+"
        ? `M${a} ${middle - 9}H${b - tip}L${b} ${middle}L${b - tip} ${middle + 9}H${a}Z`
        : `M${b} ${middle - 9}H${a + tip}L${a} ${middle}L${a + tip} ${middle + 9}H${b}Z`;
    svg.append(shape("path", { class: `element tone-${names.indexOf(name) % 4}`, d: outline }));
    const [first, last] = starts[i];
    if (last > first)
      svg.append(
        shape("line", {
          class: "range",
          x1: x(first),
          x2: x(last),
          y1: middle + 15,
          y2: middle + 15,
        }),
      );
    const label = motifName(layer, name),
      room = Math.max(6, Math.floor((b - a + 30) / 6));
    svg.append(
      shape(
        "text",
        { x: (a + b) / 2, y: middle - 15, "text-anchor": "middle" },
        label.length > room ? `${label.slice(0, room - 1)}…` : label,
      ),
    );
    if (i < spacings.length) {
      const end = x(places[i + 1]);
      svg.append(
        shape(
          "text",
          { class: "gap", x: (b + end) / 2, y: middle + 31, "text-anchor": "middle" },
          gapText(spacings[i]),
        ),
        shape("path", {
          class: "spacing",
          d: `M${b} ${middle + 17}V${middle + 21}H${end}V${middle + 17}`,
        }),
      );
    }
  });
  return svg;
};
const entryFigure = (layer, name, width) => {
  const [matrix, support, members, match, , length] = layer.dictionary[name],
    known = match ? asMatch(match) : null;
  const drawing = drawLogo(
    decode(matrix),
    0,
    length,
    Math.min(18, (width - LEFT - RIGHT) / length),
    motifName(layer, name),
    { height: 48 },
  );
  const links = members
    .slice(0, 12)
    .flatMap((k, i) => [
      i ? ", " : "",
      element("a", { href: routeOf(layer.number, k) }, String(k)),
    ]);
  return element(
    "figure",
    { class: "logo entry", "data-kind": "dictionary", "data-motif": name },
    element(
      "figcaption",
      {},
      element("b", {}, motifName(layer, name)),
      " ",
      element(
        "span",
        { class: "muted" },
        [known ? `${known.id}, E ${scientific(known.e)}` : "", `support ${fixed(support)}`]
          .filter(Boolean)
          .join(" \u00b7 "),
      ),
    ),
    element("div", { class: "canvas" }, drawing),
    element(
      "p",
      { class: "muted" },
      members.length === 1 ? "neuron " : "neurons ",
      ...links,
      members.length > 12 ? ` and ${members.length - 12} more` : "",
    ),
  );
};
const syntaxSection = (neuron, width) => {
  const layer = layers.get(neuron.layer);
  const names = [
    ...new Set(neuron.syntax.flatMap(([, found]) => found.flatMap((one) => one[3]))),
  ].filter((name) => layer.dictionary[name]);
  const blocks = neuron.syntax.flatMap(([source, found]) =>
    [
      neuron.syntax.length > 1 ? element("h4", {}, page.sources[source]) : null,
      ...found.map((one) =>
        element(
          "figure",
          { class: "syntax" },
          syntaxDrawing(one, layer, width, names),
          element(
            "figcaption",
            { class: "muted" },
            `share ${percent(one[0])} \u00b7 value with the motifs ${fixed(one[1])}` +
              (one[2] === null ? "" : `, at other spacings ${fixed(one[2])}`) +
              " of the largest z",
          ),
        ),
      ),
    ].filter(Boolean),
  );
  return section(
    "Syntax",
    element(
      "p",
      { class: "muted" },
      "Motifs of the layer’s dictionary as they stand in the neuron’s sequences, to scale over its receptive field; below each motif the range of its place, between them the gap.",
    ),
    ...blocks,
    element("div", { class: "entries" }, ...names.map((name) => entryFigure(layer, name, 250))),
  );
};
