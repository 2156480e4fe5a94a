/* The data of the page, and numbers as text. What each list holds is told in payload.py. */
const page = JSON.parse(document.getElementById("data").textContent);
const layers = new Map(page.layers.map((layer) => [layer.number, layer]));
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGIT = new Uint8Array(128);
[...DIGITS].forEach((digit, value) => {
  DIGIT[digit.charCodeAt(0)] = value;
});
const FULL_SCALE = 4095;
const MISSING = "\u2013";

/* A matrix is [text, start, begin, end, length]; decoded once, when it is first drawn. */
const decoded = new WeakMap();
const decode = (matrix) => {
  if (decoded.has(matrix)) return decoded.get(matrix);
  const [text, start, begin, end, length] = matrix,
    columns = [];
  for (let at = 0; at < text.length; at += 6) {
    const entry = (i) => 64 * DIGIT[text.charCodeAt(at + i)] + DIGIT[text.charCodeAt(at + i + 1)];
    const levels = [entry(0), entry(2), entry(4)];
    levels.push(FULL_SCALE - levels[0] - levels[1] - levels[2]);
    columns.push(levels.map((level) => level / FULL_SCALE));
  }
  const motif = { columns, start, begin, end, length, stop: start + columns.length };
  decoded.set(matrix, motif);
  return motif;
};
const reversed = (motif) => ({
  columns: motif.columns.map((column) => [...column].reverse()).reverse(),
  start: motif.length - motif.stop,
  stop: motif.length - motif.start,
  begin: motif.length - motif.end,
  end: motif.length - motif.begin,
  length: motif.length,
});
const information = (column, sequences) => {
  let bits = 2;
  for (const p of column) if (p > 0) bits += p * Math.log2(p);
  if (sequences) bits -= 3 / (2 * Math.LN2 * sequences);
  return Math.max(0, bits);
};

const asPart = ([index, matrix, shift, share, ratio, sequences, matches]) => ({
  kind: "part",
  index,
  matrix,
  shift,
  share,
  ratio,
  sequences,
  matches: matches.map(asMatch),
});
const asMatch = ([target, e, reverse, start, end, targetStart, covered, whole, relevant]) => {
  const [id, name, matrix] = page.targets[target];
  return {
    target,
    id,
    name,
    matrix,
    e,
    reverse,
    start,
    end,
    targetStart,
    covered,
    whole,
    relevant,
  };
};
const asWhole = (kind, [matrix, ratio, sequences], matches = []) => ({
  kind,
  matrix,
  shift: 0,
  ratio,
  sequences,
  matches: matches.map(asMatch),
});

/* Every neuron of every layer, with what sorting and searching need. */
const neurons = page.layers.flatMap((layer) =>
  layer.neurons.map((neuron) => {
    neuron.layer = layer.number;
    neuron.dead = neuron.parts === undefined;
    neuron.words = (neuron.names ?? [])
      .map((target) => page.targets[target].slice(0, 2).join("\n").toLowerCase())
      .join("\n");
    return neuron;
  }),
);
const neuronAt = (layer, k) => layers.get(layer)?.neurons.find((neuron) => neuron.k === k);

const titleOf = (neuron) => `Layer ${neuron.layer}, neuron ${neuron.k}`;
const routeOf = (layer, k) => `#/neuron/${layer}/${k}`;
const partName = (part) =>
  part.kind === "part"
    ? `Part ${part.index}`
    : part.kind === "data"
      ? page.sources.data
      : "Mixture";

const fixed = (value, digits = 2) =>
  value === null || value === undefined ? MISSING : value.toFixed(digits).replace("-", "\u2212");
const percent = (value) => (value === null ? MISSING : `${(100 * value).toFixed(0)}\u202f%`);
const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");
const scientific = (value) => {
  if (value === null) return MISSING;
  if (value === 0) return "0";
  if (value >= 1e-3) return String(Number(value.toPrecision(2)));
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const raised = [...exponent]
    .map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)] ?? "")
    .join("");
  return `${mantissa}\u2009\u00d7\u200910${raised}`;
};
const rarity = (bits) => (bits === null ? MISSING : `${fixed(bits, 1)} bits`);
