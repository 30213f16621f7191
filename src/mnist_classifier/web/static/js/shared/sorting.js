// @ts-check
/**
 * Sortable tables: a button in each heading, aria-sort on the sorted column.
 *
 * @typedef {{column: string, isDescending: boolean}} Order
 */

/**
 * @template T
 * @typedef {object} SortColumn
 * @property {string} id
 * @property {string} title
 * @property {(row: T) => number | string | null | undefined} [value]  the value to sort by, null if unknown; without it the column does not sort
 * @property {boolean} [isFigure]  aligned right, largest value first
 */

/**
 * A sorted copy.  Unknown values always come last; equal values keep their order.
 * @template T
 * @param {readonly T[]} rows
 * @param {(row: T) => number | string | null | undefined} value
 * @param {boolean} isDescending
 * @returns {T[]}
 */
export function sortedBy(rows, value, isDescending) {
  const sign = isDescending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one) ?? null, value(other) ?? null];
    if (a === b) return 0;
    if (a === null || b === null) return a === null ? 1 : -1;
    return sign * (a < b ? -1 : 1);
  });
}

/** The headings of a sortable table. @template T */
export class SortHead {
  #row;
  #columns;
  #order;

  /**
   * @param {HTMLTableRowElement} row  gets the headings
   * @param {readonly SortColumn<T>[]} columns
   * @param {Order} order  the initial order
   * @param {() => void} onSort  called when the user chooses another order
   */
  constructor(row, columns, order, onSort) {
    this.#row = row;
    this.#columns = columns;
    this.#order = order;
    row.replaceChildren(...columns.map((column) => this.#heading(column, onSort)));
    this.#mark();
  }

  /** @returns {Order} */
  get order() {
    return this.#order;
  }

  /** @param {readonly T[]} rows  newest first */
  sorted(rows) {
    const column = this.#columns.find(({ id }) => id === this.#order.column);
    return sortedBy(rows, column?.value ?? (() => null), this.#order.isDescending);
  }

  /** @param {SortColumn<T>} column @param {() => void} onSort */
  #heading({ id, title, value, isFigure = false }, onSort) {
    const heading = document.createElement("th");
    heading.scope = "col";
    heading.dataset.column = id;
    if (isFigure) heading.className = "figure";
    if (value === undefined) {
      heading.textContent = title;
      return heading;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = title;
    button.addEventListener("click", () => {
      const isDescending = this.#order.column === id ? !this.#order.isDescending : isFigure;
      this.#order = { column: id, isDescending };
      this.#mark();
      onSort();
    });
    heading.append(button);
    return heading;
  }

  #mark() {
    for (const heading of this.#row.cells) {
      if (heading.dataset.column === this.#order.column) heading.setAttribute("aria-sort", this.#order.isDescending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    }
  }
}
