// Which examples are listed, and in which order.

const asked = { given: "", suggested: "", least: "", state: "", order: "worst", name: "" };
let chosenOnMap = null; // a set of indices
const fields = ["given", "suggested", "least", "state", "order", "name"];

const comparing = (text) => (a, b) => inOrder(text(a), text(b));
const orders = {
  worst: () => 0, // as they come: the highest doubt first
  least: (a, b) => a.doubt - b.doubt,
  score: (a, b) => b.score - a.score,
  given: comparing((item) => className(item.given)),
  suggested: comparing((item) => className(item.suggested)),
  name: comparing(callOf),
};
const falling = new Set(["worst", "score"]);

const states = {
  "": () => true,
  open: (decision) => !decision,
  done: (decision) => Boolean(decision),
  wrong: (decision) => decision?.wrong === true,
  fine: (decision) => decision?.wrong === false,
};

// Those that pass all filters but the ones left out.
function passing(...without) {
  const on = (name) => asked[name] !== "" && !without.includes(name);
  const wanted = asked.name.toLowerCase();
  const all = chosenOnMap ? [...chosenOnMap].map(itemOnMap) : suspects;
  return all.filter(
    (item) =>
      (!on("given") || item.given === Number(asked.given)) &&
      (!on("suggested") || item.suggested === Number(asked.suggested)) &&
      (!on("least") || item.doubt >= Number(asked.least)) &&
      (!on("state") || states[asked.state](decisions.of(item.example))) &&
      (!on("name") || `${callOf(item)} ${item.text || ""}`.toLowerCase().includes(wanted)),
  );
}

function matching() {
  const found = passing();
  if (chosenOnMap && asked.order === "worst") return found.sort((a, b) => b.doubt - a.doubt);
  return asked.order === "worst" ? found : found.sort(orders[asked.order]);
}

function ask(changes) {
  Object.assign(asked, changes);
  for (const name of Object.keys(changes)) at(name).value = asked[name];
  tell("list");
}

function chooseOnMap(indices) {
  chosenOnMap = indices;
  at("chosen").hidden = !indices;
  at("review").hidden = !indices && !suspects.length;
  if (indices) at("chosen-count").textContent = `${many(indices.size, "example")} chosen on the map`;
  tell("list");
}

function startFilters() {
  for (const name of ["given", "suggested"]) {
    const codes = [...new Set(suspects.map((item) => item[name]))].filter((code) => code >= 0);
    const options = codes.sort(byName).map((code) => element("option", { value: code }, className(code)));
    at(name).append(...options);
  }
  for (const name of fields) {
    const event = name === "name" ? "input" : "change";
    at(name).addEventListener(event, () => ask({ [name]: at(name).value }));
  }
  at("clear").addEventListener("click", () => {
    chooseOnMap(null);
    ask(Object.fromEntries(fields.map((name) => [name, name === "order" ? asked.order : ""])));
  });
  at("unchoose").addEventListener("click", () => chooseOnMap(null));
  // Where there is no room beside the list, it comes first.
  at("side").open = !matchMedia("(max-width: 64rem)").matches;
  at("filters").addEventListener("submit", (event) => event.preventDefault());
}
