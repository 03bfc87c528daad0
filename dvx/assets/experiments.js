// The page of experiments: DATA has `columns` (name, kind, number), `rows` (name, group, state, created, values), `charts`.
"use strict";
const COLOURS = ["#945dd6", "#13adc7", "#f46837", "#48bb78", "#4299e1", "#ed8936", "#f56565"];
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const options = { actions: false, theme: dark ? "dark" : undefined };
const numbers = DATA.columns.filter((column) => column.number);
const chosen = new Set(DATA.rows.slice(0, 3).map((row) => row.id));
const sorting = { column: null, down: false };
const byId = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const shown = (value) => value === null || value === undefined ? "–"
  : typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(5))) : String(value);

function visible() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (row) => {
    const text = [row.name, row.group, row.state, ...row.values.map(shown)].join(" ").toLowerCase();
    return words.every((word) => {
      const asked = /^([^<>=]+)(<=|>=|=|<|>)(.+)$/.exec(word);
      if (!asked) return text.includes(word);
      const at = DATA.columns.findIndex((column) => column.name.toLowerCase() === asked[1]);
      if (at < 0) return false;
      const [mine, limit] = [row.values[at], Number(asked[3])];
      if (mine === null || mine === undefined) return false;
      if (asked[2] === "=") return String(mine).toLowerCase() === asked[3];
      return { "<": mine < limit, ">": mine > limit, "<=": mine <= limit, ">=": mine >= limit }[asked[2]];
    });
  };
  const rows = DATA.rows.filter(fits);
  if (sorting.column === null) return rows;
  const key = (row) => sorting.column < 0 ? [row.name, row.created][sorting.column + 2] : row.values[sorting.column];
  const empty = (value) => value === null || value === undefined || value === "";
  return rows.slice().sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (empty(a) || empty(b)) return empty(a) - empty(b);
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return sorting.down ? -order : order;
  });
}

function head() {
  const row = make("tr");
  row.append(make("th"));
  const add = (name, column, kind) => {
    const cell = make("th", name + (sorting.column === column ? (sorting.down ? " ↓" : " ↑") : ""), kind);
    cell.tabIndex = 0;
    cell.onclick = () => {
      sorting.down = sorting.column === column && !sorting.down;
      sorting.column = column;
      table();
    };
    cell.onkeydown = (event) => { if (event.key === "Enter") cell.onclick(); };
    row.append(cell);
  };
  add("Experiment", -2, "");
  add("Created", -1, "");
  DATA.columns.forEach((column, at) => add(column.name, at, column.kind));
  byId("head").replaceChildren(row);
}

function table() {
  head();
  const rows = visible();
  byId("count").textContent = `${rows.length} of ${DATA.rows.length}`;
  byId("rows").replaceChildren(...rows.map((row) => {
    const line = make("tr", undefined, chosen.has(row.id) ? "chosen" : "");
    const box = make("input");
    box.type = "checkbox";
    box.checked = chosen.has(row.id);
    box.setAttribute("aria-label", row.name);
    box.onchange = () => { box.checked ? chosen.add(row.id) : chosen.delete(row.id); line.classList.toggle("chosen"); drawCharts(); };
    const first = make("td");
    first.append(box);
    const name = make("td", row.name);
    if (row.state) name.append(" ", make("span", row.state, "state"));
    name.title = row.group;
    line.append(first, name, make("td", row.when, "quiet"));
    row.values.forEach((value, at) => line.append(make("td", shown(value), DATA.columns[at].number ? "number" : "")));
    return line;
  }));
  drawAll(rows);
}

function embed(place, spec) {
  drawChart(place, { $schema: "https://vega.github.io/schema/vega-lite/v5.json", ...spec }, options);
}

function lines(rows) {
  const used = numbers.filter((column) => new Set(rows.map((row) => row.values[column.at])).size > 1);
  byId("lines-box").hidden = used.length < 2;
  if (used.length < 2) return;
  const values = [];
  for (const column of used) {
    const known = rows.map((row) => row.values[column.at]).filter((value) => typeof value === "number");
    const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    for (const row of rows) {
      const value = row.values[column.at];
      if (typeof value === "number") {
        values.push({ experiment: row.name, column: column.name, value, place: (value - low) / ((high - low) || 1) });
      }
    }
  }
  const colour = byId("colour").value || used[0].name;
  const tint = Object.fromEntries(rows.map((row) => [row.name, row.values[DATA.columns.find((one) => one.name === colour).at]]));
  for (const value of values) value.tint = tint[value.experiment];
  embed("lines", {
    width: Math.min(1100, Math.max(320, 130 * used.length)), height: 300, data: { values },
    params: [{ name: "near", select: { type: "point", fields: ["experiment"], on: "pointerover", clear: "pointerout" } }],
    mark: { type: "line", strokeWidth: 1.5 },
    encoding: {
      x: { field: "column", type: "nominal", sort: used.map((one) => one.name), title: null, axis: { labelAngle: -20, grid: true } },
      y: { field: "place", type: "quantitative", axis: { title: "lowest to highest", labels: false, ticks: false } },
      detail: { field: "experiment" },
      color: { field: "tint", type: "quantitative", title: colour, scale: { scheme: "viridis" } },
      opacity: { condition: { param: "near", value: 1 }, value: 0.15 },
      tooltip: [{ field: "experiment" }, { field: "column" }, { field: "value" }],
    },
  });
}

function scatter(rows) {
  const [x, y] = ["x", "y"].map((axis) => DATA.columns.find((column) => column.name === byId(axis).value));
  byId("scatter-box").hidden = !x || !y;
  if (!x || !y) return;
  const values = rows.map((row) => ({ experiment: row.name, from: row.group, x: row.values[x.at], y: row.values[y.at] }));
  const axis = (name, column) => ({ field: name, type: column.number ? "quantitative" : "nominal", title: column.name, scale: { zero: false } });
  embed("scatter", {
    width: 520, height: 320, data: { values }, mark: { type: "point", filled: true, size: 60, opacity: 0.8 },
    encoding: {
      x: axis("x", x), y: axis("y", y), color: { field: "from", title: "from" },
      tooltip: [{ field: "experiment" }, { field: "x", title: x.name }, { field: "y", title: y.name }],
    },
  });
}

function drawCharts() {
  const places = DATA.charts.map((chart, at) => {
    const values = chart.spec.data.values.filter((value) => chosen.has(value.rev));
    return { id: `chart${at}`, chart, values };
  }).filter((one) => one.values.length);
  byId("charts").replaceChildren(...places.map((one) => {
    const card = make("div", undefined, "card");
    const inner = make("div");
    inner.id = one.id;
    card.append(inner);
    return card;
  }));
  byId("charts-hint").hidden = places.length > 0;
  for (const one of places) {
    const revisions = [...new Set(one.values.map((value) => value.rev))];
    const names = Object.fromEntries(DATA.rows.map((row) => [row.id, row.name]));
    const spec = JSON.parse(JSON.stringify(one.chart.spec));
    spec.data.values = one.values.map((value) => ({ ...value, rev: names[value.rev] || value.rev }));
    const scale = { domain: revisions.map((id) => names[id] || id), range: revisions.map((_, at) => COLOURS[at % COLOURS.length]) };
    if (spec.encoding && spec.encoding.color && spec.encoding.color.field === "rev") spec.encoding.color.scale = scale;
    embed(one.id, spec);
  }
}

function drawAll(rows) { lines(rows); scatter(rows); }

function fill(id, columns, start) {
  byId(id).replaceChildren(...columns.map((column) => make("option", column.name)));
  if (columns.length) byId(id).value = (columns[Math.min(start, columns.length - 1)]).name;
  byId(id).onchange = () => drawAll(visible());
}

DATA.columns.forEach((column, at) => { column.at = at; });
const params = numbers.find((column) => column.kind === "params");
fill("colour", numbers, 0);
fill("x", DATA.columns.filter((column) => column.kind !== "deps"), params ? DATA.columns.indexOf(params) : 1);
fill("y", DATA.columns.filter((column) => column.kind !== "deps"), 0);
let waiting = 0;
byId("filter").oninput = () => { clearTimeout(waiting); waiting = setTimeout(table, 150); };
table();
drawCharts();
