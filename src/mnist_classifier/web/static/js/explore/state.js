// @ts-check
/**
 * The view of the explore page, as its address describes it.  Pure.
 *
 * @typedef {"errors" | "confident" | "uncertain" | "all"} Show
 * @typedef {{
 *   version: string, split: string, show: Show, label: number | null, prediction: number | null,
 *   page: number, image: number | null, digit: number | null
 * }} View  version: a number or "production"; page: from 1; image: shown in the dialog; digit: the one to explain
 */

export const PAGE_SIZE = 24;
const SPLITS = ["test", "validation"];
/** @type {Show[]} */
export const SHOWS = ["errors", "confident", "uncertain", "all"];

/** @type {Readonly<View>} */
export const DEFAULTS = Object.freeze({
  version: "production",
  split: "test",
  show: "errors",
  label: null,
  prediction: null,
  page: 1,
  image: null,
  digit: null,
});

/**
 * The view of an address; missing and invalid values get their defaults.
 * @param {string} search
 * @returns {View}
 */
export function parse(search) {
  const query = new URLSearchParams(search);
  const show = SHOWS.find((each) => each === query.get("show"));
  return {
    version: String(whole(query.get("version"), 999_999_999) ?? DEFAULTS.version),
    split: SPLITS.find((each) => each === query.get("split")) ?? DEFAULTS.split,
    show: show ?? DEFAULTS.show,
    label: whole(query.get("label"), 9),
    prediction: whole(query.get("prediction"), 9),
    page: Math.max(1, whole(query.get("page"), 9999) ?? 1),
    image: whole(query.get("image"), 99_999),
    digit: whole(query.get("digit"), 9),
  };
}

/** @param {string | null} text @param {number} most @returns {number | null} */
function whole(text, most) {
  if (text === null || !/^\d{1,9}$/.test(text)) return null;
  const value = Number(text);
  return value <= most ? value : null;
}

/** The address of a view: "" or "?…", without defaults. @param {View} view */
export function format(view) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(view)) {
    const usual = DEFAULTS[/** @type {keyof View} */ (name)];
    if (value !== null && value !== usual) query.set(name, String(value));
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

/**
 * The view after some changes.  A new list starts at page 1; values of the old
 * list or image are dropped.
 * @param {View} view
 * @param {Partial<View>} changes
 * @returns {View}
 */
export function step(view, changes) {
  const next = { ...view, ...changes };
  if (!("digit" in changes)) next.digit = null;
  const lists = /** @type {(keyof View)[]} */ (["version", "split", "show", "label", "prediction"]);
  if (lists.some((name) => next[name] !== view[name])) {
    if (!("page" in changes)) next.page = 1;
    if (!("image" in changes)) next.image = null;
  }
  return next;
}

/** The heading of the list of images. @param {View} view */
export function titleOf({ show, label, prediction }) {
  const of = label === null ? [] : [`label ${label}`];
  const as = prediction === null ? [] : [`read as ${prediction}`];
  const name = { errors: "errors", confident: "most confident errors", uncertain: "least confident images", all: "all images" }[show];
  const parts = [...(show === "all" && of.length + as.length > 0 ? [] : [name]), ...of, ...as];
  const text = parts.join(", ");
  return text[0].toUpperCase() + text.slice(1);
}

/** "1–24 of 37". @param {number} page @param {number} total */
export function rangeOf(page, total) {
  const first = (page - 1) * PAGE_SIZE + 1;
  const last = Math.min(page * PAGE_SIZE, total);
  const numbers = [first, last, total].map((each) => each.toLocaleString("en-GB"));
  return first >= last ? `${numbers[1]} of ${numbers[2]}` : `${numbers[0]}–${numbers[1]} of ${numbers[2]}`;
}

/** @param {number} total */
export function pagesOf(total) {
  return Math.max(1, Math.ceil(total / PAGE_SIZE));
}
