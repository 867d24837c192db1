// The map: every example a point, where its row lies in the two main directions of all.

const NONE = 65535;

function unpacked(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Kind(bytes.buffer);
}

const plane = data.map && {
  names: data.map.names,
  ...Object.fromEntries(
    Object.entries({
      index: Uint32Array,
      x: Uint16Array,
      y: Uint16Array,
      given: Uint16Array,
      suggested: Uint16Array,
      doubt: Float32Array,
      score: Float32Array,
      flagged: Uint8Array,
    }).map(([name, Kind]) => [name, unpacked(data.map[name], Kind)]),
  ),
};
const placeOnMap = plane && new Map(Array.from(plane.index, (index, place) => [index, place]));

// The item of an index: a suspect's own, or one of what the map knows.
function itemOnMap(index) {
  if (items.has(index)) return items.get(index);
  const place = placeOnMap.get(index);
  const item = {
    example: index,
    given: plane.given[place],
    suggested: plane.suggested[place] === NONE ? -1 : plane.suggested[place],
    doubt: Number(plane.doubt[place].toPrecision(4)),
    chance: -1,
    likely: [],
    score: plane.score[place],
    picture: 0,
    text: 0,
    name: plane.names ? plane.names[place] : 0,
  };
  items.set(index, item);
  return item;
}

const view = { scale: 1, x: 0.5, y: 0.5 }; // the middle of what is seen, of places in [0, 1]
const canvas = at("canvas");
let drawn = false;

const sizeOf = () => [canvas.clientWidth, canvas.clientHeight];

// From a point to where it is on the screen now.
function projection() {
  const [width, height] = sizeOf();
  const [across, up] = [view.scale * width, view.scale * height];
  const [left, top] = [width / 2 - view.x * across, height / 2 + view.y * up];
  return (place) => [left + (plane.x[place] / 65535) * across, top - (plane.y[place] / 65535) * up];
}

const SHADES = 8;
const CLASS_COLOURS = 12;
let groups = []; // of points of one colour, in the order of drawing
let byRank = null; // from a point to the share of scores below its own

function ranks() {
  if (byRank) return byRank;
  const order = Array.from(plane.score.keys()).sort((a, b) => plane.score[a] - plane.score[b]);
  byRank = new Float32Array(order.length);
  order.forEach((place, rank) => (byRank[place] = rank / order.length));
  return byRank;
}

const kinds = {
  class: (place) => plane.given[place] % CLASS_COLOURS,
  score: (place) => Math.min(SHADES - 1, Math.floor(SHADES * ranks()[place])),
  suspicion: (place) => plane.flagged[place],
};
const paints = {
  class: Array.from({ length: CLASS_COLOURS }, (_, i) => `--class-${i}`),
  score: Array.from({ length: SHADES }, (_, i) => `--shade-${i}`),
  suspicion: ["--point", "--doubted"],
};

// Sorts points by colour: a change of it is what takes time.
function colourPoints() {
  const by = at("colour").value;
  groups = paints[by].map((paint) => ({ paint, places: [] }));
  for (let place = 0; place < plane.x.length; place++) groups[kinds[by](place)].places.push(place);
  showLegend(by);
  drawSoon();
}

function showLegend(by) {
  const entry = (paint, name) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = `var(${paint})`;
    return element("li", {}, swatch, name);
  };
  const lists = {
    class: () =>
      data.classes.length <= CLASS_COLOURS
        ? data.classes.map((name, code) => entry(paints.class[code], name))
        : [element("li", {}, `${many(data.classes.length, "class")} share ${CLASS_COLOURS} colours: point at an example for its class`)],
    score: () => [entry(paints.score[0], "lowest scores"), entry(paints.score[SHADES - 1], "highest scores")],
    suspicion: () => [entry("--point", "others"), entry("--doubted", "likely wrong labels")],
  };
  at("legend").replaceChildren(...lists[by]());
}

// A colour of the style as the pixels of a canvas have it.
function pixelOf(style, paint) {
  const [red, green, blue] = style.getPropertyValue(paint).match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

// Pixel by pixel: tens of thousands of rectangles would take a tenth of a second.
function drawMap() {
  drawn = false;
  const [width, height] = sizeOf();
  const ratio = Math.min(2, devicePixelRatio || 1);
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (!across || !down) return;
  Object.assign(canvas, { width: across, height: down });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(across, down);
  const pixels = new Uint32Array(image.data.buffer);
  const style = getComputedStyle(canvas);
  const size = Math.round(ratio * Math.min(6, (plane.x.length > 10000 ? 2 : 4) * Math.sqrt(view.scale)));
  const onScreen = projection();
  for (const { paint, places } of groups) {
    const pixel = pixelOf(style, paint);
    for (const place of places) {
      const [x, y] = onScreen(place);
      const [left, top] = [Math.round(x * ratio - size / 2), Math.round(y * ratio - size / 2)];
      if (left < 0 || top < 0 || left + size > across || top + size > down) continue;
      for (let row = top; row < top + size; row++) {
        pixels.fill(pixel, row * across + left, row * across + left + size);
      }
    }
  }
  pen.putImageData(image, 0, 0);
  pen.scale(ratio, ratio);
  drawChosen(pen, style, size / ratio + 2, onScreen);
}

function drawSoon() {
  if (!drawn) requestAnimationFrame(drawMap);
  drawn = true;
}

function drawChosen(pen, style, size, onScreen) {
  pen.strokeStyle = style.getPropertyValue("--text");
  for (const index of chosenOnMap ?? []) {
    const [x, y] = onScreen(placeOnMap.get(index));
    pen.strokeRect(x - size / 2, y - size / 2, size, size);
  }
  if (lasso.length < 2) return;
  pen.beginPath();
  for (const [x, y] of lasso) pen.lineTo(x, y);
  pen.closePath();
  pen.lineWidth = 2;
  pen.strokeStyle = style.getPropertyValue("--accent");
  pen.stroke();
}
