// The page of the web display. What comes from the server was sent by strangers: it becomes text, never markup.
"use strict";

const TOKEN = new URLSearchParams(location.search).get("token") || "";
const MAX_TOASTS = 300;
const LEVELS = { 2: "emergency", 1: "high", 0: "normal", "-1": "low", "-2": "very low" };

const list = document.getElementById("toasts");
const template = document.getElementById("toast");
const nothing = document.getElementById("nothing");
const state = document.getElementById("state");
const search = document.getElementById("search");
const application = document.getElementById("application");
const level = document.getElementById("level");
const toasts = new Map(); // number -> {toast, element}
let isUpToDate = false; // whether the toasts that were there before have all come

const address = (path) => `${path}?token=${encodeURIComponent(TOKEN)}`;

// -- Toasts --------------------------------------------------------------------------------------

function show(toast, isNew) {
  const known = toasts.get(toast.number);
  const element = known ? known.element : template.content.firstElementChild.cloneNode(true);
  element.dataset.number = toast.number;
  element.dataset.priority = toast.priority;
  element.classList.toggle("sticky", toast.sticky);
  element.querySelector("h2").textContent = toast.title;
  element.querySelector("pre").textContent = toast.text;
  const time = new Date(toast.arrived * 1000).toLocaleTimeString();
  const about = [toast.application, toast.name, LEVELS[toast.priority], toast.sticky ? "sticky" : "", time];
  element.querySelector(".way").textContent = [...about, toast.way, toast.peer].filter(Boolean).join(" · ");
  const picture = element.querySelector("img");
  picture.hidden = !toast.picture;
  if (toast.picture) {
    picture.src = address(`/picture/${toast.picture}`);
  }
  toasts.set(toast.number, { toast, element });
  if (isNew) {
    element.classList.remove("new");
    void element.offsetWidth; // so that the animation runs again for an update
    element.classList.add("new");
  }
  if (!known) {
    list.prepend(element); // an update stays where it is
  }
  addOption(application, toast.application, toast.application);
  addOption(level, String(toast.priority), LEVELS[toast.priority]);
  filter(element, toast);
  forgetOldest();
}

function addOption(select, value, text) {
  if (![...select.options].some((option) => option.value === value)) {
    select.add(new Option(text, value));
  }
}

function dropOption(select, value) {
  [...select.options].filter((option) => option.value === value && !option.selected).forEach((option) => option.remove());
}

function forgetOldest() {
  while (toasts.size > MAX_TOASTS) {
    const oldest = [...toasts].find(([, entry]) => !entry.toast.sticky) || [...toasts][0];
    remove(oldest[0]);
  }
}

function remove(number) {
  const entry = toasts.get(number);
  if (!entry) {
    return;
  }
  if (entry.element.contains(document.activeElement)) {
    move(1) || move(-1);
  }
  entry.element.remove();
  toasts.delete(number);
  if (![...toasts.values()].some(({ toast }) => toast.application === entry.toast.application)) {
    dropOption(application, entry.toast.application);
  }
  summarize();
}

// -- What a person does --------------------------------------------------------------------------

function react(number, reaction) {
  const body = JSON.stringify({ number, reaction });
  const headers = { "Content-Type": "application/json" };
  return fetch(address("/react"), { method: "POST", headers, body }).catch(() => {});
}

function click(number) {
  const { toast } = toasts.get(number);
  if (toast.url) {
    window.open(toast.url, "_blank", "noopener,noreferrer");
  }
  react(number, "CLICK");
}

function close(number) {
  react(number, "CLOSE");
  remove(number);
}

const numberOf = (element) => Number(element.closest("article").dataset.number);
const shown = () => [...list.children].filter((element) => !element.hidden);

function move(by) {
  const elements = shown();
  const now = elements.findIndex((element) => element.contains(document.activeElement));
  const next = elements[now < 0 ? (by > 0 ? 0 : elements.length - 1) : now + by];
  if (next) {
    next.focus();
  }
  return Boolean(next);
}

list.addEventListener("click", (event) => {
  const article = event.target.closest("article");
  if (event.target.closest(".close")) {
    close(numberOf(event.target));
  } else if (article && !String(getSelection())) {
    click(numberOf(article));
  }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select");
  const article = event.target.closest("article");
  if (event.key === "/" && !typing) {
    search.focus();
  } else if (event.key === "Escape") {
    search.value = application.value = level.value = "";
    filterAll();
    document.activeElement.blur();
  } else if (event.key === "ArrowDown" && !event.target.matches("select")) {
    move(1);
  } else if (event.key === "ArrowUp" && !event.target.matches("select")) {
    move(-1);
  } else if (event.key === "Enter" && article === event.target) {
    click(numberOf(article));
  } else if (event.key === "Delete" && article && !typing) {
    close(numberOf(article));
  } else {
    return;
  }
  event.preventDefault();
});

document.getElementById("close-all").addEventListener("click", () => {
  shown().forEach((element) => close(numberOf(element)));
});

// -- Filters -------------------------------------------------------------------------------------

function filter(element, toast) {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${toast.title}\n${toast.text}\n${toast.application}\n${toast.name}`.toLowerCase();
  const isWanted =
    (!application.value || toast.application === application.value) &&
    (!level.value || String(toast.priority) === level.value) &&
    words.every((word) => text.includes(word));
  element.hidden = !isWanted;
  summarize();
}

function filterAll() {
  toasts.forEach(({ toast, element }) => filter(element, toast));
}

function summarize() {
  const count = shown().length;
  nothing.hidden = toasts.size > 0;
  document.title = count ? `(${count}) Alerts` : "Alerts";
  if (!state.classList.contains("lost")) {
    state.textContent = count === toasts.size ? `${count} alerts` : `${count} of ${toasts.size} alerts`;
  }
}

for (const control of [search, application, level]) {
  control.addEventListener("input", filterAll);
}

// -- The server ----------------------------------------------------------------------------------

// A picture may be gone before its toast.
list.addEventListener("error", (event) => (event.target.hidden = true), true);

const events = new EventSource(address("/events"));
events.onopen = () => {
  isUpToDate = false;
  state.classList.remove("lost");
  summarize();
};
events.onerror = () => {
  state.classList.add("lost");
  state.textContent = "The receiver does not answer";
};
events.onmessage = (event) => {
  const message = JSON.parse(event.data);
  if (message.all) {
    const numbers = new Set(message.all);
    [...toasts.keys()].filter((number) => !numbers.has(number)).forEach(remove);
    isUpToDate = true;
    summarize();
  } else if (message.toast) {
    show(message.toast, isUpToDate);
  } else if (message.closed) {
    remove(message.closed);
  } else if (message.trouble) {
    state.textContent = message.trouble;
  }
};
