// A scanned barcode or a typed SKU opens the product itself.

import { fetchProduct } from "./ask.js";
import { el, localTime } from "./dom.js";
import { close, show } from "./sheet.js";

const SKU = /^[a-z]{1,4}-?\d{5,9}$/i;
const GTIN_LENGTHS = new Set([8, 12, 13, 14]);

/** Tell whether a text is nothing but a product's number: a GTIN with a right check digit, or a SKU. */
export function isProductNumber(text) {
  return SKU.test(text) || isGtin(text);
}

function isGtin(digits) {
  if (!/^\d+$/.test(digits) || !GTIN_LENGTHS.has(digits.length)) return false;
  const sum = [...digits].reverse().reduce((total, digit, place) => total + digit * (place % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

/** Open a product's card; false when the store knows no such product. `askAbout(sku)` starts a question. */
export async function openProduct(number, role, askAbout) {
  let product;
  try {
    product = await fetchProduct(number, role);
  } catch (problem) {
    if (problem.code === "no_such_product") return false;
    const text = problem.code === "unreachable" ? "The store’s server does not answer. Check the Wi-Fi, then scan again." : `${problem.message} ${problem.hint}`;
    show("Product", "product", el("p", {}, text));
    return true;
  }
  show(product.name || product.sku, "product", ...parts(product, askAbout));
  return true;
}

function parts(product, askAbout) {
  return [
    el("p", { class: "soft" }, [product.sku, product.ean && `EAN ${product.ean}`].filter(Boolean).join(" · ")),
    product.facts.length ? el("ul", { class: "product-facts" }, product.facts.map(fact)) : "",
    product.missing.length ? el("ul", { class: "soft" }, product.missing.map((line) => el("li", {}, line))) : "",
    el("button", { type: "button", class: "wide", onclick: () => { close(); askAbout(product.sku); } }, "Ask about it"),
    el("dl", { class: "lines" }, Object.entries(product.columns).map(([name, value]) =>
      el("div", {}, el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, value)))),
  ];
}

function fact({ text, as_of: at, is_stale: isStale }) {
  return el("li", {}, el("span", { class: "product-fact" }, text), " ",
    el("span", { class: isStale ? "soft is-stale" : "soft" }, isStale ? "not known since " : "as of ", el("time", { datetime: at }, localTime(at))));
}
