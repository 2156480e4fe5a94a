/* What a neuron was matched with, and where it was seen. */

/* The best match of every known motif that the parts match, three at most. */
const alignments = (neuron, width) => {
  const best = new Map();
  for (const part of neuron.parts.map(asPart)) {
    for (const match of part.matches) {
      if (!best.has(match.target) || match.e < best.get(match.target).match.e)
        best.set(match.target, { part, match });
    }
  }
  return [...best.values()]
    .sort((a, b) => a.match.e - b.match.e)
    .slice(0, 3)
    .map(({ part, match }) => alignment(part, match, width, partName(part)))
    .filter(Boolean);
};

const topSequences = (neuron) => {
  const [from] = neuron.span,
    motifs = neuron.parts.map((part) => decode(part[1]));
  const informative = [
    Math.min(...motifs.map((m) => m.begin)),
    Math.max(...motifs.map((m) => m.end)),
  ];
  const rows = neuron.top.map(([z, window, sequence, name, start, location, labels], rank) => {
    const letters = [...window].map((base, i) =>
      element(
        "span",
        {
          class: `base-${base}${i + from < informative[0] || i + from >= informative[1] ? " aside" : ""}`,
        },
        base,
      ),
    );
    return element(
      "tr",
      {},
      element("td", { class: "number" }, String(rank + 1)),
      element("td", { class: "number" }, fixed(z)),
      element(
        "th",
        { scope: "row" },
        location || name || `sequence ${sequence}`,
        element(
          "span",
          { class: "muted" },
          ` ${location && name && name !== location ? `${name}, ` : ""}from ${start} bp`,
        ),
      ),
      element("td", {}, labels.join(", ") || MISSING),
      element("td", {}, element("code", { class: "window", "aria-label": window }, ...letters)),
    );
  });
  return element(
    "div",
    { class: "scroll", role: "region", tabindex: "0", "aria-label": "Top sequences, to scroll" },
    element(
      "table",
      { id: "top-sequences", "aria-label": "Top sequences" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...[
            ["#", "number"],
            ["z", "number"],
            ["Where", ""],
            ["Labels", ""],
            ["Window", ""],
          ].map(([text, kind]) => element("th", { scope: "col", class: kind }, text)),
        ),
      ),
      element("tbody", {}, ...rows),
    ),
  );
};
