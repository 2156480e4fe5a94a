/* The page of one neuron. */
const article = document.getElementById("neuron");
const FIRST_PARTS = 16;

const section = (heading, ...children) => element("section", {}, element("h3", {}, heading), ...children);
const titleOf = (neuron) => `Layer ${neuron.layer}, neuron ${neuron.k}`;
const partName = (part) => part.kind === "part" ? `Part ${part.index}`
  : part.kind === "data" ? "Your sequences" : "Mixture";

const facts = (neuron) => element("dl", { class: "facts" }, ...[
  ["largest z", fixed(neuron.maximum)],
  ["active above", fixed(neuron.threshold)],
  ["rarity", rarity(neuron.rarity)],
  ["best consensus ratio", fixed(neuron.ratio)],
  ["parts", String(neuron.count)],
  ["effective size", neuron.error === 0 ? "exact" : neuron.effective === null ? MISSING : grouped(Math.round(neuron.effective))],
  ["PPM error", neuron.error === 0 ? "exact" : fixed(neuron.error, 4)],
  ["converged", neuron.converged ? "yes" : "no"],
].map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", { class: text === "no" ? "warning" : "" }, text))));

const breadcrumb = (neuron) => {
  const at = listed.indexOf(neuron);
  const step = (other, text) => other
    ? element("a", { href: `#/neuron/${other.layer}/${other.k}`, "aria-label": `${text}: ${titleOf(other)}` }, text)
    : element("span", { class: "muted" }, text);
  return element("nav", { class: "crumbs", "aria-label": "Neurons" },
    element("a", { href: Number(controls.layer.value) ? `#/layer/${controls.layer.value}` : "#/", class: "back" }, "\u2190 All neurons"),
    element("span", { class: "steps" }, step(listed[at - 1], "Previous"), step(at < 0 ? null : listed[at + 1], "Next")));
};

/* One logo: what it is, how good, and what it matches; drawn between common limits. */
const logoRow = (neuron, part, limits) => {
  const motif = decode(part.matrix), best = part.matches[0];
  const hit = best ? [best.start, best.end] : null;
  const name = partName(part), identifier = `layer${neuron.layer}_neuron${neuron.k}_${part.kind === "part" ? `part${part.index}` : part.kind}`;
  const drawing = drawLogo(motif, limits.from + part.shift, limits.to + part.shift, limits.column, `${titleOf(neuron)}, ${name}`,
    { sequences: part.sequences, hit });
  const known = [part.share === undefined ? "" : `share ${percent(part.share)}`, `consensus ratio ${fixed(part.ratio)}`,
    part.shift ? `shift ${part.shift > 0 ? "+" : "\u2212"}${Math.abs(part.shift)} bp` : "", `${grouped(part.sequences)} sequences`].filter(Boolean);
  return element("figure", { class: `logo ${part.kind}`, "data-kind": part.kind, "data-part": part.kind === "part" ? part.index : null },
    element("figcaption", {}, element("b", {}, name), ...(best ? [" ", element("span", {}, best.name), " ", wholeness(best)] : []),
      element("span", { class: "muted" }, known.join(" \u00b7 ")),
      copyButtons(identifier, `${titleOf(neuron)}, ${name.toLowerCase()}`, motif, best ? best.name : "", part.sequences, () => drawing)),
    part.share === undefined ? null : element("div", { class: "share", "aria-hidden": "true", style: `--share:${part.share}` }),
    element("div", { class: "canvas", tabindex: "0", role: "group", "aria-label": `${name}, drawing` }, drawing));
};
const logosOf = (neuron, all) => {
  const parts = neuron.parts.map(asPart), shown = all ? parts : parts.slice(0, FIRST_PARTS);
  const rows = [...(neuron.parts.length > 1 || neuron.count > 1 ? [asWhole("mixture", neuron.mixture, neuron.mixtureMatches)] : []),
    ...shown, ...(neuron.data ? [asWhole("data", neuron.data)] : [])];
  const spans = shown.map((part) => { const motif = decode(part.matrix); return [motif.start - part.shift, motif.stop - part.shift]; });
  const limits = { from: Math.min(...spans.map((span) => span[0])), to: Math.max(...spans.map((span) => span[1])) };
  limits.column = Math.max(5, Math.min(22, (widthOf(article, 1100) - LEFT - RIGHT - 34) / (limits.to - limits.from)));
  const list = element("div", { class: "rows" }, ...rows.map((part) => logoRow(neuron, part, limits)));
  if (shown.length === parts.length) {
    return neuron.count > parts.length
      ? [list, element("p", { class: "muted" }, `${neuron.count - parts.length} more parts, of no better match, are in results.h5 and motifs.meme.`)] : [list];
  }
  const more = element("button", { type: "button", class: "plain" }, `Show all ${parts.length} parts`);
  const host = element("div", {}, list, more);
  more.addEventListener("click", () => host.replaceChildren(...logosOf(neuron, true)));
  return [host];
};

/* The best match of every known motif that the parts match, three at most. */
const alignments = (neuron, width) => {
  const best = new Map();
  for (const part of neuron.parts.map(asPart)) {
    for (const match of part.matches) {
      if (!best.has(match.target) || match.e < best.get(match.target).match.e) best.set(match.target, { part, match });
    }
  }
  return [...best.values()].sort((a, b) => a.match.e - b.match.e).slice(0, 3)
    .map(({ part, match }) => alignment(part, match, width, partName(part))).filter(Boolean);
};

const topSequences = (neuron) => {
  const [from] = neuron.span, motifs = neuron.parts.map((part) => decode(part[1]));
  const informative = [Math.min(...motifs.map((m) => m.begin)), Math.max(...motifs.map((m) => m.end))];
  const rows = neuron.top.map(([z, window, sequence, name, start, location, labels], rank) => {
    const letters = [...window].map((base, i) => element("span", { class: `base-${base}${i + from < informative[0] || i + from >= informative[1] ? " aside" : ""}` }, base));
    return element("tr", {}, element("td", { class: "number" }, String(rank + 1)), element("td", { class: "number" }, fixed(z)),
      element("th", { scope: "row" }, location || name || `sequence ${sequence}`,
        element("span", { class: "muted" }, ` ${location && name && name !== location ? `${name}, ` : ""}from ${start} bp`)),
      element("td", {}, labels.join(", ") || MISSING), element("td", {}, element("code", { class: "window", "aria-label": window }, ...letters)));
  });
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Top sequences, to scroll" },
    element("table", { id: "top-sequences", "aria-label": "Top sequences" }, element("thead", {}, element("tr", {}, ...[["#", "number"], ["z", "number"], ["Where", ""], ["Labels", ""], ["Window", ""]]
      .map(([text, kind]) => element("th", { scope: "col", class: kind }, text)))), element("tbody", {}, ...rows)));
};

const entryFigure = (layer, name, width) => {
  const [matrix, support, members, match, , length] = layer.dictionary[name], known = match ? asMatch(match) : null;
  const drawing = drawLogo(decode(matrix), 0, length, Math.min(18, (width - LEFT - RIGHT) / length), motifName(layer, name), { height: 48 });
  const links = members.slice(0, 12).flatMap((k, i) => [i ? ", " : "", element("a", { href: `#/neuron/${layer.number}/${k}` }, String(k))]);
  return element("figure", { class: "logo entry", "data-kind": "dictionary", "data-motif": name },
    element("figcaption", {}, element("b", {}, motifName(layer, name)), " ", element("span", { class: "muted" },
      [known ? `${known.id}, E ${scientific(known.e)}` : "", `support ${fixed(support)}`].filter(Boolean).join(" \u00b7 "))),
    element("div", { class: "canvas" }, drawing),
    element("p", { class: "muted" }, members.length === 1 ? "neuron " : "neurons ", ...links, members.length > 12 ? ` and ${members.length - 12} more` : ""));
};
const SOURCES = { model: "Drawn from the model", data: "Your sequences" };
const syntaxSection = (neuron, width) => {
  const layer = layers.get(neuron.layer);
  const names = [...new Set(neuron.syntax.flatMap(([, found]) => found.flatMap((one) => one[3])))].filter((name) => layer.dictionary[name]);
  const blocks = neuron.syntax.flatMap(([source, found]) => [
    neuron.syntax.length > 1 ? element("h4", {}, SOURCES[source]) : null,
    ...found.map((one) => element("figure", { class: "syntax" }, syntaxDrawing(one, layer, width, names),
      element("figcaption", { class: "muted" }, `share ${percent(one[0])} \u00b7 value with the motifs ${fixed(one[1])}`
        + (one[2] === null ? "" : `, at other spacings ${fixed(one[2])}`) + " of the largest z"))),
  ].filter(Boolean));
  return section("Syntax", element("p", { class: "muted" }, "Motifs of the layer’s dictionary as they stand in the neuron’s sequences, to scale over its receptive field; below each motif the range of its place, between them the gap."),
    ...blocks, element("div", { class: "entries" }, ...names.map((name) => entryFigure(layer, name, 250))));
};

const showNeuron = (neuron) => {
  article.hidden = false;
  const heading = element("h2", { tabindex: "-1" }, titleOf(neuron));
  if (neuron.dead) {
    article.replaceChildren(breadcrumb(neuron), heading, element("p", {}, "Never active: no sequence that was tried brings it above its threshold."));
  } else {
    const best = neuron.best ? asMatch(neuron.best) : null, width = widthOf(article, 640);
    const pictures = alignments(neuron, width), bars = neuron.profile && histogram(neuron.profile, Math.min(width, 520));
    article.replaceChildren(breadcrumb(neuron), heading,
      element("p", { class: "lead" }, ...(best ? [element("b", {}, best.name), ` ${best.id}, E ${scientific(best.e)} `, wholeness(best), best.relevant ? " " : "", best.relevant ? chip("relevant", "relevant") : ""] : ["No known motif matches."])),
      facts(neuron),
      section(neuron.count > 1 ? "The mixture, and its parts aligned by shift" : "Motif", ...logosOf(neuron, false)),
      ...(pictures.length ? [section("Known motifs in register", element("div", { class: "pictures" }, ...pictures))] : []),
      ...(bars ? [section("How often it is how active", element("figure", {}, bars, element("figcaption", {},
        element("span", { class: "key" }, element("i", { class: "line-key" }), "share of random windows"),
        ...(neuron.profile[3] ? [element("span", { class: "key" }, element("i", { class: "bar-key" }), "share of the windows of your sequences")] : []))))] : []),
      ...(neuron.top.length ? [section("Top sequences of your data", topSequences(neuron))] : []),
      ...(neuron.syntax.length ? [syntaxSection(neuron, Math.min(width, 640))] : []));
  }
  heading.focus({ preventScroll: true });
};
