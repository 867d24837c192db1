"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role") made.setAttribute(name, value);
    else if (name === "data") Object.assign(made.dataset, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

const button = (text, properties = {}) => element("button", { type: "button", ...properties }, text);
const className = (code) => (code < 0 ? "" : data.classes[code]);
const inOrder = new Intl.Collator(undefined, { numeric: true }).compare;
const byName = (a, b) => inOrder(className(a), className(b));
const brief = (number) => String(Number(number.toPrecision(3)));
const counted = (number) => number.toLocaleString("en");
const plural = (noun) => (noun.endsWith("s") ? `${noun}es` : `${noun}s`);
const many = (number, noun) => `${counted(number)} ${number === 1 ? noun : plural(noun)}`;
// In whole percent, and never certain.
const percent = (share) =>
  share >= 0.995 ? "> 99 %" : share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
// How much speaks against a label: a probability, or the partial score of methods without one.
const doubt = data.probable
  ? { name: "likely wrong", column: "wrong_probability", show: percent }
  : { name: "partial score", column: "partial", show: brief };

// Every example that is listed, by its index: the suspects, and what is chosen on the map.
const items = new Map();
for (const row of data.suspects) {
  const item = Object.fromEntries(data.columns.map((name, place) => [name, row[place]]));
  items.set(item.example, item);
}
const suspects = [...items.values()];
const suggests = suspects.some((item) => item.suggested >= 0);
const callOf = (item) => item.name || `example ${item.example}`;

// Where something changes, whoever shows it is told.
const told = { decisions: [], list: [], classes: [] };
const tell = (what) => told[what].forEach((listener) => listener());

function copyText(text, from) {
  const done = () => {
    const before = from.textContent;
    from.textContent = "Copied";
    setTimeout(() => (from.textContent = before), 1500);
  };
  const byHand = () => {
    const field = element("textarea", { value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    from.focus();
    done();
  };
  if (!navigator.clipboard) return byHand();
  navigator.clipboard.writeText(text).then(done, byHand);
}
document.addEventListener("click", (event) => {
  const from = event.target.closest("button.copy");
  if (from) copyText(from.parentElement.querySelector("code").textContent, from);
});
