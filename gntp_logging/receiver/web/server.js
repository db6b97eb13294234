// What goes to the receiver, and what comes from it. Its cookie has the token, which no program here can read.

const RETRY = 3000; // milliseconds

const post = (path, message, more = {}) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(message),
    ...more,
  }).catch(() => {}); // it is gone: the page says so already

const MAX_NUMBERS = 300;

export function react(numbers, reaction) {
  for (let at = 0; at < numbers.length; at += MAX_NUMBERS) {
    post("/react", { numbers: numbers.slice(at, at + MAX_NUMBERS), reaction }, { keepalive: true });
  }
}

export const mute = ({ application, incident }, until) => post("/mute", { application, incident, until });

// A part of the history, the last change first; `before` is where the last part has ended.
export async function older({ search, application, level }, before) {
  const query = new URLSearchParams({ search, application, level: String(level), before });
  try {
    const response = await fetch(`/history?${query}`);
    return response.ok ? await response.json() : { toasts: [], before: "" };
  } catch {
    return { toasts: [], before };
  }
}

// Follow what comes, for ever: `onMessage` gets each message, `onLost` why nothing comes at the moment.
export function follow(onMessage, onLost) {
  const events = new EventSource("/events");
  events.onmessage = (event) => onMessage(JSON.parse(event.data));
  events.onerror = async () => {
    if (events.readyState !== EventSource.CLOSED) {
      onLost("gone"); // the browser tries again by itself
      return;
    }
    onLost(await whyRefused());
    setTimeout(() => follow(onMessage, onLost), RETRY);
  };
}

async function whyRefused() {
  const aborting = new AbortController();
  try {
    const { status } = await fetch("/events", { signal: aborting.signal });
    return { 403: "stranger", 503: "crowd" }[status] || "gone";
  } catch {
    return "gone";
  } finally {
    aborting.abort();
  }
}
