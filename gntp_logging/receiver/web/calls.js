// How the page calls people who look elsewhere: unread alerts in title and icon, and the browser's notifications.

const icon = document.getElementById("icon");
const button = document.getElementById("calls");
const why = document.getElementById("calls-why");
const MAX_BODY = 300;
const KEPT = "calls";
const unread = new Set();

export const isLookedAt = () => !document.hidden && document.hasFocus();

export function show() {
  document.title = unread.size ? `(${unread.size.toLocaleString()}) Alerts` : "Alerts";
  const href = unread.size ? `/icon.svg?unread=${Math.min(unread.size, 10)}` : "/icon.svg";
  if (icon.getAttribute("href") !== href) {
    icon.setAttribute("href", href);
  }
}

export function forget(number) {
  unread.delete(number);
  show();
}

// An alert has come or changed; `open` shows it when the notification is clicked.
export function call(alert, open) {
  if (isLookedAt()) {
    return;
  }
  unread.add(alert.number);
  show();
  if (isOn()) {
    const lines = alert.text.length > MAX_BODY ? `${alert.text.slice(0, MAX_BODY)}…` : alert.text;
    const shown = new Notification(alert.title, { body: lines, tag: String(alert.number), icon: "/icon.svg" });
    shown.onclick = () => {
      window.focus();
      open(alert.number);
      shown.close();
    };
  }
}

function read() {
  if (isLookedAt() && unread.size) {
    unread.clear();
    show();
  }
}

window.addEventListener("focus", read);
document.addEventListener("visibilitychange", read);

// -- The button ----------------------------------------------------------------------------------

const isOn = () => localStorage.getItem(KEPT) === "on" && window.isSecureContext && Notification.permission === "granted";

// Why there can be no notifications; empty when there can. A permission alone does not tell: browsers differ.
function reason() {
  if (!window.isSecureContext) {
    const tunnel = `ssh -L ${location.port}:localhost:${location.port} ${location.hostname}`;
    return (
      "This browser shows notifications only for pages of this machine. A tunnel makes it one: " +
      `${tunnel}, and then http://localhost:${location.port}. On the receiver, --display desktop shows toasts.`
    );
  }
  if (!("Notification" in window)) {
    return "This browser has no notifications.";
  }
  if (Notification.permission === "denied") {
    return "This browser was told to show no notifications of this page; its settings for this site change that.";
  }
  return "";
}

function showButton() {
  const cannot = reason();
  why.textContent = cannot;
  why.hidden = !cannot;
  button.disabled = Boolean(cannot);
  button.setAttribute("aria-pressed", String(!cannot && isOn()));
  button.textContent = !cannot && isOn() ? "Notifications on" : "Notify me";
}

button.addEventListener("click", async () => {
  if (isOn()) {
    localStorage.setItem(KEPT, "off");
  } else if ((await Notification.requestPermission()) === "granted") {
    localStorage.setItem(KEPT, "on");
  }
  showButton();
});

showButton();
