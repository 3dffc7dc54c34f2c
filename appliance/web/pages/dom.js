// Elements from data: text is always text, never markup.

export const $ = (selector) => document.querySelector(selector);

/** Build an element; `on…` are listeners, other names are attributes, false and null are left out. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(key, value === true ? "" : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An instant in this handheld's own time: the hour alone when it is today. */
export function localTime(iso) {
  const at = new Date(iso);
  const hour = { hour: "2-digit", minute: "2-digit" };
  const isToday = at.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(undefined, isToday ? hour : { month: "short", day: "numeric", ...hour }).format(at);
}

/** A day written as YYYY-MM-DD, which belongs to no time zone. */
export function localDay(iso) {
  const format = { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(undefined, format).format(new Date(`${iso}T00:00:00Z`));
}
