"use strict";
(() => {
  const { series: SERIES, benchmarks: BENCHMARKS, together: TOGETHER } =
    JSON.parse(document.getElementById("figures").textContent);
  const FIGURES = [TOGETHER, ...BENCHMARKS];
  const DARK = matchMedia("(prefers-color-scheme: dark)");
  const NARROW = matchMedia("(max-width: 760px)");
  // What the reader has chosen, by figure: curves hidden, and whether all values are shown.
  const chosen = Object.fromEntries(FIGURES.map(f => [f.key, { hidden: new Set(), all: false }]));

  const variable = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const faded = (colour, opacity) =>
    colour + Math.round(opacity * 255).toString(16).padStart(2, "0");

  function theme() {
    return {
      ink: variable("--ink"), soft: variable("--soft"), grid: variable("--grid"),
      paper: variable("--paper"), rule: variable("--rule"),
      series: [0, 1, 2, 3, 4, 5, 6].map(n => variable(`--s${n}`)),
      font: getComputedStyle(document.body).fontFamily,
    };
  }

  function axis(look, title, more) {
    return {
      title: { text: title, standoff: 10, font: { size: 13, color: look.ink } },
      tickfont: { size: 12, color: look.soft }, gridcolor: look.grid, gridwidth: 1,
      linecolor: look.rule, linewidth: 1, showline: true, zeroline: false, ticks: "outside",
      ticklen: 4, tickcolor: look.rule, exponentformat: "none", fixedrange: NARROW.matches,
      ...more,
    };
  }

  // Round ticks of one number of decimals each; `most` is how many there is room for.
  function ticks([low, high], most, least = 0) {
    const rough = Math.max((high - low) / most, least);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough * 0.999);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return { range: [low, high], dtick: step, tick0: 0, tickformat: `,.${decimals}f` };
  }

  // A title that would be longer than its axis goes on in a second line.
  const wrapped = title => title.length > 36 ? title.replace(" after ", "<br>after ") : title;

  function base(look) {
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      font: { family: look.font, size: 12, color: look.ink },
      hoverlabel: {
        bgcolor: faded(look.paper, 0.92), bordercolor: look.soft,
        font: { family: look.font, size: 12, color: look.ink }, namelength: -1,
      },
      dragmode: NARROW.matches ? false : "zoom", separators: ".,",
    };
  }

  // Plotly's own buttons would lie over the panel; a double click undoes a zoom.
  const CONFIG = { displayModeBar: false, responsive: true };

  // A thin line across the panel at the best value of the table, and its label beside it.
  function optimum(figure, look, across) {
    if (!figure.optimum) return {};
    const [value, other] = across ? ["y", "x"] : ["x", "y"];
    return {
      shapes: [{
        type: "line", [`${value}0`]: figure.optimum.value, [`${value}1`]: figure.optimum.value,
        [`${other}ref`]: "paper", [`${other}0`]: 0, [`${other}1`]: 1,
        line: { color: look.soft, width: 1 }, layer: "below",
      }],
      annotations: [{
        text: figure.optimum.text, showarrow: false, font: { size: 12, color: look.soft },
        [value]: figure.optimum.value, [`${other}ref`]: "paper", [other]: 1,
        xanchor: "right", yanchor: across && figure.optimum.least ? "top" : "bottom", borderpad: 2,
      }],
    };
  }

  // The outline of an interval, once round; a new piece wherever there is a gap.
  function outline(line) {
    const x = [], y = [];
    const close = (from, to) => {
      if (from === to) return;
      for (let i = from; i < to; i++) { x.push(line.x[i]); y.push(line.high[i]); }
      for (let i = to - 1; i >= from; i--) { x.push(line.x[i]); y.push(line.low[i]); }
      x.push(null); y.push(null);
    };
    let from = 0;
    line.low.forEach((value, i) => { if (value === null) { close(from, i); from = i + 1; } });
    close(from, line.low.length);
    return { x, y };
  }

  function curves(figure, panel, look) {
    const { hidden, all } = chosen[figure.key];
    const shown = panel.lines.map((line, n) => ({ line, n, as: SERIES[n] }))
      .filter(({ n }) => !hidden.has(n));
    const unified = SERIES.length <= 6 && !NARROW.matches;
    const bands = shown.filter(({ line }) => line.low.length > 1).map(({ line, as }) => ({
      type: "scatter", mode: "lines", ...outline(line), fill: "toself", hoverinfo: "skip",
      fillcolor: faded(look.series[as.colour], Math.min(0.18, 0.7 / SERIES.length)), line: { width: 0 },
    }));
    const number = `.${figure.decimals}f`;
    const unit = figure.unit ? ` ${figure.unit}` : "";
    const lines = shown.map(({ line, as }) => {
      const interval = line.low.length ? " (%{customdata[0]:N} to %{customdata[1]:N})" : "";
      const value = `%{y:N}${unit}${interval}`.replaceAll(":N", `:,${number}`);
      return {
        type: "scatter", mode: line.x.length > 1 ? "lines" : "markers", cliponaxis: line.x.length > 1, name: as.name,
        x: line.x, y: line.mean, customdata: line.low.map((low, i) => [low, line.high[i]]),
        line: { color: look.series[as.colour], dash: as.dash || "solid", width: 2 },
        marker: { color: look.series[as.colour], size: 8 },
        hovertemplate: unified ? value
          : `${as.name}<br>${value}<br>%{x:,.4~r} ${panel.unit}<extra></extra>`,
      };
    });
    return {
      data: [...bands, ...lines],
      layout: {
        ...base(look), ...optimum(figure, look, true), hovermode: unified ? "x unified" : "closest",
        margin: { l: 62, r: 14, t: 8, b: 52 },
        xaxis: axis(look, panel.title, {
          ...ticks([0, panel.end], NARROW.matches ? 5 : 8, panel.least), showgrid: false,
          unifiedhovertitle: { text: `%{x:,.4~r} ${panel.unit}` },
          spikecolor: look.soft, spikethickness: 1, spikedash: "solid",
        }),
        yaxis: axis(look, wrapped(figure.title), ticks(all ? figure.range.all : figure.range.focus, 6)),
      },
    };
  }

  // Dots of a row are set apart by the golden ratio: even, and the same each time.
  const apart = i => (((i + 1) * 0.6180339887) % 1 - 0.5) * 0.5;

  // What a row of final results is drawn of: quartiles, a dot a run, and the mean.
  function boxes(row, n, { as, colour }) {
    if (!row.quartiles.length) return [];
    const [least, q1, median, q3, most] = row.quartiles;
    // Where every run is a dot, whiskers would say nothing more.
    const reach = row.values.length ? [q1, q3] : [least, most];
    return [{
      type: "box", orientation: "h", name: as.name, y: [n], q1: [q1], median: [median], q3: [q3],
      lowerfence: [reach[0]], upperfence: [reach[1]], whiskerwidth: 0.4, hoverinfo: "skip",
      width: NARROW.matches ? 0.42 : 0.62, fillcolor: faded(colour, 0.14),
      line: { color: colour, width: 1.2 },
    }];
  }

  function dots(row, n, { as, colour, value }) {
    if (!row.values.length) return [];
    const spread = NARROW.matches ? 0.7 : 1;
    return [{
      type: "scatter", mode: "markers", name: as.name, x: row.values,
      y: row.values.map((_, i) => n + spread * apart(i)), customdata: row.values.map((_, i) => i),
      marker: { color: faded(colour, 0.55), size: row.values.length > 1 ? 5 : 8, line: { width: 0 } },
      hovertemplate: `${as.name}<br>seed %{customdata}: ${value}<extra></extra>`,
    }];
  }

  function mean(row, n, { as, value }, look) {
    if (row.low === null) return [];
    return [{
      type: "scatter", mode: "markers", name: as.name, x: [row.mean], y: [n],
      marker: { symbol: "diamond", size: 9, color: look.ink, line: { color: look.paper, width: 1.5 } },
      error_x: {
        type: "data", symmetric: false, array: [row.high - row.mean],
        arrayminus: [row.mean - row.low], color: look.ink, thickness: 1.6, width: 4,
      },
      hovertemplate: `${as.name}<br>mean ${value}<extra></extra>`,
    }];
  }

  function finals(figure, look) {
    const { rows } = figure.finals;
    const value = `%{x:,.${figure.decimals}f}${figure.unit ? ` ${figure.unit}` : ""}`;
    const of = (row) => {
      const as = SERIES[row.series];
      return { as, colour: look.series[as.colour], value };
    };
    const names = rows.map(row => of(row).as.name);
    const best = optimum(figure, look, false);
    // A narrow screen has no room beside the rows: names stand above them.
    const above = NARROW.matches ? names.map((text, n) => ({
      text, showarrow: false, font: { size: 13, color: look.ink }, y: n - 0.4,
      xref: "paper", x: 0, xanchor: "left", yanchor: "middle",
    })) : [];
    return {
      data: [boxes, dots, mean].flatMap(draws => rows.flatMap((row, n) => draws(row, n, of(row), look))),
      layout: {
        ...base(look), ...best, annotations: [...(best.annotations || []), ...above],
        hovermode: "closest", margin: { l: 14, r: 14, t: 24, b: 52 },
        xaxis: axis(look, figure.title, ticks(figure.finals.range, NARROW.matches ? 4 : 9)),
        yaxis: {
          range: [rows.length - 0.5, NARROW.matches ? -0.7 : -0.5], automargin: true,
          tickvals: rows.map((_, n) => n), ticktext: names, showticklabels: !NARROW.matches,
          tickfont: { size: 13, color: look.ink }, ticklabelstandoff: 8, ticks: "",
          showgrid: false, zeroline: false, fixedrange: true,
        },
      },
    };
  }

  // How wide texts are, for the room beside a plot.
  const pen = document.createElement("canvas").getContext("2d");
  function width(texts, look, size) {
    pen.font = `${size}px ${look.font}`;
    return Math.ceil(Math.max(0, ...texts.map(text => pen.measureText(text).width)));
  }

  // Names as plain text, as they are measured.
  const unescaped = text =>
    text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

  function ranks({ x, lines, labels }, look) {
    const { hidden } = chosen[TOGETHER.key];
    const shown = lines.map((y, n) => ({ y, n, as: SERIES[n] })).filter(({ n }) => !hidden.has(n));
    const beside = !NARROW.matches;
    const end = beside ? 103 : 100;
    const names = SERIES.map(as => unescaped(as.name));
    const as = (one, more) => ({
      type: "scatter", mode: "lines", name: one.name,
      line: { color: look.series[one.colour], dash: one.dash || "solid", width: 2, ...more },
    });
    return {
      data: shown.flatMap(({ y, n, as: one }) => [
        {
          ...as(one), x, y,
          hovertemplate: `${one.name}<br>rank %{y:.2f}<br>%{x:.3~r} % of the budget<extra></extra>`,
        },
        // From the end of a line to its name.
        ...(beside ? [{
          ...as(one, { width: 1, dash: "solid" }), hoverinfo: "skip",
          x: [100, end], y: [y[y.length - 1], labels[n]],
        }] : []),
      ]),
      layout: {
        ...base(look), hovermode: "closest",
        margin: { l: 48, r: beside ? width(names, look, 13) + 18 : 14, t: 8, b: 52 },
        annotations: beside ? shown.map(({ n, as: one }) => ({
          text: one.name, showarrow: false, font: { size: 13, color: look.ink },
          x: end, y: labels[n], xanchor: "left", yanchor: "middle",
        })) : [],
        xaxis: axis(look, "share of the budget (%)", {
          range: [0, end], dtick: NARROW.matches ? 25 : 10, showgrid: false,
        }),
        yaxis: axis(look, "expected rank (1 is best)", {
          range: [lines.length + 0.5, 0.5], tick0: 1, dtick: Math.ceil(lines.length / 14),
        }),
      },
    };
  }

  // Demšar's diagram; on a narrow screen all names are on the left.
  function difference(figure, look) {
    const { most, stems, bars, length, ruler } = NARROW.matches ? figure.narrow : figure.wide;
    const name = ({ series, rank }) => `${SERIES[series].name}  ${rank.toFixed(2)}`;
    const room = left => width(
      stems.filter(stem => stem.left === left).map(stem => unescaped(name(stem))), look, 13) + 12;
    const end = Math.max(most, 1 + length);
    const path = (x, y, more) => ({
      type: "scatter", mode: "lines", x, y, hoverinfo: "skip", cliponaxis: false,
      line: { color: look.soft, width: 1, ...more },
    });
    return {
      depth: ruler + 0.8,
      data: [
        ...stems.map(({ series, rank, row, left }) => ({
          ...path([rank, rank, left ? 1 : end], [0, row, row]),
          line: { color: look.series[SERIES[series].colour], width: 1.5 },
        })),
        ...bars.map(({ low, high, row }) =>
          path([low - 0.04, high + 0.04], [row, row], { color: look.ink, width: 5 })),
        path([1, 1 + length], [ruler, ruler], { color: look.ink, width: 1.5 }),
        ...[1, 1 + length].map(x =>
          path([x, x], [ruler - 0.2, ruler + 0.2], { color: look.ink, width: 1.5 })),
      ],
      layout: {
        ...base(look), hovermode: false, dragmode: false,
        margin: { l: room(true), r: NARROW.matches ? 14 : room(false), t: 52, b: 8 },
        annotations: [
          ...stems.map(stem => ({
            text: name(stem), showarrow: false, font: { size: 13, color: look.ink },
            x: stem.left ? 1 : end, y: stem.row, xanchor: stem.left ? "right" : "left",
            yanchor: "middle", xshift: stem.left ? -4 : 4,
          })),
          {
            text: `critical difference ${length.toFixed(2)}`, showarrow: false,
            font: { size: 12, color: look.soft }, x: 1, y: ruler + 0.2, xanchor: "left",
            yanchor: "top",
          },
        ],
        xaxis: axis(look, "average rank (1 is best)", {
          range: [1, end], side: "top", showgrid: false, fixedrange: true,
          tickvals: Array.from({ length: most }, (_, n) => n + 1)
            .filter(rank => (rank - 1) % Math.ceil(most / (NARROW.matches ? 7 : 14)) === 0),
          tickangle: 0,
        }),
        yaxis: { range: [ruler + 1.1, 0], visible: false, fixedrange: true },
      },
    };
  }

  async function drawTogether() {
    const look = theme();
    if (TOGETHER.difference) {
      const { data, layout, depth } = difference(TOGETHER.difference, look);
      const box = document.getElementById(TOGETHER.difference.id);
      box.style.height = `${60 + 22 * (depth + 0.3)}px`;
      await Plotly.react(box, data, layout, CONFIG);
    }
    if (TOGETHER.ranks) {
      const { data, layout } = ranks(TOGETHER.ranks, look);
      const box = document.getElementById(TOGETHER.ranks.id);
      box.style.height = `${60 + Math.max(280, 20 * SERIES.length)}px`;
      await Plotly.react(box, data, layout, CONFIG);
    }
  }

  async function draw(figure) {
    if (figure === TOGETHER) return drawTogether();
    const look = theme();
    for (const panel of figure.curves) {
      const { data, layout } = curves(figure, panel, look);
      await Plotly.react(panel.id, data, layout, CONFIG);
    }
    const box = document.getElementById(figure.finals.id);
    if (box) {
      const { data, layout } = finals(figure, look);
      box.style.height = `${80 + (NARROW.matches ? 60 : 46) * figure.finals.rows.length}px`;
      await Plotly.react(box, data, layout, CONFIG);
    }
  }

  // One after the other: a plot that is told to change while it is being drawn may keep the old.
  let last = Promise.resolve();
  const redraw = (figures = FIGURES) => {
    for (const figure of figures) last = last.then(() => draw(figure));
  };

  const by = key => FIGURES.find(figure => figure.key === key);

  for (const legend of document.querySelectorAll(".legend")) {
    for (const button of legend.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        const { hidden } = chosen[legend.dataset.key];
        const series = Number(button.dataset.series);
        if (!hidden.delete(series)) hidden.add(series);
        button.setAttribute("aria-pressed", String(!hidden.has(series)));
        redraw([by(legend.dataset.key)]);
      });
    }
  }

  for (const button of document.querySelectorAll(".all")) {
    button.addEventListener("click", () => {
      const state = chosen[button.dataset.key];
      state.all = !state.all;
      const text = button.textContent;
      button.textContent = button.dataset.other;
      button.dataset.other = text;
      button.setAttribute("aria-pressed", String(state.all));
      redraw([by(button.dataset.key)]);
    });
  }

  for (const button of document.querySelectorAll(".save")) {
    button.addEventListener("click", () => {
      const plot = document.getElementById(button.dataset.plot);
      const { width, height } = plot.getBoundingClientRect();
      Plotly.downloadImage(plot, { format: "svg", width, height, filename: button.dataset.plot });
    });
  }

  DARK.addEventListener("change", () => redraw());
  NARROW.addEventListener("change", () => redraw());
  redraw();
})();
