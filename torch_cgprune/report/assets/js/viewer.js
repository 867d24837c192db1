// One example large, to go through the list one by one.

const viewer = {
  item: null,

  isOpen: () => at("viewer").open,

  open(item) {
    this.show(item);
    if (!this.isOpen()) at("viewer").showModal();
  },

  show(item) {
    this.item = item;
    const place = listed.indexOf(item);
    at("viewer-title").textContent = callOf(item);
    at("viewer-place").textContent = place < 0 ? "" : `${counted(place + 1)} of ${counted(listed.length)}`;
    at("viewer-face").replaceChildren(large(item));
    const lines = [labelLine("labelled", item.given, -1)];
    if (item.suggested >= 0) lines.push(labelLine("looks like", item.suggested, item.chance));
    const numbers = `${doubtText(item)}, score ${brief(item.score)}`;
    const state = element("p", { className: "state" }, decided(item) || "not reviewed");
    at("viewer-says").replaceChildren(...lines, element("p", { className: "quiet" }, numbers), state);
    at("viewer-choices").replaceChildren(marked(choices(item), item));
  },

  step(by) {
    const next = listed[listed.indexOf(this.item) + by];
    if (next) this.show(next);
    return next;
  },
};

function large(item) {
  const shown = face(item);
  // A server has the whole picture; until that is there, or without one, the small one serves.
  if (item.picture && data.served) {
    const whole = new Image();
    whole.onload = () => shown.src === webp(item.picture) && (shown.src = whole.src);
    whole.src = `picture/${item.example}`;
  }
  return shown;
}

function startViewer() {
  const box = at("viewer");
  at("viewer-before").addEventListener("click", () => viewer.step(-1));
  at("viewer-next").addEventListener("click", () => viewer.step(1));
  box.addEventListener("close", () => focusOn(viewer.item));
  box.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-verdict]");
    if (pressed) judge(viewer.item, pressed.dataset.verdict);
    else if (event.target === box) box.close(); // outside of what it holds
  });
  told.decisions.push(() => viewer.isOpen() && viewer.show(viewer.item));
}
