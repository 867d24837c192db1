// How much can be pruned: a slider that moves the plot, the tables and the commands.

const POLICIES = {
  soft: "draws anew every epoch, irregular ones more often (counted: the first epoch)",
  random: "the control that others have to beat",
  stratified: "keeps some of every score but the highest",
  herding: "follows the mean of each class",
  window: "keeps the middle of the scores",
  "low-first": "drops the most regular ones first: wrong labels stay",
  "high-first": "drops the most irregular ones first: rare ones go too",
};
const policies = Object.keys(POLICIES).filter(
  (name) => data.policies.balanced[name] || data.advice?.grades[name],
);
const colourOf = (policy) => `var(--line-${Object.keys(POLICIES).indexOf(policy)})`;
const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const pruning = { keep: data.keep, policy: "soft", balanced: true };

// What was measured of a policy at a share, if it was: in every class, as advice is.
function gradeOf(policy, share = pruning.keep) {
  const grades = data.advice?.grades[policy] ?? [];
  return pruning.balanced ? grades.find(([keep]) => Math.abs(100 * keep - share) < 0.5) : undefined;
}

// What a policy keeps at a share: examples and suspects by class; null where unknown.
function keptBy(policy, share = pruning.keep) {
  const counts = gradeOf(policy, share)?.[6];
  if (counts) return counts;
  const tables = pruning.balanced ? data.policies.balanced : data.policies.overall;
  const { percents } = data.policies;
  const step = percents.reduce((best, at, i) => (Math.abs(at - share) < Math.abs(percents[best] - share) ? i : best), 0);
  return tables[policy]?.[step] ?? null;
}

function commands() {
  const { keep, balanced } = pruning;
  const share = String(keep / 100);
  const grade = gradeOf(pruning.policy);
  // What is best at this share, with its start and its cut, is what "auto" takes.
  const isBest = grade && data.advice.best[share] === pruning.policy && pruning.policy !== "random";
  const policy = isBest ? "auto" : pruning.policy;
  const start = grade?.[5] ?? Number(((100 - keep) / 200).toFixed(4));
  const python =
    policy === "window"
      ? `WindowSampler(train, start=${start}, width=${share}${balanced ? "" : ", balanced=False"})`
      : `PrunedSampler(train, keep=${share}, policy="${policy}"${balanced ? "" : ", balanced=False"})`;
  const window = policy === "window" ? ` --start ${start}` : "";
  const shell = `torch-cgprune select ${data.called ?? "SCORES"} --keep ${share} --policy ${policy}${window}${balanced ? "" : " --no-balanced"} -o kept.txt`;
  return { python, shell };
}

function policyRow(policy) {
  const kept = keptBy(policy);
  const choice = element("input", { type: "radio", name: "policy", value: policy, checked: policy === pruning.policy });
  const swatch = element("span", { className: "swatch" });
  swatch.style.background = colourOf(policy);
  const name = element("label", {}, choice, swatch, element("b", {}, policy));
  const grade = gradeOf(policy);
  const taken = grade && grade[4] !== policy ? ` (here: ${grade[4]})` : "";
  const cells = [
    element("th", { scope: "row" }, name, element("span", { className: "quiet" }, POLICIES[policy] + taken)),
    element("td", { className: "number" }, kept ? counted(total(kept[0])) : "–"),
    element("td", { className: "number" }, kept ? counted(total(kept[1])) : "–"),
  ];
  if (data.advice) {
    cells.push(element("td", { className: "number" }, grade ? shareText(grade[1]) : "–"));
    cells.push(element("td", { className: "number" }, grade ? `${grade[2].toFixed(1)} ± ${grade[3].toFixed(1)}` : "–"));
  }
  return element("tr", { className: policy === pruning.policy ? "is-chosen" : "" }, ...cells);
}

function showPruning() {
  at("kept").textContent = `${pruning.keep} %`;
  at("keep").setAttribute("aria-valuetext", `${pruning.keep} %`);
  const focused = document.activeElement?.name === "policy";
  at("policies").tBodies[0].replaceChildren(...policies.map(policyRow));
  if (focused) at("policies").querySelector(":checked")?.focus();
  const { python, shell } = commands();
  at("python").textContent = python;
  at("shell").textContent = shell;
  pruneChart.redraw();
  tell("classes");
}

function advisedChart(chart) {
  const { advice } = data;
  chart.line([[0, advice.accuracy], [1, advice.accuracy]], { class: "reference" });
  for (const policy of policies) {
    const grades = advice.grades[policy] ?? [];
    const points = [...grades.map(([share, accuracy]) => [share, accuracy]), [1, advice.accuracy]];
    const chosen = policy === pruning.policy ? "line chosen" : "line";
    if (grades.length) chart.line(points, { class: chosen, stroke: colourOf(policy) });
    if (policy === pruning.policy) for (const point of points) chart.dot(...point, { fill: colourOf(policy) });
  }
}

function countedChart(chart) {
  const { percents } = data.policies;
  const all = Math.max(1, total(data.flagged));
  for (const policy of policies) {
    const points = percents.map((share) => [share / 100, total(keptBy(policy, share)[1]) / all]);
    const chosen = policy === pruning.policy ? "line chosen" : "line";
    chart.line([[0, 0], ...points], { class: chosen, stroke: colourOf(policy) });
  }
}

function pruneSpan() {
  if (!data.advice) return [0, 1];
  const { accuracy, grades } = data.advice;
  const all = Object.values(grades).flat();
  const best = Math.max(accuracy, ...all.map((grade) => grade[1]));
  // What is far below a random choice would press the others together: it leaves the plot below.
  const low = Math.min(...(grades.random ?? all).map((grade) => grade[1]));
  const room = Math.max(best - low, 0.01);
  return [Math.max(0, low - 0.6 * room), Math.min(1, best + 0.1 * room)];
}

let pruneChart = null;

function startPruning() {
  const [low, high] = pruneSpan();
  const name = data.advice ? "predicted accuracy" : "share of the suspects kept";
  pruneChart = new Chart(
    at("prune-figure"),
    `${data.advice ? "Predicted accuracy" : "Share of the suspects that is kept"} by the share of the examples that is kept, a line a policy; the table beside it has the numbers.`,
    { low: 0, high: 1, name: "share of the examples kept", show: shareText },
    { low, high, name, show: shareText },
  );
  pruneChart.draw = (chart) => {
    (data.advice ? advisedChart : countedChart)(chart);
    chart.vertical(pruning.keep / 100, { class: "marker" });
  };
  const { percents } = data.policies;
  Object.assign(at("keep"), { min: percents[0], max: 100, step: percents[1] - percents[0], value: pruning.keep });
  pruning.keep = Number(at("keep").value);
  at("keep").addEventListener("input", () => {
    pruning.keep = Number(at("keep").value);
    showPruning();
  });
  at("balanced").addEventListener("change", () => {
    pruning.balanced = at("balanced").checked;
    showPruning();
  });
  at("policies").addEventListener("change", (event) => {
    if (event.target.name !== "policy") return;
    pruning.policy = event.target.value;
    showPruning();
  });
  const advised = data.advice?.best[String(pruning.keep / 100)];
  pruning.policy = advised ?? (policies.includes("soft") ? "soft" : policies[0]);
  showPruning();
}
