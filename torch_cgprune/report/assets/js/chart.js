// Plots as SVG, drawn at the size they have on the screen, so that their text is of the page's.

const SVG = "http://www.w3.org/2000/svg";
const ROOM = { left: 48, right: 20, top: 28, bottom: 40 };

function svg(tag, properties = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Round numbers of an axis, about as many as asked for.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + 1e-9 * step; value += step) {
    found.push(Number(value.toPrecision(12)));
  }
  return found;
}

class Chart {
  constructor(figure, label, x, y) {
    this.place = figure.querySelector(".plot");
    this.label = label;
    this.x = x; // low, high, name, show
    this.y = y;
    this.draw = () => {};
    new ResizeObserver(() => this.redraw()).observe(this.place);
  }

  redraw() {
    this.width = Math.max(240, this.place.clientWidth);
    this.height = Math.round(Math.min(340, Math.max(200, this.width * 0.5)));
    this.root = svg("svg", {
      viewBox: `0 0 ${this.width} ${this.height}`,
      width: this.width,
      height: this.height,
      role: "img",
      "aria-label": this.label,
    });
    const [inner, name] = [svg("rect", this.box()), `${this.place.parentElement.id}-inside`];
    this.root.append(svg("clipPath", { id: name }, inner));
    this.inside = svg("g", { "clip-path": `url(#${name})` });
    this.axes();
    this.root.append(this.inside);
    this.draw(this);
    this.place.replaceChildren(this.root);
  }

  box() {
    return {
      x: ROOM.left,
      y: ROOM.top - 2,
      width: this.width - ROOM.left - ROOM.right + 2,
      height: this.height - ROOM.top - ROOM.bottom + 3,
    };
  }

  atX(value) {
    const { low, high } = this.x;
    return ROOM.left + ((value - low) / (high - low || 1)) * (this.width - ROOM.left - ROOM.right);
  }

  atY(value) {
    const { low, high } = this.y;
    return this.height - ROOM.bottom - ((value - low) / (high - low || 1)) * (this.height - ROOM.top - ROOM.bottom);
  }

  text(x, y, content, properties) {
    const made = svg("text", { x, y, ...properties });
    made.textContent = content;
    this.root.append(made);
  }

  axes() {
    const { x, y } = this;
    const [left, right] = [ROOM.left, this.width - ROOM.right];
    for (const value of ticks(y.low, y.high, 4)) {
      const height = this.atY(value);
      this.root.append(svg("line", { x1: left, x2: right, y1: height, y2: height, class: "grid" }));
      this.text(left - 6, height + 4, y.show(value), { "text-anchor": "end" });
    }
    for (const value of ticks(x.low, x.high, this.width < 420 ? 4 : 8)) {
      this.text(this.atX(value), this.height - ROOM.bottom + 18, x.show(value), { "text-anchor": "middle" });
    }
    this.text(0, 12, y.name, { class: "axis" });
    this.text((left + right) / 2, this.height - 4, x.name, { "text-anchor": "middle", class: "axis" });
  }

  line(points, properties) {
    const path = points.map(([a, b], i) => `${i ? "L" : "M"}${this.atX(a).toFixed(1)} ${this.atY(b).toFixed(1)}`);
    this.inside.append(svg("path", { d: path.join(""), fill: "none", ...properties }));
  }

  vertical(value, properties) {
    this.line([[value, this.y.low], [value, this.y.high]], properties);
  }

  dot(a, b, properties) {
    this.inside.append(svg("circle", { cx: this.atX(a), cy: this.atY(b), r: 3, ...properties }));
  }

  // Bars of counts, from the axis upwards, over the whole of the x axis.
  bars(counts, properties) {
    const { low, high } = this.x;
    const step = (high - low) / counts.length;
    const path = counts.map((count, i) => {
      if (!count) return "";
      const [a, b] = [this.atX(low + i * step) + 0.5, this.atX(low + (i + 1) * step) - 0.5];
      return `M${a.toFixed(1)} ${this.atY(0)}V${this.atY(count).toFixed(1)}H${b.toFixed(1)}V${this.atY(0)}z`;
    });
    this.inside.append(svg("path", { d: path.join(""), ...properties }));
  }
}

const shareText = (share) => `${Number((100 * share).toPrecision(3))}%`;
