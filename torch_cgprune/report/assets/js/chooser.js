// A list of all classes to choose from, by typing.

const CHOICES_UP_TO = 50;
const chooser = {
  item: null,
  found: [], // codes; -1 stands for no class
  place: 0,

  open(item) {
    this.item = item;
    at("chooser-of").textContent = `${callOf(item)}, labelled ${className(item.given)}`;
    at("class-name").value = "";
    this.search();
    at("chooser").showModal();
    at("class-name").focus();
  },

  search() {
    const wanted = at("class-name").value.trim().toLowerCase();
    const codes = data.classes.map((_, code) => code).filter((code) => code !== this.item.given);
    const start = (code) => (className(code).toLowerCase().startsWith(wanted) ? 0 : 1);
    const fitting = codes
      .filter((code) => className(code).toLowerCase().includes(wanted))
      .sort((a, b) => start(a) - start(b) || byName(a, b));
    const likely = [this.item.suggested, ...this.item.likely].filter((code) => code >= 0);
    const others = fitting.filter((code) => !likely.includes(code));
    this.found = (wanted ? fitting : [...likely, ...others]).slice(0, CHOICES_UP_TO);
    if (!wanted || !fitting.length) this.found.push(-1);
    at("class-more").textContent =
      fitting.length > CHOICES_UP_TO ? `${counted(fitting.length - CHOICES_UP_TO)} more: type on` : "";
    this.mark(0);
  },

  mark(place) {
    this.place = place;
    const options = this.found.map((code, i) =>
      element(
        "li",
        { id: `class-${i}`, role: "option", "aria-selected": i === place, data: { place: i } },
        code < 0 ? "No class: leave it out" : className(code),
      ),
    );
    at("class-list").replaceChildren(...options);
    at("class-name").setAttribute("aria-activedescendant", `class-${place}`);
    options[place]?.scrollIntoView({ block: "nearest" });
  },

  take(place) {
    const label = this.found[place];
    at("chooser").close();
    if (label !== undefined) review(this.item, () => ({ wrong: true, label }));
  },

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.mark((this.place + step + this.found.length) % this.found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.take(this.place);
    }
  },
};

function startChooser() {
  at("class-name").addEventListener("input", () => chooser.search());
  at("class-name").addEventListener("keydown", (event) => chooser.key(event));
  at("class-list").addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) chooser.take(Number(option.dataset.place));
  });
}
