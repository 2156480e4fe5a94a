/* Which part of the page is seen: the location's hash says. */
const overview = document.getElementById("overview"),
  dictionary = document.getElementById("dictionary");
history.scrollRestoration = "manual";
let resting = 0,
  onNeuron = false,
  current = null,
  shownLayer = "0";

const drawDictionary = (host) => {
  if (host.childElementCount) return;
  const layer = layers.get(Number(host.dataset.layer)),
    source = host.dataset.source;
  const names = Object.keys(layer.dictionary)
    .filter((name) => layer.dictionary[name][6] === source)
    .slice(0, page.shownMotifs);
  host.append(...names.map((name) => entryFigure(layer, name, 250)));
};
for (const part of dictionary?.querySelectorAll("details") ?? []) {
  part.addEventListener("toggle", () => {
    if (part.open) part.querySelectorAll(".entries").forEach(drawDictionary);
  });
}
document.addEventListener("listed", (event) => {
  for (const part of dictionary?.querySelectorAll("details[data-layer]") ?? []) {
    part.hidden = event.detail.layer !== 0 && Number(part.dataset.layer) !== event.detail.layer;
  }
});

const route = () => {
  const [, kind, layer, k] = location.hash.split("/");
  const neuron = kind === "neuron" ? neuronAt(Number(layer), Number(k)) : null;
  if (neuron) {
    if (!onNeuron) resting = scrollY;
    onNeuron = true;
    current = neuron;
    overview.hidden = true;
    showNeuron(neuron);
    document.title = `${titleOf(neuron)} \u00b7 ${document.body.dataset.title}`;
    scrollTo(0, 0);
    return;
  }
  document.title = document.body.dataset.title;
  const back = onNeuron;
  onNeuron = false;
  article.hidden = true;
  article.replaceChildren();
  overview.hidden = false;
  const wanted = kind === "layer" && layers.has(Number(layer)) ? layer : "0";
  const changed = shownLayer !== wanted;
  controls.layer.value = shownLayer = wanted;
  if (changed || !listed.length) list();
  else restart();
  if (back) {
    scrollTo(0, resting);
    update();
    gallery
      .querySelector(`tr[data-layer="${current.layer}"][data-neuron="${current.k}"] a`)
      ?.focus({ preventScroll: true });
  } else if (kind === "layer") {
    document.getElementById("neurons").scrollIntoView();
  } else if (kind && document.getElementById(kind)) {
    document.getElementById(kind).scrollIntoView();
  }
  update();
};
addEventListener("hashchange", route);
/* A link to where one already is changes no hash, and should still lead there. */
document.addEventListener("click", (event) => {
  if (event.target.closest("a")?.getAttribute("href") === location.hash && location.hash) route();
});
document.getElementById("corrected").addEventListener("change", (event) => {
  settings.corrected = event.target.checked;
  restart();
  if (onNeuron) showNeuron(current);
  for (const host of dictionary?.querySelectorAll(".entries") ?? []) {
    if (host.childElementCount) {
      host.replaceChildren();
      drawDictionary(host);
    }
  }
});
list();
route();
document.documentElement.dataset.ready = "yes";
