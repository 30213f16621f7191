// @ts-check
/** The parts of the page that need a server, for the exported site, which has none: they show nothing and ask nothing. */

export class Hints {
  onChange = () => {};
  expected = {};

  showError() {
    return false;
  }
}

export class FormEditor {
  onRead = () => {};
  fields = null;

  setPicture() {}

  showError() {
    return false;
  }
}

export class DatasetNotice {
  onReady = () => {};

  hide() {}

  showMissing() {}
}

export class Correcting {
  show() {}

  changed() {}

  hide() {}
}

export async function offerReaders() {}
