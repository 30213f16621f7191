// @ts-check
/** Runs one task at a time: a new task aborts the one before. */

/** The result of a task that a newer task replaced. */
export const STALE = Symbol("stale");

export class Latest {
  /** @type {AbortController | null} */
  #controller = null;

  get isBusy() {
    return this.#controller !== null;
  }

  /**
   * Abort the previous task and run `task`.  If a newer task or `cancel` replaces
   * it, this resolves to STALE and never rejects.
   *
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} task
   * @returns {Promise<T | typeof STALE>}
   */
  async run(task) {
    this.cancel();
    const controller = new AbortController();
    this.#controller = controller;
    try {
      const result = await task(controller.signal);
      return controller.signal.aborted ? STALE : result;
    } catch (error) {
      if (controller.signal.aborted) return STALE;
      throw error;
    } finally {
      if (this.#controller === controller) this.#controller = null;
    }
  }

  cancel() {
    this.#controller?.abort();
    this.#controller = null;
  }
}
