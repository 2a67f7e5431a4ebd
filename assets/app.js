"use strict";
// What pages gain from a script; each works without it. No state is kept here, nothing is fetched but from this server.

const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// Life: what others do appears by itself. The page is fetched again, and the parts that differ are put in its place,
// unless somebody is at work in them.
const isBusy = (part) =>
  part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, [contenteditable]")
  || part.querySelector("details[open].menu, dialog[open], form[data-dirty]") !== null;

// What has the focus is found again by its id, or by where it leads.
function selectorOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const name = ["href", "value"].find((it) => element.hasAttribute(it));
  return name ? `${element.localName}[${name}="${CSS.escape(element.getAttribute(name))}"]` : "";
}

async function refresh() {
  const parts = all("[data-live][id]");
  if (parts.length === 0) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const next = fresh.getElementById(part.id);
    if (next && next.innerHTML !== part.innerHTML && !isBusy(part)) {
      const held = part.contains(document.activeElement) ? selectorOf(document.activeElement) : "";
      part.innerHTML = next.innerHTML;
      part.classList.remove("fresh");
      void part.offsetWidth;
      part.classList.add("fresh");
      if (held) part.querySelector(held)?.focus();
    }
  }
}

let refreshWanted = 0;
function refreshSoon() {
  clearTimeout(refreshWanted);
  refreshWanted = setTimeout(() => refresh().catch(() => {}), 150);
}
function follow(since) {
  const source = new EventSource(since ? `/live?since=${encodeURIComponent(since)}` : "/live");
  source.addEventListener("changed", refreshSoon);
  // A browser comes back by itself, unless it was refused: after a restore its place is gone, after a sign-out its seat.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => { refreshSoon(); follow(""); }, 10000);
  });
}
if (document.querySelector("[data-live]") && "EventSource" in window) follow(document.body.dataset.cursor);

document.addEventListener("input", (event) => event.target.closest("form[data-guard]")?.setAttribute("data-dirty", ""));
document.addEventListener("submit", (event) => {
  event.target.removeAttribute("data-dirty");
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-dirty]")) event.preventDefault();
});

// Drafts are kept as they are left, and what is done once is sent once.
document.addEventListener("input", (event) => event.target.closest("form[data-keeps]")?.setAttribute("data-unkept", ""));
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  event.target.removeAttribute("data-unkept");
  if (!event.target.matches("[data-once]")) return;
  if (event.target.hasAttribute("data-sent")) event.preventDefault();
  event.target.setAttribute("data-sent", "");
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "hidden") return;
  for (const form of all("form[data-keeps][data-unkept]")) {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("do", "keep");
    if (navigator.sendBeacon(form.action, fields)) form.removeAttribute("data-unkept");
  }
});
window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => form.removeAttribute("data-sent")));

// Menus close by Escape, and by whatever is done elsewhere.
const closeMenus = (except) => all("details.menu[open]").forEach((menu) => {
  if (!menu.contains(except)) menu.open = false;
});
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.activeElement?.closest("details.menu[open]");
  closeMenus(null);
  menu?.querySelector("summary")?.focus();
  hidePreview();
});

// What is typed in one field chooses in another: data-chooses="name=value".
document.addEventListener("input", (event) => {
  const [name, value] = event.target.dataset?.chooses?.split("=") ?? [];
  if (name && event.target.form?.elements[name]) event.target.form.elements[name].value = value;
});

// Choices that need no button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// Links that also leave a mark: they post the form around them, which leads on to the same place.
document.addEventListener("click", (event) => {
  const link = event.target.closest("form a[data-posts]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.closest("form").requestSubmit();
});

// Forms that only mark something need no new page: they are sent, and what has changed is fetched.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-quiet]") || event.defaultPrevented) return;
  event.preventDefault();
  const data = new URLSearchParams(new FormData(form, event.submitter));
  const answer = await fetch(form.action, { method: "POST", body: data, credentials: "same-origin" }).catch(() => null);
  if (answer?.ok) await refresh().catch(() => location.reload());
  else location.reload();
});

// Copying.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const label = button.textContent;
  button.textContent = button.dataset.copied ?? label;
  setTimeout(() => { button.textContent = label; }, 1500);
});

// Previews of deals, after a moment's rest on a name.
let preview = null;
let previewTimer = 0;
function hidePreview() {
  clearTimeout(previewTimer);
  preview?.remove();
  preview = null;
}
async function showPreview(link) {
  const answer = await fetch(link.dataset.preview || `${link.pathname}/preview`, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  hidePreview();
  const box = document.createElement("aside");
  box.className = "preview card";
  box.setAttribute("role", "tooltip");
  box.innerHTML = await answer.text();
  document.body.append(box);
  const place = link.getBoundingClientRect();
  const top = place.bottom + box.offsetHeight + 16 > innerHeight ? place.top - box.offsetHeight - 8 : place.bottom + 8;
  box.style.setProperty("left", `${Math.max(8, Math.min(place.left, innerWidth - box.offsetWidth - 8))}px`);
  box.style.setProperty("top", `${Math.max(8, top)}px`);
  preview = box;
}
for (const [begin, end] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  document.addEventListener(begin, (event) => {
    const link = event.target.closest?.("a[data-preview]");
    if (!link) return;
    clearTimeout(previewTimer);
    previewTimer = setTimeout(() => showPreview(link).catch(() => {}), 350);
  });
  document.addEventListener(end, (event) => {
    if (event.target.closest?.("a[data-preview]")) hidePreview();
  });
}

// Keys: j and k move in lists, Enter opens, o opens in a new tab, / searches, n makes a deal, g and a letter goes, ? tells.
const GO = { h: "/", d: "/deals", l: "/leads", i: "/insights", n: "/notices", a: "/administration" };
let goes = false;
document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea, [contenteditable]")) return;
  if (goes) {
    goes = false;
    const place = GO[event.key];
    if (place && document.querySelector(`.side a[href="${place}"]`)) location.assign(place);
    return;
  }
  const rows = all("[data-row]");
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const go = (row) => row?.querySelector("a")?.focus();
  switch (event.key) {
    case "j": go(rows[Math.min(at + 1, rows.length - 1)]); break;
    case "k": go(rows[Math.max(at - 1, 0)]); break;
    case "o": if (at >= 0) window.open(rows[at].querySelector("a").href, "_blank", "noopener"); break;
    case "g": goes = true; break;
    case "n": document.querySelector('a[href="/deals/new"]')?.click(); break;
    case "/": document.querySelector('input[type="search"]')?.focus(); break;
    case "?": document.querySelector("#keys")?.showModal?.(); break;
    default: return;
  }
  event.preventDefault();
});
