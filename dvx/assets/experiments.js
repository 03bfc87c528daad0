// The page of experiments: DATA has `columns` (name, kind, number), `rows` (name, group, state, created, values), `charts`, `pictures`.
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

// the column that a name means: its own, or the only one that ends in it
function named(name) {
  const whole = DATA.columns.filter((column) => column.name.toLowerCase() === name);
  const ends = DATA.columns.filter((column) => /[.:/]/.test(column.name.at(-name.length - 1) || "") && column.name.toLowerCase().endsWith(name));
  return whole.length ? whole : ends;
}

function compared(value, sign, limit) {
  if (value === null || value === undefined) return false;
  const numeric = typeof value === "number" && !Number.isNaN(Number(limit));
  const [mine, other] = numeric ? [value, Number(limit)] : [shown(value).toLowerCase(), limit];
  return {
    "<": mine < other, ">": mine > other, "<=": mine <= other, ">=": mine >= other, "=": mine === other, "!=": mine !== other,
  }[sign];
}

function visible() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const problems = [];
  const tests = words.map((word) => {
    const asked = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/.exec(word);
    if (!asked) return (row) => [row.name, row.group, row.state, ...row.values.map(shown)].join(" ").toLowerCase().includes(word);
    const found = named(asked[1]);
    if (found.length === 1) return (row) => compared(row.values[found[0].at], asked[2], asked[3]);
    problems.push(found.length ? `${asked[1]} may be ${found.map((column) => column.name).join(" or ")}` : `no column ${asked[1]}`);
    return () => true;
  });
  byId("problem").textContent = problems.join("; ");
  const fits = (row) => tests.every((test) => test(row));
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

function columns() {
  return DATA.columns.filter((column) => !byId("changing").checked || DATA.rows.length < 2 || column.varies);
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
  for (const column of columns()) add(column.name, column.at, column.kind);
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
    for (const column of columns()) line.append(make("td", shown(row.values[column.at]), column.number ? "number" : ""));
    return line;
  }));
  drawAll(rows);
}

function embed(place, spec) {
  drawChart(place, { $schema: "https://vega.github.io/schema/vega-lite/v5.json", ...spec }, options);
}

// where values stand on an axis from 0 to 1, and what is written beside it: numbers in steps, texts one by one
function axis(column, rows) {
  const known = rows.map((row) => row.values[column.at]).filter((value) => value !== null && value !== undefined);
  if (!column.number) {
    const texts = [...new Set(known.map(shown))].sort();
    const place = (value) => texts.indexOf(shown(value)) / ((texts.length - 1) || 1);
    return { place, ticks: texts.map((text) => ({ place: place(text), label: text.length > 18 ? `${text.slice(0, 17)}…` : text })).slice(0, 25) };
  }
  const low = known.reduce((a, b) => Math.min(a, b));
  const high = known.reduce((a, b) => Math.max(a, b));
  const steps = [0, 0.25, 0.5, 0.75, 1];
  const label = (step) => String(Number((low + (high - low) * step).toPrecision(4)));
  return { place: (value) => (value - low) / ((high - low) || 1), ticks: steps.map((step) => ({ place: step, label: label(step) })) };
}

function lines(rows) {
  const distinct = (column) => new Set(rows.map((row) => row.values[column.at]).filter((value) => value !== null && value !== undefined)).size;
  const used = DATA.columns.filter((column) => column.kind !== "deps" && distinct(column) > 1);
  byId("lines-box").hidden = used.length < 2;
  if (used.length < 2) return;
  const values = [];
  const ticks = [];
  const tinting = DATA.columns.find((one) => one.name === byId("colour").value) || used[0];
  for (const column of used) {
    const scale = axis(column, rows);
    for (const tick of scale.ticks) ticks.push({ column: column.name, ...tick });
    for (const row of rows) {
      const [value, tint] = [row.values[column.at], row.values[tinting.at]];
      if (value === null || value === undefined) continue;
      values.push({ experiment: row.name, id: row.id, column: column.name, value, place: scale.place(value), tint: tinting.number ? tint : shown(tint) });
    }
  }
  const x = { field: "column", type: "nominal", sort: used.map((one) => one.name), title: null, axis: { labelAngle: -20, grid: true } };
  const y = { field: "place", type: "quantitative", axis: null, scale: { domain: [0, 1] } };
  const colour = tinting.number ? { type: "quantitative", scale: { scheme: "viridis" } } : { type: "nominal" };
  embed("lines", {
    width: Math.min(1600, Math.max(320, 130 * used.length)), height: 300,
    layer: [
      {
        data: { values },
        params: [{ name: "near", select: { type: "point", fields: ["id"], on: "pointerover", clear: "pointerout" } }],
        mark: { type: "line", strokeWidth: 1.5, point: true },
        encoding: {
          x, y, detail: { field: "id" },
          color: { field: "tint", title: tinting.name, ...colour },
          opacity: { condition: { param: "near", value: 1 }, value: 0.15 },
          tooltip: [{ field: "experiment" }, { field: "column" }, { field: "value" }],
        },
      },
      {
        data: { values: ticks },
        mark: { type: "text", align: "left", dx: 5, fontSize: 10, color: dark ? "#9198a1" : "#59636e" },
        encoding: { x, y, text: { field: "label" } },
      },
    ],
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
  const names = Object.fromEntries(DATA.rows.map((row) => [row.id, row.name]));
  const places = DATA.charts.map((chart, at) => {
    const values = chart.spec.data.values.filter((value) => chosen.has(value.rev));
    return { id: `chart${at}`, chart, values };
  }).filter((one) => one.values.length);
  const pictures = DATA.pictures.filter((picture) => chosen.has(picture.rev));
  byId("charts").replaceChildren(...places.map((one) => {
    const card = make("div", undefined, "card");
    const inner = make("div");
    inner.id = one.id;
    card.append(inner);
    return card;
  }), ...pictures.map((one) => {
    const card = make("div", undefined, "card");
    const figure = make("figure");
    const image = make("img");
    image.src = one.place;
    image.alt = `${one.name} of ${names[one.rev]}`;
    figure.append(make("figcaption", `${one.name}: ${names[one.rev]}`), image);
    card.append(figure);
    return card;
  }));
  byId("charts-hint").hidden = places.length + pictures.length > 0;
  for (const one of places) {
    const revisions = [...new Set(one.values.map((value) => value.rev))];
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
  if (columns.length) byId(id).value = (columns[Math.max(0, Math.min(start, columns.length - 1))]).name;
  byId(id).onchange = () => drawAll(visible());
}

DATA.columns.forEach((column, at) => {
  column.at = at;
  column.varies = new Set(DATA.rows.map((row) => shown(row.values[at]))).size > 1;
});
const params = numbers.find((column) => column.kind === "params");
const drawable = DATA.columns.filter((column) => column.kind !== "deps");
fill("colour", drawable, drawable.indexOf(numbers[0]));
fill("x", drawable, params ? drawable.indexOf(params) : 1);
fill("y", drawable, 0);
byId("changing").onchange = table;
let waiting = 0;
byId("filter").oninput = () => { clearTimeout(waiting); waiting = setTimeout(table, 150); };
table();
drawCharts();
