// @ts-check
/** Find, make and change elements. */

// The browser runs this once it has loaded all modules of the page: style.css then shows the controls as active.
if ("document" in globalThis) document.documentElement.dataset.ready = "true";

/**
 * The element of that id.  Throws if the page has none of that type.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} with id ${id}`);
  return found;
}

/**
 * Make an element with children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{className?: string, text?: string, data?: Record<string, string>}} [how]  data: for `dataset`
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, { className = "", text = "", data = {} } = {}, ...children) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

/**
 * Write text only if it differs: a live region must not repeat itself.
 * @param {HTMLElement} target
 * @param {string} text
 */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Set an attribute only if it differs: setting one makes the browser draw the page again.
 * @param {HTMLElement} target
 * @param {string} name
 * @param {string} value
 */
export function mark(target, name, value) {
  if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

/**
 * Make a button.
 * @param {string} text
 * @param {string} className
 * @param {() => void} onClick
 */
export function button(text, className, onClick) {
  const made = make("button", { className, text });
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}
