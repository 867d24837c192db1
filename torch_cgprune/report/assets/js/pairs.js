// How often which class is suggested for which: every number is a filter.

const MATRIX_UP_TO = 12, PAIRS_UP_TO = 30;

function pairCounts() {
  const counts = new Map();
  for (const item of passing("given", "suggested")) {
    const pair = `${item.given},${item.suggested}`;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return counts;
}

function pairButton(given, suggested, text, count, most) {
  const isOn = asked.given === String(given) && asked.suggested === String(suggested);
  const made = button(text, {
    className: "pair",
    "aria-pressed": isOn,
    "aria-label": `${className(given)}, looks like ${className(suggested)}: ${count}`,
    data: { pair: `${given},${suggested}` },
  });
  made.style.setProperty("--share", `${Math.round(12 + (48 * count) / most)}%`);
  return made;
}

function matrix(counts, codes, most) {
  const head = element("tr", {}, element("td"));
  for (const code of codes) {
    const name = element("span", {}, className(code));
    head.append(element("th", { scope: "col", title: className(code) }, name));
  }
  const rows = codes.map((given) => {
    const row = element("tr", {}, element("th", { scope: "row", title: className(given) }, className(given)));
    for (const suggested of codes) {
      const count = counts.get(`${given},${suggested}`);
      const cell = count ? pairButton(given, suggested, String(count), count, most) : "";
      row.append(element("td", {}, cell));
    }
    return row;
  });
  const caption = element("caption", {}, "Given (rows) and suggested (columns)");
  return element("table", { className: "matrix" }, caption, element("thead", {}, head), element("tbody", {}, ...rows));
}

function pairList(counts, most) {
  const worst = [...counts].sort((a, b) => b[1] - a[1]).slice(0, PAIRS_UP_TO);
  const lines = worst.map(([pair, count]) => {
    const [given, suggested] = pair.split(",").map(Number);
    const text = `${className(given)} → ${className(suggested)} · ${count}`;
    return element("li", {}, pairButton(given, suggested, text, count, most));
  });
  return element("ul", { className: "pair-list" }, ...lines);
}

function showPairs() {
  const counts = pairCounts();
  const most = Math.max(1, ...counts.values());
  const codes = [...new Set([...counts.keys()].flatMap((pair) => pair.split(",").map(Number)))].sort(byName);
  const focused = document.activeElement?.dataset?.pair;
  at("pairs").replaceChildren(
    codes.length <= MATRIX_UP_TO ? matrix(counts, codes, most) : pairList(counts, most),
  );
  if (focused) at("pairs").querySelector(`[data-pair="${focused}"]`)?.focus();
}

function startPairs() {
  if (!suggests) return;
  at("pairs").addEventListener("click", (event) => {
    const pressed = event.target.closest("button.pair");
    if (!pressed) return;
    const isOn = pressed.getAttribute("aria-pressed") === "true";
    const [given, suggested] = isOn ? ["", ""] : pressed.dataset.pair.split(",");
    ask({ given, suggested });
  });
  told.list.push(showPairs);
  showPairs();
}
