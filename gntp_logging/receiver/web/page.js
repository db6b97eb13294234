// The page of the web display. What comes from the receiver was sent by strangers: it becomes text, never markup.

import * as calls from "./calls.js";
import * as cards from "./cards.js";
import * as filters from "./filters.js";
import * as muting from "./mute.js";
import * as server from "./server.js";
import { LEVELS, MAX_ALERTS, alerts, leastWanted, mute, mutedUntil, oldestChange, timeOf } from "./alerts.js";

const byId = (id) => document.getElementById(id);
const list = byId("toasts");
const state = byId("state");
const lost = byId("lost");
const nothing = byId("nothing");
const undo = byId("undo");
const trouble = byId("trouble");
const UNDO_TIME = 10000; // milliseconds

let isUpToDate = false; // whether the alerts that were there before have all come
let hasSeenAny = false;
let version = null;
let receiversPort = 0; // where it listens nowhere
let closing = null; // {numbers, timer}: what is closed unless somebody wants it back

history.replaceState(null, "", location.pathname + location.hash); // the token is in the cookie now

// -- Alerts --------------------------------------------------------------------------------------

// Put an alert on its card, and that where it belongs.
function put(alert) {
  const known = alerts.get(alert.number);
  const card = known ? known.card : cards.create();
  alerts.set(alert.number, { alert, card, isLoose: false });
  cards.fill(card, alert);
  if (!known || !mutedUntil(alert)) {
    cards.place(card, alert, (number) => alerts.get(number).alert.changed);
  }
  filters.addApplication(alert.application);
  card.hidden = isHidden(alert);
  hasSeenAny = true;
  return card;
}

function show(alert) {
  const card = put(alert);
  while (alerts.size > MAX_ALERTS) {
    forget(leastWanted());
    past.hasOlder = true;
  }
  if (isUpToDate && !mutedUntil(alert)) {
    cards.flash(card);
    if (!card.hidden) {
      announce(alert);
    }
  }
  summarize();
}

function announce(alert) {
  byId("news").textContent = `${LEVELS[alert.level]}, ${alert.application}: ${alert.title}`;
  calls.call(alert, choose);
}

function forget(number) {
  const entry = alerts.get(number);
  if (!entry) {
    return;
  }
  if (entry.card.contains(document.activeElement)) {
    move(1) || move(-1);
  }
  entry.card.remove();
  alerts.delete(number);
  calls.forget(number);
  filters.keepApplications(new Set([...alerts.values()].map(({ alert }) => alert.application)));
  summarize();
}

const isHidden = (alert) => !filters.matches(alert) || (closing !== null && closing.numbers.has(alert.number));

function hideAndShow() {
  alerts.forEach(({ alert, card }) => (card.hidden = isHidden(alert)));
  summarize();
}

function summarize() {
  const count = shown().length;
  const of = count === alerts.size ? "" : ` of ${alerts.size.toLocaleString()}`;
  state.textContent = `${count.toLocaleString()}${of} ${alerts.size === 1 ? "alert" : "alerts"}`;
  nothing.hidden = count > 0 || !lost.hidden || !isUpToDate;
  if (!nothing.hidden) {
    nothing.replaceChildren(...whyNothing());
  }
}

function button(words, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.addEventListener("click", onClick);
  return made;
}

function showAll() {
  filters.clear();
  search();
}

function whyNothing() {
  if (filters.isFiltering()) {
    const isSearching = past.isKept && past.before === null;
    return isSearching ? ["Searching…"] : ["Nothing matches. Esc shows all alerts. ", button("Show all", showAll)];
  }
  if (hasSeenAny) {
    return ["All alerts are closed. New ones appear here."];
  }
  if (!receiversPort) {
    return ["No alerts yet. They appear here as soon as there are some."];
  }
  const command = document.createElement("code");
  command.textContent = "gntp-logging demo --host localhost" + (receiversPort === 23053 ? "" : ` --port ${receiversPort}`);
  return ["No alerts yet. They appear here as soon as a program sends one. To try it: ", command];
}

// -- The history ---------------------------------------------------------------------------------

const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
const older = byId("older");
// hasOlder: whether there is more than the page begins with; before: where the last part has ended, null for none yet
const past = { isKept: false, hasOlder: false, before: null, asked: 0 };

// Ask for the alerts before those that are here, or, with filters, for the last ones that match.
async function askForOlder() {
  const asked = ++past.asked;
  const isSearch = filters.isFiltering();
  const oldest = isSearch ? null : oldestChange();
  const before = past.before ?? (oldest === null ? "" : `${oldest},${MAX_NUMBER}`);
  const part = await server.older(filters.wanted(), before);
  if (asked !== past.asked) {
    return; // somebody wants something else by now
  }
  past.before = part.before;
  const isNew = part.toasts.filter((alert) => !alerts.has(alert.number));
  isNew.forEach((alert) => put(alert));
  for (const alert of part.toasts) {
    alerts.get(alert.number).isLoose = isSearch && (isNew.includes(alert) || alerts.get(alert.number).isLoose);
  }
  showOlder();
  summarize();
  if (!isNew.length && part.before) {
    askForOlder(); // all of this part are here
  }
}

function showOlder() {
  older.hidden = !past.isKept || !(past.before ?? (past.hasOlder && !filters.isFiltering()));
}

function beginAnew() {
  past.before = null;
  past.asked += 1;
  showOlder();
}

older.addEventListener("click", askForOlder);

let typing = 0;

function search() {
  beginAnew();
  hideAndShow();
  clearTimeout(typing);
  if (past.isKept && filters.isFiltering()) {
    typing = setTimeout(askForOlder, 200);
  }
}

// -- What a person does --------------------------------------------------------------------------

function click(number) {
  const { alert } = alerts.get(number);
  if (alert.url) {
    window.open(alert.url, "_blank", "noopener,noreferrer");
  }
  server.react([number], "CLICK");
}

function close(number) {
  server.react([number], "CLOSE");
  forget(number);
}

const numberOf = (element) => Number(element.closest("article").dataset.number);
const shown = () => [...list.children].filter((card) => !card.hidden);

function move(by) {
  const elements = shown();
  const now = elements.findIndex((element) => element.contains(document.activeElement));
  const next = elements[now < 0 ? (by > 0 ? 0 : elements.length - 1) : now + by];
  if (next) {
    next.focus();
  }
  return Boolean(next);
}

// Bring one alert before somebody's eyes, whatever hides it.
function choose(number) {
  const entry = alerts.get(number);
  if (entry) {
    showAll();
    entry.card.scrollIntoView({ block: "center" });
    entry.card.focus({ preventScroll: true });
  }
}

const chosenByAddress = () => Number(location.hash.slice(1));

list.addEventListener("click", (event) => {
  const article = event.target.closest("article");
  if (!article) {
    return;
  }
  const number = numberOf(article);
  const { alert } = alerts.get(number);
  const button = event.target.closest("button, a");
  if (!button) {
    if (!String(getSelection())) {
      click(number);
    }
  } else if (button.matches(".close")) {
    close(number);
  } else if (button.matches(".copy")) {
    cards.copy(alert, button);
  } else if (button.matches(".mute")) {
    muting.ask(alert);
  } else if (button.matches(".expand")) {
    cards.expand(article, button.getAttribute("aria-expanded") !== "true", alert);
  } else if (button.matches(".open")) {
    server.react([number], "CLICK"); // the browser follows the link by itself
  }
});

document.addEventListener("keydown", (event) => {
  if (muting.isOpen() || event.ctrlKey || event.altKey || event.metaKey) {
    return;
  }
  const isTyping = event.target.matches("input, select");
  const isChoosing = event.target.matches("select");
  const article = event.target.closest("article");
  if (event.key === "/" && !isTyping) {
    filters.beginSearch();
  } else if (event.key === "Escape") {
    showAll();
    document.activeElement.blur();
  } else if (event.key === "ArrowDown" && !isChoosing) {
    move(1);
  } else if (event.key === "ArrowUp" && !isChoosing) {
    move(-1);
  } else if (event.key === "Enter" && article === event.target) {
    click(numberOf(article));
  } else if (event.key === "Delete" && article && !isTyping) {
    close(numberOf(article));
  } else {
    return;
  }
  event.preventDefault();
});

// -- Close all -----------------------------------------------------------------------------------

// What was closed is known to senders, and cannot be unsaid: so it is only hidden until nobody wants it back.
byId("close-all").addEventListener("click", () => {
  closeForGood();
  const numbers = new Set(shown().map(numberOf).filter((number) => !alerts.get(number).alert.sticky));
  if (!numbers.size) {
    return;
  }
  closing = { numbers, timer: setTimeout(closeForGood, UNDO_TIME) };
  undo.querySelector("span").textContent = `Closed ${numbers.size.toLocaleString()} ${numbers.size === 1 ? "alert" : "alerts"}.`;
  undo.hidden = false;
  hideAndShow();
});

function closeForGood() {
  if (closing) {
    const { numbers } = endClosing();
    const still = [...numbers].filter((number) => alerts.has(number));
    server.react(still, "CLOSE");
    still.forEach(forget);
  }
}

function endClosing() {
  const ended = closing;
  clearTimeout(ended.timer);
  closing = null;
  undo.hidden = true;
  return ended;
}

undo.querySelector("button").addEventListener("click", () => {
  endClosing();
  hideAndShow();
});

window.addEventListener("pagehide", closeForGood);

// -- The receiver --------------------------------------------------------------------------------

const REASONS = {
  gone: "The receiver does not answer. This page goes on by itself as soon as it runs again.",
  stranger: "The receiver has another token now. Open the address that gntp-logging listen prints.",
  crowd: "Too many pages of this receiver are open. Close one, and this one goes on.",
};

function takeMessage(message) {
  if (message.version) {
    if (version && version !== message.version) {
      location.reload(); // the receiver is another program now, and so is its page
    }
    version = message.version;
    receiversPort = message.port;
    past.isKept = message.history;
    past.hasOlder = message.older;
    showOlder();
    lost.hidden = true;
    summarize();
  } else if (message.all) {
    const numbers = new Set(message.all);
    [...alerts.keys()].filter((number) => !numbers.has(number)).forEach(forget);
    const isFirst = !isUpToDate;
    isUpToDate = true;
    search(); // what was found before is not among them
    if (isFirst) {
      choose(chosenByAddress());
    }
    summarize();
  } else if (message.toast) {
    takeAlert(message.toast);
  } else if (message.closed) {
    message.closed.forEach(forget);
  } else if (message.muted) {
    mute(message.muted);
    alerts.forEach(({ alert, card }) => cards.showMuting(card, alert));
  } else if (message.trouble) {
    trouble.querySelector("span").textContent = `${timeOf(Date.now() / 1000)}: ${message.trouble}`;
    trouble.hidden = false;
  }
}

// What changes while it is being closed is something new to see.
function takeAlert(alert) {
  const known = alerts.get(alert.number);
  if (known && known.alert.changed === alert.changed && known.alert.title === alert.title) {
    return; // it was sent again because the connection is a new one
  }
  if (closing) {
    closing.numbers.delete(alert.number);
  }
  show(alert);
}

trouble.querySelector("button").addEventListener("click", () => (trouble.hidden = true));
filters.onChange(search);
window.addEventListener("hashchange", () => choose(chosenByAddress()));
window.setInterval(() => alerts.forEach(({ alert, card }) => cards.showMuting(card, alert)), 60000);
server.follow(takeMessage, (reason) => {
  lost.textContent = REASONS[reason];
  lost.hidden = false;
  summarize();
});
