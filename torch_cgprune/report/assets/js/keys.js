// One key a decision. They can be switched off, for those whose software types letters itself.

const WITHOUT = "torch-cgprune no keys";
const isTyping = (target) => target.closest("input, select, textarea, canvas");
const columnsOfGallery = () =>
  asTable ? 1 : getComputedStyle(at("gallery")).gridTemplateColumns.split(" ").length;

// The example that keys are about: the one that is looked at, or the first that is not decided.
function current() {
  if (viewer.isOpen()) return viewer.item;
  const shown = document.activeElement?.closest(".item");
  if (shown) return itemOf(shown);
  return listed.find((item) => !decisions.of(item.example)) ?? listed[0];
}

function go(by) {
  const inList = document.activeElement?.closest(".item");
  if (viewer.isOpen()) return viewer.step(by);
  if (!inList) return focusOn(current());
  const place = listed.indexOf(current()) + by;
  if (place === shownCount) showMore();
  focusOn(listed[Math.min(Math.max(place, 0), listed.length - 1)]);
}

const actions = {
  w: () => judge(current(), "wrong"),
  x: () => judge(current(), "drop"),
  f: () => judge(current(), "fine"),
  c: () => chooser.open(current()),
  s: () => go(1),
  u: undo,
  z: undo,
  e: () => viewer.open(current()),
  ArrowRight: () => go(1),
  ArrowLeft: () => go(-1),
  ArrowDown: () => go(columnsOfGallery()),
  ArrowUp: () => go(-columnsOfGallery()),
};

function onKey(event) {
  if (event.altKey || event.metaKey || (event.ctrlKey && event.key !== "z")) return;
  if (at("chooser").open || at("help").open || isTyping(event.target)) return;
  if (event.key === "?") return at("help").showModal();
  const inReview = viewer.isOpen() || event.target.closest(".item");
  const act = actions[event.key];
  // Arrows and undo by Ctrl are the browser's own elsewhere; letters serve from anywhere.
  if (!act || !listed.length || (!inReview && event.key.length > 1)) return;
  if (at("no-keys").checked && event.key.length === 1) return;
  event.preventDefault();
  act();
}

function startKeys() {
  at("keys").addEventListener("click", () => at("help").showModal());
  for (const close of document.querySelectorAll("dialog .close")) {
    close.addEventListener("click", () => close.closest("dialog").close());
  }
  try {
    at("no-keys").checked = Boolean(localStorage.getItem(WITHOUT));
  } catch {
    // A browser that keeps nothing asks again.
  }
  at("no-keys").addEventListener("change", () => {
    try {
      if (at("no-keys").checked) localStorage.setItem(WITHOUT, "1");
      else localStorage.removeItem(WITHOUT);
    } catch {
      // Likewise.
    }
  });
  document.addEventListener("keydown", onKey);
}
