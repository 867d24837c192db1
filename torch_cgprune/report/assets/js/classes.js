// Class by class: a table in pages, to search and to sort, and examples of one class.

const ROWS = 25;
const classTable = { page: 0, order: "doubted", name: "" };
const classes = data.classRows.map(([count, flagged, mean, low, high], code) => {
  return { code, name: className(code), count, flagged, mean, low, high };
});
const classOrders = {
  name: (a, b) => byName(a.code, b.code),
  count: (a, b) => b.count - a.count,
  doubted: (a, b) => b.flagged / b.count - a.flagged / a.count,
  mean: (a, b) => b.mean - a.mean,
};

// The middle half of a class's scores, and their mean, on the range of all classes.
function span(entry, low, high) {
  const place = (value) => `${(100 * (Math.min(Math.max(value, low), high) - low)) / (high - low || 1)}%`;
  const shown = element("span", { className: "span" }, element("i"), element("b"));
  shown.style.setProperty("--low", place(entry.low));
  shown.style.setProperty("--high", place(entry.high));
  shown.style.setProperty("--mean", place(entry.mean));
  return shown;
}

function classRow(entry, low, high) {
  const kept = keptBy(pruning.policy);
  const { code } = entry;
  const see = data.examples[code]
    ? button(entry.name, { className: "plain", data: { code } })
    : element("span", {}, entry.name);
  const share = entry.flagged ? ` (${shareText(entry.flagged / entry.count)})` : "";
  const cells = [
    [counted(entry.count)],
    [`${counted(entry.flagged)}${share}`],
    [brief(entry.mean)],
    [span(entry, low, high), ""],
    [kept ? counted(kept[0][code]) : "–"],
    [kept ? counted(kept[1][code]) : "–"],
  ];
  const made = cells.map(([content, kind = "number"]) => element("td", { className: kind }, content));
  return element("tr", {}, element("th", { scope: "row" }, see), ...made);
}

function showClasses() {
  const wanted = classTable.name.toLowerCase();
  const found = classes.filter((entry) => entry.name.toLowerCase().includes(wanted));
  found.sort(classOrders[classTable.order]);
  const pages = Math.max(1, Math.ceil(found.length / ROWS));
  classTable.page = Math.min(classTable.page, pages - 1);
  const first = classTable.page * ROWS;
  const part = found.slice(first, first + ROWS);
  const low = Math.min(0, ...classes.map((entry) => entry.low));
  const high = Math.max(...classes.map((entry) => Math.max(entry.high, entry.mean)));
  at("class-table").tBodies[0].replaceChildren(...part.map((entry) => classRow(entry, low, high)));
  for (const head of at("class-table").querySelectorAll("th:has([data-sort])")) {
    const { sort } = head.firstElementChild.dataset;
    if (sort !== classTable.order) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", sort === "name" ? "ascending" : "descending");
  }
  at("class-found").textContent = found.length
    ? `${counted(first + 1)} to ${counted(first + part.length)} of ${many(found.length, "class")}`
    : "No class of this name.";
  at("class-pages").hidden = classes.length <= ROWS;
  at("class-before").disabled = classTable.page === 0;
  at("class-next").disabled = classTable.page >= pages - 1;
}

function strip(examples) {
  return examples.map(([name, score, picture, text]) => {
    const shown = picture
      ? element("img", { src: webp(picture), alt: name, title: name })
      : element("span", { className: text ? "text" : "nameless", title: name }, text || name);
    return element("li", {}, shown, element("span", { className: "quiet" }, brief(score)));
  });
}

function showExamples(code) {
  at("one-class").value = code;
  for (const end of ["lowest", "highest"]) at(end).replaceChildren(...strip(data.examples[code][end]));
}

function startClasses() {
  const codes = Object.keys(data.examples).map(Number).sort(byName);
  at("one-class").append(...codes.map((code) => element("option", { value: code }, className(code))));
  at("one-class").addEventListener("change", () => showExamples(at("one-class").value));
  const isDoubted = (code) => classes[code].flagged / classes[code].count;
  showExamples(codes.reduce((worst, code) => (isDoubted(code) > isDoubted(worst) ? code : worst), codes[0]));
  at("class-table").addEventListener("click", (event) => {
    const { code, sort } = event.target.closest("button")?.dataset ?? {};
    if (sort) Object.assign(classTable, { order: sort, page: 0 });
    if (sort) showClasses();
    if (code === undefined) return;
    showExamples(code);
    at("one-class").focus();
  });
  at("class-search").addEventListener("input", () => {
    Object.assign(classTable, { name: at("class-search").value, page: 0 });
    showClasses();
  });
  for (const [id, by] of [["class-before", -1], ["class-next", 1]]) {
    at(id).addEventListener("click", () => {
      classTable.page += by;
      showClasses();
    });
  }
  told.classes.push(showClasses);
  showClasses();
  startHistogram();
  startFoundWrong();
}

function startHistogram() {
  const { low, high, all, flagged } = data.histogram;
  const most = Math.max(...all);
  const chart = new Chart(
    at("histogram"),
    `How the scores of all examples lie, from ${brief(low)} to ${brief(high)}, and those of the suspects among them.`,
    { low, high, name: "CG-score", show: brief },
    { low: 0, high: most, name: "examples", show: counted },
  );
  chart.draw = () => {
    chart.bars(all, { class: "bars" });
    chart.bars(flagged, { class: "bars flagged" });
  };
}

function startFoundWrong() {
  if (!data.foundWrong) return;
  const steps = data.foundWrong.length - 1;
  const chart = new Chart(
    at("found-wrong"),
    "Share of the wrong labels that is found where this share of the examples is looked at, the most suspicious first.",
    { low: 0, high: 1, name: "share examined", show: shareText },
    { low: 0, high: 1, name: "found", show: shareText },
  );
  chart.draw = () => {
    chart.line([[0, 0], [1, 1]], { class: "reference" });
    chart.line(data.foundWrong.map((found, i) => [i / steps, found]), { class: "line chosen", stroke: colourOf("soft") });
  };
}
