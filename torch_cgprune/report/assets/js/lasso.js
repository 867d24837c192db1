// What is done on the map: looking at a point, choosing some, and moving about.

let lasso = []; // points on the screen
let held = null; // where the map is held to be moved
const NEAR = 12;

function nearest(x, y) {
  const onScreen = projection();
  let [best, least] = [-1, NEAR * NEAR];
  for (let place = 0; place < plane.x.length; place++) {
    const [a, b] = onScreen(place);
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < least) [best, least] = [place, distance];
  }
  return best;
}

function inside(x, y, polygon) {
  let isIn = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[a, b], [c, d]] = [polygon[i], polygon[j]];
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) isIn = !isIn;
  }
  return isIn;
}

function chosenBy(test) {
  const onScreen = projection();
  const found = new Set();
  for (let place = 0; place < plane.x.length; place++) {
    if (test(...onScreen(place))) found.add(plane.index[place]);
  }
  chooseOnMap(found.size ? found : null);
  at("map-found").textContent = found.size
    ? `${many(found.size, "example")} chosen: the list above shows them.`
    : "Nothing chosen.";
  at("to-list").hidden = !found.size;
  drawSoon();
}

function showTip(x, y) {
  const tip = at("tip");
  const place = nearest(x, y);
  tip.hidden = place < 0;
  if (place < 0) return;
  const item = itemOnMap(plane.index[place]);
  const label = element("b", {}, className(item.given));
  const lines = [element("p", {}, label)];
  if (plane.flagged[place] && item.suggested >= 0) {
    lines.push(element("p", {}, `looks like ${className(item.suggested)}, ${doubt.show(item.doubt)} ${doubt.name}`));
  }
  lines.push(element("p", { className: "name" }, callOf(item)));
  tip.replaceChildren(...(item.picture || item.text ? [face(item)] : []), ...lines);
  const [width] = sizeOf();
  tip.style.left = `${Math.min(x + 14, Math.max(0, width - 200))}px`;
  tip.style.top = `${y + 14}px`;
}

const placeOf = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function moveBy(x, y) {
  const [width, height] = sizeOf();
  view.x = Math.min(1, Math.max(0, view.x - x / (view.scale * width)));
  view.y = Math.min(1, Math.max(0, view.y + y / (view.scale * height)));
  drawSoon();
}

function zoom(factor) {
  view.scale = Math.min(64, Math.max(1, view.scale * factor));
  if (view.scale === 1) Object.assign(view, { x: 0.5, y: 0.5 });
  drawSoon();
}

const pointer = {
  down(event) {
    canvas.setPointerCapture(event.pointerId);
    at("tip").hidden = true;
    if (at("tool").value === "move") held = placeOf(event);
    else lasso = [placeOf(event)];
  },
  move(event) {
    const [x, y] = placeOf(event);
    if (held) {
      moveBy(x - held[0], y - held[1]);
      held = [x, y];
    } else if (lasso.length) {
      lasso.push([x, y]);
      drawSoon();
    } else showTip(x, y);
  },
  up() {
    const polygon = lasso;
    [held, lasso] = [null, []];
    if (polygon.length > 2) chosenBy((x, y) => inside(x, y, polygon));
    else drawSoon();
  },
};

const mapKeys = {
  "+": () => zoom(1.5),
  "-": () => zoom(1 / 1.5),
  ArrowLeft: () => moveBy(40, 0),
  ArrowRight: () => moveBy(-40, 0),
  ArrowUp: () => moveBy(0, 40),
  ArrowDown: () => moveBy(0, -40),
};

function startMap() {
  if (!plane) return;
  canvas.addEventListener("pointerdown", pointer.down);
  canvas.addEventListener("pointermove", pointer.move);
  canvas.addEventListener("pointerup", pointer.up);
  canvas.addEventListener("pointercancel", pointer.up);
  canvas.addEventListener("pointerleave", () => (at("tip").hidden = true));
  canvas.addEventListener("keydown", (event) => {
    const act = mapKeys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  at("zoom-in").addEventListener("click", () => zoom(1.5));
  at("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
  at("choose-seen").addEventListener("click", () => {
    const [width, height] = sizeOf();
    chosenBy((x, y) => x >= 0 && y >= 0 && x <= width && y <= height);
  });
  at("to-list").addEventListener("click", () => {
    at("suspects").scrollIntoView();
    focusOn(listed[0]);
  });
  at("colour").addEventListener("change", colourPoints);
  new ResizeObserver(drawSoon).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSoon);
  told.list.push(drawSoon);
  colourPoints();
}
