// What a person wants to see: words, an application, levels from one up.

const search = document.getElementById("search");
const application = document.getElementById("application");
const level = document.getElementById("level");

export const wanted = () => ({ search: search.value.trim(), application: application.value, level: Number(level.value) });

export const isFiltering = () => Boolean(search.value.trim() || application.value || level.value !== "0");

export function matches(alert) {
  const { search: words, application: name, level: least } = wanted();
  const text = `${alert.title}\n${alert.text}\n${alert.application}\n${alert.name}`.toLowerCase();
  return (
    (!alert.closed || words) && // what was closed is only found by its words
    (!name || alert.application === name) &&
    alert.level >= least &&
    words.toLowerCase().split(/\s+/).every((word) => text.includes(word))
  );
}

export function clear() {
  search.value = application.value = "";
  level.value = "0";
}

export function beginSearch() {
  search.focus();
  search.select();
}

export function addApplication(name) {
  if (![...application.options].some((option) => option.value === name)) {
    application.add(new Option(name, name));
  }
}

// Only what has alerts, or is chosen, stays in the list.
export function keepApplications(names) {
  for (const option of [...application.options]) {
    if (option.value && !option.selected && !names.has(option.value)) {
      option.remove();
    }
  }
}

export function onChange(then) {
  for (const control of [search, application, level]) {
    control.addEventListener("input", then);
  }
}
