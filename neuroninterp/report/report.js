"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const BASES = ["a", "c", "g", "t"];
  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const VALUE = new Map([...DIGITS].map((digit, value) => [digit, value]));
  const SHOWN = Number(document.getElementById("gallery").dataset.shown);
  const HEIGHT = 66, TOP = 5, LEFT = 20, AXIS = 17;

  /* Letters as polygons in the unit square, y upward. Where outlines overlap they turn the
     same way, and a hole turns the other way, so that the nonzero rule fills them right. */
  const arc = (from, to, rx, ry, steps) => Array.from({ length: steps + 1 }, (_, i) => {
    const angle = (from + (to - from) * i / steps) * Math.PI / 180;
    return [0.5 + rx * Math.cos(angle), 0.5 + ry * Math.sin(angle)];
  });
  const bow = (from, to) => [...arc(from, to, 0.5, 0.5, 22), ...arc(to, from, 0.3, 0.355, 22)];
  const fill = (polygons) => {
    const xs = polygons.flat().map((point) => point[0]);
    const low = Math.min(...xs), span = Math.max(...xs) - low;
    return polygons.map((polygon) => polygon.map(([x, y]) => [(x - low) / span, y]));
  };
  const LETTERS = [
    [[[0, 0], [0.385, 1], [0.615, 1], [1, 0], [0.79, 0], [0.705, 0.235], [0.295, 0.235], [0.21, 0]],
      [[0.35, 0.395], [0.65, 0.395], [0.5, 0.83]]],
    fill([bow(40, 320)]),
    fill([bow(40, 322), [[0.56, 0.5], [0.56, 0.36], [0.76, 0.36], [0.76, 0.1], [0.95, 0.1], [0.95, 0.5]]]),
    [[[0, 1], [0, 0.85], [0.4, 0.85], [0.4, 0], [0.6, 0], [0.6, 0.85], [1, 0.85], [1, 1]]],
  ];

  /* Entries come as two base-64 digits, to the nearest 1/4095. */
  const decode = (text) => {
    const heights = [];
    for (let at = 0; at < text.length; at += 8) {
      const raw = [0, 2, 4, 6].map((i) => 64 * VALUE.get(text[at + i]) + VALUE.get(text[at + i + 1]));
      const sum = raw.reduce((a, b) => a + b, 0) || 1;
      const p = raw.map((value) => value / sum);
      const bits = Math.max(0, 2 + p.reduce((total, q) => total + (q > 0 ? q * Math.log2(q) : 0), 0));
      heights.push(p.map((q) => q * bits));
    }
    return heights;
  };
  const consensus = (heights, from, to) => heights.slice(Math.max(0, from), to)
    .map((column) => "ACGT"[column.indexOf(Math.max(...column))]).join("");

  const element = (name, attributes, ...children) => {
    const node = document.createElement(name);
    Object.assign(node, attributes);
    node.append(...children);
    return node;
  };
  const shape = (parent, name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  };

  /* Draw positions from (may be negative) to (may pass the end); the rest stays blank. */
  const draw = (logo, from, to, column) => {
    logo.heights ??= decode(logo.p);
    const width = LEFT + column * (to - from) + 2;
    const svg = document.createElementNS(SVG, "svg");
    const bottom = TOP + HEIGHT, letters = consensus(logo.heights, from, to);
    const name = `${logo.t}, sequence logo, positions ${Math.max(0, from) + 1} to ${Math.min(logo.heights.length, to)}, consensus ${letters}`;
    for (const [key, value] of Object.entries({
      width, height: bottom + AXIS, viewBox: `0 0 ${width} ${bottom + AXIS}`, role: "img", "aria-label": name,
    })) svg.setAttribute(key, value);
    for (const bits of [0, 1, 2]) {
      const y = bottom - HEIGHT * bits / 2;
      shape(svg, "line", { class: "axis", x1: LEFT - 3, x2: bits ? LEFT : width, y1: y, y2: y });
      shape(svg, "text", { x: LEFT - 6, y: y + (bits ? 3.5 : 2), "text-anchor": "end" }, bits);
    }
    shape(svg, "line", { class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: bottom });
    const outlines = ["", "", "", ""];
    const step = column >= 15 && to - from <= 24 ? 1 : column * 5 >= 22 ? 5 : column * 10 >= 22 ? 10 : 20;
    for (let position = Math.max(0, from); position < Math.min(to, logo.heights.length); position++) {
      const x = LEFT + column * (position - from), heights = logo.heights[position];
      let base = bottom;
      for (const index of [0, 1, 2, 3].sort((i, j) => heights[i] - heights[j])) {
        const tall = heights[index] * HEIGHT / 2;
        if (tall < 0.25) { base -= tall; continue; }
        for (const polygon of LETTERS[index]) {
          outlines[index] += "M" + polygon.map(([u, v]) =>
            `${(x + column * (0.04 + 0.92 * u)).toFixed(2)} ${(base - tall * v).toFixed(2)}`).join("L") + "Z";
        }
        base -= tall;
      }
      if ((position + 1) % step === 0) {
        shape(svg, "text", { x: x + column / 2, y: bottom + 12, "text-anchor": "middle" }, position + 1);
      }
    }
    outlines.forEach((d, index) => { if (d) shape(svg, "path", { class: `base-${BASES[index]}`, d }); });
    if (logo.h) {
      const [start, end] = [Math.max(logo.h[0], from), Math.min(logo.h[1], to)];
      if (end > start) {
        shape(svg, "line", { class: "hit", y1: bottom + 2.5, y2: bottom + 2.5,
          x1: LEFT + column * (start - from) + 2, x2: LEFT + column * (end - from) - 2 });
      }
    }
    return svg;
  };

  const payloads = new Map();
  const payloadOf = (node) => {
    const section = node.closest(".layer");
    if (!payloads.has(section)) {
      payloads.set(section, JSON.parse(section.querySelector("script[type='application/json']").textContent));
    }
    return payloads.get(section);
  };
  const logosOf = (card) => payloadOf(card)[card.dataset.number] ?? [];

  const states = new WeakMap();
  const fillCard = (card) => {
    const state = states.get(card) ?? { all: false, full: false, width: 0 };
    states.set(card, state);
    const host = card.querySelector(".logos"), logos = logosOf(card);
    const parts = logos.filter((logo) => !logo.o);
    const shown = state.all ? parts : parts.slice(0, SHOWN);
    const rows = [...shown, ...logos.filter((logo) => logo.o)];
    if (!rows.length) return;
    state.width = host.clientWidth;
    const length = (logo) => logo.p.length / 8;
    const left = Math.min(...shown.map((logo) => logo.a - logo.d));
    const right = Math.max(...shown.map((logo) => logo.b - logo.d));
    const span = (logo) => {
      if (state.full) return [0, length(logo)];
      return logo.o ? [logo.a, logo.b] : [left + logo.d, right + logo.d];
    };
    const widest = Math.max(...rows.map((logo) => span(logo)[1] - span(logo)[0]));
    const column = Math.max(state.full ? 8 : 3, Math.min(26, (state.width - LEFT - 2) / widest));
    host.replaceChildren(...rows.map((logo) => {
      const caption = element("p", {}, element("b", { textContent: logo.t }),
        ...[logo.m, logo.x].filter(Boolean).map((text) => element("span", { textContent: text })));
      const canvas = element("div", { className: "canvas" }, draw(logo, ...span(logo), column));
      const children = rows.length > 1 ? [caption, canvas] : [canvas];
      return element("div", { className: logo.o ? "logo other" : "logo" }, ...children);
    }));
    const controls = element("div", { className: "controls" });
    const toggle = (key, on, off) => {
      const button = element("button", { type: "button", textContent: state[key] ? off : on });
      button.setAttribute("aria-pressed", state[key]);
      button.addEventListener("click", () => {
        state[key] = !state[key];
        fillCard(card);
        host.querySelector(`[data-key=${key}]`)?.focus();
      });
      button.dataset.key = key;
      controls.append(button);
    };
    if (parts.length > SHOWN) toggle("all", `Show all ${parts.length} parts`, "Show the best parts");
    if (rows.some((logo) => logo.b - logo.a < length(logo)) && length(rows[0]) > 30) {
      toggle("full", `Show all ${length(rows[0])} positions`, "Show the informative span");
    }
    if (controls.childElementCount) host.append(controls);
    host.classList.add("drawn");
  };

  const fillEntry = (entry) => {
    const host = entry.querySelector(".canvas"), logo = payloadOf(entry).dictionary[entry.id];
    if (!logo || host.childElementCount) return;
    const column = Math.max(8, Math.min(20, (host.clientWidth - LEFT - 2) / logo.b));
    host.append(draw(logo, 0, logo.b, column));
  };

  const cards = [...document.querySelectorAll(".card")], entries = [...document.querySelectorAll(".entry")];
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      if (entry.target.matches(".entry")) fillEntry(entry.target);
      else fillCard(entry.target);
    }
  }, { rootMargin: "600px 0px" });
  [...cards, ...entries].forEach((node) => near.observe(node));
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => cards.forEach((card) => {
      const state = states.get(card);
      if (state && !card.hidden && state.width !== card.querySelector(".logos").clientWidth) fillCard(card);
    }), 150);
  });
  addEventListener("beforeprint", () => cards.forEach((card) => { if (!states.has(card)) fillCard(card); }));
  addEventListener("beforeprint", () => entries.forEach((entry) => {
    if (!entry.closest("details:not([open])")) fillEntry(entry);
  }));
  /* A motif that a syntax names may wait behind "show more". */
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target?.closest("details:not([open])")) return;
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  const search = document.getElementById("search"), sort = document.getElementById("sort");
  const count = document.getElementById("count");
  const filter = () => {
    const query = search.value.trim().toLowerCase();
    const number = query.replace(/^neuron\s*/, "");
    let visible = 0;
    for (const card of cards) {
      const fits = !query || (/^\d+$/.test(number) ? card.dataset.number === String(Number(number))
        : card.dataset.words.includes(query));
      card.hidden = !fits;
      visible += fits;
    }
    for (const layer of document.querySelectorAll(".layer")) {
      const dead = layer.querySelector(".dead");
      if (dead) dead.hidden = query !== "";
      layer.hidden = query !== "" && !layer.querySelector(".card:not([hidden])");
    }
    count.textContent = query ? `${visible} of ${cards.length} neurons` : `${cards.length} neurons`;
  };
  const rank = {
    e: (card) => card.dataset.e === "" ? Infinity : Number(card.dataset.e),
    maximum: (card) => -Number(card.dataset.maximum),
    ratio: (card) => card.dataset.ratio === "" ? Infinity : -Number(card.dataset.ratio),
    number: (card) => Number(card.dataset.number),
  };
  const reorder = () => {
    const key = rank[sort.value];
    for (const group of document.querySelectorAll(".cards")) {
      const ordered = [...group.children].map((card) => [key(card), Number(card.dataset.number), card]);
      ordered.sort(([a, i], [b, j]) => (a === b ? i - j : a - b));
      group.append(...ordered.map((item) => item[2]));
    }
  };
  search.addEventListener("input", filter);
  sort.addEventListener("change", reorder);
  filter();
  reorder();
})();
