// Keeps the sessions fresh. A person who is about to press a button is not disturbed.
const live = document.getElementById("live");

async function refresh() {
  if (document.hidden || live.matches(":focus-within, :hover:active")) return;
  const answer = await fetch("/", { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("live").innerHTML;
  if (fresh !== live.dataset.shown) live.innerHTML = live.dataset.shown = fresh;
}

setInterval(() => refresh().catch(() => {}), 2000);
