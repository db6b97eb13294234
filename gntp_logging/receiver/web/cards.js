// The cards on which alerts are shown. What a peer has sent becomes text, never markup.

import { LEVELS, asText, blocks, isLong, mutedUntil, timeOf } from "./alerts.js";

const list = document.getElementById("toasts");
const template = document.getElementById("toast");
const focusable = "a, button, input, select, [tabindex]";

export function create() {
  return template.content.firstElementChild.cloneNode(true);
}

export function fill(card, alert) {
  const part = (name) => card.querySelector(name);
  card.id = String(alert.number);
  card.dataset.number = alert.number;
  card.dataset.level = alert.level;
  card.classList.toggle("sticky", alert.sticky);
  card.classList.toggle("linked", Boolean(alert.url));
  card.classList.toggle("closed", Boolean(alert.closed));
  card.setAttribute("aria-label", `${LEVELS[alert.level]}: ${alert.title}`);
  part(".level").textContent = LEVELS[alert.level];
  part(".title").textContent = alert.title;
  fillText(part(".text"), alert.text);
  fillAbout(part(".about"), alert);
  expand(card, part(".expand").getAttribute("aria-expanded") === "true", alert);
  const picture = part("img");
  picture.hidden = !alert.picture;
  if (alert.picture && picture.dataset.id !== alert.picture) {
    picture.dataset.id = alert.picture;
    picture.src = `/picture/${alert.picture}`;
  }
  const open = part(".open");
  open.hidden = !alert.url;
  if (alert.url) {
    open.href = alert.url;
    open.title = alert.url;
  }
  part(".mute").hidden = !alert.incident;
  part(".close").hidden = Boolean(alert.closed);
  for (const [name, verb] of [[".open", "Open"], [".copy", "Copy"], [".close", "Close"]]) {
    part(name).setAttribute("aria-label", `${verb}: ${alert.title}`);
  }
  showMuting(card, alert);
}

function fillText(element, text) {
  element.hidden = !text;
  element.replaceChildren(
    ...blocks(text).map((block) => {
      const shown = document.createElement("pre");
      shown.textContent = block.text;
      shown.classList.toggle("code", block.isCode);
      return shown;
    })
  );
}

function fillAbout(element, alert) {
  const time = document.createElement("time");
  time.dateTime = new Date(alert.changed * 1000).toISOString();
  time.title = new Date(alert.changed * 1000).toLocaleString();
  time.textContent = timeOf(alert.changed);
  const since = alert.first < alert.changed ? ` since ${timeOf(alert.first)}` : "";
  const times = alert.total > 1 ? `${alert.total.toLocaleString()} times${since}` : "";
  const type = alert.name.toUpperCase() === LEVELS[alert.level] ? "" : alert.name;
  const words = [alert.application, type, alert.machine, times, alert.sticky ? "sticky" : "", alert.closed ? "closed" : ""];
  element.replaceChildren(time, ...[...words, alert.security].filter(Boolean).flatMap((word) => [" · ", word]));
}

// A long text shows its beginning until somebody wants all of it.
export function expand(card, isExpanded, alert) {
  const button = card.querySelector(".expand");
  const text = card.querySelector(".text");
  button.hidden = !isLong(alert.text);
  button.setAttribute("aria-expanded", String(isExpanded && !button.hidden));
  button.textContent = isExpanded ? "Show less" : `Show all ${alert.text.split("\n").length.toLocaleString()} lines`;
  button.setAttribute("aria-label", `${button.textContent}: ${alert.title}`);
  text.classList.toggle("cut", !button.hidden && !isExpanded);
}

export function showMuting(card, alert) {
  const button = card.querySelector(".mute");
  const until = mutedUntil(alert);
  card.classList.toggle("muted", until > 0);
  button.textContent = until ? `Muted until ${timeOf(until).replace(/:\d\d(?=$|\s)/, "")}` : "Mute";
  button.setAttribute("aria-label", `${button.textContent}: ${alert.title}`);
  button.title = until ? "Click to let it call again" : "";
}

// Put a card where its time belongs; the focus stays on what has it.
export function place(card, alert, changedOf) {
  const focused = card.contains(document.activeElement) ? document.activeElement : null;
  const next = [...list.children].find((other) => other !== card && changedOf(Number(other.dataset.number)) <= alert.changed);
  if (card.parentElement === list && card.nextElementSibling === (next || null)) {
    return;
  }
  list.insertBefore(card, next || null);
  if (focused && focused.matches(focusable)) {
    focused.focus({ preventScroll: true });
  }
}

// Let a card be seen that has just come, once.
export function flash(card) {
  card.classList.remove("new");
  void card.offsetWidth; // so that the animation runs again for an update
  card.classList.add("new");
}

list.addEventListener("animationend", (event) => event.target.classList.remove("new"));

// A picture may be gone before its toast.
list.addEventListener("error", (event) => (event.target.hidden = true), true);

export async function copy(alert, button) {
  const text = asText(alert);
  try {
    await navigator.clipboard.writeText(text); // only where the page is a secure context
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}
