// What a person decides of labels: kept in the browser, or by the server that shows the page.

const decisions = {
  key: `torch-cgprune review ${data.key}`,
  made: new Map(), // by index: wrong, label (a code, -1 for none), and what the CSV says of it
  past: [], // lists of [index, what was there before]

  load() {
    for (const [index, wrong, label, given, name] of data.decided) {
      this.made.set(index, { wrong, label, given, name, doubt: items.get(index)?.doubt ?? "" });
    }
    if (data.served) return;
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) || "[]");
      for (const [index, decision] of kept) this.made.set(index, decision);
    } catch {
      // A browser that keeps nothing: the download still has them.
    }
  },

  save(changed) {
    if (data.served) return this.send(changed);
    try {
      localStorage.setItem(this.key, JSON.stringify([...this.made]));
    } catch {
      // Likewise.
    }
  },

  async send(changed) {
    const changes = changed.map((index) => {
      const decision = this.made.get(index);
      return [index, decision ? (decision.wrong ? "wrong" : "fine") : null, decision?.label ?? -1];
    });
    let problem = "";
    try {
      const answer = await fetch("decisions", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(changes),
      });
      if (!answer.ok) problem = await answer.text();
    } catch {
      problem = "the server does not answer";
    }
    at("problem").textContent = problem && `Not saved: ${problem}. Download the decisions.`;
  },

  of(index) {
    return this.made.get(index);
  },

  set(index, decision) {
    if (decision) this.made.set(index, decision);
    else this.made.delete(index);
  },

  // Decides of several items at once: one step to undo.
  decide(chosen, decisionOf) {
    const changed = chosen.map((item) => item.example);
    this.past.push(changed.map((index) => [index, this.of(index)]));
    for (const item of chosen) {
      const { example, given, name, doubt } = item;
      const decision = decisionOf(item);
      this.set(example, decision && { ...decision, given, name, doubt });
    }
    this.save(changed);
    tell("decisions");
  },

  undo() {
    const last = this.past.pop();
    if (!last) return null;
    for (const [index, before] of last) this.set(index, before);
    this.save(last.map(([index]) => index));
    tell("decisions");
    return last[0][0];
  },

  csv() {
    const quote = (value) => `"${String(value).replaceAll('"', '""')}"`;
    const lines = [...this.made]
      .sort(([a], [b]) => a - b)
      .map(([index, { wrong, label, given, name, doubt }]) =>
        [
          index,
          quote(name || ""),
          quote(className(given)),
          quote(wrong ? className(label) : ""),
          wrong ? "wrong" : "fine",
          doubt,
        ].join(","),
      );
    return [`index,path,label,new_label,decision,${doubt.column}`, ...lines, ""].join("\n");
  },

  download() {
    const link = element("a", {
      href: URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" })),
      download: "relabel.csv",
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  },
};

// What is decided by a word: of "wrong", the suggested class is the right one.
const verdicts = {
  wrong: (item) => ({ wrong: true, label: item.suggested }),
  fine: () => ({ wrong: false, label: -1 }),
  drop: () => ({ wrong: true, label: -1 }),
};

function decided(item) {
  const decision = decisions.of(item.example);
  if (!decision) return "";
  if (!decision.wrong) return "fine";
  if (decision.label < 0) return "wrong, left out";
  return `wrong → ${className(decision.label)}`;
}
