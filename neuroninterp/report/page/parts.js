/* A neuron's logos: the mixture, and its parts moved by their shifts. */
const FIRST_PARTS = 16;

/* One logo: what it is, how good, and what it matches; drawn between common limits. */
const logoRow = (neuron, part, limits) => {
  const motif = decode(part.matrix),
    best = part.matches[0];
  const hit = best ? [best.start, best.end] : null;
  const name = partName(part),
    identifier = `layer${neuron.layer}_neuron${neuron.k}_${part.kind === "part" ? `part${part.index}` : part.kind}`;
  const drawing = drawLogo(
    motif,
    limits.from + part.shift,
    limits.to + part.shift,
    limits.column,
    `${titleOf(neuron)}, ${name}`,
    { sequences: part.sequences, hit },
  );
  const known = [
    part.share === undefined ? "" : `share ${percent(part.share)}`,
    `consensus ratio ${fixed(part.ratio)}`,
    part.shift ? `shift ${part.shift > 0 ? "+" : "\u2212"}${Math.abs(part.shift)} bp` : "",
    `${grouped(part.sequences)} sequences`,
  ].filter(Boolean);
  return element(
    "figure",
    {
      class: `logo ${part.kind}`,
      "data-kind": part.kind,
      "data-part": part.kind === "part" ? part.index : null,
    },
    element(
      "figcaption",
      {},
      element("b", {}, name),
      ...(best ? [" ", element("span", {}, best.name), " ", wholeness(best)] : []),
      element("span", { class: "muted" }, known.join(" \u00b7 ")),
      copyButtons(
        identifier,
        `${titleOf(neuron)}, ${name.toLowerCase()}`,
        motif,
        best ? best.name : "",
        part.sequences,
        () => drawing,
      ),
    ),
    part.share === undefined
      ? null
      : element("div", { class: "share", "aria-hidden": "true", style: `--share:${part.share}` }),
    element(
      "div",
      { class: "canvas", tabindex: "0", role: "group", "aria-label": `${name}, drawing` },
      drawing,
    ),
  );
};
const logosOf = (neuron, all) => {
  // The gallery begins with the best match; here the largest share of the neuron comes first.
  const parts = neuron.parts.map(asPart).sort((a, b) => b.share - a.share),
    shown = all ? parts : parts.slice(0, FIRST_PARTS);
  const rows = [
    ...(neuron.parts.length > 1 || neuron.count > 1
      ? [asWhole("mixture", neuron.mixture, neuron.mixtureMatches)]
      : []),
    ...shown,
    ...(neuron.data ? [asWhole("data", neuron.data)] : []),
  ];
  const spans = shown.map((part) => {
    const motif = decode(part.matrix);
    return [motif.start - part.shift, motif.stop - part.shift];
  });
  const limits = {
    from: Math.min(...spans.map((span) => span[0])),
    to: Math.max(...spans.map((span) => span[1])),
  };
  limits.column = Math.max(
    5,
    Math.min(22, (widthOf(article, 1100) - LEFT - RIGHT - 34) / (limits.to - limits.from)),
  );
  const list = element(
    "div",
    { class: "rows" },
    ...rows.map((part) => logoRow(neuron, part, limits)),
  );
  if (shown.length === parts.length) {
    return neuron.count > parts.length
      ? [
          list,
          element(
            "p",
            { class: "muted" },
            `${neuron.count - parts.length} more parts, of no better match, are in results.h5 and motifs.meme.`,
          ),
        ]
      : [list];
  }
  const more = element(
    "button",
    { type: "button", class: "plain" },
    `Show all ${parts.length} parts`,
  );
  const host = element("div", {}, list, more);
  more.addEventListener("click", () => host.replaceChildren(...logosOf(neuron, true)));
  return [host];
};
