// Curves of chosen entries, drawn as SVG, and the tables that belong to them.
(() => {
  const DATA = JSON.parse(document.getElementById("board").textContent);
  const { tasks: TASKS, entries: ENTRIES, shares: SHARES, order: ORDER } = DATA;
  const DASHES = ["", "9px,4px", "2px,3px", "10px,3px,2px,3px", "14px,4px", "12px,3px,2px,3px,2px,3px"];
  const COLOURS = 7;
  const NARROW = 620;
  const by = id => document.getElementById(id);
  const box = by("plot");
  // Which entry has which look: the first that is free, and it keeps it while it is chosen.
  const slots = [];
  let task = 0, scale = "value", at = 1000, drawn = [1, 1], reader = () => {};

  const node = (name, attributes, parent, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const tag = (name, properties = {}, ...inside) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...inside);
    return made;
  };
  const number = (value, decimals) => value === null || !Number.isFinite(value) ? "–"
    : value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
      .replace("-", "−");
  const budget = (value, one) => `${number(value, Number.isInteger(value) || value >= 100 ? 0 : 1)} ${one.unit}`;
  const interval = (low, high, decimals) => low === null ? "–"
    : `${number(low, decimals)} to ${number(high, decimals)}`;
  const chosen = () => slots.flatMap((entry, slot) => entry === null ? [] : [{ entry, slot }]);
  const look = slot => ({ colour: slot % COLOURS, dash: DASHES[slot % DASHES.length] });
  const titled = one => (scale === "regret" ? "regret of " : "") + one.metric
    + (one.metricUnit ? ` (${one.metricUnit})` : "");

  function paint(line, slot) {
    line.setAttribute("class", slot < 0 ? "" : `c${look(slot).colour}`);
    line.style.strokeDasharray = slot < 0 ? "" : look(slot).dash || "none";
  }

  function swatch(slot) {
    const made = node("svg", { class: "swatch", viewBox: "0 0 30 10", "aria-hidden": "true" });
    paint(node("line", { x1: 0, y1: 5, x2: 30, y2: 5 }, made), slot);
    return made;
  }

  // What of a result is shown: it, or how far it falls short of the best there is.
  const regret = (one, value) => one.sign * (one.optimum - value);
  function curve(entry, one) {
    const { mean, half } = ENTRIES[entry].results[task];
    return one.grid.map((x, i) => {
      if (mean[i] === null) return null;
      const reach = half[i] ?? 0;
      if (scale === "value") return { x, y: mean[i], low: mean[i] - reach, high: mean[i] + reach };
      const y = regret(one, mean[i]);
      return { x, y, low: y - reach, high: y + reach };
    });
  }

  // The part of the values worth seeing: the first trials can be terrible, and would press all
  // that matters into a line.
  function range(curves, one) {
    const early = scale === "regret" ? 0 : worth(one);
    const points = curves.flat().filter(Boolean);
    const late = points.filter(point => point.x >= early);
    if (!late.length) return null;
    if (scale === "regret") {
      const above = late.flatMap(p => [p.low, p.y, p.high]).filter(value => value > 0);
      if (!above.length) return null;
      const least = Math.min(...late.map(p => p.y).filter(value => value > 0));
      return [Math.max(Math.min(...above), least / 2) / 1.1, Math.max(...above) * 1.1];
    }
    const means = late.map(p => p.y);
    let low = Math.min(...means), high = Math.max(...means);
    const height = high - low || Math.abs(high) * 0.01 || 1;
    low = Math.max(Math.min(...late.map(p => p.low)), low - height / 2);
    high = Math.min(Math.max(...late.map(p => p.high)), high + height / 2);
    // The best there is, unless that would leave the panel empty.
    if (one.optimum !== null) {
      if (one.optimum > high && one.optimum - high < height / 2) high = one.optimum;
      if (one.optimum < low && low - one.optimum < height / 2) low = one.optimum;
    }
    return [low - 0.05 * (high - low || height), high + 0.08 * (high - low || height)];
  }

  // From where on all values are shown: the first part of the budget that entries are ranked at.
  const worth = one => Math.min(one.budgets[0], one.grid.at(-1) / 10);

  // The part of the budget that is drawn: from where the first curve comes into the panel. On a
  // logarithmic axis of values the first trials need no cut.
  function reach(one, curves, extent) {
    if (scale === "regret" || !extent) return [one.grid[0], one.grid.at(-1)];
    const inside = one.grid.findIndex((x, i) => x >= worth(one)
      || curves.some(points => points[i] && points[i].y >= extent[0] && points[i].y <= extent[1]));
    return [one.grid[Math.max(0, inside - 1)], one.grid.at(-1)];
  }

  const short = name => name.length > 24 ? `${name.slice(0, 23)}…` : name;

  function draw() {
    const one = TASKS[task];
    const shown = chosen().map(({ entry, slot }) => ({ entry, slot, points: curve(entry, one) }));
    const width = Math.max(280, box.clientWidth);
    const wide = width >= NARROW && shown.length <= 14;
    const height = wide ? 400 : 320;
    const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
    box.replaceChildren(svg);
    box.setAttribute("aria-label", shown.length
      ? `Curves of ${shown.map(({ entry }) => ENTRIES[entry].name).join(", ")} on ${one.name}: `
        + `${titled(one)} against ${one.axis}; the table below has their values at a budget.`
      : "No entry is chosen.");
    const extent = range(shown.map(({ points }) => points), one);
    drawn = reach(one, shown.map(({ points }) => points), extent);
    if (!extent) {
      node("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg,
        shown.length ? "At no point of the budget every run has a result." : "Choose entries in the table above, or add one.");
      return;
    }
    const [low, high] = extent;
    const log = scale === "regret";
    const steps = log ? null : ticks(low, high, 6);
    const marks = log ? powers(low, high, 8) : steps.found;
    const label = value => log ? String(Number(value.toPrecision(2))) : number(value, steps.decimals);
    const left = 30 + 7 * Math.max(...marks.map(value => label(value).length), 2);
    const names = wide ? Math.max(0, ...shown.map(({ entry }) => short(ENTRIES[entry].name).length)) : 0;
    const right = wide ? 30 + 7.3 * names : 24, top = 26, bottom = 46;
    const [start, end] = drawn;
    const lx = Math.log(start), span = Math.log(end) - lx || 1;
    const X = value => left + (width - left - right) * (Math.log(value) - lx) / span;
    const Y = log
      ? value => top + (height - top - bottom) * (Math.log(high) - Math.log(Math.max(value, low / 1e3))) / (Math.log(high) - Math.log(low))
      : value => top + (height - top - bottom) * (high - value) / (high - low);

    const clip = node("clipPath", { id: "panel" }, node("defs", {}, svg));
    node("rect", { x: left, y: top, width: width - left - right, height: height - top - bottom }, clip);
    for (const value of marks) {
      node("path", { class: "grid", d: `M${left} ${Y(value)}H${width - right}` }, svg);
      node("text", { x: left - 8, y: Y(value) + 4, "text-anchor": "end" }, svg, label(value));
    }
    let edge = -Infinity;
    one.budgets.forEach((value, n) => {
      const x = X(value);
      node("path", { class: "part", d: `M${x} ${top}V${height - bottom}` }, svg);
      if (x - edge > 40) {
        node("text", { x: Math.min(x, width - right), y: top - 9, "text-anchor": "middle" }, svg, SHARES[n]);
        edge = x;
      }
    });
    edge = -Infinity;
    for (const value of powers(start, end, (width - left - right) / 62)) {
      node("path", { class: "frame", d: `M${X(value)} ${height - bottom}v5` }, svg);
      const text = number(value, value < 1 ? 1 : 0);
      if (X(value) - edge < 6 * text.length + 14) continue;
      node("text", { x: X(value), y: height - bottom + 19, "text-anchor": "middle" }, svg, text);
      edge = X(value);
    }
    node("path", { class: "frame", d: `M${left} ${top}V${height - bottom}H${width - right}` }, svg);
    node("text", { class: "title", x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, svg, one.axis);
    node("text", { class: "title", transform: `translate(13 ${(top + height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, svg, titled(one));

    const inside = node("g", { "clip-path": "url(#panel)" }, svg);
    if (!log && one.optimum !== null && one.optimum > low && one.optimum < high) {
      node("path", { class: "best", d: `M${left} ${Y(one.optimum)}H${width - right}` }, inside);
      const above = one.sign > 0 ? -6 : 14;
      node("text", { x: left + 6, y: Y(one.optimum) + above }, svg, `best there is: ${number(one.optimum, one.decimals)}`);
    }
    for (const { slot, points } of shown) {
      // A new piece wherever there is a gap.
      const pieces = [[]];
      for (const point of points) if (point) pieces.at(-1).push(point); else if (pieces.at(-1).length) pieces.push([]);
      for (const piece of pieces.filter(piece => piece.length)) {
        const ahead = piece.map(p => `${X(p.x).toFixed(1)} ${Y(p.high).toFixed(1)}`);
        const back = piece.map(p => `${X(p.x).toFixed(1)} ${Y(p.low).toFixed(1)}`).reverse();
        node("path", { class: `band f${look(slot).colour}`, d: `M${[...ahead, ...back].join("L")}Z` }, inside);
      }
    }
    for (const { entry, slot, points } of shown) {
      const there = points.filter(Boolean);
      const line = node("path", {
        class: `line c${look(slot).colour}`, "data-entry": ENTRIES[entry].name,
        d: `M${there.map(p => `${X(p.x).toFixed(1)} ${Y(p.y).toFixed(1)}`).join("L")}`,
      }, inside);
      line.style.strokeDasharray = look(slot).dash || "none";
    }
    if (wide) {
      const ends = shown.map(({ points }) => Y((points.at(-1) ?? { y: NaN }).y));
      const known = shown.map((_, i) => i).filter(i => Number.isFinite(ends[i]));
      const places = spread(known.map(i => ends[i]), 17, top, height - bottom);
      known.forEach((i, n) => {
        const { entry, slot } = shown[i], x = width - right;
        const from = Math.max(top, Math.min(height - bottom, ends[i]));
        node("path", { class: `leader c${look(slot).colour}`, d: `M${x} ${from}L${x + 12} ${places[n]}` }, svg);
        node("text", { class: "label", x: x + 17, y: places[n] + 4 }, svg, short(ENTRIES[entry].name));
      });
    }
    const cursor = node("path", { class: "at", d: "" }, inside);
    const dots = node("g", {}, inside);
    reader = value => {
      cursor.setAttribute("d", `M${X(value)} ${top}V${height - bottom}`);
      dots.replaceChildren(...shown.flatMap(({ slot, points }) => {
        const point = nearest(points, value, one);
        return point ? [node("circle", { class: `f${look(slot).colour}`, cx: X(point.x), cy: Y(point.y), r: 4 })] : [];
      }));
    };
    svg.addEventListener("pointermove", event => {
      const x = event.clientX - svg.getBoundingClientRect().left;
      const part = (x - left) / (width - left - right);
      if (part < 0 || part > 1) return;
      at = Math.round(1000 * part);
      by("at").value = at;
      read();
    });
  }

  
  // Of the points that a curve is drawn through the last one not beyond a budget.
  function place(value, one) {
    let found = 0;
    one.grid.forEach((x, i) => { if (x <= value * 1.0001) found = i; });
    return found;
  }
  const nearest = (points, value, one) => points[place(value, one)];

  function read() {
    const one = TASKS[task];
    const [start, end] = drawn;
    const value = one.grid[place(start * (end / start) ** (at / 1000), one)];
    const shown = chosen();
    by("at").setAttribute("aria-valuetext", budget(value, one));
    by("at-text").textContent = `${budget(value, one)} (${number(100 * value / end, value / end < 0.1 ? 1 : 0)} %)`;
    reader(value);
    const table = by("reading");
    const unit = one.metricUnit ? [tag("br"), tag("span", { className: "unit", textContent: one.metricUnit })] : [];
    const heads = [["Chosen entry"], [one.metric, ...unit], ["95 % interval", ...unit.map(n => n.cloneNode(true))]];
    if (one.optimum !== null) heads.push(["Regret", ...unit.map(n => n.cloneNode(true))]);
    heads.push(["Remove"]);
    table.tHead.replaceChildren(tag("tr", {}, ...heads.map((inside, n) =>
      tag("th", { scope: "col", className: n && n < heads.length - 1 ? "n" : "" }, ...inside))));
    const rows = shown.map(({ entry, slot }) => {
      const { mean, half } = ENTRIES[entry].results[task], i = place(value, one);
      const link = tag("a", { href: `${ENTRIES[entry].folder}/index.html`, textContent: ENTRIES[entry].name });
      const drop = tag("button", { type: "button", className: "drop", textContent: "×", ariaLabel: `remove ${ENTRIES[entry].name}` });
      drop.addEventListener("click", () => choose(entry, false));
      const cells = [number(mean[i], one.decimals), half[i] === null ? "–" : interval(mean[i] - half[i], mean[i] + half[i], one.decimals)];
      if (one.optimum !== null) cells.push(mean[i] === null ? "–" : number(regret(one, mean[i]), one.decimals));
      const row = tag("tr", {}, tag("th", { scope: "row" }, swatch(slot), link),
        ...cells.map(text => tag("td", { className: "n", textContent: text })), tag("td", {}, drop));
      return { row, key: mean[i] === null ? Infinity : -one.sign * mean[i] };
    });
    rows.sort((a, b) => a.key - b.key);
    table.tBodies[0].replaceChildren(...rows.map(({ row }) => row));
  }

  // All entries on the benchmark, at every checkpoint.
  function detail() {
    const one = TASKS[task], table = by("detail");
    const unit = one.metricUnit ? ` (${one.metricUnit})` : "";
    table.caption.replaceChildren(tag("b", { textContent: one.name }),
      `: mean ${one.metric}${unit} of all entries at parts of the budget, and its 95 % interval.`);
    const heads = [["Entry", ""], ...one.budgets.map((value, n) => [budget(value, one), SHARES[n]])];
    if (one.optimum !== null) heads.push(["Regret", "in the end"]);
    heads.push(["Evaluations", "of a run"]);
    if (one.timed) heads.push(["Simulated time", "s"]);
    table.tHead.replaceChildren(tag("tr", {}, ...heads.map(([text, under], n) => {
      const head = tag("th", { scope: "col", className: n ? "n" : "" }, tag("button", { type: "button", textContent: text }));
      if (under) head.append(tag("br"), tag("span", { className: "unit", textContent: under }));
      Object.assign(head.dataset, { column: n, kind: n ? "number" : "text" });
      return head;
    })));
    const cell = (value, text, under = "", place = "") => {
      const made = tag("td", { className: place === "best" ? "n leads" : "n" });
      if (place) made.append(tag("span", { className: "place", textContent: place }));
      made.append(text);
      if (under) made.append(tag("span", { className: "interval", textContent: under }));
      made.dataset.key = value === null ? "" : value;
      return made;
    };
    table.tBodies[0].replaceChildren(...ORDER.map(entry => {
      const { points, evaluations, seconds } = ENTRIES[entry].results[task];
      const name = tag("th", { scope: "row" }, tag("a", { href: `${ENTRIES[entry].folder}/index.html`, textContent: ENTRIES[entry].name }));
      name.dataset.key = ENTRIES[entry].name.toLowerCase();
      const cells = points.map(([mean, low, high, place]) => cell(mean, number(mean, one.decimals),
        low === null ? "" : interval(low, high, one.decimals), place));
      if (one.optimum !== null) {
        const last = points.at(-1)[0];
        const short = last === null ? null : regret(one, last);
        cells.push(cell(short, number(short, one.decimals)));
      }
      cells.push(cell(evaluations, number(evaluations, Number.isInteger(evaluations) ? 0 : 1)));
      if (one.timed) cells.push(cell(seconds, number(seconds, 0)));
      return tag("tr", {}, name, ...cells);
    }));
  }

  function caption() {
    const one = TASKS[task];
    const what = scale === "regret" ? `Regret of ${one.metric}, how far its mean falls short of the best there is,` : `Mean ${one.metric}`;
    by("caption").textContent = `${what} on ${one.name} as the budget is spent, and its 95 % interval. `
      + (scale === "regret" ? "A curve begins where every run has a result. "
        : `The first trials, which can be terrible, lie outside the panel, which has all from ${SHARES[0]} of the budget on. `)
      + "The axis of the budget is logarithmic; dotted lines mark the parts of it at which entries are ranked.";
  }

  function choose(entry, on) {
    const slot = slots.indexOf(entry);
    if (on && slot < 0) {
      const free = slots.indexOf(null);
      slots[free < 0 ? slots.length : free] = entry;
    } else if (!on && slot >= 0) slots[slot] = null;
    refresh();
  }

  // The address names what is shown, so that it can be sent to somebody.
  function remember() {
    const names = chosen().map(({ entry }) => encodeURIComponent(ENTRIES[entry].name)).join(",");
    try {
      history.replaceState(null, "", `#with=${names}&on=${encodeURIComponent(TASKS[task].name)}&show=${scale}`);
    } catch { /* A page without an address of its own, such as in a frame, remembers nothing. */ }
  }

  function recall() {
    const told = Object.fromEntries(location.hash.slice(1).split("&").filter(part => part.includes("="))
      .map(part => part.split(/=(.*)/s).slice(0, 2)));
    const text = key => { try { return decodeURIComponent(told[key] ?? ""); } catch { return ""; } };
    const named = (told.with ?? "").split(",").map(name => { try { return decodeURIComponent(name); } catch { return ""; } });
    const found = named.map(name => ENTRIES.findIndex(entry => entry.name === name)).filter(entry => entry >= 0);
    // One alone is put beside those that are drawn at first.
    const first = found.length === 1 && !told.on ? [...found, ...DATA.chosen] : found.length ? found : DATA.chosen;
    slots.splice(0, slots.length, ...new Set(first));
    task = Math.max(0, TASKS.findIndex(one => one.name === text("on")));
    if (text("show") === "regret") scale = "regret";
    return found.length > 0;
  }

  function controls() {
    for (const input of document.querySelectorAll("#entries input[data-at]")) {
      const slot = slots.indexOf(Number(input.dataset.at));
      input.checked = slot >= 0;
      paint(input.parentElement.querySelector("line"), slot);
    }
    const others = ORDER.filter(entry => !slots.includes(entry));
    by("add").replaceChildren(tag("option", { value: "", textContent: others.length ? "an entry …" : "all are drawn" }),
      ...others.map(entry => tag("option", { value: entry, textContent: ENTRIES[entry].name })));
    const known = TASKS[task].optimum !== null;
    if (!known) scale = "value";
    by("scale").value = scale;
    by("scale").disabled = !known;
    by("on").value = task;
  }

  function refresh() {
    controls();
    caption();
    draw();
    read();
  }

  const told = recall();
  for (const input of document.querySelectorAll("#entries input[data-at]"))
    input.addEventListener("change", () => { choose(Number(input.dataset.at), input.checked); remember(); });
  by("on").addEventListener("change", event => { task = Number(event.target.value); refresh(); detail(); remember(); });
  by("scale").addEventListener("change", event => { scale = event.target.value; refresh(); remember(); });
  by("add").addEventListener("change", event => {
    if (event.target.value !== "") choose(Number(event.target.value), true);
    remember();
  });
  by("at").addEventListener("input", event => { at = Number(event.target.value); read(); });
  by("on").form.addEventListener("submit", event => event.preventDefault());
  let before = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === before) return;
    before = box.clientWidth;
    draw();
    read();
  }).observe(box);
  refresh();
  detail();
  // Where there is little room, what a table is sorted by is in sight at first.
  const sorted = document.querySelector("#entries th[aria-sort]"), around = sorted.closest(".scroll");
  around.scrollLeft += Math.max(0, sorted.getBoundingClientRect().right - around.getBoundingClientRect().right);
  if (told) by("curves").scrollIntoView();
})();
