// What stands for an example: its picture, the beginning of its text, or its name.

const webp = (content) => `data:image/webp;base64,${content}`;
const hasPictures = suspects.some((item) => item.picture);
const hasTexts = suspects.some((item) => item.text);

function face(item) {
  if (item.picture) return element("img", { src: webp(item.picture), alt: "" });
  if (item.text) return element("span", { className: "text" }, item.text);
  const name = element("span", { className: "nameless" }, callOf(item));
  return name;
}

// Typical pictures of a class, without a word: its name stands beside them.
function typicalOf(code) {
  const shown = element("span", { className: "typical" });
  for (const content of data.typical[code] ?? []) {
    shown.append(element("img", { src: webp(content), alt: "", title: `typical: ${className(code)}` }));
  }
  return shown;
}
