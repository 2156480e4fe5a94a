/* A motif as MEME text, SVG or PNG: to the clipboard, or as a file where that is closed. */
const spoken = document.getElementById("spoken");
let silence;
/* Emptied first: the same words twice are said twice. */
const say = (text) => {
  spoken.textContent = "";
  clearTimeout(silence);
  requestAnimationFrame(() => {
    spoken.textContent = text;
  });
  silence = setTimeout(() => {
    spoken.textContent = "";
  }, 6000);
};
window.neuroninterp = { copied: "" };

const save = (blob, name) => {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
const deliver = async (blob, name, what) => {
  let way = "Copied";
  try {
    await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
  } catch {
    save(blob, name);
    way = "Saved";
  }
  say(`${way} ${what}.`);
};

/* MEME's minimal format; the name tells layer, neuron and part as in motifs.meme, and the
   positions where the flat ends are left out. */
const memeText = (motif, identifier, name, sequences) => {
  const whole = motif.columns.length === motif.length;
  const rows = motif.columns.map((column) => ` ${column.map((p) => p.toFixed(6)).join("  ")}`);
  return [
    "MEME version 4",
    "",
    "ALPHABET= ACGT",
    "",
    "strands: + -",
    "",
    "Background letter frequencies",
    "A 0.25 C 0.25 G 0.25 T 0.25",
    "",
    `MOTIF ${identifier}${whole ? "" : `:${motif.start + 1}-${motif.stop}`}${name ? ` ${name.replace(/\s+/g, "_")}` : ""}`,
    `letter-probability matrix: alength= 4 w= ${rows.length} nsites= ${sequences} E= 0`,
    ...rows,
    "",
    "",
  ].join("\n");
};

/* A logo that stands alone: colours of the page's light side written into it. */
const PAPER = {
  ...page.colours,
  axis: "#9aa3a8",
  text: "#5a636d",
  band: "#e2eff0",
};
const HIT = { stroke: "#14606b", "stroke-width": 2.5, "stroke-linecap": "round" };
const standalone = (drawing) => {
  const svg = drawing.cloneNode(true);
  svg.setAttribute("xmlns", SVG);
  for (const node of svg.querySelectorAll("[class]")) {
    const base = node.dataset.base;
    if (base) node.setAttribute("fill", PAPER[base]);
    else if (node.classList.contains("band")) node.setAttribute("fill", PAPER.band);
    else if (node.classList.contains("hit"))
      Object.entries(HIT).forEach(([key, value]) => node.setAttribute(key, value));
    else node.setAttribute("stroke", PAPER.axis);
    node.removeAttribute("class");
  }
  for (const text of svg.querySelectorAll("text")) {
    for (const [key, value] of Object.entries({
      fill: PAPER.text,
      "font-size": 9.5,
      "font-family": "sans-serif",
    }))
      text.setAttribute(key, value);
  }
  svg.removeAttribute("class");
  return new XMLSerializer().serializeToString(svg);
};

/* Painted on a canvas from the drawing's own shapes, four pixels for one. */
const painted = (drawing) =>
  new Promise((resolve) => {
    const scale = 4,
      canvas = document.createElement("canvas");
    canvas.width = Math.ceil(scale * drawing.width.baseVal.value);
    canvas.height = Math.ceil(scale * drawing.height.baseVal.value);
    const ink = canvas.getContext("2d");
    ink.fillStyle = "#ffffff";
    ink.fillRect(0, 0, canvas.width, canvas.height);
    for (const node of drawing.children) {
      ink.setTransform(scale, 0, 0, scale, 0, 0);
      const number = (name) => Number(node.getAttribute(name));
      if (node.tagName === "path") {
        ink.transform(
          ...node
            .getAttribute("transform")
            .match(/-?[\d.]+(?:e-?\d+)?/g)
            .map(Number),
        );
        ink.fillStyle = PAPER[node.dataset.base];
        ink.fill(new Path2D(node.getAttribute("d")));
      } else if (node.tagName === "rect") {
        ink.fillStyle = PAPER.band;
        ink.fillRect(number("x"), number("y"), number("width"), number("height"));
      } else if (node.tagName === "line") {
        const hit = node.classList.contains("hit");
        ink.strokeStyle = hit ? HIT.stroke : PAPER.axis;
        ink.lineWidth = hit ? HIT["stroke-width"] : 1;
        ink.beginPath();
        ink.moveTo(number("x1"), number("y1"));
        ink.lineTo(number("x2"), number("y2"));
        ink.stroke();
      } else if (node.tagName === "text") {
        ink.fillStyle = PAPER.text;
        ink.font = "9.5px sans-serif";
        ink.textAlign = node.getAttribute("text-anchor") === "end" ? "right" : "center";
        ink.fillText(node.textContent, number("x"), number("y"));
      }
    }
    canvas.toBlob(resolve, "image/png");
  });

/* The buttons beside one logo; the drawing is asked for when it is needed. */
const copyButtons = (identifier, what, motif, name, sequences, drawing) => {
  const ways = {
    meme: () => {
      window.neuroninterp.copied = memeText(motif, identifier, name, sequences);
      return deliver(
        new Blob([window.neuroninterp.copied], { type: "text/plain" }),
        `${identifier}.meme`,
        `${what} as MEME text`,
      );
    },
    svg: () => {
      window.neuroninterp.copied = standalone(drawing());
      // Clipboards take SVG as the text that it is.
      return deliver(
        new Blob([window.neuroninterp.copied], { type: "text/plain" }),
        `${identifier}.svg`,
        `${what} as SVG`,
      );
    },
    png: async () => deliver(await painted(drawing()), `${identifier}.png`, `${what} as PNG`),
  };
  return element(
    "span",
    { class: "copies" },
    ...Object.entries(ways).map(([way, act]) => {
      const button = element(
        "button",
        { type: "button", "data-copy": way, "aria-label": `Copy ${what} as ${way.toUpperCase()}` },
        way.toUpperCase(),
      );
      button.addEventListener("click", act);
      return button;
    }),
  );
};
