// What charts and the live strip do with a script; without one both stand still.

// The values of a day below its chart: by pointer, or by the arrow keys.
const SVG = "http://www.w3.org/2000/svg";
const NAMES = { now: "", before: "before ", p10: "P10 ", p50: "P50 ", p90: "P90 " };
const DAY_MS = 86_400_000;
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeZone: "UTC" });
const number = new Intl.NumberFormat("en-US");

function tellAll(within) {
  for (const chart of within.querySelectorAll("svg[data-values]")) tell(chart);
}
tellAll(document);

function tell(chart) {
  const names = chart.dataset.series.split(" ");
  const labels = chart.dataset.labels?.split(";");
  const series = chart.dataset.values.split(";").map((values) => values.split(","));
  const last = (labels?.length ?? Math.max(...series.map((values) => values.length))) - 1;
  const guide = document.createElementNS(SVG, "line");
  const words = document.createElement("output");
  let at = last;
  guide.setAttribute("class", "guide");
  guide.setAttribute("y2", "100%");
  words.className = "chart-values";
  chart.append(guide);
  chart.after(words);
  chart.tabIndex = 0;

  function show(index) {
    at = Math.min(last, Math.max(0, index));
    const across = last ? `${(100 * at) / last}%` : "50%";
    guide.setAttribute("x1", across);
    guide.setAttribute("x2", across);
    const values = names
      .map((name, i) => [NAMES[name], series[i][at]])
      .filter(([, value]) => value)
      .map(([name, value]) => name + number.format(value));
    const when = labels?.[at] ?? day.format(Date.parse(chart.dataset.from) + at * DAY_MS);
    words.textContent = `${when}: ${values.join(", ") || "nothing"}`;
  }
  function hide() {
    guide.removeAttribute("x1");
    words.textContent = "";
  }
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const axis = Number.parseFloat(getComputedStyle(chart).paddingLeft);
    show(Math.round(((event.clientX - box.left - axis) / (box.width - axis)) * last));
  });
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("focus", () => show(at));
  chart.addEventListener("blur", hide);
  chart.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") show(at - 1);
    if (key === "ArrowRight") show(at + 1);
  });
}

// The live strip: asks for what came since the newest line, and puts it on top.
const list = document.querySelector("#latest");
const KEPT = 20;
const EVERY_MS = 3000;

// What comes now is of today.
const time = new Intl.DateTimeFormat("sv-SE", {
  timeStyle: "medium",
  timeZone: list?.dataset.zone,
});

function line(event) {
  const item = document.createElement("li");
  const when = document.createElement("time");
  const name = document.createElement("strong");
  item.dataset.id = event.id;
  when.textContent = time.format(event.received_ms);
  name.textContent = event.name.replace("_", " ");
  const what = document.createElement(event.attempt_id ? "a" : "span");
  what.dir = "auto";
  what.textContent = event.title || event.product_id;
  if (event.attempt_id) {
    what.href = list.dataset.attempts + event.attempt_id;
    what.textContent ||= "a try-on";
  }
  item.append(when, " ", name, " ", what, " ", event.note);
  return item;
}

async function look() {
  if (document.hidden) return;
  const after = list.firstElementChild?.dataset.id ?? 0;
  const answer = await fetch(`${list.dataset.address}?after=${after}`);
  if (!answer.ok) return;
  const { events } = await answer.json();
  for (const event of events.reverse()) list.prepend(line(event));
  while (list.children.length > KEPT) list.lastElementChild.remove();
  isOld ||= events.length > 0;
  if (isOld && Date.now() - drawn > DRAW_MS) await draw();
}

// The rest of the first screen follows more slowly; what is in use stays as it is.
const DRAW_MS = 15_000;
let drawn = Date.now();
let isOld = false;

async function draw() {
  drawn = Date.now();
  const answer = await fetch(`${list.dataset.first}${location.search}`);
  if (!answer.ok || answer.redirected) return;
  isOld = false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh || old.matches(":hover, :focus-within") || old.querySelector("[open]")) continue;
    old.replaceWith(fresh);
    tellAll(fresh);
  }
}

if (list) setInterval(() => look().catch(() => {}), EVERY_MS);
