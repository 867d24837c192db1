"use strict";

const PAGE = 50;

const data = JSON.parse(document.getElementById("data").textContent);
// The columns of a suspect's row.
const [INDEX, GIVEN, SUGGESTED, DOUBT, SCORE, PICTURE, TEXT, NAME] = [
  "example", "given", "suggested", "doubt", "score", "picture", "text", "name",
].map((name) => data.columns.indexOf(name));
const at = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const className = (code) => (code < 0 ? "" : data.classes[code]);
const brief = (number) => String(Number(number.toPrecision(3)));
// In whole percent, and never certain.
const percent = (share) =>
  share >= 0.995 ? "> 99 %" : share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
// How much speaks against a label: a probability, or the partial score of methods without one.
const doubt = data.probable
  ? { name: "probably wrong", column: "wrong_probability", show: percent }
  : { name: "partial score", column: "partial", show: brief };
const callOf = (row) => row[NAME] || `example ${row[INDEX]}`;

// Ticks outlive the page where the browser allows it to keep something.
const ticks = {
  key: `torch-cgprune ${data.key}`,
  load() {
    try {
      return new Set(JSON.parse(localStorage.getItem(this.key) || "[]"));
    } catch {
      return new Set();
    }
  },
  save(ticked) {
    try {
      localStorage.setItem(this.key, JSON.stringify([...ticked]));
    } catch {
      // A browser that keeps nothing: the download still has them.
    }
  },
};

function suspectsTable() {
  const compareText = (text) => (a, b) => text(a).localeCompare(text(b));
  const orders = {
    worst: () => 0, // as they come: the highest doubt first
    score: (a, b) => b[SCORE] - a[SCORE],
    given: compareText((row) => className(row[GIVEN])),
    suggested: compareText((row) => className(row[SUGGESTED])),
    name: compareText(callOf),
  };
  const falling = new Set(["worst", "score"]);
  const listed = new Set(data.suspects.map((row) => row[INDEX]));
  const ticked = new Set([...ticks.load()].filter((index) => listed.has(index)));
  const body = at("table").tBodies[0];
  let rows = data.suspects;
  let shown = PAGE;

  function fillClasses(select, column) {
    const codes = [...new Set(data.suspects.map((row) => row[column]))].filter((c) => c >= 0);
    codes.sort((a, b) => className(a).localeCompare(className(b)));
    select.append(...codes.map((code) => element("option", { value: code }, className(code))));
  }

  function tick(index, isTicked) {
    if (isTicked) ticked.add(index);
    else ticked.delete(index);
  }

  function lineOf(row) {
    const box = element("input", { type: "checkbox", checked: ticked.has(row[INDEX]) });
    box.setAttribute("aria-label", `The label of ${callOf(row)} is wrong`);
    const line = element("tr", { className: box.checked ? "ticked" : "" });
    line.setAttribute("role", "row");
    box.addEventListener("change", () => {
      tick(row[INDEX], box.checked);
      line.className = box.checked ? "ticked" : "";
      say();
    });
    const picture = row[PICTURE]
      ? element("img", {
          src: `data:image/webp;base64,${row[PICTURE]}`,
          alt: `${callOf(row)}, labelled ${className(row[GIVEN])}`,
        })
      : row[TEXT] || "";
    const cells = [
      ["", element("label", { className: "tick" }, box)],
      ["", picture, row[TEXT] ? "text" : "picture"],
      ["given", className(row[GIVEN])],
      ["suggested", className(row[SUGGESTED]) || "–"],
      [doubt.name, doubt.show(row[DOUBT]), "number"],
      ["score", brief(row[SCORE]), "number"],
      ["", callOf(row), "name"],
    ];
    for (const [name, content, kind] of cells) {
      const cell = element("td", { className: kind || "" }, content);
      cell.setAttribute("role", "cell");
      cell.dataset.name = name;
      line.append(cell);
    }
    return line;
  }

  function say() {
    ticks.save(ticked);
    const visible = Math.min(shown, rows.length);
    at("status").textContent =
      `${rows.length} of ${data.suspects.length} match, ${visible} shown, ${ticked.size} ticked`;
    at("download").disabled = ticked.size === 0;
    at("more").hidden = shown >= rows.length;
  }

  function show() {
    const given = at("given").value, suggested = at("suggested").value;
    const order = at("order").value;
    rows = data.suspects.filter(
      (row) =>
        (given === "" || row[GIVEN] === Number(given)) &&
        (suggested === "" || row[SUGGESTED] === Number(suggested)) &&
        (!at("only-ticked").checked || ticked.has(row[INDEX])),
    );
    rows.sort(orders[order]);
    body.replaceChildren(...rows.slice(0, shown).map(lineOf));
    for (const button of document.querySelectorAll("#table thead button")) {
      const head = button.parentElement;
      if (button.dataset.order !== order) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", falling.has(order) ? "descending" : "ascending");
    }
    say();
  }

  function restart() {
    shown = PAGE;
    show();
  }

  function tickShown(isTicked) {
    for (const row of rows.slice(0, shown)) tick(row[INDEX], isTicked);
    show();
  }

  function download() {
    const quote = (value) => `"${String(value).replaceAll('"', '""')}"`;
    const lines = data.suspects
      .filter((row) => ticked.has(row[INDEX]))
      .map((row) =>
        [
          row[INDEX],
          quote(row[NAME] || ""),
          quote(className(row[GIVEN])),
          quote(className(row[SUGGESTED])),
          row[DOUBT],
        ].join(","),
      );
    const text = [`index,path,label,new_label,${doubt.column}`, ...lines, ""].join("\n");
    const link = element("a", {
      href: URL.createObjectURL(new Blob([text], { type: "text/csv" })),
      download: "relabel.csv",
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  fillClasses(at("given"), GIVEN);
  fillClasses(at("suggested"), SUGGESTED);
  for (const id of ["given", "suggested", "order", "only-ticked"]) {
    at(id).addEventListener("change", restart);
  }
  for (const button of document.querySelectorAll("#table thead button")) {
    button.addEventListener("click", () => {
      at("order").value = button.dataset.order;
      restart();
    });
  }
  at("tick-shown").addEventListener("click", () => tickShown(true));
  at("untick-shown").addEventListener("click", () => tickShown(false));
  at("download").addEventListener("click", download);
  at("more").addEventListener("click", () => {
    const before = shown;
    shown += PAGE;
    body.append(...rows.slice(before, shown).map(lineOf));
    body.rows[before]?.querySelector("input").focus();
    say();
  });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  restart();
}

function policyTable() {
  const { percents, balanced, overall } = data.policies;
  const names = Object.keys(balanced);
  const slider = at("keep");
  Object.assign(slider, { min: percents[0], max: 100, step: percents[1] - percents[0] });
  slider.value = data.keep;

  const cell = (count, flagged) => element("td", {}, String(count), element("small", {}, String(flagged)));
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

  function lineOf(name, count, pairs) {
    const line = element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, String(count)));
    line.append(...pairs.map(([kept, flagged]) => cell(kept, flagged)));
    return line;
  }

  function show() {
    const percent = Number(slider.value);
    const step = percents.indexOf(percent);
    const tables = at("balanced").checked ? balanced : overall;
    at("kept").textContent = `${percent} %`;
    const kept = names.map((name) => tables[name][step]);
    kept.push([data.counts.map((count, code) => count - data.flagged[code]), data.classes.map(() => 0)]);
    const lines = data.classes.map((name, code) =>
      lineOf(name, data.counts[code], kept.map(([counts, flagged]) => [counts[code], flagged[code]])),
    );
    lines.push(lineOf("all", sum(data.counts), kept.map(([counts, flagged]) => [sum(counts), sum(flagged)])));
    at("policy-table").tBodies[0].replaceChildren(...lines);
  }

  const heads = ["class", "examples", ...names, "noise-filter"];
  at("policy-table").tHead.append(
    element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name))),
  );
  slider.addEventListener("input", show);
  at("balanced").addEventListener("change", show);
  show();
}

if (data.suspects.length) suspectsTable();
policyTable();
