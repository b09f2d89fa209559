// The live strip: asks for what came since the newest line, and puts it on top.
const list = document.querySelector("#latest");
const KEPT = 20;
const EVERY_MS = 3000;

const time = new Intl.DateTimeFormat("sv-SE", {
  dateStyle: "short",
  timeStyle: "medium",
  timeZone: list?.dataset.zone,
});

function line(event) {
  const item = document.createElement("li");
  const when = document.createElement("time");
  const name = document.createElement("strong");
  item.dataset.id = event.id;
  when.textContent = time.format(event.received_ms);
  name.textContent = event.name;
  let what = document.createTextNode(event.product_id);
  if (event.attempt_id) {
    what = document.createElement("a");
    what.href = list.dataset.attempts + event.attempt_id;
    what.textContent = event.product_id || "a try-on";
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
}

if (list) setInterval(() => look().catch(() => {}), EVERY_MS);
