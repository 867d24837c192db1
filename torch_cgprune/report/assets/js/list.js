// The list of what is to be reviewed, as a gallery or a table, and the bar above it.

const PAGE = 24;
let listed = []; // the items that pass the filters, in their order
let shownCount = PAGE;
let asTable = false;

const shownItems = () => [...at("list").querySelectorAll(".item")];
const shownOf = (item) => at("list").querySelector(`.item[data-index="${item.example}"]`);
const itemOf = (shown) => items.get(Number(shown.dataset.index));

function fillList() {
  const part = listed.slice(0, shownCount);
  const list = asTable ? tableOf(part) : element("ul", { id: "gallery" }, ...part.map(cardOf));
  list.classList.toggle("bare", !hasPictures);
  list.classList.toggle("of-texts", hasTexts);
  at("list").replaceChildren(list);
  countList();
}

function tableOf(part) {
  const heads = [
    [hasTexts ? "Text" : "Example", ""],
    ["Given", "given"],
    ["Suggested", "suggested"],
    [doubt.name[0].toUpperCase() + doubt.name.slice(1), "worst"],
    ["Score", "score"],
    ["Name", "name"],
    ["Decided", ""],
    ["Decision", ""],
  ].filter(([, order]) => suggests || order !== "suggested");
  const cells = heads.map(([name, order]) => {
    const head = element("th", { scope: "col" }, order ? button(name, { data: { order } }) : name);
    if (order && order === asked.order) {
      head.setAttribute("aria-sort", falling.has(order) ? "descending" : "ascending");
    }
    return head;
  });
  const table = element("table", { id: "table" });
  table.append(
    element("caption", { className: "hidden" }, "Examples whose labels look wrong"),
    element("thead", {}, element("tr", {}, ...cells)),
    element("tbody", {}, ...part.map(rowOf)),
  );
  return element(
    "div",
    { className: "wide", tabIndex: 0, role: "region", "aria-label": "Table of labels that look wrong" },
    table,
  );
}

function countList() {
  const visible = Math.min(shownCount, listed.length);
  const all = chosenOnMap ? chosenOnMap.size : suspects.length;
  at("found").textContent = listed.length
    ? `${counted(visible)} of ${counted(listed.length)} shown` +
      (listed.length < all ? `, ${counted(all)} without filters` : "")
    : "Nothing passes these filters.";
  at("more").hidden = shownCount >= listed.length;
  for (const id of ["all-wrong", "all-fine"]) at(id).disabled = !visible;
}

function showMore() {
  const before = shownCount;
  shownCount += PAGE;
  const part = listed.slice(before, shownCount);
  if (asTable) at("list").querySelector("tbody").append(...part.map(rowOf));
  else at("gallery").append(...part.map(cardOf));
  countList();
  return part[0];
}

function countReviewed() {
  const made = suspects.map((item) => decisions.of(item.example)).filter(Boolean);
  const wrong = made.filter((decision) => decision.wrong).length;
  const others = decisions.made.size - made.length;
  const parts = [`Reviewed ${counted(made.length)} of ${counted(suspects.length)}`];
  if (made.length) parts.push(`${counted(wrong)} wrong, ${counted(made.length - wrong)} fine`);
  if (others) parts.push(`and ${many(others, "other")}`);
  at("status").textContent = parts.join(" · ");
  Object.assign(at("progress"), { max: Math.max(1, suspects.length), value: made.length });
  at("undo").disabled = !decisions.past.length;
  at("download").disabled = !decisions.made.size;
}

function focusOn(item) {
  if (!item) return;
  while (!shownOf(item) && shownCount < listed.length) showMore();
  const shown = shownOf(item);
  shown?.querySelector(".open").focus({ preventScroll: true });
  shown?.scrollIntoView({ block: "nearest" });
}

// Takes a decision, and goes on to the next example.
function review(item, decisionOf) {
  const next = listed[listed.indexOf(item) + 1];
  decisions.decide([item], decisionOf);
  if (!next) return;
  if (viewer.isOpen()) viewer.show(next);
  else focusOn(next);
}

function judge(item, verdict) {
  if (verdict === "other") return chooser.open(item);
  const isOn = decisions.of(item.example);
  const asGuess = verdict === "wrong" && item.suggested < 0 ? "drop" : verdict;
  const made = verdicts[asGuess](item);
  // The same again takes it back.
  if (isOn && isOn.wrong === made.wrong && isOn.label === made.label) {
    return decisions.decide([item], () => undefined);
  }
  review(item, () => made);
}

function judgeShown(verdict) {
  const part = listed.slice(0, shownCount);
  decisions.decide(part, (item) => verdicts[item.suggested < 0 && verdict === "wrong" ? "drop" : verdict](item));
}

function undo() {
  const index = decisions.undo();
  if (index === null) return;
  const item = items.get(index);
  if (viewer.isOpen()) viewer.show(item);
  else focusOn(item);
}

function setView(table) {
  asTable = table;
  at("as-gallery").setAttribute("aria-pressed", !table);
  at("as-table").setAttribute("aria-pressed", table);
  fillList();
}

function startList() {
  told.list.push(() => {
    listed = matching();
    shownCount = PAGE;
    fillList();
  });
  told.decisions.push(() => {
    for (const shown of shownItems()) marked(shown, itemOf(shown));
    countReviewed();
  });
  at("list").addEventListener("click", (event) => {
    const order = event.target.closest("[data-order]");
    if (order) return ask({ order: order.dataset.order });
    const shown = event.target.closest(".item");
    if (!shown) return;
    const pressed = event.target.closest("[data-verdict]");
    if (pressed) judge(itemOf(shown), pressed.dataset.verdict);
    else if (event.target.closest(".open")) viewer.open(itemOf(shown));
  });
  at("more").addEventListener("click", () => focusOn(showMore()));
  at("undo").addEventListener("click", undo);
  at("download").addEventListener("click", () => decisions.download());
  at("all-wrong").addEventListener("click", () => judgeShown("wrong"));
  at("all-fine").addEventListener("click", () => judgeShown("fine"));
  at("as-gallery").addEventListener("click", () => setView(false));
  at("as-table").addEventListener("click", () => setView(true));
  tell("list");
  tell("decisions");
}
