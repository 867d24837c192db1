// An example in the list: a card of the gallery, or a row of the table.

function choices(item) {
  const made = element("div", {
    className: "choices",
    role: "group",
    "aria-label": `The label of ${callOf(item)}`,
  });
  const hasGuess = item.suggested >= 0;
  const guess = hasGuess ? `Wrong: it is ${className(item.suggested)}` : "Wrong";
  made.append(
    button("Wrong", {
      className: "wrong",
      data: { verdict: hasGuess ? "wrong" : "drop" },
      title: `${guess} (w)`,
      "aria-label": guess,
    }),
    button("Fine", { className: "fine", data: { verdict: "fine" }, title: "Fine (f)" }),
    button("Other…", { className: "other", data: { verdict: "other" }, title: "Another class (c)" }),
  );
  return made;
}

function opener(item) {
  const words = [`labelled ${className(item.given)}`];
  if (item.suggested >= 0) words.push(`looks like ${className(item.suggested)}`);
  const label = `Enlarge ${callOf(item)}, ${words.join(", ")}`;
  return element("button", { type: "button", className: "open", "aria-label": label }, face(item));
}

const doubtText = (item) => `${doubt.show(item.doubt)} ${doubt.name}`;

function labelLine(word, code, chance) {
  const said = chance >= 0 ? `${word} · ${percent(chance)}` : word;
  return element(
    "p",
    { className: "label" },
    element("span", { className: "word" }, said),
    element("b", { title: className(code) }, className(code)),
    typicalOf(code),
  );
}

function cardOf(item) {
  const card = element("li", { className: "item", data: { index: item.example } });
  const says = element("div", { className: "says" }, labelLine("labelled", item.given, -1));
  if (item.suggested >= 0) says.append(labelLine("looks like", item.suggested, item.chance));
  says.append(element("p", { className: "name", title: callOf(item) }, callOf(item)));
  card.append(opener(item), element("span", { className: "badge" }), says, choices(item));
  return marked(card, item);
}

function rowOf(item) {
  const row = element("tr", { className: "item", data: { index: item.example } });
  const cells = [
    [opener(item)],
    [className(item.given)],
    [className(item.suggested) || "–"],
    [doubt.show(item.doubt), "number"],
    [brief(item.score), "number"],
    [callOf(item), "name"],
    [element("span", { className: "badge" })],
    [choices(item)],
  ];
  if (!suggests) cells.splice(2, 1);
  row.append(...cells.map(([content, kind = ""]) => element("td", { className: kind }, content)));
  return marked(row, item);
}

// Shows on a card or a row what is decided.
function marked(shown, item) {
  const decision = decisions.of(item.example);
  const state = !decision ? "" : decision.wrong ? "is-wrong" : "is-fine";
  shown.classList.remove("is-wrong", "is-fine");
  if (state) shown.classList.add(state);
  const isGuess = decision?.wrong && decision.label === item.suggested;
  const pressed = { wrong: isGuess, fine: decision?.wrong === false, other: decision?.wrong && !isGuess };
  for (const [name, isOn] of Object.entries(pressed)) {
    const key = shown.querySelector(`button.${name}`);
    key.setAttribute("aria-pressed", Boolean(isOn));
  }
  const badge = shown.querySelector(".badge");
  if (badge) badge.textContent = decided(item) || (shown.matches("tr") ? "" : doubtText(item));
  return shown;
}
