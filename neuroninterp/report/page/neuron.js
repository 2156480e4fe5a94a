/* The page of one neuron. */
const facts = (neuron) =>
  element(
    "dl",
    { class: "facts" },
    ...[
      ["largest z", fixed(neuron.maximum)],
      ["active above", fixed(neuron.threshold)],
      ["rarity", rarity(neuron.rarity)],
      ["best consensus ratio", fixed(neuron.ratio)],
      ["parts", String(neuron.count)],
      [
        "effective size",
        neuron.error === 0
          ? "exact"
          : neuron.effective === null
            ? MISSING
            : grouped(Math.round(neuron.effective)),
      ],
      ["PPM error", neuron.error === 0 ? "exact" : fixed(neuron.error, 4)],
      ["converged", neuron.converged ? "yes" : "no"],
    ].map(([name, text]) =>
      element(
        "div",
        {},
        element("dt", {}, name),
        element("dd", { class: text === "no" ? "warning" : "" }, text),
      ),
    ),
  );

const breadcrumb = (neuron) => {
  const at = listed.indexOf(neuron);
  const step = (other, text) =>
    other
      ? element(
          "a",
          {
            href: routeOf(other.layer, other.k),
            "aria-label": `${text}: ${titleOf(other)}`,
          },
          text,
        )
      : element("span", { class: "muted" }, text);
  return element(
    "nav",
    { class: "crumbs", "aria-label": "Neurons" },
    element(
      "a",
      {
        href: Number(controls.layer.value) ? `#/layer/${controls.layer.value}` : "#/",
        class: "back",
      },
      "\u2190 All neurons",
    ),
    element(
      "span",
      { class: "steps" },
      step(listed[at - 1], "Previous"),
      step(at < 0 ? null : listed[at + 1], "Next"),
    ),
  );
};

const showNeuron = (neuron) => {
  article.hidden = false;
  const heading = element("h2", { tabindex: "-1" }, titleOf(neuron));
  if (neuron.dead) {
    article.replaceChildren(
      breadcrumb(neuron),
      heading,
      element("p", {}, "Never active: no sequence that was tried brings it above its threshold."),
    );
  } else {
    const best = neuron.best ? asMatch(neuron.best) : null,
      width = widthOf(article, 640);
    const pictures = alignments(neuron, width),
      bars = neuron.profile && histogram(neuron.profile, Math.min(width, 520));
    article.replaceChildren(
      breadcrumb(neuron),
      heading,
      element(
        "p",
        { class: "lead" },
        ...(best
          ? [
              element("b", {}, best.name),
              ` ${best.id}, E ${scientific(best.e)} `,
              wholeness(best),
              best.relevant ? " " : "",
              best.relevant ? chip("relevant", "relevant") : "",
            ]
          : ["No known motif matches."]),
      ),
      facts(neuron),
      ...(neuron.caution ? [element("p", { class: "advice" }, neuron.caution)] : []),
      section(
        neuron.count > 1 ? "The mixture, and its parts aligned by shift" : "Motif",
        ...logosOf(neuron, false),
      ),
      ...(pictures.length
        ? [section("Known motifs in register", element("div", { class: "pictures" }, ...pictures))]
        : []),
      ...(bars
        ? [
            section(
              "How often it is how active",
              element(
                "figure",
                {},
                bars,
                element(
                  "figcaption",
                  {},
                  element(
                    "span",
                    { class: "key" },
                    element("i", { class: "line-key" }),
                    "share of random windows",
                  ),
                  ...(neuron.profile[3]
                    ? [
                        element(
                          "span",
                          { class: "key" },
                          element("i", { class: "bar-key" }),
                          "share of the windows of your sequences",
                        ),
                      ]
                    : []),
                ),
              ),
            ),
          ]
        : []),
      ...(neuron.top.length ? [section("Top sequences of your data", topSequences(neuron))] : []),
      ...(neuron.syntax.length ? [syntaxSection(neuron, Math.min(width, 640))] : []),
    );
  }
  for (const canvas of article.querySelectorAll(".canvas")) {
    canvas.classList.toggle("cut-right", canvas.scrollWidth > canvas.clientWidth + 1);
  }
  heading.focus({ preventScroll: true });
};
